use crate::frame::{Cx, Fault};
use crate::trusted;
use acquire_crypto::hash;
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Class, challenge};
use acquire_model::ServiceUid;
use acquire_model::spec::ROTATE_SECONDS_MIN;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long a service has for its answer. Whoever asks the registry waits for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Has a service prove that it holds the keys of that record, at the URL in it; returns what it says of itself, which
/// must be of the same uid, type and URL, and signed by the certificates in it (protocol 01 §8 row 3).
///
/// # Errors
/// `PermissionError` if it says something else, or would change its keys too often; `RemoteFunctionCallError` if it does not answer.
pub(super) async fn challenge(
    cx: &Arc<Cx>,
    to: &ServiceRecord,
    uid: Option<&ServiceUid>,
) -> Result<ServiceRecord, Fault> {
    let posed = challenge::pose(&to.public_key, &*cx.entropy)?;
    let payload = json!({ "challenge": posed.sealed, "fingerprint": to.public_key.fingerprint() });
    let answer = tokio::select! {
        answer = trusted::ask(cx, to, None, &payload) => answer?,
        () = cx.clock.sleep(PATIENCE) => {
            return Err(Fault::new(Class::RemoteFunctionCallError, "the service did not answer its challenge in time"));
        }
    };
    let response = answer.get("response").and_then(Value::as_str).unwrap_or_default();
    if !hash::equal(response.as_bytes(), posed.text.as_bytes()) {
        return Err(Fault::permission("the service did not answer its challenge"));
    }
    let says = ServiceRecord::from_signed_json(answer.get("service_info").unwrap_or(&Value::Null))?;
    if says.uid.as_ref() != uid || says.service_type != to.service_type || says.url != to.url {
        return Err(Fault::permission("the service at that URL says that it is another one"));
    }
    check_interval(&says)?;
    Ok(says)
}

/// Refuses a service whose keys would be due all the time, so that every look-up would make us call it.
pub(super) fn check_interval(record: &ServiceRecord) -> Result<(), Fault> {
    if record.key_update_interval_seconds < ROTATE_SECONDS_MIN {
        let most = ROTATE_SECONDS_MIN / 60;
        return Err(Fault::permission(format!("a service must keep its keys for at least {most} minutes")));
    }
    Ok(())
}
