use crate::public::{MODULUS_BYTES, SALT_BYTES};
use crate::{Error, PublicKey, fernet, passphrase, pbes2, pem};
use acquire_model::{SecretBytes, SecretText};
use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{Padding, Rsa};
use openssl::sign::RsaPssSaltlen;
use openssl::symm::Cipher;
use std::fmt;
use std::sync::Arc;

const BITS: u32 = 2048;
const LABEL: &str = "PRIVATE KEY";
const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";

/// An RSA-2048 pair with exponent 65537. Cloning it is cheap.
///
/// Every private operation is OpenSSL's: in constant time, and several times as fast as the `rsa` crate.
#[derive(Clone)]
pub struct PrivateKey(Arc<Pair>);

struct Pair {
    key: PKey<Private>,
    public: PublicKey,
}

impl PrivateKey {
    /// Draws a fresh one.
    ///
    /// # Errors
    /// [`Error::Library`] if there is no randomness.
    pub fn generate() -> Result<Self, Error> {
        let key = Rsa::generate(BITS).and_then(PKey::from_rsa).map_err(|_| Error::Library("generate"))?;
        Self::new(key)
    }

    fn new(key: PKey<Private>) -> Result<Self, Error> {
        let public = key.public_key_to_der().map_err(|_| Error::KeyManipulation)?;
        Ok(Self(Arc::new(Pair { public: PublicKey::from_der(&public)?, key })))
    }

    /// Reads a PKCS#8 `PRIVATE KEY` PEM.
    ///
    /// # Errors
    /// [`Error::KeyManipulation`].
    pub fn from_pem(pem: &SecretText) -> Result<Self, Error> {
        // Not OpenSSL's PEM reader: it asks the terminal for the passphrase of an encrypted one.
        let der = pem::decode(pem.expose(), LABEL)?;
        Self::new(PKey::private_key_from_pkcs8(&der).map_err(|_| Error::KeyManipulation)?)
    }

    /// Writes a PKCS#8 `PRIVATE KEY` PEM.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn to_pem(&self) -> Result<SecretText, Error> {
        let pem = self.0.key.private_key_to_pem_pkcs8().map_err(|_| Error::Library("write a key"))?;
        String::from_utf8(pem).map(SecretText::new).map_err(|_| Error::Library("write a key"))
    }

    /// Unlocks a PKCS#8 `ENCRYPTED PRIVATE KEY` PEM.
    ///
    /// # Errors
    /// [`Error::KeyManipulation`], also for a wrong passphrase.
    pub fn from_encrypted_pem(pem: &str, passphrase: &SecretText) -> Result<Self, Error> {
        let der = pem::decode(pem, ENCRYPTED_LABEL)?;
        pbes2::check(&der)?;
        let passphrase = passphrase.expose().as_bytes();
        let key = PKey::private_key_from_pkcs8_callback(&der, |buffer| {
            let Some(target) = buffer.get_mut(..passphrase.len()) else { return Err(ErrorStack::get()) };
            target.copy_from_slice(passphrase);
            Ok(passphrase.len())
        });
        Self::new(key.map_err(|_| Error::KeyManipulation)?)
    }

    /// Writes a PKCS#8 `ENCRYPTED PRIVATE KEY` PEM: PBES2, PBKDF2-HMAC-SHA-256 with 2048 iterations, AES-256-CBC.
    ///
    /// # Errors
    /// [`Error::WeakPassphrase`], [`Error::Library`].
    pub fn to_encrypted_pem(&self, passphrase: &SecretText) -> Result<String, Error> {
        passphrase::check(passphrase.expose())?;
        let cipher = Cipher::aes_256_cbc();
        let pem = self.0.key.private_key_to_pem_pkcs8_passphrase(cipher, passphrase.expose().as_bytes());
        String::from_utf8(pem.map_err(|_| Error::Library("write a key"))?).map_err(|_| Error::Library("write a key"))
    }

    /// Its public half.
    pub fn public(&self) -> &PublicKey {
        &self.0.public
    }

    /// Signs by PSS with a salt of 222 bytes.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.pss(&crate::hash::sha256(message)).map_err(|_| Error::Library("sign"))
    }

    /// Decrypts what [`PublicKey::encrypt`] made. The length alone decides the form: 256 bytes short, more long.
    ///
    /// # Errors
    /// [`Error::Decryption`], the same for every reason.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        if ciphertext.len() <= MODULUS_BYTES {
            return self.decrypt_short(ciphertext);
        }
        let (sealed_key, token) = ciphertext.split_at_checked(MODULUS_BYTES).ok_or(Error::Decryption)?;
        let token = str::from_utf8(token).map_err(|_| Error::Decryption)?;
        // A bad key is replaced by one that opens nothing, so that every failure is the same work.
        self.sealed_key(sealed_key).unwrap_or_else(|_| fernet::Key::random()).decrypt(token)
    }

    /// Decrypts the short form only: exactly 256 bytes.
    ///
    /// # Errors
    /// [`Error::Decryption`], the same for every reason.
    pub fn decrypt_short(&self, ciphertext: &[u8]) -> Result<SecretBytes, Error> {
        if ciphertext.len() != MODULUS_BYTES {
            return Err(Error::Decryption);
        }
        self.oaep(ciphertext).map(SecretBytes::new).map_err(|_| Error::Decryption)
    }

    fn sealed_key(&self, ciphertext: &[u8]) -> Result<fernet::Key, Error> {
        let text = self.decrypt_short(ciphertext)?;
        let text = str::from_utf8(text.expose()).map_err(|_| Error::Decryption)?;
        fernet::Key::from_text(&SecretText::new(text))
    }

    fn pss(&self, digest: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut context = PkeyCtx::new(&self.0.key)?;
        context.sign_init()?;
        context.set_rsa_padding(Padding::PKCS1_PSS)?;
        context.set_signature_md(Md::sha256())?;
        context.set_rsa_mgf1_md(Md::sha256())?;
        context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(SALT_BYTES))?;
        let mut signature = Vec::with_capacity(MODULUS_BYTES);
        context.sign_to_vec(digest, &mut signature)?;
        Ok(signature)
    }

    fn oaep(&self, ciphertext: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut context = PkeyCtx::new(&self.0.key)?;
        context.decrypt_init()?;
        context.set_rsa_padding(Padding::PKCS1_OAEP)?;
        context.set_rsa_oaep_md(Md::sha256())?;
        context.set_rsa_mgf1_md(Md::sha256())?;
        let mut plaintext = Vec::with_capacity(MODULUS_BYTES);
        context.decrypt_to_vec(ciphertext, &mut plaintext)?;
        Ok(plaintext)
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey([redacted] {})", self.public().fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64;
    use crate::testing::{mutations, recorded_key, vectors};
    use rsa::pkcs8::DecodePrivateKey;
    use rsa::{Oaep, Pss};
    use sha2::Sha256;

    /// The same pair in the `rsa` crate: the second opinion.
    fn second(key: &PrivateKey) -> rsa::PrivateKey {
        rsa::PrivateKey::from_pkcs8_der(&pem::decode(key.to_pem().unwrap().expose(), LABEL).unwrap()).unwrap()
    }

    fn ciphertext(name: &str) -> (Vec<u8>, Vec<u8>) {
        let vector = &vectors()[name];
        let plaintext = vector["plaintext"].as_str().unwrap().as_bytes().to_vec();
        (plaintext, base64::decode(vector["ciphertext_b64"].as_str().unwrap()).unwrap())
    }

    #[test]
    fn recorded_messages_open() {
        let key = recorded_key("service_key");
        for name in ["oaep_short", "hybrid_long"] {
            let (plaintext, sealed) = ciphertext(name);
            assert_eq!(key.decrypt(&sealed).unwrap().expose(), plaintext, "{name}");
        }
        let (plaintext, sealed) = ciphertext("oaep_short");
        assert_eq!(key.decrypt_short(&sealed).unwrap().expose(), plaintext);
        assert_eq!(key.decrypt_short(&ciphertext("hybrid_long").1), Err(Error::Decryption));
    }

    #[test]
    fn every_message_that_does_not_open_gives_one_error() {
        let key = recorded_key("service_key");
        for name in ["oaep_short", "hybrid_long"] {
            let (_, sealed) = ciphertext(name);
            assert_eq!(recorded_key("service_cert").decrypt(&sealed), Err(Error::Decryption));
            for altered in mutations(&sealed, 300).into_iter().filter(|altered| *altered != sealed) {
                assert_eq!(key.decrypt(&altered), Err(Error::Decryption), "{altered:?}");
            }
        }
        // A well-formed key in front of a token of another key, and a token behind something that is not a key.
        let (short, long) = (key.public().encrypt(b"no key").unwrap(), key.public().encrypt(&[7; 300]).unwrap());
        let other = key.public().encrypt(&[8; 300]).unwrap();
        for spliced in [[&short[..], &long[256..]].concat(), [&long[..256], &other[256..]].concat()] {
            assert_eq!(key.decrypt(&spliced), Err(Error::Decryption));
        }
    }

    #[test]
    fn messages_of_every_length_open_with_their_key_alone() {
        let (key, other) = (recorded_key("service_key"), recorded_key("response_key"));
        for length in [0, 1, 43, 44, 45, 189, 190, 191, 192, 255, 256, 257, 1000, 100_000] {
            let plaintext = vec![b'x'; length];
            let sealed = key.public().encrypt(&plaintext).unwrap();
            assert_eq!(sealed.len() == MODULUS_BYTES, length <= 190, "{length}");
            assert_eq!(key.decrypt(&sealed).unwrap().expose(), plaintext);
            assert_eq!(other.decrypt(&sealed), Err(Error::Decryption));
        }
    }

    #[test]
    fn a_second_implementation_agrees() {
        let key = PrivateKey::generate().unwrap();
        let theirs = second(&key);
        let signature = key.sign(b"text").unwrap();
        assert_eq!(signature.len(), MODULUS_BYTES);
        let scheme = || Pss::<Sha256>::new_with_salt(222);
        let digest = crate::hash::sha256(b"text");
        assert!(theirs.to_public_key().verify(scheme(), &digest, &signature).is_ok());
        assert_eq!(key.public().verify(b"text", &theirs.sign(scheme(), &digest).unwrap()), Ok(()));
        let sealed = key.public().encrypt(b"text").unwrap();
        assert_eq!(theirs.decrypt(Oaep::<Sha256>::new(), &sealed).unwrap(), b"text");
    }

    #[test]
    fn openssl_verifies_what_is_signed_and_opens_what_is_encrypted() {
        let key = recorded_key("service_cert");
        let public = PKey::public_key_from_pem(key.public().pem().as_bytes()).unwrap();
        let mut verifier = openssl::sign::Verifier::new(openssl::hash::MessageDigest::sha256(), &public).unwrap();
        verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(SALT_BYTES)).unwrap();
        assert!(verifier.verify_oneshot(&key.sign(b"text").unwrap(), b"text").unwrap());
        assert_ne!(key.sign(b"text").unwrap(), key.sign(b"text").unwrap());
    }

    #[test]
    fn keys_read_back_as_written() {
        let key = PrivateKey::generate().unwrap();
        let passphrase = SecretText::new("Test1Password");
        let pem = key.to_pem().unwrap();
        assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert_eq!(PrivateKey::from_pem(&pem).unwrap().public(), key.public());
        let locked = key.to_encrypted_pem(&passphrase).unwrap();
        assert!(locked.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
        assert_eq!(PrivateKey::from_encrypted_pem(&locked, &passphrase).unwrap().public(), key.public());
        let recorded = recorded_key("service_key").to_pem().unwrap();
        assert_eq!(recorded.expose(), vectors()["service_key"]["private_pem"].as_str().unwrap());
    }

    #[test]
    fn recorded_locked_keys_open_with_their_passphrase_alone() {
        let vector = &vectors()["encrypted_private_key"];
        let passphrase = SecretText::new(vector["passphrase"].as_str().unwrap());
        let long = "é".repeat(2000);
        for name in ["pem_old_library", "pem_new_library"] {
            let pem = vector[name].as_str().unwrap();
            let key = PrivateKey::from_encrypted_pem(pem, &passphrase).unwrap();
            assert_eq!(key.public(), recorded_key("service_key").public());
            for wrong in ["", "test1password", "wrong\0word", &long] {
                let opened = PrivateKey::from_encrypted_pem(pem, &SecretText::new(wrong));
                assert_eq!(opened.err(), Some(Error::KeyManipulation), "{wrong}");
            }
        }
    }

    #[test]
    fn a_locked_key_is_written_as_the_old_library_reads_it() {
        let pem = recorded_key("service_key").to_encrypted_pem(&SecretText::new("Test1Password")).unwrap();
        let hex = crate::hash::hex(&pem::decode(&pem, ENCRYPTED_LABEL).unwrap());
        // PBKDF2 with 2048 iterations, HMAC-SHA-256, AES-256-CBC.
        for part in ["2a864886f70d01050c", "02020800", "2a864886f70d0209", "60864801650304012a"] {
            assert!(hex.contains(part), "{part}");
        }
    }

    #[test]
    fn a_weak_passphrase_locks_nothing() {
        let key = recorded_key("service_key");
        assert_eq!(key.to_encrypted_pem(&SecretText::new("password")), Err(Error::WeakPassphrase));
    }

    #[test]
    fn other_keys_and_endless_ones_are_refused() {
        let rsa = |bits| PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
        for key in [rsa(1024), rsa(3072), PKey::generate_ed25519().unwrap()] {
            let pem = String::from_utf8(key.private_key_to_pem_pkcs8().unwrap()).unwrap();
            assert_eq!(PrivateKey::from_pem(&SecretText::new(pem)).err(), Some(Error::KeyManipulation));
        }
        let locked = recorded_key("service_key").to_encrypted_pem(&SecretText::new("Test1Password")).unwrap();
        assert!(PrivateKey::from_pem(&SecretText::new(&*locked)).is_err());
        let mut der = pem::decode(&locked, ENCRYPTED_LABEL).unwrap().to_vec();
        let at = der.windows(4).position(|four| four == [2, 2, 8, 0]).unwrap();
        der[at + 2..at + 4].copy_from_slice(&[0, 0]);
        let none = pem::encode(&der, ENCRYPTED_LABEL);
        assert!(PrivateKey::from_encrypted_pem(&none, &SecretText::new("Test1Password")).is_err());
    }

    #[test]
    fn a_private_key_is_not_printed() {
        let key = recorded_key("service_key");
        assert_eq!(format!("{key:?}"), format!("PrivateKey([redacted] {})", key.public().fingerprint()));
    }
}
