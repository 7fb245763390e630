use crate::{Error, base64, hash};
use acquire_model::{SecretBytes, SecretText};
use std::fmt;

/// A clock that finds no token too new. The crate refuses tokens from the future; the original does not, and records
/// must open after the clock was set back.
const END_OF_TIME: u64 = u64::MAX - 60;
const KEY_CHARACTERS: usize = 44;

/// A Fernet key: 32 bytes, the first half signs, the second encrypts.
#[derive(Clone)]
pub struct Key {
    text: SecretText,
    cipher: fernet::Fernet,
}

impl Key {
    /// Draws a fresh one.
    pub fn random() -> Self {
        loop {
            // The first one is good.
            if let Ok(key) = Self::from_text(&SecretText::new(fernet::Fernet::generate_key())) {
                return key;
            }
        }
    }

    /// Reads the 44 characters of url-safe base64.
    ///
    /// # Errors
    /// [`Error::KeyManipulation`].
    pub fn from_text(text: &SecretText) -> Result<Self, Error> {
        let cipher = fernet::Fernet::new(text.expose()).filter(|_| text.expose().len() == KEY_CHARACTERS);
        cipher.map(|cipher| Self { text: text.clone(), cipher }).ok_or(Error::KeyManipulation)
    }

    /// Derives the key that the original makes from a passphrase (protocol 01 §2.3): 128 bits of MD5 as hex. Weak: for
    /// the wire's credentials package only, inside the RSA layer.
    pub fn symmetric(passphrase: &str) -> Self {
        let text = base64::encode_text(&hash::md5_hex(passphrase.as_bytes()));
        // 32 hex digits always make a key; were it otherwise, a key that nobody has would open nothing.
        Self::from_text(&SecretText::new(text)).unwrap_or_else(|_| Self::random())
    }

    /// Its 44 characters.
    pub fn text(&self) -> SecretText {
        self.text.clone()
    }

    /// Encrypts into a token, url-safe base64.
    pub fn encrypt(&self, plaintext: &[u8]) -> String {
        self.cipher.encrypt(plaintext)
    }

    /// Decrypts a token of any age.
    ///
    /// # Errors
    /// [`Error::Decryption`], the same for every reason.
    pub fn decrypt(&self, token: &str) -> Result<SecretBytes, Error> {
        // The crate reads any number of padding characters. One token must have one text, or a message could be sent
        // again under another digest.
        let padded = token.trim_end_matches('=').len().next_multiple_of(4) == token.len();
        let plaintext = self.cipher.decrypt_at_time(token, None, END_OF_TIME).map_err(|_| Error::Decryption)?;
        if padded { Ok(SecretBytes::new(plaintext)) } else { Err(Error::Decryption) }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fernet::Key([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{mutations, vectors};
    use proptest::prelude::*;

    fn recorded() -> (Key, String) {
        let vector = &vectors()["symmetric"];
        let key = Key::from_text(&SecretText::new(vector["fernet_key"].as_str().unwrap())).unwrap();
        (key, vector["token"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_recorded_token_opens() {
        let (key, token) = recorded();
        assert_eq!(key.decrypt(&token).unwrap().expose(), b"secret|data");
    }

    #[test]
    fn a_token_has_the_fields_of_the_recorded_one() {
        use ::base64::Engine;
        let bytes = |token: &str| ::base64::engine::general_purpose::URL_SAFE.decode(token).unwrap();
        let (key, token) = recorded();
        let (vector, theirs, ours) = (&vectors()["symmetric"], bytes(&token), bytes(&key.encrypt(b"secret|data")));
        assert_eq!((theirs[0], ours[0], ours.len()), (0x80, 0x80, theirs.len()));
        assert_eq!(theirs[1..9], vector["token_time"].as_u64().unwrap().to_be_bytes());
        assert_eq!(hash::hex(&theirs[9..25]), vector["iv_hex"].as_str().unwrap());
        let fingerprint = crate::Fingerprint::of(key.text().expose().as_bytes());
        assert_eq!(fingerprint.as_str(), vector["fingerprint"].as_str().unwrap());
    }

    #[test]
    fn a_passphrase_gives_the_key_of_the_original() {
        let (key, token) = recorded();
        let derived = Key::symmetric(vectors()["symmetric"]["input"].as_str().unwrap());
        assert_eq!(derived.text(), key.text());
        assert!(derived.decrypt(&token).is_ok());
    }

    #[test]
    fn a_token_from_the_future_opens() {
        let key = Key::random();
        let token = key.cipher.encrypt_at_time(b"later", u64::MAX);
        assert_eq!(key.decrypt(&token).unwrap().expose(), b"later");
    }

    #[test]
    fn a_token_has_one_text_only() {
        let (key, token) = recorded();
        let bare = token.trim_end_matches('=');
        for text in
            [bare.to_owned(), format!("{bare}="), format!("{token}="), format!("{token}===="), format!("{token}\n")]
        {
            assert_eq!(key.decrypt(&text).is_ok(), text == token, "{text}");
        }
        for altered in mutations(token.as_bytes(), 500) {
            let text = String::from_utf8_lossy(&altered);
            assert_eq!(key.decrypt(&text).is_ok(), text == token, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for text in ["", "short", &"A".repeat(43), &"!".repeat(44), &format!("{}==", "A".repeat(43))] {
            assert_eq!(Key::from_text(&SecretText::new(text)).err(), Some(Error::KeyManipulation), "{text}");
        }
        assert_eq!(format!("{:?}", Key::random()), "fernet::Key([redacted])");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn only_the_same_key_opens(plaintext: Vec<u8>) {
            let (key, other) = (Key::random(), Key::random());
            let token = key.encrypt(&plaintext);
            prop_assert_eq!(key.decrypt(&token).unwrap(), SecretBytes::new(plaintext));
            prop_assert_eq!(other.decrypt(&token).err(), Some(Error::Decryption));
        }
    }
}
