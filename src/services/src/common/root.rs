use crate::frame::{Arguments, Cx, Fault, Outcome};
use acquire_crypto::Fingerprint;
use acquire_envelope::{Class, Keys, challenge};
use serde_json::json;
use std::sync::Arc;

/// Longest nonce that is echoed, bytes.
const NONCE_BYTES_MAX: usize = 200;

/// Says who the service is; with a challenge also proves it (protocol 01 §4.6).
///
/// This decrypts for strangers, so it must not become an oracle: only what is exactly a challenge is given back, and
/// certificates decrypt nothing (§8 row 2).
pub(super) fn root(cx: &Arc<Cx>, arguments: &Arguments) -> Outcome {
    let ring = cx.keys.ring();
    match (arguments.optional_text("challenge")?, arguments.optional_text("fingerprint")?) {
        (None, None) => Ok(json!({ "service_info": ring.record()?.to_json() })),
        (Some(sealed), Some(fingerprint)) => {
            let refused = || Fault::permission("the challenge cannot be answered");
            let fingerprint: Fingerprint = fingerprint.parse().map_err(|_| refused())?;
            let Some(key) = ring.private_key(Some(&fingerprint)) else {
                return Err(match ring.certificate(&fingerprint) {
                    Some(_) => refused(),
                    None => Fault::new(Class::ServiceAccountMissingKeyError, "this service does not have that key"),
                });
            };
            let response = challenge::answer(&key, sealed, challenge::accept)?;
            Ok(json!({ "service_info": ring.signed_record()?, "response": response }))
        }
        _ => Err(Fault::permission("a challenge and the fingerprint of its key come together or not at all")),
    }
}

/// Tells who asks what runs here. Asked under the keys that the service was born with, it proves that the deployment
/// is alive and is what was deployed.
pub(super) fn verify(cx: &Arc<Cx>, arguments: &Arguments) -> Outcome {
    let nonce = arguments.text("nonce")?;
    if nonce.len() > NONCE_BYTES_MAX {
        return Err(Fault::new(Class::ValueError, format!("a nonce has at most {NONCE_BYTES_MAX} bytes")));
    }
    Ok(json!({
        "nonce": nonce,
        "uid": cx.uid()?,
        "service_type": cx.service,
        "url": cx.url.full(),
        "canonical_url": cx.canonical_url,
        "binary": cx.binary,
        "time": cx.now(),
    }))
}
