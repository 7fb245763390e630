use crate::Error;
use acquire_model::ports::draw;
use acquire_model::{Entropy, SecretText};

const CHARACTERS_MIN: usize = 6;
const CHARACTERS_MAX: usize = 50;
/// From this length on, no class of character is demanded.
const CHARACTERS_FREE: usize = 24;

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const DIGITS: &[u8] = b"0123456789";
const ALL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Checks the rule of protocol 01 §2.2.
///
/// # Errors
/// [`Error::WeakPassphrase`].
pub fn check(passphrase: &str) -> Result<(), Error> {
    let length = passphrase.chars().count();
    let has = |class: fn(&u8) -> bool| passphrase.as_bytes().iter().any(class);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let strong = (CHARACTERS_MIN..=CHARACTERS_MAX).contains(&length) && (length >= CHARACTERS_FREE || mixed);
    if strong { Ok(()) } else { Err(Error::WeakPassphrase) }
}

/// Draws 20 to 39 characters of `[A-Za-z0-9]`, with at least one of each class.
pub fn random(entropy: &dyn Entropy) -> SecretText {
    let length = 20 + below(entropy, 20);
    // One of each class first, so that no drawing has to be repeated; then all are shuffled.
    let mut text: Vec<char> = [UPPER, LOWER, DIGITS].into_iter().filter_map(|class| pick(entropy, class)).collect();
    text.extend((text.len()..length).filter_map(|_| pick(entropy, ALL)));
    for last in (1..text.len()).rev() {
        text.swap(last, below(entropy, last + 1));
    }
    SecretText::new(text.into_iter().collect::<String>())
}

/// Draws a number below `bound`. Of 64 bits, so the bias is below 2⁻⁵⁶.
pub(crate) fn below(entropy: &dyn Entropy, bound: usize) -> usize {
    let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
    usize::try_from(u64::from_be_bytes(draw(entropy)) % bound).unwrap_or_default()
}

/// Picks one character of an alphabet.
pub(crate) fn pick(entropy: &dyn Entropy, alphabet: &[u8]) -> Option<char> {
    alphabet.get(below(entropy, alphabet.len())).copied().map(char::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn the_rule_asks_for_length_or_for_three_classes() {
        let md5 = "3b39b4d595af67c9b20095460ee32eb4";
        for good in ["Abcde1", md5, &"a".repeat(24), &"é".repeat(24), &"a".repeat(50), "Test1Password"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let bad = ["", "Abcd1", "abcdef1", "ABCDEF1", "Abcdefg", &"a".repeat(23), &"a".repeat(51), "ÀÉ1éèà"];
        for weak in bad {
            assert_eq!(check(weak), Err(Error::WeakPassphrase), "{weak}");
        }
    }

    #[test]
    fn random_passphrases_pass_the_rule_and_differ() {
        let entropy = Seeded::new(1);
        let drawn: std::collections::BTreeSet<String> =
            (0..500).map(|_| random(&entropy).expose().to_owned()).collect();
        assert_eq!(drawn.len(), 500);
        for text in &drawn {
            assert!((20..=39).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric()), "{text}");
            for class in [UPPER, LOWER, DIGITS] {
                assert!(text.bytes().any(|b| class.contains(&b)), "{text}");
            }
        }
        assert!(drawn.iter().any(|text| text.len() == 20) && drawn.iter().any(|text| text.len() == 39));
    }
}
