#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::{RECORD, value};

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::data::verify(&RECORD, &value(bytes));
});
