use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Microseconds in a second.
pub const SECOND: i64 = 1_000_000;

/// An instant in UTC, in whole microseconds since 1970.
///
/// Its text is the wire's (protocol 01 §1.2): `2019-06-13T15:40:15.080968`, no zone, and no fraction when the
/// microseconds are zero. Instants before the year 1 or after 9999 cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Why a text is not an instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a time such as 2019-06-13T15:40:15.080968")]
pub struct Invalid(pub String);

const MICROS_MIN: i64 = -62_135_596_800 * SECOND;
const MICROS_MAX: i64 = 253_402_300_799 * SECOND;

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(0);

    /// Makes an instant from microseconds since 1970, clamped to the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(MICROS_MIN, MICROS_MAX))
    }

    /// Microseconds since 1970.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The instant that many seconds later (earlier, if negative).
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(SECOND)))
    }

    /// How many microseconds `self` is after `earlier`; negative if it is before.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    fn civil(self) -> DateTime {
        jiff::Timestamp::from_microsecond(self.0).map(|instant| TimeZone::UTC.to_datetime(instant)).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = self.civil();
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            t.year(),
            t.month(),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )?;
        match self.0.rem_euclid(SECOND) {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for Timestamp {
    type Err = Invalid;

    /// Reads the wire's text; an offset (`+01:00`, `Z`) is converted to UTC, none means UTC.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid(text.chars().take(64).collect());
        if !text.is_ascii() || text.len() > 40 || !text.contains(['T', ' ']) {
            return Err(invalid());
        }
        let micros = match text.parse::<jiff::Timestamp>() {
            Ok(instant) => instant.as_microsecond(),
            Err(_) => {
                let civil: DateTime = text.parse().map_err(|_| invalid())?;
                TimeZone::UTC.to_timestamp(civil).map_err(|_| invalid())?.as_microsecond()
            }
        };
        if (MICROS_MIN..=MICROS_MAX).contains(&micros) { Ok(Self(micros)) } else { Err(invalid()) }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(instant: Timestamp) -> Self {
        instant.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn instants_are_written_as_the_wire_writes_them() {
        for text in ["2019-06-13T15:40:15.080968", "2019-06-13T15:40:15", "0001-01-01T00:00:00"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!("2019-06-13T15:40:15.123".parse::<Timestamp>().unwrap().to_string(), "2019-06-13T15:40:15.123000");
        assert_eq!("2019-06-13T15:40:15+01:00".parse::<Timestamp>().unwrap().to_string(), "2019-06-13T14:40:15");
        assert_eq!("2019-06-13T15:40:15Z".parse::<Timestamp>().unwrap().to_string(), "2019-06-13T15:40:15");
        for bad in ["", "now", "2019-06-13", "2019-13-01T00:00:00", "2019-06-13T25:00:00", "15:40:15"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_instant_reads_back_as_written(micros in MICROS_MIN..MICROS_MAX) {
            let instant = Timestamp::from_micros(micros);
            prop_assert_eq!(instant.to_string().parse::<Timestamp>().unwrap(), instant);
        }
    }
}
