use acquire_model::ServiceUid;

/// Counts as protocol 01 §5.2: `a0 … a9 b0 … z9 A0 … Z9 a0.a0 …`; `None` is before the first. A uid equal to the
/// registry's own is skipped.
pub(super) fn next(last: Option<&ServiceUid>, registry: &ServiceUid) -> Option<ServiceUid> {
    let root = registry.as_str().split('-').next()?;
    let mut own = match last {
        None => "a0".to_owned(),
        Some(last) => succeed(last.as_str().split('-').next_back()?)?,
    };
    if own == root {
        own = succeed(&own)?;
    }
    format!("{root}-{own}").parse().ok()
}

/// The pairs after these.
fn succeed(side: &str) -> Option<String> {
    let mut pairs: Vec<u32> = side.split('.').map(number).collect::<Option<_>>()?;
    let turned = pairs.iter_mut().rev().find_map(|pair| {
        *pair = (*pair + 1) % PAIRS;
        (*pair != 0).then_some(())
    });
    if turned.is_none() {
        pairs.push(0);
    }
    let texts: Option<Vec<String>> = pairs.into_iter().map(pair).collect();
    texts.map(|texts| texts.join("."))
}

/// 52 letters by 10 digits.
const PAIRS: u32 = 520;
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn number(pair: &str) -> Option<u32> {
    let mut characters = pair.chars();
    let letter = LETTERS.find(characters.next()?)?;
    let digit = characters.next()?.to_digit(10)?;
    Some(u32::try_from(letter).ok()? * 10 + digit)
}

fn pair(number: u32) -> Option<String> {
    let letter = LETTERS.chars().nth(usize::try_from(number / 10).ok()?)?;
    Some(format!("{letter}{}", number % 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(last: &str) -> String {
        next(Some(&last.parse().unwrap()), &"a0-a0".parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn uids_are_counted_as_the_original_counts_them() {
        let registry = "a0-a0".parse().unwrap();
        assert_eq!(next(None, &registry).unwrap().as_str(), "a0-a1", "the registry's own is skipped");
        for (last, expected) in [
            ("a0-a1", "a0-a2"),
            ("a0-a9", "a0-b0"),
            ("a0-z9", "a0-A0"),
            ("a0-Z9", "a0-a0.a0"),
            ("a0-a0.a0", "a0-a0.a1"),
            ("a0-a0.Z9", "a0-a1.a0"),
            ("a0-Z9.Z9", "a0-a0.a0.a0"),
        ] {
            assert_eq!(after(last), expected);
        }
        assert_eq!(next(None, &"Z9-Z9".parse().unwrap()).unwrap().as_str(), "Z9-a0");
        assert_eq!(next(Some(&"Z9-Z8".parse().unwrap()), &"Z9-Z9".parse().unwrap()).unwrap().as_str(), "Z9-a0.a0");
    }
}
