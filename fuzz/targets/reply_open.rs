#![no_main]
use acquire_envelope::Limits;
use acquire_fuzz::expected;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::reply::open(bytes, &expected(None), &Limits::default());
});
