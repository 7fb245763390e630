use crate::passphrase::pick;
use crate::{Error, PrivateKey, PublicKey, hash, passphrase};
use acquire_model::ports::draw;
use acquire_model::{Entropy, SecretText, ServiceSecret};

const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// 160 bits; the newest client libraries refuse less than 112 (protocol 01 §2.5).
const OTP_CHARACTERS: usize = 32;

/// Makes what a service is born with: two RSA pairs, the first admin's password and one-time-code secret, and the
/// proof that lets its holder set the service up.
///
/// # Errors
/// [`Error::Library`] if there is no randomness.
pub fn generate(entropy: &dyn Entropy, admin_username: &str) -> Result<ServiceSecret, Error> {
    Ok(ServiceSecret {
        admin_username: admin_username.to_owned(),
        admin_password: passphrase::random(entropy),
        admin_otp_secret: otp_secret(entropy),
        setup_proof: SecretText::new(hash::hex(&draw::<32>(entropy))),
        private_key: PrivateKey::generate()?.to_pem()?,
        private_certificate: PrivateKey::generate()?.to_pem()?,
    })
}

/// Returns the public halves of its key and of its certificate, in that order.
///
/// # Errors
/// [`Error::KeyManipulation`].
pub fn public_halves(secret: &ServiceSecret) -> Result<(PublicKey, PublicKey), Error> {
    let public = |pem| PrivateKey::from_pem(pem).map(|key| key.public().clone());
    Ok((public(&secret.private_key)?, public(&secret.private_certificate)?))
}

/// Draws a secret for one-time codes: 32 characters of base32.
pub fn otp_secret(entropy: &dyn Entropy) -> SecretText {
    SecretText::new((0..OTP_CHARACTERS).filter_map(|_| pick(entropy, BASE32)).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Seeded;

    #[test]
    fn a_service_is_born_with_two_pairs_and_three_secrets() {
        let secret = generate(&Seeded::new(3), "admin").unwrap();
        assert_eq!(secret.admin_username, "admin");
        assert_eq!(passphrase::check(secret.admin_password.expose()), Ok(()));
        assert_eq!(secret.admin_otp_secret.expose().len(), 32);
        assert!(secret.admin_otp_secret.expose().bytes().all(|b| BASE32.contains(&b)));
        assert_eq!(secret.setup_proof.expose().len(), 64);
        let (key, certificate) = public_halves(&secret).unwrap();
        assert_ne!(key, certificate);
        assert_eq!(PrivateKey::from_pem(&secret.private_key).unwrap().public(), &key);
    }
}
