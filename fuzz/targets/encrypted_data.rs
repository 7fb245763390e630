#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::{KEY, RECORD, value};

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::data::decrypt(&RECORD, &KEY, &value(bytes));
});
