#![no_main]
use acquire_fuzz::{RECORD, value};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::data::verify(&RECORD, &value(bytes));
});
