use crate::Error;
use acquire_crypto::fernet;
use acquire_model::SecretBytes;
use bytes::Bytes;
use object_store::path::Path;

/// What every sealed object begins with.
const FORMAT: &str = "acquire-sealed";

/// The version of the format that this code writes, and the only one it reads.
const VERSION: &str = "1";

/// A sealed object, split but not opened: `acquire-sealed 1 <generation> <id>`, a line feed, a Fernet token.
///
/// The token is empty when the object was erased: the name and the id stay, because they fence.
pub(crate) struct Frame<'a> {
    pub(crate) generation: u64,
    pub(crate) id: &'a str,
    token: &'a str,
}

impl<'a> Frame<'a> {
    /// Splits an object.
    pub(crate) fn parse(name: &Path, object: &'a [u8]) -> Result<Self, Error> {
        let tampered = || Error::Tampered { key: name.to_string() };
        let text = std::str::from_utf8(object).map_err(|_| tampered())?;
        let (header, token) = text.split_once('\n').ok_or_else(tampered)?;
        let mut words = header.split(' ');
        if words.next() != Some(FORMAT) {
            return Err(tampered());
        }
        let version = words.next().ok_or_else(tampered)?;
        if version != VERSION {
            let format = format!("{FORMAT} {version}").chars().take(64).collect();
            return Err(Error::UnknownFormat { key: name.to_string(), format });
        }
        match (words.next().map(str::parse), words.next()) {
            (Some(Ok(generation)), Some(id)) if text.starts_with(&self::header(generation, id)) => {
                Ok(Self { generation, id, token })
            }
            _ => Err(tampered()),
        }
    }

    /// Whether the content was erased.
    pub(crate) fn is_erased(&self) -> bool {
        self.token.is_empty()
    }
}

/// What a sealed object is bound to: opening it anywhere else fails.
pub(crate) struct Place<'a> {
    pub(crate) store_uid: &'a str,
    pub(crate) name: &'a Path,
    pub(crate) generation: u64,
    pub(crate) id: &'a str,
}

impl Place<'_> {
    /// What the plaintext begins with. None of the words can hold a space or a line feed, so it is unambiguous.
    fn binding(&self) -> String {
        let Self { store_uid, name, generation, id } = self;
        format!("{FORMAT} {VERSION} {store_uid} {name} {generation} {id}\n")
    }

    fn header(&self) -> String {
        header(self.generation, self.id)
    }

    /// Seals a body for this place.
    pub(crate) fn seal(&self, key: &fernet::Key, body: &[u8]) -> Bytes {
        let plaintext = SecretBytes::new([self.binding().as_bytes(), body].concat());
        (self.header() + &key.encrypt(plaintext.expose())).into()
    }

    /// Opens what was sealed for this place.
    pub(crate) fn open(&self, key: &fernet::Key, frame: &Frame<'_>) -> Result<SecretBytes, Error> {
        let tampered = || Error::Tampered { key: self.name.to_string() };
        let plaintext = key.decrypt(frame.token).map_err(|_| tampered())?;
        let body = plaintext.expose().strip_prefix(self.binding().as_bytes()).ok_or_else(tampered)?;
        Ok(SecretBytes::new(body.to_vec()))
    }
}

/// Longest erased object, bytes; a sealed one is longer, for the shortest Fernet token has 100 characters.
pub(crate) const ERASED_BYTES_MAX: u64 = 80;

/// What is left of an object when its content is erased.
pub(crate) fn erased(frame: &Frame<'_>) -> Bytes {
    header(frame.generation, frame.id).into()
}

fn header(generation: u64, id: &str) -> String {
    format!("{FORMAT} {VERSION} {generation} {id}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UID: &str = "00112233445566778899aabbccddeeff";

    fn sealed(key: &fernet::Key, name: &Path, body: &[u8]) -> Bytes {
        Place { store_uid: UID, name, generation: 1, id: UID }.seal(key, body)
    }

    fn opened(key: &fernet::Key, name: &Path, object: &[u8]) -> Result<Vec<u8>, Error> {
        let frame = Frame::parse(name, object)?;
        let place = Place { store_uid: UID, name, generation: frame.generation, id: frame.id };
        place.open(key, &frame).map(|body| body.expose().to_vec())
    }

    #[test]
    fn a_sealed_object_is_longer_than_an_erased_one() {
        let (key, name) = (fernet::Key::random(), Path::from("a!record"));
        let object = sealed(&key, &name, b"");
        let longest = Frame { generation: u64::MAX, id: UID, token: "" };
        assert!(u64::try_from(erased(&longest).len()).unwrap() <= ERASED_BYTES_MAX);
        assert!(u64::try_from(object.len()).unwrap() > ERASED_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_at_its_place_and_nowhere_else(body: Vec<u8>, generation in 2_u64..) {
            let (key, name) = (fernet::Key::random(), Path::from("a!record"));
            let object = sealed(&key, &name, &body);
            prop_assert_eq!(opened(&key, &name, &object), Ok(body.clone()));
            prop_assert!(opened(&key, &Path::from("b!record"), &object).is_err());
            prop_assert!(opened(&fernet::Key::random(), &name, &object).is_err());
            let renumbered = Place { store_uid: UID, name: &name, generation, id: UID };
            let frame = Frame { generation, ..Frame::parse(&name, &object).unwrap() };
            prop_assert!(renumbered.open(&key, &frame).is_err());
        }

        #[test]
        fn nothing_but_what_was_sealed_opens(bytes: Vec<u8>, words in "acquire-sealed [0-9 ]{0,30}[a-f0-9]{0,40}\n[A-Za-z0-9_=-]{0,200}") {
            let (key, name) = (fernet::Key::random(), Path::from("a!record"));
            prop_assert!(opened(&key, &name, &bytes).is_err());
            prop_assert!(opened(&key, &name, words.as_bytes()).is_err());
        }
    }
}
