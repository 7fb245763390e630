#![no_main]
use acquire_fuzz::value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::Exception::from_json(&value(bytes));
});
