#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::value;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::authorisation::Authorisation::from_json(&value(bytes));
});
