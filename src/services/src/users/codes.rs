use super::record::Format;
use acquire_model::{SecretText, Timestamp};
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret};

/// Wrong codes in a row that cost nothing but the try.
const FREE_TRIES: u32 = 5;
/// Wrong codes after which only a recovery code or another device helps.
const TOTAL_MAX: u32 = 50;
/// Wrong codes that one right code makes up for. So a person's slips never add up, and the guesses of somebody who
/// knows the password do, however often the owner logs in meanwhile.
const FORGIVEN: u32 = 10;
/// The longest wait is 2 to this power, minutes.
const DOUBLINGS_MAX: u32 = 10;

/// Whether a code may be used again within its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// No: the accepted step must rise.
    Reject,
    /// Yes: for the original's own tests, which use one code twice.
    Allow,
}

/// What happened to the one-time codes of one credential. A document.
///
/// Every guess writes a version of it, in a race too, so that the count is exact; also one that is not looked at, so that
/// nobody can tell it, by the work, from a wrong password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Codes {
    /// The format.
    pub format: Format,
    /// The newest step that was accepted.
    pub accepted: Option<u64>,
    /// Wrong codes since the last right one.
    pub failures: u32,
    /// Wrong codes in all, less what right ones made up for.
    pub total: u32,
    /// Until when no code is looked at.
    pub until: Option<Timestamp>,
}

/// What a code came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is right, and burnt now.
    Accepted,
    /// It is right, and was used before.
    Repeated,
    /// It is wrong, and counted.
    Wrong,
    /// It was not looked at: too many were wrong.
    Locked,
}

impl Codes {
    /// Judges a code, given the step that it belongs to if it is right at all. Returns what to write, if anything.
    pub fn judge(&self, now: Timestamp, step: Option<u64>, reuse: Reuse) -> (Option<Self>, Judgement) {
        if self.total >= TOTAL_MAX || self.until.is_some_and(|until| now < until) {
            return (Some(self.clone()), Judgement::Locked);
        }
        let Some(step) = step else { return (Some(self.failed(now)), Judgement::Wrong) };
        if reuse == Reuse::Reject && self.accepted.is_some_and(|accepted| step <= accepted) {
            return (None, Judgement::Repeated);
        }
        let next = Self {
            format: Format,
            accepted: self.accepted.max(Some(step)),
            failures: 0,
            total: self.total.saturating_sub(FORGIVEN),
            until: None,
        };
        (Some(next), Judgement::Accepted)
    }

    fn failed(&self, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        let wait = failures.checked_sub(FREE_TRIES).map(|n| 60 << (n + 1).min(DOUBLINGS_MAX));
        Self {
            format: Format,
            accepted: self.accepted,
            failures,
            total: self.total.saturating_add(1),
            until: wait.map(|seconds| now.plus_seconds(seconds)),
        }
    }
}

/// Returns the step that a code belongs to: the present one, the one before or the one after.
pub(super) fn step(secret: &SecretText, code: &str, now: Timestamp) -> Option<u64> {
    let secret = Secret::try_from_base32(secret.expose()).ok().filter(|secret| !secret.as_bytes().is_empty())?;
    let seconds = u64::try_from(now.seconds()).ok()?;
    // SHA-1, six digits, steps of 30 seconds, one step either way: what the original has, and no other is compliant.
    Builder::new().with_secret(secret).build_noncompliant().check(code, seconds)
}

/// Writes bytes as the base32 text of a one-time-code secret: 20 bytes give 32 characters, the least that the newest
/// client library takes.
pub(super) fn base32(bytes: &[u8]) -> SecretText {
    SecretText::new(Secret::from(bytes.to_vec()).to_base32())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::EPOCH.plus_seconds(seconds)
    }

    fn judge(codes: &mut Codes, now: Timestamp, step: Option<u64>) -> Judgement {
        let (next, judgement) = codes.judge(now, step, Reuse::Reject);
        *codes = next.unwrap_or_else(|| codes.clone());
        judgement
    }

    #[test]
    fn the_codes_of_three_steps_are_right() {
        let secret = SecretText::new(SECRET);
        // RFC 6238: at 59 s, which is in step 1, the code is 287082.
        for (seconds, found) in [(59, Some(1)), (30, Some(1)), (29, Some(1)), (0, Some(1)), (89, Some(1)), (90, None)] {
            assert_eq!(step(&secret, "287082", at(seconds)), found, "{seconds}");
        }
        for bad in ["", "28708", "2870820", "287082 ", "+87082", "٢٨٧٠٨٢", "abcdef"] {
            assert_eq!(step(&secret, bad, at(59)), None, "{bad}");
        }
        assert_eq!(step(&SecretText::new("not base32"), "287082", at(59)), None);
        assert_eq!(step(&SecretText::new(""), "287082", at(59)), None);
    }

    #[test]
    fn the_accepted_step_must_rise() {
        let mut codes = Codes::default();
        assert_eq!(judge(&mut codes, at(0), Some(7)), Judgement::Accepted);
        for old in [7, 6] {
            assert_eq!(judge(&mut codes, at(0), Some(old)), Judgement::Repeated);
        }
        assert_eq!(judge(&mut codes, at(0), Some(8)), Judgement::Accepted);
        assert_eq!(codes.judge(at(0), Some(8), Reuse::Allow).1, Judgement::Accepted);
    }

    #[test]
    fn waits_double_after_five_wrong_codes_and_one_right_code_ends_them() {
        let mut codes = Codes::default();
        for _ in 0..4 {
            assert_eq!(judge(&mut codes, at(0), None), Judgement::Wrong);
            assert_eq!(codes.until, None);
        }
        let mut now = at(0);
        for minutes in [2, 4, 8, 16] {
            assert_eq!(judge(&mut codes, now, None), Judgement::Wrong);
            assert_eq!(codes.until, Some(now.plus_seconds(60 * minutes)));
            assert_eq!(judge(&mut codes, now.plus_seconds(60 * minutes - 1), Some(1)), Judgement::Locked);
            now = now.plus_seconds(60 * minutes);
        }
        assert_eq!(judge(&mut codes, now, Some(1)), Judgement::Accepted);
        assert_eq!((codes.failures, codes.total, codes.until), (0, 0, None));
    }

    #[test]
    fn a_million_guesses_in_ten_years_are_judged_fifty_times() {
        let mut codes = Codes::default();
        let mut judged = 0;
        for guess in 0..1_000_000 {
            let now = at(guess * 315);
            judged += u32::from(judge(&mut codes, now, None) == Judgement::Wrong);
        }
        assert_eq!(judged, TOTAL_MAX);
        assert_eq!(
            judge(&mut codes, at(i64::from(u32::MAX)), Some(1)),
            Judgement::Locked,
            "until a recovery code is used"
        );
    }

    #[test]
    fn guesses_add_up_although_the_owner_logs_in_every_day() {
        let mut codes = Codes::default();
        let mut judged = 0;
        for minute in 0..60 * 24 * 365 {
            let now = at(minute * 60);
            judged += u32::from(judge(&mut codes, now, None) == Judgement::Wrong);
            if minute % (60 * 24) == 0 {
                let step = u64::try_from(minute).unwrap();
                judge(&mut codes, now.plus_seconds(59), Some(step));
            }
        }
        assert!(judged <= 200, "{judged} guesses of three in a million each");
        assert_eq!(codes.total, TOTAL_MAX);
    }

    proptest! {
        #[test]
        fn no_history_lets_more_than_the_allowance_be_judged(waits in proptest::collection::vec(0i64..100_000, 1..400)) {
            let (mut codes, mut now, mut judged) = (Codes::default(), at(0), 0);
            for wait in waits {
                now = now.plus_seconds(wait);
                judged += u32::from(judge(&mut codes, now, None) == Judgement::Wrong);
            }
            prop_assert!(judged <= TOTAL_MAX);
        }

        #[test]
        fn a_drawn_secret_has_32_characters_and_gives_right_codes(bytes in any::<[u8; 20]>(), seconds in 0i64..4_000_000_000) {
            let secret = base32(&bytes);
            prop_assert_eq!(secret.expose().len(), 32);
            let code = acquire_client::one_time_code(&secret, at(seconds)).unwrap();
            prop_assert!(step(&secret, &code, at(seconds)).is_some());
        }
    }
}
