#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_envelope::Limits;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::json::parse(bytes, &Limits::default());
});
