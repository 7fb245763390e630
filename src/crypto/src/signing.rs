//! Signatures of people who work on deployments: Ed25519. The wire's are RSA's, see [`crate::PrivateKey`].

use crate::{Error, pem};
use acquire_model::SecretText;
use openssl::pkey::{Id, PKey, Private};
use openssl::sign::{Signer, Verifier};
use serde::{Deserialize, Serialize};
use std::fmt;

const LABEL: &str = "PRIVATE KEY";
const KEY_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// An Ed25519 pair.
#[derive(Clone)]
pub struct SigningKey {
    key: PKey<Private>,
    public: VerifyingKey,
}

/// The public half of a pair. Its text is 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifyingKey([u8; KEY_BYTES]);

/// What a pair makes of a message. Its text is 128 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature([u8; SIGNATURE_BYTES]);

impl SigningKey {
    /// Draws a fresh one.
    ///
    /// # Errors
    /// [`Error::Library`] if there is no randomness.
    pub fn generate() -> Result<Self, Error> {
        PKey::generate_ed25519().map_err(|_| Error::Library("generate")).and_then(Self::new)
    }

    fn new(key: PKey<Private>) -> Result<Self, Error> {
        let raw = if key.id() == Id::ED25519 { key.raw_public_key().ok() } else { None };
        let public = raw.and_then(|raw| raw.try_into().ok()).map(VerifyingKey).ok_or(Error::KeyManipulation)?;
        Ok(Self { key, public })
    }

    /// Reads a PKCS#8 `PRIVATE KEY` PEM.
    ///
    /// # Errors
    /// [`Error::KeyManipulation`], also if it is a key of another kind.
    pub fn from_pem(pem: &SecretText) -> Result<Self, Error> {
        let der = pem::decode(pem.expose(), LABEL)?;
        PKey::private_key_from_pkcs8(&der).map_err(|_| Error::KeyManipulation).and_then(Self::new)
    }

    /// Writes a PKCS#8 `PRIVATE KEY` PEM.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn to_pem(&self) -> Result<SecretText, Error> {
        let pem = self.key.private_key_to_pem_pkcs8().map_err(|_| Error::Library("write a key"))?;
        String::from_utf8(pem).map(SecretText::new).map_err(|_| Error::Library("write a key"))
    }

    /// The public half.
    pub fn public(&self) -> VerifyingKey {
        self.public
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn sign(&self, message: &[u8]) -> Result<Signature, Error> {
        let signed = Signer::new_without_digest(&self.key).and_then(|mut signer| signer.sign_oneshot_to_vec(message));
        let signature = signed.ok().and_then(|signature| signature.try_into().ok());
        signature.map(Signature).ok_or(Error::Library("sign"))
    }
}

impl VerifyingKey {
    /// Checks that the other half signed this message.
    ///
    /// # Errors
    /// [`Error::Signature`].
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Error> {
        let holds = || {
            let key = PKey::public_key_from_raw_bytes(&self.0, Id::ED25519)?;
            Verifier::new_without_digest(&key)?.verify_oneshot(&signature.0, message)
        };
        if holds().is_ok_and(|holds| holds) { Ok(()) } else { Err(Error::Signature) }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey([redacted] {})", self.public)
    }
}

impl fmt::Display for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hash::hex(&self.0))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hash::hex(&self.0))
    }
}

impl From<VerifyingKey> for String {
    fn from(key: VerifyingKey) -> Self {
        key.to_string()
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> Self {
        crate::hash::hex(&signature.0)
    }
}

impl TryFrom<String> for VerifyingKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        bytes(&text).map(Self).ok_or(Error::KeyManipulation)
    }
}

impl TryFrom<String> for Signature {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        bytes(&text).map(Self).ok_or(Error::Signature)
    }
}

/// Reads lower-case hex digits of exactly that many bytes.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: &u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let pair = |pair: &[u8]| Some((digit(pair.first()?)? << 4) | digit(pair.get(1)?)?);
    text.as_bytes().chunks(2).map(pair).collect::<Option<Vec<u8>>>()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{mutations, recorded_key};

    /// RFC 8032 §7.1, test 3.
    const SEED: &str = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7";
    const PUBLIC: &str = "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
    const SIGNED: &str = "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                          18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a";

    fn published() -> SigningKey {
        SigningKey::new(PKey::private_key_from_raw_bytes(&bytes::<32>(SEED).unwrap(), Id::ED25519).unwrap()).unwrap()
    }

    #[test]
    fn signatures_are_the_published_ones() {
        let (key, signature) = (published(), Signature::try_from(SIGNED.to_owned()).unwrap());
        assert_eq!(key.public().to_string(), PUBLIC);
        assert_eq!(key.sign(&[0xaf, 0x82]).unwrap(), signature);
        assert_eq!(key.public().verify(&[0xaf, 0x82], &signature), Ok(()));
    }

    #[test]
    fn another_message_key_or_signature_does_not_hold() {
        let (key, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let signature = key.sign(b"message").unwrap();
        assert_eq!(key.public().verify(b"messagf", &signature), Err(Error::Signature));
        assert_eq!(other.public().verify(b"message", &signature), Err(Error::Signature));
        for bit in 0..SIGNATURE_BYTES * 8 {
            let mut altered = signature;
            altered.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.public().verify(b"message", &altered), Err(Error::Signature), "{bit}");
        }
        assert!(VerifyingKey([0xff; 32]).verify(b"message", &signature).is_err(), "no point of the curve");
    }

    #[test]
    fn keys_read_back_as_written_and_are_not_printed() {
        let key = SigningKey::generate().unwrap();
        let pem = key.to_pem().unwrap();
        assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(SigningKey::from_pem(&pem).unwrap().public(), key.public());
        assert_eq!(VerifyingKey::try_from(key.public().to_string()).unwrap(), key.public());
        assert_eq!(format!("{key:?}"), format!("SigningKey([redacted] {})", key.public()));
    }

    #[test]
    fn other_keys_and_damaged_texts_are_refused() {
        assert!(SigningKey::from_pem(&recorded_key("service_key").to_pem().unwrap()).is_err(), "RSA");
        let x25519 = PKey::generate_x25519().unwrap().private_key_to_pem_pkcs8().unwrap();
        assert!(SigningKey::from_pem(&SecretText::new(String::from_utf8(x25519).unwrap())).is_err());
        let pem = published().to_pem().unwrap();
        for altered in mutations(pem.expose().as_bytes(), 2_000) {
            let _ = SigningKey::from_pem(&SecretText::new(String::from_utf8_lossy(&altered).into_owned()));
        }
        for bad in ["", "ab", &PUBLIC[1..], &PUBLIC.to_uppercase(), &PUBLIC.replace('f', "g"), &format!("{PUBLIC}00")] {
            assert!(VerifyingKey::try_from(bad.to_owned()).is_err(), "{bad}");
            assert!(Signature::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
