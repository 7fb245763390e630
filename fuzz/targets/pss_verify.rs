#![no_main]
use acquire_fuzz::KEY;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = KEY.public().verify(b"text", bytes);
});
