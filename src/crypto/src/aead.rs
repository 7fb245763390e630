use crate::Error;
use acquire_model::ports::draw;
use acquire_model::{Entropy, SecretBytes};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use std::fmt;
use zeroize::Zeroizing;

const NONCE_BYTES: usize = 24;

/// A key of XChaCha20-Poly1305.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Takes the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Seals: 24 bytes of random nonce, ciphertext, 16 bytes of tag. `associated` must be given again to open.
    ///
    /// # Errors
    /// [`Error::Library`] if the plaintext is longer than 256 GiB.
    pub fn seal(&self, entropy: &dyn Entropy, associated: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce: [u8; NONCE_BYTES] = draw(entropy);
        let payload = Payload { msg: plaintext, aad: associated };
        let sealed = self.cipher().encrypt(&nonce.into(), payload).map_err(|_| Error::Library("seal"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    /// Opens what [`Self::seal`] made.
    ///
    /// # Errors
    /// [`Error::Decryption`], the same for every reason.
    pub fn open(&self, associated: &[u8], sealed: &[u8]) -> Result<SecretBytes, Error> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Decryption)?;
        let payload = Payload { msg: rest, aad: associated };
        self.cipher().decrypt(nonce.into(), payload).map(SecretBytes::new).map_err(|_| Error::Decryption)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("aead::Key([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Seeded, mutations};

    #[test]
    fn only_the_same_key_and_the_same_associated_data_open() {
        let entropy = Seeded::new(2);
        let key = Key::new([7; 32]);
        for length in [0, 1, 63, 64, 65, 5000] {
            let plaintext = vec![9; length];
            let sealed = key.seal(&entropy, b"name", &plaintext).unwrap();
            assert_eq!(sealed.len(), NONCE_BYTES + length + 16);
            assert_eq!(key.open(b"name", &sealed).unwrap().expose(), plaintext);
            assert_eq!(key.open(b"other", &sealed), Err(Error::Decryption));
            assert_eq!(Key::new([8; 32]).open(b"name", &sealed), Err(Error::Decryption));
            for altered in mutations(&sealed, 100) {
                assert_eq!(key.open(b"name", &altered).is_ok(), altered == sealed);
            }
        }
    }

    #[test]
    fn the_format_is_the_published_one() {
        // draft-irtf-cfrg-xchacha-03 §A.3.1.
        let key: [u8; 32] = std::array::from_fn(|n| 0x80 + u8::try_from(n).unwrap());
        let associated = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, \
                          sunscreen would be it.";
        struct Fixed;
        impl Entropy for Fixed {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.iter_mut().zip(0x40..).for_each(|(byte, n)| *byte = n);
            }
        }
        let sealed = Key::new(key).seal(&Fixed, &associated, plaintext).unwrap();
        let tag = &sealed[sealed.len() - 16..];
        assert_eq!(crate::hash::hex(tag), "c0875924c1c7987947deafd8780acf49");
        assert_eq!(crate::hash::hex(&sealed[24..40]), "bd6d179d3e83d43b9576579493c0e939");
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", Key::new([7; 32])), "aead::Key([redacted])");
    }
}
