use super::record::Format;
use acquire_model::Timestamp;
use acquire_model::time::SECOND;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Seconds after which half of the failures are forgotten.
const HALF_LIFE_SECONDS: i64 = 600;
/// The longest that an answer is held back. The old client waits 60 seconds for one.
const DELAY_MS_MAX: u64 = 8_000;
/// The shortest.
const DELAY_MS_MIN: u64 = 250;
/// Seconds between two versions of a tally that is full: what an attacker can make us write is bounded.
const REFRESH_SECONDS: i64 = 60;
/// How long a tally is kept after the last failure, seconds.
const KEPT_SECONDS: i64 = 86_400;

/// Whose failures are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// A user name, whether or not there is such a user; or what its user is known by.
    Name,
    /// An address, behind which there may be many people.
    Address,
    /// All who log in at this service: many names, each tried a few times from many addresses.
    Everybody,
}

impl Whom {
    /// Failures that cost nothing but the try; after how many more the delay doubles; how many are counted at most.
    fn limits(self) -> (u32, u32, u32) {
        match self {
            Self::Name => (5, 1, 64),
            Self::Address => (20, 1, 64),
            Self::Everybody => (300, 20, 420),
        }
    }
}

/// Failed log-ins, lately. A document. They only slow answers down: nobody can be locked out by guessing at his name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tally {
    /// The format.
    pub format: Format,
    /// How many.
    pub failures: u32,
    /// When the last was counted.
    pub last: Timestamp,
}

impl Tally {
    /// How many of the failures still count.
    fn remaining(&self, now: Timestamp) -> u32 {
        let half_lives = (now.since(self.last) / (HALF_LIFE_SECONDS * SECOND)).clamp(0, 31);
        self.failures >> half_lives
    }

    /// How long the next answer is held back.
    pub fn delay(&self, whom: Whom, now: Timestamp) -> Duration {
        let (free, doubling, _) = whom.limits();
        match self.remaining(now).checked_sub(free) {
            None | Some(0) => Duration::ZERO,
            Some(n) => Duration::from_millis((DELAY_MS_MIN << ((n - 1) / doubling).min(16)).min(DELAY_MS_MAX)),
        }
    }

    /// Counts a failure; `None` if nothing need be written.
    pub fn failed(before: Option<&Self>, whom: Whom, now: Timestamp) -> Option<Self> {
        let (_, _, most) = whom.limits();
        let remaining = before.map_or(0, |tally| tally.remaining(now));
        let full = before.is_some_and(|tally| {
            tally.failures >= most && (0..REFRESH_SECONDS * SECOND).contains(&now.since(tally.last))
        });
        let next = Self { format: Format, failures: remaining.saturating_add(1).min(most), last: now };
        (!full).then_some(next)
    }

    /// Whether nothing is left of it that counts; for certain, also if clocks differ.
    pub fn is_forgettable(&self, now: Timestamp) -> bool {
        now.since(self.last) > KEPT_SECONDS * SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::EPOCH.plus_seconds(seconds)
    }

    fn after(failures: u32, whom: Whom) -> Tally {
        (0..failures).fold(None, |tally, _| Tally::failed(tally.as_ref(), whom, at(0)).or(tally)).unwrap()
    }

    fn delays<const N: usize>(whom: Whom, failures: [u32; N]) -> [u128; N] {
        failures.map(|failures| after(failures, whom).delay(whom, at(0)).as_millis())
    }

    #[test]
    fn a_few_failures_are_free_and_then_answers_slow_down_to_a_limit() {
        assert_eq!(delays(Whom::Name, [5, 6, 7, 8, 10, 11, 60]), [0, 250, 500, 1_000, 4_000, 8_000, 8_000]);
        assert_eq!(delays(Whom::Address, [20, 21]), [0, 250]);
        assert_eq!(delays(Whom::Everybody, [300, 301, 320, 321, 401, 10_000]), [0, 250, 250, 500, 8_000, 8_000]);
    }

    #[test]
    fn failures_are_forgotten_by_halves() {
        let (twelve, full) = (after(12, Whom::Name), after(64, Whom::Name));
        assert_eq!(twelve.delay(Whom::Name, at(HALF_LIFE_SECONDS)).as_millis(), 250);
        assert_eq!(full.delay(Whom::Name, at(KEPT_SECONDS)), Duration::ZERO, "before it is forgotten");
        assert_eq!(twelve.delay(Whom::Name, at(-5)), twelve.delay(Whom::Name, at(0)), "a clock set back");
    }

    #[test]
    fn a_flood_of_failures_writes_little() {
        let (mut tally, mut written) = (None, 0);
        for n in 0..10_000 {
            let now = Timestamp::from_micros(n * 1_000);
            if let Some(next) = Tally::failed(tally.as_ref(), Whom::Name, now) {
                (tally, written) = (Some(next), written + 1);
            }
        }
        assert_eq!(written, 64);
        assert!(Tally::failed(tally.as_ref(), Whom::Name, at(120)).is_some(), "a full tally is kept fresh");
    }
}
