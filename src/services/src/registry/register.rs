use super::challenge::{challenge, check_interval};
use super::look_up::{live, settle};
use super::memory::admit;
use super::record::{self, Binding, Domain, Entry, FORMAT, Last, State};
use super::{missing, uid};
use crate::frame::{Arguments, Cx, Fault, Outcome};
use acquire_crypto::{Fingerprint, base64};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Class, Keys, challenge};
use acquire_model::ServiceUid;
use acquire_store::Decision;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Signatures looked at, at most: a service has few certificates that it could be known by.
const SIGNATURES_MAX: usize = 8;

/// What a service signs, with a certificate it was known by, to get its uid back under new keys.
pub(crate) fn claim_text(canonical_url: &str, certificate: &Fingerprint, stage1: &str) -> String {
    format!("register_service|{canonical_url}|{certificate}|{stage1}")
}

/// Gives a service its uid (protocol 01 §5.3, mended). The service must answer a challenge at its URL with the keys it
/// offers; a URL that has a service already is given only to that very service.
pub(super) async fn register(cx: &Arc<Cx>, arguments: &Arguments) -> Outcome {
    cx.uid()?;
    admit(cx, arguments, &cx.lookups.registrations)?;
    let stage1 = stage1(cx, arguments)?;
    let offered = ServiceRecord::from_json(arguments.required("service")?)?;
    let canonical = offered.canonical_url();
    check_place(cx, &offered, &canonical)?;
    check_interval(&offered)?;
    let domain = record::domain(cx, &canonical).await?;
    let seen = domain.services.get(&canonical);
    let claimed = seen.map(|binding| &binding.uid).or(offered.uid.as_ref());
    let entry = match claimed {
        Some(uid) => record::entry(cx, uid).await?,
        None => None,
    };
    let former = entry.as_ref().map(|entry| entry.service()).transpose()?.map(|record| record.canonical_url());
    let own = match (claimed, &entry) {
        (Some(uid), Some(entry)) if is_same(entry, &offered, &stage1, arguments)? => Some(uid.clone()),
        (_, Some(_)) if seen.is_some_and(|binding| binding.state != State::Withdrawn) => return Err(taken(&canonical)),
        // Free, taken out, or what a crash left between binding the URL and storing the service.
        _ => None,
    };
    if offered.uid.is_some() && offered.uid != own {
        return Err(Fault::permission("only a service that has no uid yet can register"));
    }
    if own.is_none() && !domain.has_room() {
        return Err(crowded());
    }
    let proved = challenge(cx, &offered, offered.uid.as_ref()).await?;
    if proved.public_key != offered.public_key || proved.public_certificate != offered.public_certificate {
        return Err(Fault::permission("the service at that URL has other keys"));
    }
    let uid = match own {
        // `force_new_uid` is not heard: it would let a stranger, with a service's public record, part it from its uid.
        Some(uid) => uid,
        None => allocate(cx).await?,
    };
    bind(cx, &canonical, seen, &uid, proved.uid.is_some()).await?;
    enter(cx, &uid, &proved).await?;
    if let Some(former) = former.filter(|former| *former != canonical) {
        withdraw(cx, &former, &uid).await?;
    }
    if proved.uid.is_some() {
        settle(cx, &uid, &proved).await?;
    }
    Ok(json!({ "service_uid": uid, "response": stage1 }))
}

/// Decrypts the service's stage-1 name with one of our keys: proof, to the service, that it talks to this registry.
fn stage1(cx: &Arc<Cx>, arguments: &Arguments) -> Result<String, Fault> {
    let fingerprint: Fingerprint = arguments
        .text("fingerprint")?
        .parse()
        .map_err(|_| Fault::new(Class::ValueError, "the fingerprint of a key is 16 hex pairs joined by colons"))?;
    let key = cx.keys.ring().private_key(Some(&fingerprint)).ok_or_else(|| {
        Fault::new(Class::ServiceAccountMissingKeyError, "this registry does not have the key of that fingerprint")
    })?;
    Ok(challenge::answer(&key, arguments.text("challenge")?, challenge::accept_stage1)?)
}

/// Refuses URLs that would turn this registry against its own machine, and its own URL.
fn check_place(cx: &Cx, offered: &ServiceRecord, canonical: &str) -> Result<(), Fault> {
    if canonical == cx.canonical_url {
        return Err(taken(canonical));
    }
    if is_loopback(offered.url.domain()) && !is_loopback(cx.url.domain()) {
        return Err(Fault::permission("a service that registers here must have a URL that others can reach"));
    }
    Ok(())
}

fn is_loopback(domain: &str) -> bool {
    domain == "localhost"
        || domain.ends_with(".localhost")
        || domain.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn taken(canonical: &str) -> Fault {
    let why = if canonical.contains('.') {
        "on another port it needs another path, and only an admin of the registry can take the other one out"
    } else {
        "all services of a host name without a dot have that one name, so give them an IP address or a dotted name"
    };
    Fault::permission(format!("another service is registered as '{canonical}'; {why}"))
}

fn crowded() -> Fault {
    Fault::permission("too many services of that domain are registered or being set up")
}

/// Whether who registers is the service of that entry: it offers a certificate that the service is known by (that it
/// holds it, the challenge will show), or something that such a certificate signed.
fn is_same(entry: &Entry, offered: &ServiceRecord, stage1: &str, arguments: &Arguments) -> Result<bool, Fault> {
    if entry.service()?.service_type != offered.service_type {
        return Ok(false);
    }
    let text = claim_text(&offered.canonical_url(), offered.public_certificate.fingerprint(), stage1);
    Ok(entry.certificates()?.contains(&offered.public_certificate) || is_vouched(entry, &text, arguments)?)
}

/// Whether one of the call's signatures over that text is by a certificate that the service is known by.
pub(super) fn is_vouched(entry: &Entry, text: &str, arguments: &Arguments) -> Result<bool, Fault> {
    let certificates = entry.certificates()?;
    let given = arguments.value("signatures").and_then(Value::as_array);
    let signatures = given.into_iter().flatten().filter_map(Value::as_str).take(SIGNATURES_MAX);
    let mut signatures = signatures.filter_map(|signature| base64::decode(signature).ok());
    Ok(signatures.any(|signature| certificates.iter().any(|key| key.verify(text.as_bytes(), &signature).is_ok())))
}

/// Takes the next uid. One that is then not used is never given again.
async fn allocate(cx: &Arc<Cx>) -> Result<ServiceUid, Fault> {
    let registry = cx.uid()?;
    cx.store
        .modify(&record::last_place()?, |last: Option<&Last>| -> Result<_, Fault> {
            let next = uid::next(last.map(|last| &last.uid), &registry)
                .ok_or_else(|| Fault::new(Class::ServiceError, "there are no more uids"))?;
            Ok(Decision::Write(Last { format: FORMAT, uid: next.clone() }, next))
        })
        .await
}

/// Gives a canonical URL to a uid, if nobody else got it since we looked and the domain still has room. A service that
/// has finished its set-up stays active.
async fn bind(
    cx: &Arc<Cx>,
    canonical: &str,
    seen: Option<&Binding>,
    uid: &ServiceUid,
    is_finished: bool,
) -> Result<(), Fault> {
    let bound = |state| Binding { uid: uid.clone(), state };
    cx.store
        .modify(&record::domain_place(record::domain_of(canonical))?, |domain: Option<&Domain>| -> Result<_, Fault> {
            let mut next = domain.cloned().unwrap_or_default();
            next.format = FORMAT;
            let held = next.services.get(canonical).map(|binding| &binding.uid);
            if held != seen.map(|binding| &binding.uid) {
                return Err(taken(canonical));
            }
            if held != Some(uid) && !next.has_room() {
                return Err(crowded());
            }
            let before = next.services.insert(canonical.to_owned(), bound(State::Pending));
            let stays = before == Some(bound(State::Pending)) || (is_finished && before == Some(bound(State::Active)));
            Ok(if stays { Decision::Keep(()) } else { Decision::Write(next, ()) })
        })
        .await
}

/// Stores what a service proved of itself when it registered. From now on its certificate proves that it is this one. One
/// that it is known by already is no reason to forget its first: a stranger can make a service register again.
async fn enter(cx: &Arc<Cx>, uid: &ServiceUid, proved: &ServiceRecord) -> Result<(), Fault> {
    cx.store
        .modify(&record::entry_place(uid)?, |entry: Option<&Entry>| -> Result<_, Fault> {
            let peers = entry.map_or_else(BTreeMap::new, |entry| entry.peers.clone());
            let origin = match entry {
                Some(entry) if entry.certificates()?.contains(&proved.public_certificate) => entry.origin.clone(),
                _ => proved.public_certificate.pem().to_owned(),
            };
            let next = Entry { format: FORMAT, record: proved.to_json(), origin, peers };
            Ok(if entry == Some(&next) { Decision::Keep(()) } else { Decision::Write(next, ()) })
        })
        .await
}

/// Takes in what a service says of itself after it changed its keys (or finished its set-up), on the word of a
/// certificate that it is known by. Anything older than what is stored changes nothing.
pub(super) async fn refresh(cx: &Arc<Cx>, arguments: &Arguments) -> Outcome {
    admit(cx, arguments, &cx.lookups.refreshes)?;
    let says = ServiceRecord::from_signed_json(arguments.required("service")?)?;
    check_interval(&says)?;
    let found = match &says.uid {
        Some(uid) => live(cx, uid).await?,
        None => None,
    };
    let found = found.ok_or_else(|| missing(None, Some(says.uid_text())))?;
    let known = found.entry.service()?;
    if says.service_type != known.service_type {
        return Err(Fault::permission("that uid belongs to another service"));
    }
    // Scheme and port are in no signed text: a change of them is proved by registering, which challenges the new place.
    if says.url != known.url {
        return Err(missing(Some(&says.canonical_url()), Some(says.uid_text())));
    }
    if !is_vouched(&found.entry, &says.validation_string(), arguments)? {
        return Err(Fault::permission("no certificate that the service is known by has signed this"));
    }
    let stored = settle(cx, &found.uid, &says).await?;
    Ok(json!({ "service_info": stored.to_json() }))
}

/// Takes a service out, so that its URL is free. Taking out what is not there changes nothing.
pub(super) async fn unregister(cx: &Arc<Cx>, uid: &ServiceUid) -> Outcome {
    let Some(entry) = record::entry(cx, uid).await? else { return Ok(Value::Null) };
    withdraw(cx, &entry.service()?.canonical_url(), uid).await?;
    cx.trusted.forget(uid);
    Ok(Value::Null)
}

/// Frees a canonical URL, if that uid has it.
async fn withdraw(cx: &Arc<Cx>, canonical: &str, uid: &ServiceUid) -> Result<(), Fault> {
    cx.store
        .modify(&record::domain_place(record::domain_of(canonical))?, |domain: Option<&Domain>| -> Result<_, Fault> {
            let Some(domain) = domain else { return Ok(Decision::Keep(())) };
            let mut next = domain.clone();
            match next.services.get_mut(canonical) {
                Some(binding) if &binding.uid == uid => binding.state = State::Withdrawn,
                _ => return Ok(Decision::Keep(())),
            }
            Ok(Decision::Write(next, ()))
        })
        .await
}
