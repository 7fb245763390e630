#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::KEY;

acquire_fuzz::target!(|bytes| {
    let _ = KEY.decrypt(bytes);
});
