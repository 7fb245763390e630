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

async fn claimed(
    store: &Store,
    place: &Key,
    digest: &[u8; 32],
    effect: impl Future<Output = Outcome> + Send,
) -> Outcome {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorise::run;
    use crate::frame::testing::{Deployment, Layout};
    use crate::frame::{Function, Proof};
    use crate::users::testing::World;
    use acquire_model::ServiceType::Registry;
    use futures::future::join_all;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::Notify;

    const OPERATION: &str = "a0-a1/00000000-0000-4000-8000-000000000001/2027-01-15T08:00:00.000001/0a1b2c3d";

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_digest_depends_on_function_and_arguments_alone() {
        let call = fields(json!({"a": {"x": 1, "y": [1, {"p": null, "q": "é"}]}, "b": "2"}));
        let reordered: Map<String, Value> =
            serde_json::from_str(r#"{"b": "2", "a": {"y": [1, {"q": "\u00e9", "p": null}], "x": 1}}"#).unwrap();
        assert_eq!(digest("f", &call), digest("f", &reordered));
        assert_ne!(digest("f", &call), digest("g", &call));
        for other in [
            json!({"a": {"x": 1, "y": [1, {"p": null, "q": "é"}]}, "b": 2}),
            json!({"a": {"x": 1, "y": [{"p": null, "q": "é"}, 1]}, "b": "2"}),
            json!({"a": {"x": 1, "y": [1, {"q": "é"}]}, "b": "2"}),
            json!({"a,b": "2"}),
            json!({}),
        ] {
            assert_ne!(digest("f", &call), digest("f", &fields(other)));
        }
    }

    #[test]
    fn one_operation_has_one_place_however_its_instant_is_written() {
        let other = OPERATION.replace(".000001", ".000001+00:00");
        assert_eq!(place(OPERATION).unwrap(), place(&other).unwrap());
        assert!(place(OPERATION).unwrap().as_str().starts_with("claims/2027-01-15T08:00:00.000001/a0-a1/"));
        for bad in ["", "a/b", "a/b/c", "a/b/2027-01-15T08:00:00/short"] {
            assert!(place(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn what_fails_is_not_kept_and_what_succeeds_is() {
        let store = World::new().await.store();
        let place = place(OPERATION).unwrap();
        let run = |digest: u8, outcome: Outcome| {
            let (store, place) = (&store, &place);
            async move { claimed(store, place, &[digest; 32], async { outcome }).await }
        };
        assert!(run(1, Err(Fault::permission("not yet"))).await.is_err());
        assert!(run(2, Ok(json!("other"))).await.is_err(), "burnt for the first call all the same");
        assert_eq!(run(1, Ok(json!({"n": 1}))).await.unwrap(), json!({"n": 1}));
        assert_eq!(run(1, Ok(json!({"n": 2}))).await.unwrap(), json!({"n": 1}));
        assert!(run(2, Ok(json!("other"))).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_who_race_answer_the_same() {
        let store = World::new().await.store();
        let count = std::sync::Arc::new(AtomicU64::new(0));
        let racers = (0..64).map(|_| {
            let (store, count) = (store.clone(), count.clone());
            tokio::spawn(async move {
                let effect = async { Ok(json!(count.fetch_add(1, Ordering::SeqCst))) };
                claimed(&store, &place(OPERATION).unwrap(), &[1; 32], effect).await.unwrap()
            })
        });
        let answers: Vec<Value> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:?}");
    }

    #[tokio::test]
    async fn claims_are_forgotten_when_their_age_alone_refuses_them() {
        let store = World::new().await.store();
        let signed: Timestamp = "2027-01-15T08:00:00.000001".parse().unwrap();
        let place = place(OPERATION).unwrap();
        claimed(&store, &place, &[1; 32], async { Ok(Value::Null) }).await.unwrap();
        for (seconds, deleted) in [(7_231, 0), (7_230 + 3_600, 0), (7_231 + 3_600, 1), (7_231 + 3_600, 0)] {
            assert_eq!(sweep_store(&store, signed.plus_seconds(seconds)).await.unwrap(), deleted, "{seconds}");
        }
        assert!(store.list(&root().unwrap()).await.unwrap().is_empty());
    }

    static RUNS: AtomicU64 = AtomicU64::new(0);
    static BEGUN: Notify = Notify::const_new();
    static GO_ON: Notify = Notify::const_new();

    /// Changes something, and waits in the middle of it.
    static SLOW: Function = Function {
        name: "slow",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|_, _| Box::pin(async { Ok("slow".into()) })),
        run: |_, _, _| {
            Box::pin(async {
                BEGUN.notify_one();
                GO_ON.notified().await;
                Ok(json!(RUNS.fetch_add(1, Ordering::SeqCst)))
            })
        },
    };

    #[tokio::test]
    async fn an_effect_goes_on_and_its_answer_is_kept_when_the_caller_hangs_up() {
        let world = Deployment::set_up(Layout::Together, &[Registry]).await;
        let (cx, admin) = (world.node(Registry).cx(), world.log_in(Registry).await);
        let authorisation = world.authorise(&admin, "slow");
        let uid = authorisation["uid"].as_str().unwrap();
        let place = place(&format!("{}/{}/{uid}", admin.identity_uid, admin.session_uid)).unwrap();
        let arguments = Arguments::new(fields(json!({ "authorisation": authorisation })));
        tokio::select! {
            _ = run(cx, &SLOW, arguments.clone()) => panic!("nobody let it go on"),
            () = BEGUN.notified() => {}
        }
        GO_ON.notify_one();
        let kept = async || match cx.store.claim(&place, &digest("slow", arguments.all())).await.unwrap() {
            Claim::Same { answer } => answer,
            other => panic!("{other:?}"),
        };
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
            if kept().await.is_some() {
                break;
            }
        }
        assert_eq!(kept().await.as_deref(), Some(&b"0"[..]));
        assert_eq!(run(cx, &SLOW, arguments).await.unwrap(), json!(0));
        assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    }

    proptest! {
        #[test]
        fn different_arguments_have_different_digests(
            a in proptest::collection::btree_map("[a-c,:{}\"]{0,3}", "[a-c,:{}\"]{0,3}", 0..3),
            b in proptest::collection::btree_map("[a-c,:{}\"]{0,3}", "[a-c,:{}\"]{0,3}", 0..3),
        ) {
            let map = |map: &std::collections::BTreeMap<String, String>| -> Map<String, Value> {
                map.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect()
            };
            prop_assert_eq!(a == b, digest("f", &map(&a)) == digest("f", &map(&b)));
        }
    }
}
