#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_envelope::Limits;
use acquire_fuzz::expected;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::reply::open(bytes, &expected(None), &Limits::default());
});
