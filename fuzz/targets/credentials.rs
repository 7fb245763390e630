#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::text;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::credentials::unpackage(&text(bytes), "bob", "0c.00.a3.4d");
});
