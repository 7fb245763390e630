use crate::Error;
use acquire_model::SecretText;
use argon2::{Algorithm, Argon2, Params, Version};

// RFC 9106 §4, the second recommended option, with one lane: a passphrase is entered by a person and guards a state for
// years. Part of the stored format: changing a number needs a new format version where the key is used.
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// Derives a key from a passphrase by Argon2id.
///
/// # Errors
/// [`Error::Library`] if the salt is shorter than 8 bytes.
pub fn derive(passphrase: &SecretText, salt: &[u8]) -> Result<[u8; 32], Error> {
    let mut key = [0; 32];
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(key.len())).map_err(|_| Error::Library("argon2"))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, &mut key)
        .map_err(|_| Error::Library("argon2"))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_depends_on_passphrase_and_salt_alone() {
        let key = |passphrase: &str, salt: &[u8]| derive(&SecretText::new(passphrase), salt).unwrap();
        let first = key("correct horse", b"0123456789abcdef");
        assert_eq!(first, key("correct horse", b"0123456789abcdef"));
        assert_ne!(first, key("correct horsf", b"0123456789abcdef"));
        assert_ne!(first, key("correct horse", b"0123456789abcdeg"));
    }

    #[test]
    fn the_parameters_are_part_of_the_format() {
        // Recorded from OpenSSL (`cryptography` 48, `Argon2id`).
        let key = derive(&SecretText::new("correct horse"), b"0123456789abcdef").unwrap();
        assert_eq!(crate::hash::hex(&key), "92599c67f23f1d9dce9b6f0cfb5a9b18ce110336de00799947472465edd9e49a");
    }

    #[test]
    fn a_short_salt_is_refused() {
        assert_eq!(derive(&SecretText::new("correct horse"), b"short"), Err(Error::Library("argon2")));
    }
}
