use crate::sandbox::Sandbox;
use acquire_local::LocalProvider;
use acquire_model::ports::draw;
use acquire_model::{Attributes, Clock, Entropy, Environment, Lineage, SecretText, Timestamp};
use acquire_provider::conformance::{self, Case};
use acquire_provider::{Binary, Context, Deployment, Error, Provider, Secrets, Target};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
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
