#![no_main]
use acquire_fuzz::value;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::service::ServiceRecord::from_signed_json(&value(bytes));
});
