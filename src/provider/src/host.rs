use crate::Error;
use crate::http::{Request, Response};
use acquire_model::{Attributes, Clock, Entropy, Environment, SecretBytes, ServiceSecret, ServiceType};
use async_trait::async_trait;
use object_store::ObjectStore;
use serde_json::Value;
use std::sync::Arc;

/// A service: requests in, responses out. It cannot tell where it runs.
#[async_trait]
pub trait Service: Send + Sync {
    /// Answers one request from outside. Never fails: an error is a response.
    async fn call(&self, request: Request) -> Response;

    /// Answers a call from a service in the same process: the same checks, no envelope. The error is the exception
    /// object of protocol 01 §3.3 (`class`, `module`, `error`).
    async fn invoke(&self, function: &str, arguments: Value) -> Result<Value, Value>;

    /// Does what is due: key rotation, expiry of sessions and holds, unfinished work. Returns how many things it did.
    ///
    /// # Errors
    /// `Unavailable` if the store is; what was done stays done.
    async fn sweep(&self) -> Result<u64, Error>;
}

/// Finds services that run in the same process.
pub trait Siblings: Send + Sync {
    /// Returns the service with that canonical URL, if it runs here.
    fn sibling(&self, canonical_url: &str) -> Option<Arc<dyn Service>>;
}

/// The provisioned `key` of a service, where it can be used without being seen.
#[async_trait]
pub trait Wrap: Send + Sync {
    /// Encrypts a data key; `context` must be given again to unwrap it.
    async fn wrap(&self, plaintext: &SecretBytes, context: &[u8]) -> Result<Vec<u8>, Error>;

    /// Decrypts a data key. `Denied` if it was not wrapped by this key with this context.
    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<SecretBytes, Error>;
}

/// Everything a service is given when it starts.
#[derive(Clone)]
pub struct Provision {
    /// Which service.
    pub service: ServiceType,
    /// Its full URL, with scheme, port and path.
    pub url: String,
    /// Where it keeps its state.
    pub store: Arc<dyn ObjectStore>,
    /// What its data keys are wrapped by.
    pub key: Arc<dyn Wrap>,
    /// What it was born with.
    pub secret: ServiceSecret,
    /// The registry of the deployment.
    pub registry: RegistryRoot,
    /// What its spec says (`otp_reuse`, …).
    pub settings: Attributes,
    /// SHA-256 of the running binary, lower-case hex.
    pub binary: String,
    /// The largest body that the host lets through, bytes.
    pub body_bytes_max: usize,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The other services in this process.
    pub siblings: Arc<dyn Siblings>,
}

/// The registry of a deployment, known before anything is asked: the root of trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryRoot {
    /// Its full URL.
    pub url: String,
    /// The public key it was provisioned with, canonical PEM.
    pub public_key: String,
    /// The public certificate it was provisioned with, canonical PEM.
    pub public_certificate: String,
}

/// Makes services. The root crate implements it, so that hosts need not know the services.
#[async_trait]
pub trait OpenService: Send + Sync {
    /// Starts a service.
    ///
    /// # Errors
    /// `Denied` if its key does not open its store, `Unavailable` if the store is not there.
    async fn open(&self, provision: Provision) -> Result<Arc<dyn Service>, Error>;
}

/// Somewhere functions run.
#[async_trait]
pub trait Host: Send + Sync {
    /// Whether this process was started by that host.
    fn detect(&self, environment: &Environment) -> bool;

    /// Serves until told to end.
    ///
    /// # Errors
    /// If it cannot listen, or what it was provisioned with cannot be opened.
    async fn serve(&self, open: Arc<dyn OpenService>) -> Result<(), Error>;
}
