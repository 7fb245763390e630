use super::challenge::challenge;
use super::memory::admit;
use super::missing;
use super::record::{self, Binding, Domain, Entry, State};
use crate::frame::{Arguments, Cx, Fault, Outcome};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::{self, ServiceUrl};
use acquire_model::{ServiceType, ServiceUid};
use acquire_store::Decision;
use serde_json::json;
use std::sync::Arc;

/// A registered service that was not taken out.
pub(super) struct Live {
    pub uid: ServiceUid,
    pub entry: Entry,
}

/// Answers with a service's public record, fresh if it can be had (protocol 01 §5.1).
pub(super) async fn get_service(cx: &Arc<Cx>, arguments: &Arguments) -> Outcome {
    admit(cx, arguments, &cx.lookups.look_ups)?;
    let (uid, url) = (arguments.optional_text("service_uid")?, arguments.optional_text("service_url")?);
    let found = match (uid, url) {
        (Some(uid), _) => match uid.parse() {
            Ok(uid) => by_uid(cx, &uid).await?,
            Err(_) => None,
        },
        (None, Some(url)) => match url.parse::<ServiceUrl>() {
            Ok(url) => by_url(cx, &url.canonical(None)).await?,
            Err(_) => None,
        },
        (None, None) => None,
    };
    let record = found.ok_or_else(|| missing(url, uid))?;
    Ok(json!({ "service_info": record.to_json() }))
}

async fn by_uid(cx: &Arc<Cx>, uid: &ServiceUid) -> Result<Option<ServiceRecord>, Fault> {
    if cx.uid()? == *uid {
        return Ok(Some(cx.keys.ring().record()?));
    }
    match live(cx, uid).await? {
        Some(live) => present(cx, live).await,
        None => Ok(None),
    }
}

async fn by_url(cx: &Arc<Cx>, canonical: &str) -> Result<Option<ServiceRecord>, Fault> {
    if canonical == cx.canonical_url {
        return Ok(Some(cx.keys.ring().record()?));
    }
    let uid = match bound(&record::domain(cx, canonical).await?, canonical) {
        Some(uid) => Some(uid),
        None => introduced(cx, canonical).await?,
    };
    match uid {
        Some(uid) => by_uid(cx, &uid).await,
        None => Ok(None),
    }
}

/// Returns the service that an identity service calls its peer, when the URL is what an old client makes of the
/// identity's by replacing the last word (design §5).
async fn introduced(cx: &Arc<Cx>, canonical: &str) -> Result<Option<ServiceUid>, Fault> {
    let Some(wanted) = ServiceType::ALL.into_iter().find(|service| canonical.ends_with(service.as_str())) else {
        return Ok(None);
    };
    let base = canonical.strip_suffix(wanted.as_str()).unwrap_or(canonical);
    let identity = format!("{base}{}", ServiceType::Identity);
    if url::sibling(&identity, wanted).as_deref() != Some(canonical) {
        return Ok(None);
    }
    let Some(uid) = bound(&record::domain(cx, &identity).await?, &identity) else { return Ok(None) };
    let entry = record::entry(cx, &uid).await?;
    Ok(entry.and_then(|entry| entry.peers.get(&wanted).and_then(|peer| peer.uid.clone())))
}

/// Who has a canonical URL, unless it was taken out.
fn bound(domain: &Domain, canonical: &str) -> Option<ServiceUid> {
    let binding = domain.services.get(canonical).filter(|binding| binding.state != State::Withdrawn);
    binding.map(|binding| binding.uid.clone())
}

/// Returns a registered service that was not taken out.
pub(super) async fn live(cx: &Arc<Cx>, uid: &ServiceUid) -> Result<Option<Live>, Fault> {
    let Some(entry) = record::entry(cx, uid).await? else { return Ok(None) };
    let canonical = entry.service()?.canonical_url();
    let is_bound = bound(&record::domain(cx, &canonical).await?, &canonical).as_ref() == Some(uid);
    Ok(is_bound.then(|| Live { uid: uid.clone(), entry }))
}

/// Returns the record of a service: what it says of itself now if the stored one is unfinished or due, else, or if the
/// service does not answer, the stored one. A service that never finished its set-up is not there.
async fn present(cx: &Arc<Cx>, live: Live) -> Result<Option<ServiceRecord>, Fault> {
    let will_do = |stored: &ServiceRecord| stored.uid.is_some() && !stored.is_refresh_due(cx.now());
    let stored = live.entry.service()?;
    if will_do(&stored) {
        return Ok(Some(stored));
    }
    // One challenge at a time. Whoever has an old record goes on with that; whoever has none waits for the answer.
    let challenge = cx.lookups.challenge(&live.uid);
    let _alone = match challenge.try_lock() {
        Ok(alone) => alone,
        Err(_) if stored.uid.is_some() => return Ok(Some(stored)),
        Err(_) => challenge.lock().await,
    };
    let stored = match record::entry(cx, &live.uid).await? {
        Some(entry) => entry.service()?,
        None => return Ok(None),
    };
    if will_do(&stored) {
        return Ok(Some(stored));
    }
    if let Some(fresh) = refreshed(cx, &live.uid, &stored).await {
        settle(cx, &live.uid, &fresh).await?;
        return Ok(Some(fresh));
    }
    Ok(stored.uid.is_some().then_some(stored))
}

async fn refreshed(cx: &Arc<Cx>, uid: &ServiceUid, stored: &ServiceRecord) -> Option<ServiceRecord> {
    let now = cx.clock.monotonic();
    if cx.lookups.failed.has(uid, now) {
        return None;
    }
    let answer = challenge(cx, stored, Some(uid)).await;
    match &answer {
        Ok(_) => cx.lookups.failed.forget(uid),
        Err(_) => cx.lookups.failed.note(uid, now),
    }
    answer.ok()
}

/// Stores what a service proved of itself, unless something newer is stored; returns what is stored then. A date alone is
/// not worth a write so soon after the last one.
pub(super) async fn settle(cx: &Arc<Cx>, uid: &ServiceUid, proved: &ServiceRecord) -> Result<ServiceRecord, Fault> {
    let now = cx.clock.monotonic();
    let is_at_rest = !cx.lookups.written.has(uid, now);
    let (stored, is_written) = cx
        .store
        .modify(&record::entry_place(uid)?, |entry: Option<&Entry>| -> Result<_, Fault> {
            let entry = entry.ok_or_else(|| missing(None, Some(uid.as_str())))?;
            let stored = entry.service()?;
            let is_older = stored.uid.is_some() && stored.last_key_update > proved.last_key_update;
            let is_dated = ServiceRecord { last_key_update: stored.last_key_update, ..proved.clone() } == stored;
            if is_older || stored == *proved || (is_dated && !is_at_rest) {
                return Ok(Decision::Keep((stored, false)));
            }
            Ok(Decision::Write(Entry { record: proved.to_json(), ..entry.clone() }, (proved.clone(), true)))
        })
        .await?;
    if is_written {
        cx.lookups.written.note(uid, now);
    }
    activate(cx, uid, &stored.canonical_url()).await?;
    Ok(stored)
}

/// Notes that a service uses its uid.
async fn activate(cx: &Arc<Cx>, uid: &ServiceUid, canonical: &str) -> Result<(), Fault> {
    cx.store
        .modify(&record::domain_place(record::domain_of(canonical))?, |domain: Option<&Domain>| -> Result<_, Fault> {
            let pending = Some(&Binding { uid: uid.clone(), state: State::Pending });
            let Some(domain) = domain.filter(|domain| domain.services.get(canonical) == pending) else {
                return Ok(Decision::Keep(()));
            };
            let mut next = domain.clone();
            next.services.insert(canonical.to_owned(), Binding { uid: uid.clone(), state: State::Active });
            Ok(Decision::Write(next, ()))
        })
        .await
}
