#![no_main]
use acquire_fuzz::text;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::credentials::unpackage(&text(bytes), "bob", "0c.00.a3.4d");
});
