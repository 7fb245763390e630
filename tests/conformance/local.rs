use crate::sandbox::Sandbox;
use acquire_crypto::hash::sha256_hex;
use acquire_local::LocalProvider;
use acquire_model::ports::draw;
use acquire_model::{Attributes, Clock, Entropy, Environment, Lineage, SecretText, Timestamp};
use acquire_provider::conformance::{self, Case};
use acquire_provider::{Binary, Context, Deployment, Error, Provider, Secrets, Target};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

struct Real(Instant);

#[async_trait]
impl Clock for Real {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct Kernel;

impl Entropy for Kernel {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn reveal(&self, address: &acquire_model::Address) -> Result<BTreeMap<String, SecretText>, Error> {
        Err(Error::NotFound(address.to_string()))
    }
}

fn context(sandbox: &Sandbox) -> Context {
    let lineage = Lineage::draw(&Kernel);
    Context {
        environment: Arc::new(Environment::default()),
        clock: Arc::new(Real(Instant::now())),
        entropy: Arc::new(Kernel),
        deployment: Arc::new(Deployment {
            name: "demo".parse().unwrap(),
            environment: None,
            data: sandbox.data(),
            configuration: sandbox.configuration().join(lineage.as_str()),
            lineage,
            binary: Binary { path: env!("CARGO_BIN_EXE_acquire").into(), sha256: "not looked at".into() },
            proved: Vec::new(),
        }),
        secrets: Arc::new(NoSecrets),
    }
}

fn attributes(value: Value) -> Attributes {
    serde_json::from_value(value).unwrap()
}

/// Runs the suite for one kind of the provider.
async fn conforms(kind: &str, desired: Value, changed: Option<Value>) {
    let sandbox = Sandbox::new("");
    let cx = context(&sandbox);
    let provider = LocalProvider::new(&attributes(json!({ "listen": "auto" }))).unwrap();
    let target = Target {
        address: format!("identity/{kind}").parse().unwrap(),
        token: format!("{:032x}", u128::from_be_bytes(draw(&Kernel))),
    };
    let changed = changed.map(attributes);
    let case = Case {
        cx: &cx,
        resource: provider.resource(&kind.parse().unwrap()).unwrap(),
        target: &target,
        desired: &attributes(desired),
        changed: changed.as_ref(),
    };
    conformance::run(case).await.unwrap();
    assert!(!sandbox.data().exists(), "{kind}: the data directory is gone with the last resource");
}

#[tokio::test]
async fn local_bucket_keeps_the_contract() {
    conforms("bucket", json!({ "name": "identity", "versioning": false }), Some(json!({ "versioning": true }))).await;
}

#[tokio::test]
async fn local_key_keeps_the_contract() {
    conforms("key", json!({ "rotate_seconds": 60 }), Some(json!({ "rotate_seconds": 90 }))).await;
}

#[tokio::test]
async fn local_secret_keeps_the_contract() {
    conforms("secret", json!({ "service": "identity", "admin_username": "admin" }), None).await;
}

#[tokio::test]
async fn local_schedule_keeps_the_contract() {
    let desired = |seconds| json!({ "service": "identity", "every_seconds": seconds });
    conforms("schedule", desired(60), Some(desired(30))).await;
}

/// A program that does what a host must: takes the lock, says what it is, and stays.
const HOST: &str = r#"#!/bin/sh
cd "$ACQUIRE_HOST_DATA/host" || exit 1
exec 9>lock
flock -w 9 9 || exit 1
digest=$(sha256sum "$0" | cut -c 1-64)
printf '{"pid":%s,"address":"127.0.0.1:1","scheme":"http","binary":"%s"}' $$ "$digest" >running.json
exec sleep 600
"#;

/// A context whose program is a script.
fn with_program(sandbox: &Sandbox, cx: &Context, name: &str, script: &str) -> Context {
    let path = sandbox.path().join(name);
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let binary = Binary { path, sha256: sha256_hex(script.as_bytes()) };
    let deployment = Arc::new(Deployment { binary, ..Deployment::clone(&cx.deployment) });
    Context { deployment, ..cx.clone() }
}

#[tokio::test]
async fn local_function_runs_an_earlier_program_again_and_outlives_one_that_does_not_start() {
    let sandbox = Sandbox::new("");
    let path = std::env::var("PATH").unwrap();
    let cx = Context { environment: Arc::new(Environment::new([("PATH".to_owned(), path)])), ..context(&sandbox) };
    let provider = LocalProvider::new(&attributes(json!({ "listen": "auto" }))).unwrap();
    let function = provider.resource(&"function".parse().unwrap()).unwrap();
    let target = Target { address: "identity/function".parse().unwrap(), token: "0".repeat(32) };
    let desired = |binary: &str| attributes(json!({ "service": "identity", "binary": binary }));
    let runs = async |cx: &Context| function.read(cx, &target, None).await.unwrap().unwrap()["binary"].clone();

    let first = with_program(&sandbox, &cx, "first", HOST);
    let one = first.deployment.binary.sha256.clone();
    function.create(&first, &target, &desired(&one)).await.unwrap();
    assert_eq!(runs(&first).await, one.as_str());

    let broken = with_program(&sandbox, &cx, "broken", "#!/bin/sh\nexit 1\n");
    let changed = desired(&broken.deployment.binary.sha256);
    let (what, _) = function.update(&broken, &target, &desired(&one), &changed).await.unwrap_err().told();
    assert!(what.contains("did not start") && what.contains("ran before runs again"), "{what}");
    assert_eq!(runs(&first).await, one.as_str());

    let second = with_program(&sandbox, &cx, "second", &HOST.replace("600", "700"));
    let two = second.deployment.binary.sha256.clone();
    function.update(&second, &target, &desired(&one), &desired(&two)).await.unwrap();
    assert_eq!(runs(&second).await, two.as_str());
    std::fs::remove_file(sandbox.path().join("first")).unwrap();
    function.update(&second, &target, &desired(&two), &desired(&one)).await.unwrap();
    assert_eq!(runs(&second).await, one.as_str(), "it was kept");
    let (what, advice) =
        function.update(&second, &target, &desired(&one), &desired(&"ab".repeat(32))).await.unwrap_err().told();
    assert!(what.contains("abababab… is not kept") && advice.is_some(), "{what}");
    assert_eq!(runs(&second).await, one.as_str());

    function.delete(&second, &target, &desired(&one)).await.unwrap();
    assert!(!sandbox.data().exists(), "what was kept is gone too");
}
