use crate::{Context, Error};
use acquire_model::{Address, Attributes, Diagnostic, ServiceType};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::time::Duration;

/// Proves that a deployment is alive and is who it should be.
#[async_trait]
pub trait Verify: Send + Sync {
    /// Sends each service a fresh challenge, checks key, binary digest and endpoint, then runs one flow end to end.
    ///
    /// # Errors
    /// Only if it could not even start; what a service fails at is in the report.
    async fn verify(&self, cx: &Context, resources: &BTreeMap<Address, Attributes>) -> Result<Report, Error>;
}

/// What was proved.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Report {
    /// The services that answered well.
    pub services: Vec<Verified>,
    /// The steps of the flow that worked, in order: `register`, `login`, `authorisation` …
    pub flow: Vec<String>,
    /// How long the flow took.
    pub flow_took: Duration,
    /// What did not hold; empty means verified.
    pub failures: Vec<Diagnostic>,
}

/// One service that answered a fresh challenge with the key it was given.
#[derive(Clone, Debug)]
pub struct Verified {
    /// Which.
    pub service: ServiceType,
    /// Its uid.
    pub uid: String,
    /// Its URL.
    pub url: String,
    /// SHA-256 of the binary it runs.
    pub binary: String,
    /// How long the answer took.
    pub took: Duration,
}
