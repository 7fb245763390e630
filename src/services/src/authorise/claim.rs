use super::Caller;
use crate::frame::{Arguments, Cx, Fault, Outcome};
use acquire_crypto::hash;
use acquire_envelope::authorisation::{LEEWAY_SECONDS, STALE_SECONDS};
use acquire_envelope::exception::Class;
use acquire_model::uid::DatedUid;
use acquire_model::{Timestamp, time::SECOND};
use acquire_store::{Claim, Key, Store};
use serde_json::{Map, Value};
use std::future::Future;

/// Claims deleted in one sweep.
const SWEEP_MAX: usize = 1_000;
/// How long a claim is kept beyond the age at which its authorisation is refused anyway, seconds: for clocks that were
/// set back.
const MARGIN_SECONDS: i64 = 3_600;

/// Burns a verified authorisation for a call, and runs the effect of the call: once, unless the process died, or the
/// call was sent again, before the answer was kept. So the effect must be idempotent under `caller.operation`.
///
/// # Errors
/// `PermissionError` if it was burnt for anything else; what the effect fails with, which is not kept.
pub(crate) async fn once(
    cx: &Cx,
    caller: &Caller,
    call: (&str, &Arguments),
    effect: impl Future<Output = Outcome> + Send,
) -> Outcome {
    let (function, arguments) = call;
    claimed(&cx.store, &place(&caller.operation)?, &digest(function, arguments.all()), effect).await
}

async fn claimed(store: &Store, place: &Key, digest: &[u8; 32], effect: impl Future<Output = Outcome> + Send) -> Outcome {
    match store.claim(place, digest).await? {
        Claim::Other => return Err(Fault::permission("this authorisation was used already, for something else")),
        Claim::Same { answer: Some(answer) } => return read(&answer),
        Claim::Same { answer: None } | Claim::Fresh => {}
    }
    let answer = effect.await?;
    // If the same call was run at the same time, all answer what was kept first.
    read(&store.answer(place, answer.to_string().as_bytes()).await?)
}

fn read(answer: &[u8]) -> Outcome {
    let broken = |_| Fault::new(Class::ObjectStoreError, "a record of this service was tampered with");
    serde_json::from_slice(answer).map_err(broken)
}

/// Where the claim of an operation is. The instant comes first, so that the oldest are found first.
fn place(operation: &str) -> Result<Key, Fault> {
    let bad = || Fault::permission("the authorisation has no uid");
    let (signer, uid) = operation.match_indices('/').nth(1).map(|(at, _)| operation.split_at(at)).ok_or_else(bad)?;
    let uid: DatedUid = uid.trim_start_matches('/').parse().map_err(|_| bad())?;
    let short = uid.as_str().rsplit('/').next().unwrap_or_default();
    let mut key = root()?.child(&uid.instant().to_string())?;
    for segment in signer.split('/').chain([short]) {
        key = key.child(segment)?;
    }
    Ok(key)
}

fn root() -> Result<Key, Fault> {
    Ok(Key::root("claims")?)
}

/// Hashes a call: its function, and its arguments in a form that does not depend on the order of fields.
fn digest(function: &str, arguments: &Map<String, Value>) -> [u8; 32] {
    let mut text = function.to_owned();
    text.push('\n');
    write_object(&mut text, arguments);
    hash::sha256(text.as_bytes())
}

fn write_object(text: &mut String, fields: &Map<String, Value>) {
    let mut names: Vec<&String> = fields.keys().collect();
    names.sort_unstable();
    text.push('{');
    for name in names {
        text.push_str(&Value::from(name.as_str()).to_string());
        text.push(':');
        write_value(text, fields.get(name).unwrap_or(&Value::Null));
        text.push(',');
    }
    text.push('}');
}

fn write_value(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => write_object(text, fields),
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write_value(text, item);
                text.push(',');
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

/// Deletes claims on authorisations that are refused for their age. Returns how many.
pub(crate) async fn sweep(cx: &Cx) -> Result<u64, Fault> {
    sweep_store(&cx.store, cx.now()).await
}

async fn sweep_store(store: &Store, now: Timestamp) -> Result<u64, Fault> {
    let mut deleted = 0;
    for place in store.list_from(&root()?, None, SWEEP_MAX).await? {
        let instant = place.segments().nth(1).and_then(|instant| instant.parse::<Timestamp>().ok());
        let old = (STALE_SECONDS + LEEWAY_SECONDS + MARGIN_SECONDS) * SECOND;
        if instant.is_some_and(|instant| now.since(instant) > old) {
            store.forget(&place).await?;
            deleted += 1;
        }
    }
    Ok(deleted)
}
