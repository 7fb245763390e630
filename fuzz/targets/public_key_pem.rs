#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::text;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_crypto::PublicKey::from_pem(&text(bytes));
});
