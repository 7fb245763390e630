#![no_main]
use acquire_fuzz::{KEY, RECORD, value};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::data::decrypt(&RECORD, &KEY, &value(bytes));
});
