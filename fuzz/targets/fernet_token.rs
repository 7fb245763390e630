#![no_main]
use acquire_fuzz::text;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_crypto::fernet::Key::symmetric("fuzz").decrypt(&text(bytes));
});
