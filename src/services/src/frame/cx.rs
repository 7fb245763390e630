use super::Fault;
use super::metrics::Metrics;
use super::replay::Replay;
use crate::keys::Keys;
use crate::registry::Lookups;
use crate::trusted::Trusted;
use crate::users;
use acquire_client::Transport;
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::ServiceUrl;
use acquire_model::{Clock, Entropy, ServiceSecret, ServiceType, ServiceUid, Timestamp, Uid};
use acquire_provider::Siblings;
use acquire_store::Store;
use std::sync::Arc;

/// Everything a handler may use. One for each running service, always behind an `Arc`.
pub(crate) struct Cx {
    /// Which service this is.
    pub service: ServiceType,
    /// Its full URL.
    pub url: ServiceUrl,
    /// Its canonical URL: no scheme, no port.
    pub canonical_url: String,
    /// Where it keeps its records.
    pub store: Store,
    /// What it was born with.
    pub secret: ServiceSecret,
    /// SHA-256 of the running binary.
    pub binary: String,
    /// The largest body, bytes.
    pub body_bytes_max: usize,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The services in this process.
    pub siblings: Arc<dyn Siblings>,
    /// The way to the services outside it.
    pub transport: Arc<dyn Transport>,
    /// The registry of the deployment, with the keys it was provisioned with: the root of trust.
    pub registry: ServiceRecord,
    /// Its own record and key pairs.
    pub keys: Keys,
    /// The services it knows and trusts.
    pub trusted: Trusted,
    /// What `users`, `authorise` and `identity` keep in memory: caches, and the bound on password hashing.
    pub users: users::State,
    /// What the registry remembers of services that do not answer.
    pub lookups: Lookups,
    /// Calls seen lately.
    pub replay: Replay,
    /// Counters.
    pub metrics: Metrics,
}

impl Cx {
    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The uid of this service.
    ///
    /// # Errors
    /// `ServiceAccountError` until it is set up.
    pub fn uid(&self) -> Result<ServiceUid, Fault> {
        self.keys.ring().uid()
    }

    /// Whether that user of this service is one of its admins, and not disabled.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_admin(&self, user: &Uid) -> Result<bool, Fault> {
        Ok(self.keys.ring().is_admin(user) && self.users.is_active(user).await?)
    }
}
