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
/// Failures beyond which nothing changes any more.
const FAILURES_MAX: u32 = 64;
/// Seconds between two versions of a tally that is full: what an attacker can make us write is bounded.
const REFRESH_SECONDS: i64 = 60;

/// Whose failures are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// A user name, whether or not there is such a user.
    Username,
    /// An address, behind which there may be many people.
    Address,
}

impl Whom {
    /// Failures that cost nothing but the try.
    fn free(self) -> u32 {
        match self {
            Self::Username => 5,
            Self::Address => 20,
        }
    }
}

/// Wrong passwords, lately. A document. They only slow answers down: nobody can be locked out by guessing at his name.
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
        match self.remaining(now).checked_sub(whom.free()) {
            None | Some(0) => Duration::ZERO,
            Some(n) => Duration::from_millis((DELAY_MS_MIN << (n - 1).min(16)).min(DELAY_MS_MAX)),
        }
    }

    /// Counts a failure; `None` if nothing need be written.
    pub fn failed(before: Option<&Self>, now: Timestamp) -> Option<Self> {
        let remaining = before.map_or(0, |tally| tally.remaining(now));
        let full = before.is_some_and(|tally| {
            tally.failures >= FAILURES_MAX && (0..REFRESH_SECONDS * SECOND).contains(&now.since(tally.last))
        });
        let next = Self { format: Format, failures: remaining.saturating_add(1).min(FAILURES_MAX), last: now };
        (!full).then_some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::EPOCH.plus_seconds(seconds)
    }

    fn after(failures: u32) -> Tally {
        (0..failures).fold(None, |tally, _| Tally::failed(tally.as_ref(), at(0)).or(tally)).unwrap()
    }

    #[test]
    fn a_few_failures_are_free_and_then_answers_slow_down_to_a_limit() {
        let delays = [5, 6, 7, 8, 10, 11, 60].map(|failures| after(failures).delay(Whom::Username, at(0)).as_millis());
        assert_eq!(delays, [0, 250, 500, 1_000, 4_000, 8_000, 8_000]);
        assert_eq!(after(20).delay(Whom::Address, at(0)), Duration::ZERO);
        assert_eq!(after(21).delay(Whom::Address, at(0)).as_millis(), 250);
    }

    #[test]
    fn failures_are_forgotten_by_halves() {
        assert_eq!(after(12).delay(Whom::Username, at(HALF_LIFE_SECONDS)).as_millis(), 250);
        assert_eq!(after(64).delay(Whom::Username, at(86_400)), Duration::ZERO);
        assert_eq!(after(12).delay(Whom::Username, at(-5)), after(12).delay(Whom::Username, at(0)), "a clock set back");
    }

    #[test]
    fn a_flood_of_failures_writes_little() {
        let (mut tally, mut written) = (None, 0);
        for n in 0..10_000 {
            let now = Timestamp::from_micros(n * 1_000);
            if let Some(next) = Tally::failed(tally.as_ref(), now) {
                (tally, written) = (Some(next), written + 1);
            }
        }
        assert_eq!(written, FAILURES_MAX);
        assert!(Tally::failed(tally.as_ref(), at(120)).is_some(), "a full tally is kept fresh");
    }
}
