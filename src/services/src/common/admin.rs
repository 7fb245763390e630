use crate::frame::{Cx, Fault, Grant, Outcome};
use crate::keys;
use serde_json::{Value, json};
use std::sync::Arc;

/// Changes the keys now.
pub(super) async fn refresh_keys(cx: &Arc<Cx>, grant: &Grant) -> Outcome {
    keys::refresh(cx, &grant.caller()?.operation).await?;
    Ok(json!({ "service_info": cx.keys.ring().signed_record()? }))
}

/// Keeps the keys in use and the last ones for good.
pub(super) async fn dump_keys(cx: &Arc<Cx>) -> Outcome {
    keys::keep(cx).await?;
    Ok(Value::Null)
}

/// Refuses, as the original always did. Emptying a store from afar would also delete the names that fence (claims,
/// versions), and what was used once could be used again.
pub(super) fn reset() -> Outcome {
    Err(Fault::permission("a service is not emptied from afar; its operator can: `acquire destroy --data`"))
}
