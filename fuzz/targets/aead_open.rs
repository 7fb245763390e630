#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_crypto::aead::Key::new([1; 32]).open(b"name", bytes);
});
