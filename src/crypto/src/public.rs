use crate::{Error, base64, fernet, hash, pem};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::{PKey, Public};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{Padding, Rsa};
use openssl::sign::RsaPssSaltlen;
use rsa::pkcs1::{self, RsaPublicKeyRef};
use rsa::pkcs8::SubjectPublicKeyInfoRef;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Length of a key's modulus, of a signature and of a short ciphertext, bytes.
pub(crate) const MODULUS_BYTES: usize = 256;
/// The most that fits beside a digest: 256 − 32 − 2.
pub(crate) const SALT_BYTES: i32 = 222;
const EXPONENT: [u8; 3] = [1, 0, 1];
const SHORT_BYTES_MAX: usize = 190;
const LABEL: &str = "PUBLIC KEY";

/// The name of a key: MD5 over its canonical public PEM, 16 lower-case hex pairs joined by colons.
///
/// It finds keys; it proves nothing. Whoever trusts a key compares the key itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The fingerprint of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digits = hash::md5_hex(bytes);
        let pairs: Vec<&str> = (0..digits.len()).step_by(2).filter_map(|at| digits.get(at..at + 2)).collect();
        Self(pairs.join(":"))
    }
}

impl std::str::FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_pair = |pair: &str| pair.len() == 2 && pair.bytes().all(is_digit);
        let good = text.len() == 47 && text.split(':').count() == 16 && text.split(':').all(is_pair);
        if good { Ok(Self(text)) } else { Err(Error::Fingerprint) }
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The public half of an RSA-2048 pair with exponent 65537. Cloning it is cheap.
#[derive(Clone)]
pub struct PublicKey(Arc<Parts>);

struct Parts {
    pem: String,
    fingerprint: Fingerprint,
    key: PKey<Public>,
}

impl PublicKey {
    /// Reads a `PUBLIC KEY` PEM, however its lines are broken.
    ///
    /// # Errors
    /// [`Error::KeyManipulation`].
    pub fn from_pem(pem: &str) -> Result<Self, Error> {
        Self::from_der(&pem::decode(pem, LABEL)?)
    }

    /// Reads a SubjectPublicKeyInfo. DER has one text for one value, so the PEM that is made from it is canonical,
    /// and so is the fingerprint over that PEM.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| Error::KeyManipulation)?;
        let numbers = info.subject_public_key.as_bytes().filter(|_| info.algorithm == pkcs1::ALGORITHM_ID);
        let numbers = RsaPublicKeyRef::try_from(numbers.ok_or(Error::KeyManipulation)?);
        let numbers = numbers.map_err(|_| Error::KeyManipulation)?;
        let (modulus, exponent) = (numbers.modulus.as_bytes(), numbers.public_exponent.as_bytes());
        if exponent != EXPONENT || !is_modulus(modulus) {
            return Err(Error::KeyManipulation);
        }
        let key = public_key(modulus, exponent).map_err(|_| Error::KeyManipulation)?;
        let pem = pem::encode(der, LABEL);
        Ok(Self(Arc::new(Parts { fingerprint: Fingerprint::of(pem.as_bytes()), pem, key })))
    }

    /// The canonical PEM: 64 columns, LF, one trailing LF.
    pub fn pem(&self) -> &str {
        &self.0.pem
    }

    /// Its fingerprint.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.0.fingerprint
    }

    /// Checks a PSS signature with a salt of 222 bytes.
    ///
    /// # Errors
    /// [`Error::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        match self.pss(&hash::sha256(message), signature) {
            Ok(true) => Ok(()),
            _ => Err(Error::Signature),
        }
    }

    /// Encrypts: up to 190 bytes by OAEP alone (256 bytes), more by OAEP of a fresh Fernet key and a token.
    ///
    /// # Errors
    /// [`Error::Library`] if there is no randomness.
    pub fn encrypt(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        if message.len() <= SHORT_BYTES_MAX {
            return self.encrypt_short(message);
        }
        let key = fernet::Key::random();
        let mut ciphertext = self.encrypt_short(key.text().expose().as_bytes())?;
        ciphertext.extend_from_slice(key.encrypt(message).as_bytes());
        Ok(ciphertext)
    }

    fn encrypt_short(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.oaep(message).map_err(|_| Error::Library("encrypt"))
    }

    // OpenSSL for the public operations too: with the parsing they cost a third of what they cost in the `rsa` crate,
    // which is a good part of what a call may cost beside its two private operations.
    fn pss(&self, digest: &[u8], signature: &[u8]) -> Result<bool, ErrorStack> {
        let mut context = PkeyCtx::new(&self.0.key)?;
        context.verify_init()?;
        context.set_rsa_padding(Padding::PKCS1_PSS)?;
        context.set_signature_md(Md::sha256())?;
        context.set_rsa_mgf1_md(Md::sha256())?;
        context.set_rsa_pss_saltlen(RsaPssSaltlen::custom(SALT_BYTES))?;
        context.verify(digest, signature)
    }

    fn oaep(&self, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let mut context = PkeyCtx::new(&self.0.key)?;
        context.encrypt_init()?;
        context.set_rsa_padding(Padding::PKCS1_OAEP)?;
        context.set_rsa_oaep_md(Md::sha256())?;
        context.set_rsa_mgf1_md(Md::sha256())?;
        let mut ciphertext = Vec::with_capacity(MODULUS_BYTES);
        context.encrypt_to_vec(message, &mut ciphertext)?;
        Ok(ciphertext)
    }

    /// Writes the wire's form, `{"bytes": B64(PEM)}`.
    pub fn to_data(&self) -> Value {
        json!({ "bytes": base64::encode_text(self.pem()) })
    }

    /// Reads the wire's form, or a bare *B64* text.
    ///
    /// # Errors
    /// [`Error::KeyManipulation`], also for the empty key `{}`.
    pub fn from_data(data: &Value) -> Result<Self, Error> {
        let text = data.as_str().or_else(|| data.get("bytes")?.as_str()).ok_or(Error::KeyManipulation)?;
        Self::from_pem(&base64::decode_text(text).map_err(|_| Error::KeyManipulation)?)
    }
}

/// Says whether these bytes are an odd number of exactly 2048 bits.
fn is_modulus(bytes: &[u8]) -> bool {
    bytes.len() == MODULUS_BYTES
        && bytes.first().is_some_and(|first| first & 0x80 != 0)
        && bytes.last().is_some_and(|last| last & 1 != 0)
}

fn public_key(modulus: &[u8], exponent: &[u8]) -> Result<PKey<Public>, ErrorStack> {
    PKey::from_rsa(Rsa::from_public_components(BigNum::from_slice(modulus)?, BigNum::from_slice(exponent)?)?)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.pem() == other.pem()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{mutations, recorded_key, vectors};

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap()
    }

    #[test]
    fn recorded_keys_read_back_as_written() {
        for name in ["service_key", "service_cert", "response_key"] {
            let vector = &vectors()[name];
            let key = PublicKey::from_pem(text(vector, "public_pem")).unwrap();
            assert_eq!(key.pem(), text(vector, "public_pem"));
            assert_eq!(key.pem().len(), 451);
            assert_eq!(key.fingerprint().as_str(), text(vector, "fingerprint"));
            assert_eq!(format!("{key:?}"), format!("PublicKey({})", text(vector, "fingerprint")));
            assert_eq!(PublicKey::from_data(&key.to_data()).unwrap(), key);
            assert_eq!(PublicKey::from_data(&key.to_data()["bytes"]).unwrap(), key);
            assert_eq!(recorded_key(name).public(), &key);
        }
        let vector = &vectors()["service_key"];
        assert_eq!(PublicKey::from_pem(text(vector, "public_pem")).unwrap().to_data(), vector["to_data"]);
    }

    #[test]
    fn a_fingerprint_does_not_depend_on_how_the_pem_is_broken() {
        let vector = &vectors()["service_key"];
        let pem = text(vector, "public_pem");
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let one_line = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
        for form in [pem.trim_end().to_owned(), pem.replace('\n', "\r\n"), one_line, format!("\n{pem}\n\n")] {
            assert_eq!(
                PublicKey::from_pem(&form).unwrap().fingerprint().as_str(),
                text(vector, "fingerprint"),
                "{form}"
            );
        }
    }

    #[test]
    fn only_rsa_2048_with_the_usual_exponent_is_a_key() {
        let openssl = |bits, exponent| {
            let exponent = BigNum::from_u32(exponent).unwrap();
            let key = Rsa::generate_with_e(bits, &exponent).unwrap();
            String::from_utf8(key.public_key_to_pem().unwrap()).unwrap()
        };
        assert!(PublicKey::from_pem(&openssl(2048, 65_537)).is_ok());
        for (bits, exponent) in [(1024, 65_537), (2056, 65_537), (2048, 3)] {
            assert_eq!(PublicKey::from_pem(&openssl(bits, exponent)), Err(Error::KeyManipulation), "{bits} {exponent}");
        }
        let curve = PKey::generate_ed25519().unwrap().public_key_to_pem().unwrap();
        assert_eq!(PublicKey::from_pem(str::from_utf8(&curve).unwrap()), Err(Error::KeyManipulation));
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        let long = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", "A".repeat(100_000));
        for pem in
            ["", "key", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY----------END PUBLIC KEY-----", &long]
        {
            assert_eq!(PublicKey::from_pem(pem), Err(Error::KeyManipulation));
        }
        for data in [json!(null), json!({}), json!({"bytes": null}), json!({"bytes": "!"}), json!("/w=="), json!([1])] {
            assert_eq!(PublicKey::from_data(&data), Err(Error::KeyManipulation), "{data}");
        }
    }

    #[test]
    fn a_damaged_key_that_is_still_a_key_has_its_canonical_text() {
        let der = pem::decode(text(&vectors()["service_key"], "public_pem"), LABEL).unwrap();
        let read: Vec<PublicKey> =
            mutations(&der, 2_000).iter().filter_map(|altered| PublicKey::from_der(altered).ok()).collect();
        assert!(read.len() > 100, "{}", read.len());
        for key in read {
            let second = PKey::public_key_from_pem(key.pem().as_bytes()).unwrap();
            assert_eq!(second.public_key_to_pem().unwrap(), key.pem().as_bytes());
        }
    }

    #[test]
    fn a_fingerprint_is_sixteen_lower_case_pairs() {
        let good = text(&vectors()["service_key"], "fingerprint").to_owned();
        assert_eq!(good.parse::<Fingerprint>().unwrap().to_string(), good);
        for bad in ["", &good.to_uppercase(), &good[..44], &format!("{good}:00"), &good.replace(':', "-")] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(Error::Fingerprint), "{bad}");
        }
        assert!(serde_json::from_value::<Fingerprint>(json!("98:9e")).is_err());
    }

    #[test]
    fn a_recorded_signature_holds_and_an_altered_one_does_not() {
        let vector = &vectors()["pss"];
        let signer = recorded_key("service_cert").public().clone();
        let (message, signature) = (text(vector, "message"), base64::decode(text(vector, "signature_b64")).unwrap());
        assert_eq!(recorded_key("service_key").public().verify(message.as_bytes(), &signature), Err(Error::Signature));
        assert_eq!(signer.verify(message.as_bytes(), &signature), Ok(()));
        assert_eq!(signer.verify(b"Hello World.", &signature), Err(Error::Signature));
        for altered in mutations(&signature, 300) {
            assert_eq!(signer.verify(message.as_bytes(), &altered).is_ok(), altered == signature);
        }
    }

    #[test]
    fn a_signature_with_another_salt_is_refused() {
        use rsa::pkcs8::DecodePrivateKey;
        let pem = text(&vectors()["service_cert"], "private_pem");
        let signer = rsa::PrivateKey::from_pkcs8_der(&pem::decode(pem, "PRIVATE KEY").unwrap()).unwrap();
        let public = recorded_key("service_cert").public().clone();
        for salt in [0, 32, 221, 222] {
            let scheme = rsa::Pss::<sha2::Sha256>::new_with_salt(salt);
            let signature = signer.sign(scheme, &hash::sha256(b"text")).unwrap();
            assert_eq!(public.verify(b"text", &signature).is_ok(), salt == 222, "{salt}");
        }
    }
}
