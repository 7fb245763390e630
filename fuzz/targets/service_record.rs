#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::value;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::service::ServiceRecord::from_signed_json(&value(bytes));
});
