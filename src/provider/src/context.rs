use crate::Error;
use acquire_model::lineage::Lineage;
use acquire_model::{Address, Clock, DeploymentName, Entropy, Environment, Name, SecretText};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// What every call to a provider is given.
#[derive(Clone)]
pub struct Context {
    /// The environment variables.
    pub environment: Arc<Environment>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Which deployment this is.
    pub deployment: Arc<Deployment>,
    /// The secrets of the deployment's other resources.
    pub secrets: Arc<dyn Secrets>,
}

/// Which deployment, and where it may keep things on this machine.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its name in the spec.
    pub name: DeploymentName,
    /// The environment chosen.
    pub environment: Option<Name>,
    /// The identity of its state: the first half of every ownership tag.
    pub lineage: Lineage,
    /// Where local resources keep their data: `.acquire/<name>[/<env>]/data` beside the spec.
    pub data: PathBuf,
    /// Where this user keeps what must not lie beside the data (`host.key`): `<configuration>/<lineage>`.
    pub configuration: PathBuf,
    /// The program that functions run. A function whose input `binary` is another digest runs an earlier program, which
    /// its provider has kept.
    pub binary: Binary,
    /// SHA-256 of earlier programs that were proved alive, newest last: a provider keeps these before others.
    pub proved: Vec<String>,
}

/// The program that functions run: this very binary, unless another was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it is.
    pub path: PathBuf,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
}

/// Reads what a resource keeps secret. The engine implements it by asking the resource's provider.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Reveals the secret fields of a resource that is in the state.
    ///
    /// # Errors
    /// `NotFound` if there is no such resource; whatever its provider says.
    async fn reveal(&self, address: &Address) -> Result<BTreeMap<String, SecretText>, Error>;
}
