use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How far the sender's clock may be from ours, seconds.
pub(crate) const SKEW_SECONDS_MAX: i64 = 600;

/// How long a call is remembered. A call may be dated ten minutes ahead and stays acceptable until ten minutes after
/// that date, so this is twice the skew.
const WINDOW: Duration = Duration::from_secs(2 * SKEW_SECONDS_MAX.unsigned_abs());

/// Calls remembered at most; each costs about 64 bytes. When there are more, the oldest are forgotten: what they could
/// still do is bounded by single-use authorisations and one-time codes.
const CALLS_MAX: usize = 100_000;

/// Half of a SHA-256 is plenty to tell calls apart.
type Digest = [u8; 16];

/// The encrypted calls seen lately, so that none is answered twice (protocol 01 §8 row 6).
#[derive(Default)]
pub(crate) struct Replay(Mutex<Window>);

#[derive(Default)]
struct Window {
    order: VecDeque<(Duration, Digest)>,
    seen: BTreeSet<Digest>,
}

impl Replay {
    /// Remembers a call; returns whether it is new. `now` is monotonic.
    pub fn is_first(&self, now: Duration, digest: &[u8; 32]) -> bool {
        let mut half = Digest::default();
        half.iter_mut().zip(digest).for_each(|(to, from)| *to = *from);
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while window.order.front().is_some_and(|(at, _)| *at + WINDOW <= now || window.order.len() >= CALLS_MAX) {
            if let Some((_, oldest)) = window.order.pop_front() {
                window.seen.remove(&oldest);
            }
        }
        let first = window.seen.insert(half);
        if first {
            window.order.push_back((now, half));
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_new_once_within_the_window() {
        let replay = Replay::default();
        let at = Duration::from_secs;
        assert!(replay.is_first(at(0), &[1; 32]));
        assert!(replay.is_first(at(0), &[2; 32]));
        assert!(!replay.is_first(at(1_199), &[1; 32]));
        assert!(replay.is_first(at(1_200), &[1; 32]), "it is forgotten when its date is refused anyway");
    }

    #[test]
    fn memory_is_bounded() {
        let replay = Replay::default();
        for n in 0..CALLS_MAX as u128 + 10 {
            let mut digest = [0; 32];
            digest[..16].copy_from_slice(&n.to_be_bytes());
            assert!(replay.is_first(Duration::ZERO, &digest));
        }
        let window = replay.0.lock().unwrap();
        assert_eq!((window.order.len(), window.seen.len()), (CALLS_MAX, CALLS_MAX));
    }
}
