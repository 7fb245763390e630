#![cfg_attr(feature = "libfuzzer", no_main)]

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::challenge::accept(bytes);
});
