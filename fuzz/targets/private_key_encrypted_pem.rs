#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::{secret, text};

acquire_fuzz::target!(|bytes| {
    let _ = acquire_crypto::PrivateKey::from_encrypted_pem(&text(bytes), &secret(b"Test1Password"));
});
