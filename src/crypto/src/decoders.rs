//! Every decoder of this crate over damaged and random input: none panics, and what is altered does not open.

use crate::testing::{mutations, recorded_key, vectors};
use crate::{Fingerprint, PrivateKey, PublicKey, aead, base64, fernet, provisioned};
use acquire_model::{SecretText, ServiceSecret};
use serde_json::json;

const COUNT: usize = 2_000;

/// Runs a decoder over damaged copies of a good input, as bytes and as text.
fn over(good: &[u8], count: usize, decode: impl Fn(&[u8], &str)) {
    for altered in mutations(good, count) {
        decode(&altered, &String::from_utf8_lossy(&altered));
    }
}

#[test]
fn public_keys_and_fingerprints_survive_any_input() {
    let key = recorded_key("service_key").public().clone();
    over(key.pem().as_bytes(), COUNT, |_, text| drop(PublicKey::from_pem(text)));
    let data = base64::encode_text(key.pem());
    over(data.as_bytes(), COUNT, |_, text| {
        let _ = PublicKey::from_data(&json!(text));
        let _ = PublicKey::from_data(&json!({ "bytes": text }));
        let _ = base64::decode(text);
    });
    over(key.fingerprint().as_str().as_bytes(), COUNT, |_, text| drop(text.parse::<Fingerprint>()));
}

#[test]
fn private_keys_survive_any_input() {
    let key = recorded_key("service_key");
    over(key.to_pem().unwrap().expose().as_bytes(), COUNT, |_, text| {
        let _ = PrivateKey::from_pem(&SecretText::new(text));
        let secret = SecretText::new(text);
        let _ = provisioned::public_halves(&ServiceSecret {
            admin_username: String::new(),
            admin_password: secret.clone(),
            admin_otp_secret: secret.clone(),
            setup_proof: secret.clone(),
            private_key: secret.clone(),
            private_certificate: secret,
        });
    });
    let passphrase = SecretText::new("Test1Password");
    let locked = vectors()["encrypted_private_key"]["pem_old_library"].as_str().unwrap();
    over(locked.as_bytes(), COUNT, |_, text| drop(PrivateKey::from_encrypted_pem(text, &passphrase)));
}

#[test]
fn messages_and_signatures_survive_any_input() {
    let key = recorded_key("service_key");
    for name in ["oaep_short", "hybrid_long"] {
        let sealed = base64::decode(vectors()[name]["ciphertext_b64"].as_str().unwrap()).unwrap();
        over(&sealed, COUNT, |bytes, _| {
            assert_eq!(key.decrypt(bytes).is_ok(), bytes == sealed);
            assert_eq!(key.decrypt_short(bytes).is_ok(), bytes == sealed && name == "oaep_short");
        });
    }
    let signature = key.sign(b"text").unwrap();
    over(&signature, COUNT, |bytes, _| {
        assert_eq!(key.public().verify(b"text", bytes).is_ok(), bytes == signature);
    });
}

#[test]
fn tokens_and_seals_survive_any_input() {
    let key = fernet::Key::random();
    let token = key.encrypt(b"text");
    over(token.as_bytes(), COUNT, |_, text| {
        assert_eq!(key.decrypt(text).is_ok(), text == token);
        let _ = fernet::Key::from_text(&SecretText::new(text));
    });
    let seal = aead::Key::new([1; 32]);
    over(&seal.seal(&crate::testing::Seeded::new(4), b"name", b"text").unwrap(), COUNT, |bytes, _| {
        let _ = seal.open(b"name", bytes);
    });
}
