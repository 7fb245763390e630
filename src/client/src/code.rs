use acquire_model::{SecretText, Timestamp};
use totp_rs::{Builder, Secret};

use crate::Error;

/// Seconds for which one code stands.
pub const STEP_SECONDS: i64 = 30;

/// Computes the one-time code of an instant: SHA-1, six digits, steps of 30 seconds (protocol 01 §2.5).
///
/// # Errors
/// `Invalid` if the secret is not base32.
pub fn one_time_code(secret: &SecretText, now: Timestamp) -> Result<String, Error> {
    let invalid = || Error::Invalid("the one-time-code secret is not base32 text".to_owned());
    let secret = Secret::try_from_base32(secret.expose()).map_err(|_| invalid())?;
    if secret.as_ref().is_empty() {
        return Err(invalid());
    }
    // Secrets of old servers have 80 bits, which a compliant builder refuses; the code is right all the same.
    let totp = Builder::new().with_secret(secret).build_noncompliant();
    Ok(totp.generate(u64::try_from(now.seconds()).unwrap_or_default()).to_string())
}

/// Seconds from an instant until the next code.
pub fn seconds_to_next_code(now: Timestamp) -> u64 {
    u64::try_from(STEP_SECONDS - now.seconds().rem_euclid(STEP_SECONDS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::EPOCH.plus_seconds(seconds)
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let secret = SecretText::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924")] {
            assert_eq!(one_time_code(&secret, at(seconds)).unwrap(), code);
        }
    }

    #[test]
    fn a_secret_that_is_not_base32_is_refused() {
        for bad in ["", "not base32!", "1111"] {
            assert!(one_time_code(&SecretText::new(bad), at(0)).is_err(), "{bad}");
        }
        assert!(one_time_code(&SecretText::new("BJEZOXYCYIOVYOWA"), at(0)).is_ok(), "an old secret of 80 bits");
    }

    #[test]
    fn the_next_code_is_at_most_a_step_away() {
        assert_eq!(seconds_to_next_code(at(0)), 30);
        assert_eq!(seconds_to_next_code(at(29)), 1);
    }
}
