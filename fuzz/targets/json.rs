#![no_main]
use acquire_envelope::Limits;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::json::parse(bytes, &Limits::default());
});
