use crate::Exception;
use crate::exception::permission;
use acquire_crypto::{Error, PrivateKey, PublicKey, base64, passphrase};
use acquire_model::Entropy;

const CHARACTERS_MIN: usize = 20;
const CHARACTERS_MAX: usize = 40;
const STAGE1_PREFIX: &str = "STAGE1 ";
/// A short ciphertext as base64 has 344 characters.
const SEALED_CHARACTERS_MAX: usize = 400;

/// A challenge that goes out.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// What the answer must say.
    pub text: String,
    /// What to send: *B64* of the ciphertext.
    pub sealed: String,
}

/// Draws the text of a challenge.
pub fn draw(entropy: &dyn Entropy) -> String {
    passphrase::random(entropy).expose().to_owned()
}

/// Draws a challenge for the holder of that key.
///
/// # Errors
/// [`Error::Library`].
pub fn pose(key: &PublicKey, entropy: &dyn Entropy) -> Result<Challenge, Error> {
    let text = draw(entropy);
    let sealed = base64::encode(&key.encrypt(text.as_bytes())?);
    Ok(Challenge { text, sealed })
}

/// Accepts what a challenge decrypted to, if it is nothing but a challenge: `[A-Za-z0-9]{20,40}`. Without this, whoever
/// holds a ciphertext for one of our keys could have it decrypted (protocol 01 §8 row 2).
///
/// # Errors
/// `PermissionError`.
pub fn accept(plaintext: &[u8]) -> Result<String, Exception> {
    let text = str::from_utf8(plaintext).map_err(|_| refused())?;
    let good =
        (CHARACTERS_MIN..=CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if good { Ok(text.to_owned()) } else { Err(refused()) }
}

/// Accepts what the challenge of a service that is being set up decrypted to: `STAGE1 ` and the same.
///
/// # Errors
/// `PermissionError`.
pub fn accept_stage1(plaintext: &[u8]) -> Result<String, Exception> {
    let rest = plaintext.strip_prefix(STAGE1_PREFIX.as_bytes()).ok_or_else(refused)?;
    accept(rest).map(|text| format!("{STAGE1_PREFIX}{text}"))
}

/// Answers a challenge: *B64* of exactly 256 bytes that decrypt to what `accept` ([`accept`] or [`accept_stage1`])
/// accepts.
///
/// # Errors
/// `PermissionError`, the same for every reason.
pub fn answer(
    key: &PrivateKey,
    sealed: &str,
    accept: fn(&[u8]) -> Result<String, Exception>,
) -> Result<String, Exception> {
    if sealed.len() > SEALED_CHARACTERS_MAX {
        return Err(refused());
    }
    let ciphertext = base64::decode(sealed).map_err(|_| refused())?;
    accept(key.decrypt_short(&ciphertext).map_err(|_| refused())?.expose())
}

fn refused() -> Exception {
    permission("This is not a challenge")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Seeded, recorded_key};

    #[test]
    fn a_challenge_is_answered_with_its_text() {
        let key = recorded_key("service_key");
        for seed in 0..20 {
            let challenge = pose(key.public(), &Seeded::new(seed)).unwrap();
            assert_eq!(answer(&key, &challenge.sealed, accept).unwrap(), challenge.text);
            assert_eq!(answer(&recorded_key("service_cert"), &challenge.sealed, accept), Err(refused()));
            let stage1 = format!("STAGE1 {}", challenge.text);
            let sealed = base64::encode(&key.public().encrypt(stage1.as_bytes()).unwrap());
            assert_eq!(answer(&key, &sealed, accept_stage1).unwrap(), stage1);
            assert_eq!(answer(&key, &sealed, accept), Err(refused()));
            assert_eq!(answer(&key, &challenge.sealed, accept_stage1), Err(refused()));
        }
    }

    #[test]
    fn nothing_else_is_decrypted_for_anybody() {
        let key = recorded_key("service_key");
        let fernet = acquire_crypto::fernet::Key::random().text();
        for plaintext in [
            &b""[..],
            &[b'a'; 19],
            &[b'a'; 41],
            &[b'a'; 190],
            &[b'a'; 400],
            b"with a space, 20 or more",
            b"{\"payload\":{},\"a\":1}",
            "ääääääääääääääääääää".as_bytes(),
            &[0xff; 30],
            fernet.expose().as_bytes(),
        ] {
            let sealed = base64::encode(&key.public().encrypt(plaintext).unwrap());
            assert_eq!(answer(&key, &sealed, accept), Err(refused()));
            assert_eq!(answer(&key, &sealed, accept_stage1), Err(refused()));
        }
        for odd in ["", "x", "AAAA", &"A".repeat(344), &"A".repeat(100_000)] {
            assert_eq!(answer(&key, odd, accept), Err(refused()));
        }
    }
}
