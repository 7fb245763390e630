//! Introductions, against services made up here and against the real ones.

mod made_up;
mod real;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use acquire_client::testing::{Counting, Still};
use acquire_model::{Clock, Environment, Timestamp};
use acquire_provider::{Binary, Context, Deployment, Secrets};
use async_trait::async_trait;

fn context(clock: Arc<Still>, secrets: Arc<dyn Secrets>) -> Context {
    Context {
        environment: Arc::new(Environment::default()),
        clock,
        entropy: Arc::new(Counting::default()),
        deployment: Arc::new(Deployment {
            name: "demo".parse().unwrap(),
            environment: None,
            lineage: "0".repeat(32).try_into().unwrap(),
            data: PathBuf::new(),
            configuration: PathBuf::new(),
            binary: Binary { path: PathBuf::new(), sha256: "9ac1".to_owned() },
            proved: Vec::new(),
        }),
        secrets,
    }
}
