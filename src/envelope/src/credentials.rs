use crate::Exception;
use crate::exception::permission;
use acquire_crypto::{base64, fernet, hash};
use acquire_model::SecretText;
use acquire_model::uid::ServiceUid;

/// A package of ordinary credentials has 264 characters.
const PACKAGE_CHARACTERS_MAX: usize = 2_000;
const SEPARATOR: char = '|';

/// What a login proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The encoded password, or the device password.
    pub password: SecretText,
    /// The device, or any uuid if there is none.
    pub device_uid: String,
    /// The one-time code.
    pub code: SecretText,
}

/// Encodes a password for the service that holds the user: what the client sends instead of it.
pub fn encode_password(identity_uid: &ServiceUid, password: &SecretText) -> SecretText {
    SecretText::new(hash::multi_md5(identity_uid.as_str(), password.expose()))
}

/// Returns the password of a remembered device.
pub fn device_password(encoded: &SecretText, device_uid: &str) -> SecretText {
    SecretText::new(hash::md5_hex(format!("{}{device_uid}", encoded.expose()).as_bytes()))
}

/// Packs credentials for a session; `short_uid` is the very text that the call names it by.
///
/// The key is made of nothing secret (protocol 01 §8 row 16): the package is safe only inside an encrypted call.
pub fn package(credentials: &Credentials, username: &str, short_uid: &str) -> String {
    let Credentials { password, device_uid, code } = credentials;
    let plaintext = SecretText::new(format!("{}|{device_uid}|{}", password.expose(), code.expose()));
    base64::encode_text(&key(username, short_uid).encrypt(plaintext.expose().as_bytes()))
}

/// Unpacks what [`package`] made, or the old clients.
///
/// # Errors
/// `PermissionError`, the same for every reason.
pub fn unpackage(package: &str, username: &str, short_uid: &str) -> Result<Credentials, Exception> {
    let refused = || permission("The credentials do not belong to this session");
    if package.len() > PACKAGE_CHARACTERS_MAX {
        return Err(refused());
    }
    let token = base64::decode_text(package).map_err(|_| refused())?;
    let plaintext = key(username, short_uid).decrypt(&token).map_err(|_| refused())?;
    // Parts after the third are ignored, as in the original.
    let mut parts = str::from_utf8(plaintext.expose()).map_err(|_| refused())?.split(SEPARATOR);
    let (Some(password), Some(device_uid), Some(code)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(refused());
    };
    let (password, code) = (SecretText::new(password), SecretText::new(code));
    Ok(Credentials { password, device_uid: device_uid.to_owned(), code })
}

fn key(username: &str, short_uid: &str) -> fernet::Key {
    let digest = |text: &str| hash::md5_hex(text.as_bytes());
    fernet::Key::symmetric(&(digest(username) + &digest(short_uid)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{identity_vectors, mutations, vectors};
    use proptest::prelude::*;
    use serde_json::Value;

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap()
    }

    #[test]
    fn recorded_passwords_are_encoded_alike() {
        for vector in identity_vectors()["credentials"].as_array().unwrap() {
            let uid = text(vector, "identity_uid").parse().unwrap();
            let encoded = encode_password(&uid, &SecretText::new(text(vector, "password")));
            assert_eq!(encoded.expose(), text(vector, "encoded_password"));
            let sent =
                vector["device_uid"].as_str().map_or(encoded.clone(), |device| device_password(&encoded, device));
            assert_eq!(sent.expose(), text(vector, "password_sent"));
        }
        let vector = &vectors()["hash"];
        let uid = text(&vector["encode_password"], "identity_uid").parse().unwrap();
        let encoded = encode_password(&uid, &SecretText::new(text(&vector["encode_password"], "password")));
        assert_eq!(encoded.expose(), text(&vector["encode_password"], "value"));
        let device = &vector["encode_password_device"];
        assert_eq!(device_password(&encoded, text(device, "device_uid")).expose(), text(device, "value"));
    }

    #[test]
    fn recorded_packages_open_and_are_packed_under_the_same_key() {
        for vector in identity_vectors()["credentials"].as_array().unwrap() {
            let (username, short) = (text(vector, "username"), text(vector, "short_uid_as_sent"));
            let read = unpackage(text(vector, "package_example"), username, short).unwrap();
            let plaintext = format!("{}|{}|{}", read.password.expose(), read.device_uid, read.code.expose());
            assert_eq!(plaintext, text(vector, "package_plaintext"));
            assert_eq!(key(username, short).text().expose(), text(vector, "package_key"));
            assert_eq!(unpackage(&package(&read, username, short), username, short).unwrap(), read);
        }
        let vector = &vectors()["credentials"];
        let (username, short) = (text(vector, "username"), text(vector, "short_uid"));
        let read = unpackage(text(vector, "package"), username, short).unwrap();
        assert_eq!(key(username, short).text().expose(), text(vector, "fernet_key"));
        assert_eq!(
            format!("{}|{}|{}", read.password.expose(), read.device_uid, read.code.expose()),
            text(vector, "plaintext")
        );
    }

    #[test]
    fn a_package_opens_for_its_user_and_session_alone() {
        let vector = &vectors()["credentials"];
        let package = text(vector, "package");
        for (username, short) in [("bob", "0c00a34d"), ("bob", "0c.00.a3.4e"), ("Bob", "0c.00.a3.4d"), ("", "")] {
            let refused = unpackage(package, username, short).unwrap_err();
            assert_eq!(refused.class, crate::Class::PermissionError);
        }
        let token = base64::decode_text(package).unwrap();
        for altered in mutations(token.as_bytes(), 500).into_iter().filter(|altered| altered != token.as_bytes()) {
            assert!(unpackage(&base64::encode(&altered), "bob", "0c.00.a3.4d").is_err());
        }
        assert!(unpackage(&"A".repeat(10_000), "bob", "0c.00.a3.4d").is_err());
    }

    #[test]
    fn fewer_than_three_parts_are_refused_and_more_are_ignored() {
        let pack = |plaintext: &str| base64::encode_text(&key("bob", "x").encrypt(plaintext.as_bytes()));
        for few in ["", "a", "a|b"] {
            assert!(unpackage(&pack(few), "bob", "x").is_err());
        }
        assert_eq!(unpackage(&pack("a|b|c|d"), "bob", "x").unwrap().code.expose(), "c");
        assert_eq!(unpackage(&pack("||"), "bob", "x").unwrap().device_uid, "");
    }

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(password in "[^|]*", device_uid in "[^|]{0,40}", code in "[^|]*", name: String) {
            prop_assume!(password.len() + code.len() < 500);
            let credentials =
                Credentials { password: SecretText::new(password), device_uid, code: SecretText::new(code) };
            prop_assert_eq!(unpackage(&package(&credentials, &name, "x"), &name, "x").unwrap(), credentials);
        }
    }
}
