#![cfg_attr(feature = "libfuzzer", no_main)]

acquire_fuzz::target!(|bytes| {
    let _ = acquire_crypto::aead::Key::new([1; 32]).open(b"name", bytes);
});
