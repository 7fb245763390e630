#![no_main]
use acquire_fuzz::text;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = text(bytes).parse::<acquire_envelope::url::ServiceUrl>();
});
