#![no_main]
use acquire_fuzz::{secret, text};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_crypto::PrivateKey::from_encrypted_pem(&text(bytes), &secret(b"Test1Password"));
});
