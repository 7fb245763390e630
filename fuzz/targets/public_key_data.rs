#![no_main]
use acquire_fuzz::value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_crypto::PublicKey::from_data(&value(bytes));
});
