use crate::Error;
use acquire_crypto::hash;
use object_store::path::Path;
use std::fmt;

/// Longest segment, characters: with `!answer` and what the local disk adds while writing it stays below 255 bytes.
const SEGMENT_LENGTH_MAX: usize = 200;

/// The name of a record, a document or a claim: segments joined by `/`, such as `identity/users/x616c696365`.
///
/// A key may hold one of each, and have keys below it. Keys sort as their text does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Starts a key.
    ///
    /// # Errors
    /// `Invalid` unless it is 1 to 200 characters of `A-Z a-z 0-9 . _ : @ = + -`, not `.` or `..`, and does not begin
    /// with `_`: such roots are the store's own.
    pub fn root(segment: &str) -> Result<Self, Error> {
        if segment.starts_with('_') { Err(invalid(segment)) } else { Self::own(segment) }
    }

    /// Starts a key of the store's own.
    pub(crate) fn own(segment: &str) -> Result<Self, Error> {
        check(segment)?;
        Ok(Self(segment.to_owned()))
    }

    /// Returns the key below this one.
    ///
    /// # Errors
    /// `Invalid` as for `root`, but it may begin with `_`.
    pub fn child(&self, segment: &str) -> Result<Self, Error> {
        check(segment)?;
        Ok(self.below(segment))
    }

    /// Returns the key below this one that stands for any text, such as a user name: different texts, different keys.
    ///
    /// It is hex, so that nothing depends on case or on what a disk or a cloud makes of a character; a text that would
    /// be too long is hashed.
    #[must_use]
    pub fn encoded(&self, text: &str) -> Self {
        let whole = format!("x{}", hash::hex(text.as_bytes()));
        if whole.len() <= SEGMENT_LENGTH_MAX {
            self.below(&whole)
        } else {
            self.below(&format!("h{}", hash::sha256_hex(text.as_bytes())))
        }
    }

    fn below(&self, segment: &str) -> Self {
        Self(format!("{self}/{segment}"))
    }

    /// Its segments, in order.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where everything below it is.
    pub(crate) fn path(&self) -> Path {
        Path::from(self.as_str())
    }

    /// The name of one object that it holds.
    ///
    /// `!` cannot be in a segment and sorts before all that can. So a name says what it holds, nothing collides with
    /// the keys below (on a disk these are a directory), and objects sort as their keys do.
    pub(crate) fn object(&self, part: Part) -> Path {
        Path::from(match part {
            Part::Record => format!("{self}!record"),
            Part::Version(number) => format!("{self}!v/{number:020}"),
            Part::Claim => format!("{self}!claim"),
            Part::Answer => format!("{self}!answer"),
        })
    }

    /// Where the versions of its document are.
    pub(crate) fn versions(&self) -> Path {
        Path::from(format!("{self}!v"))
    }

    /// A name that sorts after every object it holds and before every object of every later key.
    pub(crate) fn end(&self) -> Path {
        Path::from(format!("{self}!z"))
    }

    /// Reads the name of an object back; `None` if the store does not give such names.
    pub(crate) fn of_object(name: &Path) -> Option<(Self, Part)> {
        let (key, part) = name.as_ref().split_once('!')?;
        let part = match part {
            "record" => Part::Record,
            "claim" => Part::Claim,
            "answer" => Part::Answer,
            version => Part::Version(version.strip_prefix("v/").filter(|digits| digits.len() == 20)?.parse().ok()?),
        };
        key.split('/').all(|segment| check(segment).is_ok()).then(|| (Self(key.to_owned()), part))
    }

    /// Reads a key back from its text.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        text.split('/').all(|segment| check(segment).is_ok()).then(|| Self(text.to_owned()))
    }

    /// Whether it is the store's own.
    pub(crate) fn is_own(&self) -> bool {
        self.0.starts_with('_')
    }
}

/// What an object holds for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The record.
    Record,
    /// That version of the document.
    Version(u64),
    /// The claim.
    Claim,
    /// The answer of the claim.
    Answer,
}

fn check(segment: &str) -> Result<(), Error> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:@=+-".contains(&b);
    let good = (1..=SEGMENT_LENGTH_MAX).contains(&segment.len()) && segment.bytes().all(allowed);
    if good && segment != "." && segment != ".." { Ok(()) } else { Err(invalid(segment)) }
}

fn invalid(segment: &str) -> Error {
    Error::Invalid(segment.chars().take(64).collect())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_segments_are_refused() {
        let long = "a".repeat(201);
        for bad in ["", ".", "..", "a/b", "a b", "a!", "a~", "a#1", "a%2F", "é", "a\n", "a\0", long.as_str()] {
            assert!(matches!(Key::root(bad), Err(Error::Invalid(_))), "{bad:?}");
            assert!(Key::root("users").unwrap().child(bad).is_err(), "{bad:?}");
        }
        assert!(Key::root("_data_key").is_err(), "the store's own roots cannot be had");
        assert!(Key::root("users").unwrap().child("_x").is_ok());
        assert!(Key::root(&"a".repeat(200)).is_ok());
    }

    #[test]
    fn object_names_read_back() {
        let key = Key::root("users").unwrap().child("a.b:c@d=e+f-g_h").unwrap();
        for part in [Part::Record, Part::Version(1), Part::Version(u64::MAX), Part::Claim, Part::Answer] {
            assert_eq!(Key::of_object(&key.object(part)), Some((key.clone(), part)));
        }
        let foreign = [
            "users",
            "users/a",
            "users/a!",
            "users/a!other",
            "users/a!v/1",
            "users/a!v/0000000000000000000x",
            "!record",
        ];
        for name in foreign {
            assert_eq!(Key::of_object(&Path::from(name)), None, "{name}");
        }
    }

    #[test]
    fn the_objects_of_a_key_sort_before_those_of_any_later_key() {
        let key = Key::root("a").unwrap();
        for later in ["a+", "a-b", "a.b", "a0", "a/b"].map(|text| Key::from_text(text).unwrap()) {
            assert!(key < later);
            for part in [Part::Record, Part::Version(u64::MAX), Part::Claim, Part::Answer] {
                assert!(key.object(part) < key.end());
                assert!(key.end() < later.object(part), "{later}");
            }
        }
    }

    proptest! {
        #[test]
        fn different_texts_have_different_keys(one in ".{0,200}", other in ".{0,200}") {
            let root = Key::root("users").unwrap();
            let (first, second) = (root.encoded(&one), root.encoded(&other));
            prop_assert_eq!(one == other, first == second);
            prop_assert!(Key::from_text(first.as_str()).is_some(), "{}", first);
        }
    }
}
