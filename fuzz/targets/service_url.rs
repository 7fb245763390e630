#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::text;

acquire_fuzz::target!(|bytes| {
    let _ = text(bytes).parse::<acquire_envelope::url::ServiceUrl>();
});
