//! A deployment without a host, for tests.

use crate::client::record::Records;
use acquire_crypto::hash::sha256_hex;
use acquire_model::Attributes;
use acquire_provider::memory::{VirtualClock, context};
use acquire_provider::{Binary, Context, Deployment, Target};
use serde_json::Value;
use std::sync::Arc;
use tempfile::TempDir;

/// A deployment with directories of its own.
pub(crate) struct Bench {
    pub(crate) cx: Context,
    pub(crate) clock: VirtualClock,
    _directory: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = VirtualClock::default();
        let cx = context("demo".parse().unwrap(), &clock, 1);
        let (data, configuration) = (directory.path().join("data"), directory.path().join("configuration"));
        let program = directory.path().join("acquire");
        std::fs::write(&program, "a program").unwrap();
        let binary = Binary { path: program, sha256: sha256_hex(b"a program") };
        let deployment = Arc::new(Deployment { data, configuration, binary, ..Deployment::clone(&cx.deployment) });
        Self { cx: Context { deployment, ..cx }, clock, _directory: directory }
    }

    pub(crate) fn target(address: &str) -> Target {
        Target { address: address.parse().unwrap(), token: "0".repeat(32) }
    }
}

pub(crate) fn attributes(value: Value) -> Attributes {
    serde_json::from_value(value).unwrap()
}

/// Changes the record file of a resource, as whoever can write in the data directory can.
pub(crate) fn tamper(cx: &Context, target: &Target, change: impl FnOnce(&mut Value)) {
    let path = Records::of(cx).path(&target.address);
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut record);
    std::fs::write(&path, record.to_string()).unwrap();
}
