#![cfg_attr(feature = "libfuzzer", no_main)]
use acquire_fuzz::secret;

acquire_fuzz::target!(|bytes| {
    let _ = acquire_crypto::fernet::Key::from_text(&secret(bytes));
});
