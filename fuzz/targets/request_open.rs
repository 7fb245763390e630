#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_envelope::Limits;
use acquire_fuzz::Ring;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::request::open(bytes, &Ring, &Limits::default());
});
