//! What the fuzz targets share: a fixed throw-away service, and readers of the fuzzer's bytes.

use acquire_crypto::{Fingerprint, PrivateKey, base64};
use acquire_envelope::reply::Expected;
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Keys, Limits, json};
use acquire_model::SecretText;
use serde_json::Value;
use std::sync::LazyLock;

#[cfg(feature = "libfuzzer")]
pub use libfuzzer_sys;

/// Makes a program of a function of bytes: libFuzzer's; or, without it, one that runs it once on each file that is named,
/// to see again with any Rust what the fuzzer has found.
#[macro_export]
macro_rules! target {
    (|$bytes:ident| $body:block) => {
        fn target($bytes: &[u8]) $body

        #[cfg(feature = "libfuzzer")]
        $crate::libfuzzer_sys::fuzz_target!(|bytes: &[u8]| target(bytes));

        #[cfg(not(feature = "libfuzzer"))]
        fn main() {
            for file in std::env::args_os().skip(1) {
                target(&std::fs::read(file).expect("the file can be read"));
            }
        }
    };
}

/// The recorded values of the original.
pub static VECTORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../src/crypto/vectors/01-core-vectors.json")).expect("the vectors are JSON")
});

/// The key that everything is encrypted to.
pub static KEY: LazyLock<PrivateKey> = LazyLock::new(|| recorded("service_key"));

/// The certificate that everything is signed with.
pub static CERTIFICATE: LazyLock<PrivateKey> = LazyLock::new(|| recorded("service_cert"));

/// The record of the recorded service, with the recorded key.
pub static RECORD: LazyLock<ServiceRecord> = LazyLock::new(|| {
    let record = ServiceRecord::from_json(&VECTORS["service_public_data_example"]).expect("the record is good");
    let certificate = CERTIFICATE.public().clone();
    ServiceRecord { public_key: KEY.public().clone(), public_certificate: certificate, ..record }
});

/// The keys of the recorded service, whatever fingerprint is asked for.
pub struct Ring;

impl Keys for Ring {
    fn private_key(&self, _fingerprint: Option<&Fingerprint>) -> Option<PrivateKey> {
        Some(KEY.clone())
    }

    fn certificate(&self, _fingerprint: &Fingerprint) -> Option<PrivateKey> {
        Some(CERTIFICATE.clone())
    }
}

fn recorded(name: &str) -> PrivateKey {
    let pem = VECTORS[name]["private_pem"].as_str().expect("the vectors hold the key");
    PrivateKey::from_pem(&SecretText::new(pem)).expect("the key is good")
}

/// The bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The bytes as secret text.
pub fn secret(bytes: &[u8]) -> SecretText {
    SecretText::new(text(bytes))
}

/// The bytes as a JSON value, null if they are none.
pub fn value(bytes: &[u8]) -> Value {
    json::parse(bytes, &Limits::default()).unwrap_or_default()
}

/// A call whose innermost bytes are these: whoever has the public key can make it.
pub fn sealed(bytes: &[u8]) -> Vec<u8> {
    let data = base64::encode(&KEY.public().encrypt(bytes).unwrap_or_default());
    serde_json::json!({ "data": data, "encrypted": true }).to_string().into_bytes()
}

/// What is asked of an answer.
pub fn expected(certificate: Option<&PrivateKey>) -> Expected<'_> {
    Expected { reply_key: &KEY, certificate: certificate.map(PrivateKey::public), request: None }
}
