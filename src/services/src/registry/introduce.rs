use super::look_up::live;
use super::memory::admit;
use super::record::{self, Entry, Peer};
use super::register::is_vouched;
use super::{missing, parse_uid};
use crate::frame::{Arguments, Cx, Fault, Outcome};
use acquire_envelope::Class;
use acquire_model::{ServiceType, ServiceUid, Timestamp};
use acquire_store::Decision;
use serde_json::{Value, json};
use std::sync::Arc;

/// Makes the arguments by which an identity service tells the registry which service is its peer, or is so no longer.
pub(crate) fn introduction(cx: &Cx, peer: &ServiceUid, is_peer: bool) -> Result<Value, Fault> {
    let (identity, said) = (cx.uid()?, cx.now());
    let signatures = cx.keys.ring().signatures(&text(&identity, peer, said, is_peer))?;
    Ok(
        json!({ "identity_uid": identity, "service_uid": peer, "said": said, "is_peer": is_peer, "signatures": signatures }),
    )
}

fn text(identity: &ServiceUid, peer: &ServiceUid, said: Timestamp, is_peer: bool) -> String {
    format!("introduce|{identity}|{peer}|{said}|{is_peer}")
}

/// Notes a peer of an identity service, on that service's word; the newest word counts.
pub(super) async fn run(cx: &Arc<Cx>, arguments: &Arguments) -> Outcome {
    admit(cx, arguments, &cx.lookups.introductions)?;
    let identity = parse_uid(arguments.text("identity_uid")?)?;
    let peer = parse_uid(arguments.text("service_uid")?)?;
    let said: Timestamp =
        arguments.text("said")?.parse().map_err(|error| Fault::new(Class::ValueError, format!("{error}")))?;
    let is_peer = arguments.is_true("is_peer");
    let host = live(cx, &identity).await?.ok_or_else(|| missing(None, Some(identity.as_str())))?;
    if host.entry.service()?.service_type != ServiceType::Identity {
        return Err(Fault::permission("only an identity service has peers"));
    }
    if !is_vouched(&host.entry, &text(&identity, &peer, said, is_peer), arguments)? {
        return Err(Fault::permission("no certificate that the service is known by has signed this"));
    }
    let guest = record::entry(cx, &peer).await?.ok_or_else(|| missing(None, Some(peer.as_str())))?;
    let service = guest.service()?.service_type;
    let now = cx.clock.monotonic();
    let is_at_rest = !cx.lookups.written.has(&identity, now);
    let is_written = cx
        .store
        .modify(&record::entry_place(&identity)?, |entry: Option<&Entry>| -> Result<_, Fault> {
            let entry = entry.ok_or_else(|| missing(None, Some(identity.as_str())))?;
            let before = entry.peers.get(&service);
            // A later date alone is not worth a write so soon after the last one.
            let is_news = |word: &Peer| is_at_rest || before.is_none_or(|before| before.uid != word.uid);
            Ok(match decide(before, &peer, said, is_peer).filter(is_news) {
                Some(word) => {
                    let mut next = entry.clone();
                    next.peers.insert(service, word);
                    Decision::Write(next, true)
                }
                None => Decision::Keep(false),
            })
        })
        .await?;
    if is_written {
        cx.lookups.written.note(&identity, now);
    }
    Ok(Value::Null)
}

/// What to note, if anything: an older word changes nothing, and only the peer itself can be withdrawn.
fn decide(now: Option<&Peer>, peer: &ServiceUid, said: Timestamp, is_peer: bool) -> Option<Peer> {
    let is_newer = now.is_none_or(|word| word.said < said);
    let is_meant = is_peer || now.is_some_and(|word| word.uid.as_ref() == Some(peer));
    (is_newer && is_meant).then(|| Peer { uid: is_peer.then(|| peer.clone()), said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_word_counts() {
        let (one, two): (ServiceUid, ServiceUid) = ("a0-a1".parse().unwrap(), "a0-a2".parse().unwrap());
        let at = Timestamp::from_micros;
        let word = |uid: Option<&ServiceUid>, said| Peer { uid: uid.cloned(), said: at(said) };
        assert_eq!(decide(None, &one, at(5), true), Some(word(Some(&one), 5)));
        assert_eq!(decide(None, &one, at(5), false), None, "nothing to withdraw");
        let now = word(Some(&one), 5);
        assert_eq!(decide(Some(&now), &two, at(6), true), Some(word(Some(&two), 6)));
        assert_eq!(decide(Some(&now), &two, at(5), true), None, "an old word is sent again");
        assert_eq!(decide(Some(&now), &one, at(6), false), Some(word(None, 6)));
        assert_eq!(decide(Some(&now), &two, at(6), false), None, "the other one is not withdrawn");
    }
}
