#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::text;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_crypto::base64::decode(&text(bytes));
});
