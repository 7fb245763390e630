#![no_main]
use acquire_fuzz::secret;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = acquire_crypto::PrivateKey::from_pem(&secret(bytes));
});
