#![no_main]
use acquire_envelope::Limits;
use acquire_fuzz::Ring;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_envelope::request::open(bytes, &Ring, &Limits::default());
});
