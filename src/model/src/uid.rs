use crate::ports::{Entropy, draw};
use crate::time::{SECOND, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a text is not a uid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}")]
pub struct Invalid {
    /// The text that was given, cut to 64 characters.
    pub text: String,
    /// What it should have been.
    pub what: &'static str,
}

fn invalid(text: &str, what: &'static str) -> Invalid {
    Invalid { text: text.chars().take(64).collect(), what }
}

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn is_uuid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    lengths == [8, 4, 4, 4, 12] && groups.iter().all(|group| is_lower_hex(group))
}

/// Draws a version-4 UUID, lower case (RFC 9562 §5.4).
pub fn uuid4(entropy: &dyn Entropy) -> String {
    let bytes: [u8; 16] = draw(entropy);
    let number = u128::from_be_bytes(bytes);
    let number = (number & !(0xf << 76)) | (0x4 << 76);
    let number = (number & !(0x3 << 62)) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

macro_rules! text_type {
    // One macro, because these types differ only in their check.
    ($(#[$doc:meta])* $type:ident, $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $type(String);

        impl $type {
            /// The text of it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = Invalid;

            fn try_from(text: String) -> Result<Self, Invalid> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(invalid(&text, $what)) }
            }
        }

        impl std::str::FromStr for $type {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$type> for String {
            fn from(uid: $type) -> Self {
                uid.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_type!(
    /// A version-4 UUID in lower case, 36 characters (protocol 01 §1.3 "long"): users, sessions, devices, accounts.
    Uid,
    "uid (36 characters, lower case)",
    is_uuid
);

text_type!(
    /// `<datetime>/<8 hex>` (protocol 01 §1.3 "dated short"): authorisations, notes, cheques, versions.
    DatedUid,
    "dated uid",
    |text| dated_parts(text).is_some()
);

text_type!(
    /// The uid of a service, `<root>-<own>`, such as `a0-a1` (protocol 01 §5.2).
    ServiceUid,
    "service uid such as a0-a1",
    |text| text.len() <= 64
        && text.split('-').count() == 2
        && text.split('-').all(|side| side.split('.').all(is_pair))
);

fn is_pair(pair: &str) -> bool {
    let mut characters = pair.chars();
    matches!(
        (characters.next(), characters.next(), characters.next()),
        (Some(letter), Some(digit), None) if letter.is_ascii_alphabetic() && digit.is_ascii_digit()
    )
}

fn dated_parts(text: &str) -> Option<(Timestamp, &str)> {
    let (date, short) = text.split_once('/')?;
    let instant = date.parse().ok()?;
    (short.len() == 8 && is_lower_hex(short)).then_some((instant, short))
}

impl Uid {
    /// Draws a fresh one.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        Self(uuid4(entropy))
    }

    /// Its first 8 characters, by which people name a session.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }
}

impl DatedUid {
    /// Draws a fresh one for this instant. A zero microsecond is bumped to 1, since the old client refuses a
    /// dated uid without a fraction (protocol 01 §1.3).
    pub fn draw(entropy: &dyn Entropy, now: Timestamp) -> Self {
        let now = if now.micros().rem_euclid(SECOND) == 0 { Timestamp::from_micros(now.micros() + 1) } else { now };
        let short = u32::from_be_bytes(draw(entropy));
        Self(format!("{now}/{short:08x}"))
    }

    /// The instant in it.
    pub fn instant(&self) -> Timestamp {
        dated_parts(&self.0).map_or(Timestamp::EPOCH, |(instant, _)| instant)
    }
}

impl ServiceUid {
    /// The uid of its registry: the part before the hyphen, doubled.
    pub fn registry(&self) -> Self {
        let root = self.0.split('-').next().unwrap_or_default();
        Self(format!("{root}-{root}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for (n, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::try_from(n * 37 % 256).unwrap();
            }
        }
    }

    #[test]
    fn drawn_uids_pass_their_own_check() {
        let uid = Uid::draw(&Counting);
        assert_eq!(uid.as_str().len(), 36);
        assert_eq!(uid.as_str().parse::<Uid>().unwrap(), uid);
        assert_eq!(uid.as_str().as_bytes()[14], b'4');
        let dated = DatedUid::draw(&Counting, Timestamp::EPOCH);
        assert_eq!(dated.as_str().len(), 35);
        assert_eq!(dated.as_str().parse::<DatedUid>().unwrap(), dated);
    }

    #[test]
    fn service_uids_are_two_sides_of_pairs() {
        for good in ["a0-a0", "a0-b7.c3", "Z9-Z9"] {
            assert!(good.parse::<ServiceUid>().is_ok(), "{good}");
        }
        for bad in ["", "a0", "a0-", "a0-a0-a0", "a-a", "a0-aa", "a0-a0.", "STAGE1"] {
            assert!(bad.parse::<ServiceUid>().is_err(), "{bad}");
        }
        assert_eq!("a0-b7".parse::<ServiceUid>().unwrap().registry().as_str(), "a0-a0");
    }
}
