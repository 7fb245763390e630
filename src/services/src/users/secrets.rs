use crate::frame::Fault;
use acquire_crypto::{aead, base64, hash};
use acquire_envelope::exception::Class;
use acquire_model::uid::Uid;
use acquire_model::{Entropy, SecretText};

/// Keys for what must tell nothing to whoever reads the names in the store, or a record alone: all derived from the
/// pepper, which is drawn once and sealed under the provisioned key like every record. It is not derived from what the
/// service was born with, because that is made anew when a deployment is destroyed and its data kept.
pub(super) struct Secrets {
    names: [u8; 32],
    recovery: [u8; 32],
    passwords: [u8; 32],
    otp: aead::Key,
}

impl Secrets {
    /// Derives them.
    pub fn new(pepper: &[u8]) -> Self {
        let key = |purpose: &str| hash::hmac_sha256(pepper, format!("acquire users 1: {purpose}").as_bytes());
        Self {
            names: key("names"),
            recovery: key("recovery codes"),
            passwords: key("passwords"),
            otp: aead::Key::new(key("one-time codes")),
        }
    }

    /// The secret that goes into every password hash.
    pub fn passwords(&self) -> [u8; 32] {
        self.passwords
    }

    /// Names something in the store without saying what: a user name, an address.
    pub fn name(&self, kind: &str, text: &str) -> String {
        hash::hex(&hash::hmac_sha256(&self.names, format!("{kind}\0{text}").as_bytes()))
    }

    /// Derives bytes that look random and are always the same: for the uid of a user who does not exist.
    pub fn decoy(&self, text: &str) -> [u8; 32] {
        hash::hmac_sha256(&self.names, format!("decoy\0{text}").as_bytes())
    }

    /// Derives the bytes of the recovery code that an admin's operation gives a user: nothing of it need be stored to show
    /// it again.
    pub fn approved(&self, user: &Uid, operation: &str) -> [u8; 10] {
        let drawn = hash::hmac_sha256(&self.recovery, format!("approved\0{user}\0{operation}").as_bytes());
        let mut bytes = [0; 10];
        bytes.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Hashes a recovery code of a user. Hyphens, spaces and case do not matter.
    pub fn recovery(&self, user: &Uid, code: &str) -> String {
        let code: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        hash::hex(&hash::hmac_sha256(&self.recovery, format!("{user}\0{code}").as_bytes()))
    }

    /// Seals a one-time-code secret for a credential of a user.
    pub fn seal(
        &self,
        entropy: &dyn Entropy,
        (user, credential): (&Uid, &Uid),
        secret: &SecretText,
    ) -> Result<String, Fault> {
        let bound = bound_to(user, credential);
        Ok(base64::encode(&self.otp.seal(entropy, bound.as_bytes(), secret.expose().as_bytes())?))
    }

    /// Opens a one-time-code secret.
    ///
    /// # Errors
    /// `ObjectStoreError` if it was not sealed here for that credential.
    pub fn open(&self, (user, credential): (&Uid, &Uid), sealed: &str) -> Result<SecretText, Fault> {
        let broken = || Fault::new(Class::ObjectStoreError, "a record of this service was tampered with");
        let sealed = base64::decode(sealed).map_err(|_| broken())?;
        let secret = self.otp.open(bound_to(user, credential).as_bytes(), &sealed).map_err(|_| broken())?;
        std::str::from_utf8(secret.expose()).map(SecretText::new).map_err(|_| broken())
    }
}

fn bound_to(user: &Uid, credential: &Uid) -> String {
    format!("{user}/{credential}")
}
