use super::info::Info;
use acquire_model::uid::{ServiceUid, Uid};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long an answer about a session is believed: within that, a log-out takes effect everywhere.
const KEPT: Duration = Duration::from_secs(30);
/// Sessions remembered at most.
const SESSIONS_MAX: usize = 4_096;

/// Sessions of other services that were asked for lately.
#[derive(Default)]
pub(crate) struct Seen(Mutex<HashMap<(ServiceUid, Uid), (Duration, Info)>>);

impl Seen {
    /// Returns what was said of a session at most 30 seconds ago. `now` is monotonic.
    pub(super) fn get(&self, holder: &ServiceUid, session: &Uid, now: Duration) -> Option<Info> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, info) = sessions.get(&(holder.clone(), session.clone()))?;
        (now.saturating_sub(*at) < KEPT).then(|| info.clone())
    }

    /// Remembers what was said of a session when it was asked for.
    pub(super) fn set(&self, holder: &ServiceUid, session: &Uid, (asked, info): (Duration, Info)) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS_MAX {
            sessions.retain(|_, (at, _)| asked.saturating_sub(*at) < KEPT);
        }
        if sessions.len() < SESSIONS_MAX {
            sessions.insert((holder.clone(), session.clone()), (asked, info));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::info::tests::answer;
    use super::*;

    #[test]
    fn an_answer_is_believed_for_less_than_thirty_seconds_and_memory_is_bounded() {
        let seen = Seen::default();
        let key = acquire_crypto::PrivateKey::generate().unwrap();
        let info = Info::from_json(&answer(key.public())).unwrap();
        let holder: ServiceUid = "a0-a1".parse().unwrap();
        let uid = |n: usize| format!("00000000-0000-4000-8000-{n:012x}").parse::<Uid>().unwrap();
        seen.set(&holder, &uid(1), (Duration::ZERO, info.clone()));
        assert!(seen.get(&holder, &uid(1), Duration::from_secs(29)).is_some());
        assert!(seen.get(&holder, &uid(1), Duration::from_secs(30)).is_none());
        assert!(seen.get(&"a0-a2".parse().unwrap(), &uid(1), Duration::ZERO).is_none());
        for n in 0..SESSIONS_MAX + 10 {
            seen.set(&holder, &uid(n), (Duration::from_secs(10), info.clone()));
        }
        assert_eq!(seen.0.lock().unwrap().len(), SESSIONS_MAX);
        seen.set(&holder, &uid(SESSIONS_MAX + 99), (Duration::from_secs(50), info));
        assert_eq!(seen.0.lock().unwrap().len(), 1, "what is too old makes room");
    }
}
