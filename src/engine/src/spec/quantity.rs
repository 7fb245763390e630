/// The JSON Schema pattern of a length of time.
pub(super) const DURATION_PATTERN: &str = "^[1-9][0-9]*(s|m|h|d|w|000ms)$";
/// The JSON Schema pattern of an amount of memory.
pub(super) const MEMORY_PATTERN: &str = "^[1-9][0-9]*(B|KiB|MiB|GiB|TiB)$";

const DURATION_SECONDS_MAX: u64 = 100 * 365 * 86_400;
const MEMORY_BYTES_MAX: u64 = 1 << 50;

/// Reads a length of time such as `90d`, `60s` or `2000ms`, as whole seconds. The error is what was probably meant.
pub(super) fn seconds(text: &str) -> Result<u64, Option<String>> {
    let (digits, unit) = split(text);
    if let ("ms", Some(digits)) = (unit, digits.strip_suffix("000")) {
        return amount(digits, 1, DURATION_SECONDS_MAX).ok_or(None);
    }
    let unit_seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(meant(digits, duration_unit(unit)).filter(|meant| seconds(meant).is_ok())),
    };
    amount(digits, unit_seconds, DURATION_SECONDS_MAX).ok_or(None)
}

/// Reads an amount of memory such as `512MiB`, as bytes. The error is what was probably meant.
pub(super) fn bytes(text: &str) -> Result<u64, Option<String>> {
    let (digits, unit) = split(text);
    let unit_bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(meant(digits, memory_unit(unit)).filter(|meant| bytes(meant).is_ok())),
    };
    amount(digits, unit_bytes, MEMORY_BYTES_MAX).ok_or(None)
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn amount(digits: &str, unit: u64, most: u64) -> Option<u64> {
    let number = Some(digits).filter(|digits| !digits.starts_with('0'))?.parse::<u64>().ok()?;
    number.checked_mul(unit).filter(|amount| *amount <= most)
}

fn meant(digits: &str, unit: Option<&str>) -> Option<String> {
    let digits = Some(digits.trim_start_matches('0')).filter(|digits| !digits.is_empty())?;
    Some(format!("{digits}{}", unit?))
}

fn duration_unit(written: &str) -> Option<&'static str> {
    Some(match written.trim().to_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "w" | "week" | "weeks" => "w",
        _ => return None,
    })
}

fn memory_unit(written: &str) -> Option<&'static str> {
    Some(match written.trim().to_lowercase().as_str() {
        "b" | "byte" | "bytes" => "B",
        "k" | "kb" | "ki" | "kib" => "KiB",
        "" | "m" | "mb" | "mi" | "mib" => "MiB",
        "g" | "gb" | "gi" | "gib" => "GiB",
        "t" | "tb" | "ti" | "tib" => "TiB",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_of_time_are_read_in_whole_seconds() {
        for (text, expected) in [("60s", 60), ("30m", 1_800), ("2h", 7_200), ("90d", 7_776_000), ("1w", 604_800)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        assert_eq!(seconds("2000ms"), Ok(2));
        for bad in ["", "s", "0s", "500ms", "000ms", "-1s", "1.5h", "1h30m", "99999999w", "18446744073709551616s"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_near_miss_says_what_was_meant() {
        assert_eq!(seconds("30 min"), Err(Some("30m".to_owned())));
        assert_eq!(seconds("90"), Err(Some("90s".to_owned())));
        assert_eq!(bytes("512MB"), Err(Some("512MiB".to_owned())));
        assert_eq!(bytes("1 gb"), Err(Some("1GiB".to_owned())));
        assert_eq!(bytes("lots"), Err(None));
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(bytes("512MiB"), Ok(512 << 20));
        assert_eq!(bytes("1GiB"), Ok(1 << 30));
        for bad in ["", "0MiB", "MiB", "1PiB", "9999999TiB", "1.5GiB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn what_is_meant_can_always_be_read(text in "[0-9]{0,6} ?[a-zA-Z]{0,7}") {
            for meant in [seconds(&text).err().flatten().map(|meant| seconds(&meant).is_ok()),
                          bytes(&text).err().flatten().map(|meant| bytes(&meant).is_ok())] {
                prop_assert_ne!(meant, Some(false));
            }
        }
    }
}
