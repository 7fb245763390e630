use crate::frame::{Arguments, BoxFuture, Cx, Fault, Outcome, dispatch};
use acquire_client::{Caller, Error};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Class, Exception};
use futures::FutureExt;
use serde_json::Value;
use std::sync::Arc;

/// Calls a function of a known service: in this process if it runs here (the same checks, no envelope), else
/// encrypted over the transport. A service that has lost the key we know is looked up anew, once.
///
/// # Errors
/// The exception that the other service raised; `RemoteFunctionCallError` if it could not be reached.
pub(crate) fn call<'a>(
    cx: &'a Arc<Cx>,
    to: &'a ServiceRecord,
    function: Option<&'a str>,
    payload: &'a Value,
) -> BoxFuture<'a, Outcome> {
    // Boxed, because a service in this process may call back, and so the future would contain itself.
    async move {
        match (ask(cx, to, function, payload).await, &to.uid) {
            (Err(fault), Some(uid)) if fault.class() == Class::ServiceAccountMissingKeyError => {
                cx.trusted.forget(uid);
                let present = cx.trusted.known(cx, uid).await?;
                if present.public_key == to.public_key {
                    return Err(fault);
                }
                ask(cx, &present, function, payload).await
            }
            (outcome, _) => outcome,
        }
    }
    .boxed()
}

/// Calls as `call` does, but never a second time: for the registry itself, which has nobody to ask.
///
/// # Errors
/// As `call`.
pub(crate) fn ask<'a>(
    cx: &'a Arc<Cx>,
    to: &'a ServiceRecord,
    function: Option<&'a str>,
    payload: &'a Value,
) -> BoxFuture<'a, Outcome> {
    async move {
        let canonical = to.canonical_url();
        let name = function.unwrap_or_default();
        if canonical == cx.canonical_url {
            return dispatch::invoke(cx, name, Arguments::new(payload.as_object().cloned().unwrap_or_default())).await;
        }
        if let Some(sibling) = cx.siblings.sibling(&canonical) {
            let outcome = sibling.invoke(name, payload.clone()).await;
            return outcome.map_err(|exception| Exception::from_json(&exception).into());
        }
        let ring = cx.keys.ring();
        let caller = Caller { transport: &*cx.transport, clock: &*cx.clock, reply_key: &ring.current().key };
        caller.call(to, function, payload).await.map_err(|error| fault(error, &canonical))
    }
    .boxed()
}

/// What our own caller may know of a failed call: who, and whether to try again; not what was read there.
fn fault(error: Error, canonical: &str) -> Fault {
    match error {
        Error::Exception(exception) | Error::MissingKey(exception) => exception.into(),
        Error::Refused(_) => Fault::permission(format!("this service may not call '{canonical}'")),
        Error::Answer(_) => Fault::new(Class::ServiceError, format!("'{canonical}' gave no valid answer")),
        _ => Fault::new(Class::RemoteFunctionCallError, format!("'{canonical}' cannot be reached at the moment")),
    }
}
