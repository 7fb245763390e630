#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::challenge::accept(bytes);
});
