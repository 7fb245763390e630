#![no_main]
use acquire_fuzz::{KEY, text};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::challenge::answer(&KEY, &text(bytes), acquire_envelope::challenge::accept);
});
