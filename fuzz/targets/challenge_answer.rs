#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::{KEY, text};

acquire_fuzz::target!(|bytes| {
    let _ = acquire_envelope::challenge::answer(&KEY, &text(bytes), acquire_envelope::challenge::accept);
});
