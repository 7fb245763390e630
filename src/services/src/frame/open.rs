use super::{Arguments, Cx, Fault, dispatch, http};
use crate::keys::{self, Face, Keys, Pair};
use crate::trusted::Trusted;
use crate::users;
use acquire_client::{Reach, Transport};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::ServiceUrl;
use acquire_envelope::{Class, Exception};
use acquire_model::{SecretBytes, ServiceType};
use acquire_provider::host::RegistryRoot;
use acquire_provider::http::{Request, Response};
use acquire_provider::{Error, OpenService, Provision, Service, Wrap};
use acquire_store::{KeyWrap, Store};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The uid of the registry of a private deployment: the one that unmodified clients look for (protocol 01 §5.4).
const REGISTRY_UID: &str = "a0-a0";

/// Makes the way to services in other processes, for how far it may lead.
type MakeTransport = dyn Fn(Reach) -> Result<Arc<dyn Transport>, Error> + Send + Sync;

/// Makes the bundled services.
pub struct Services {
    make: Box<MakeTransport>,
    /// What was made: services that may reach as far as each other share it.
    made: Mutex<BTreeMap<Reach, Arc<dyn Transport>>>,
}

/// One service that runs.
pub(super) struct Running {
    pub(super) cx: Arc<Cx>,
}

impl Services {
    /// Makes services that reach others, outside their own process, by what is made then.
    pub fn new(make: impl Fn(Reach) -> Result<Arc<dyn Transport>, Error> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), made: Mutex::default() }
    }

    fn transport(&self, reach: Reach) -> Result<Arc<dyn Transport>, Error> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(transport) = made.get(&reach) {
            return Ok(transport.clone());
        }
        let transport = (self.make)(reach)?;
        made.insert(reach, transport.clone());
        Ok(transport)
    }

    /// Starts a service.
    pub(super) async fn run(&self, provision: Provision) -> Result<Running, Error> {
        let transport = self.transport(Reach::of_deployment(&provision.registry.url))?;
        let cx = Arc::new(start(provision, transport).await?);
        keys::reload(&cx).await.map_err(unavailable)?;
        Ok(Running { cx })
    }
}

#[async_trait]
impl OpenService for Services {
    async fn open(&self, provision: Provision) -> Result<Arc<dyn Service>, Error> {
        Ok(Arc::new(self.run(provision).await?))
    }
}

#[async_trait]
impl Service for Running {
    async fn call(&self, request: Request) -> Response {
        http::answer(self, request).await
    }

    async fn invoke(&self, function: &str, arguments: Value) -> Result<Value, Value> {
        let Value::Object(payload) = arguments else {
            return Err(Exception::new(Class::UnpackingError, "the arguments of a call must be an object").to_json());
        };
        let outcome = dispatch::invoke(&self.cx, function, Arguments::new(payload)).await;
        outcome.map_err(|fault| Exception::from(fault).to_json())
    }

    async fn sweep(&self) -> Result<u64, Error> {
        sweep(&self.cx).await.map_err(unavailable)
    }
}

fn unavailable(fault: Fault) -> Error {
    Error::Unavailable(Exception::from(fault).message)
}

/// Documents re-sealed in one sweep.
const RESEALED_MAX: usize = 256;

async fn sweep(cx: &Arc<Cx>) -> Result<u64, Fault> {
    let keys = keys::sweep(cx).await?;
    let users = users::sweep(cx).await?;
    let claims = crate::authorise::sweep(cx).await?;
    let resealed = cx.store.reseal(RESEALED_MAX).await?;
    Ok(keys + users + claims + resealed)
}

async fn start(provision: Provision, transport: Arc<dyn Transport>) -> Result<Cx, Error> {
    let url: ServiceUrl = provision.url.parse().map_err(|error| Error::Invalid(format!("{error}")))?;
    let wrap = Arc::new(Wrapped(provision.key));
    let (clock, entropy) = (provision.clock, provision.entropy);
    let store = Store::open(provision.store, wrap, clock.clone(), entropy.clone()).await.map_err(from_store)?;
    let pair =
        Pair::provisioned(&provision.secret).map_err(|_| Error::Denied("the service's keys cannot be read".into()))?;
    let registry = registry(&provision.registry)?;
    let settings = provision.settings;
    let face =
        Face { service: provision.service, url: url.clone(), interval_seconds: keys::interval_seconds(&settings) };
    let users = users::State::new(users::Parts {
        service: provision.service,
        domain: url.domain(),
        store: store.clone(),
        settings: &settings,
        clock: clock.clone(),
        entropy: entropy.clone(),
    });
    Ok(Cx {
        service: provision.service,
        canonical_url: url.canonical(Some(provision.service)),
        url,
        store,
        secret: provision.secret,
        binary: provision.binary,
        body_bytes_max: provision.body_bytes_max,
        clock,
        entropy,
        siblings: provision.siblings,
        transport,
        registry,
        keys: Keys::new(face, pair),
        trusted: Trusted::default(),
        users,
        lookups: crate::registry::Lookups::default(),
        replay: super::replay::Replay::default(),
        metrics: super::metrics::Metrics::default(),
    })
}

/// The registry as it was provisioned. Its first keys work for ever, so this is all that is needed to call it.
fn registry(root: &RegistryRoot) -> Result<ServiceRecord, Error> {
    let (url, key, certificate) = (&root.url, &root.public_key, &root.public_certificate);
    let record = acquire_client::provisioned(ServiceType::Registry, url, key, certificate)
        .map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(ServiceRecord { uid: REGISTRY_UID.parse().ok(), ..record })
}

/// The provisioned `key`, as the store wants it.
struct Wrapped(Arc<dyn Wrap>);

#[async_trait]
impl KeyWrap for Wrapped {
    async fn wrap(&self, plaintext: &SecretBytes, context: &[u8]) -> Result<Vec<u8>, acquire_store::Error> {
        self.0.wrap(plaintext, context).await.map_err(to_store)
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<SecretBytes, acquire_store::Error> {
        self.0.unwrap(wrapped, context).await.map_err(to_store)
    }
}

fn to_store(error: Error) -> acquire_store::Error {
    match error {
        Error::Denied(_) | Error::Invalid(_) | Error::NotFound(_) => acquire_store::Error::Denied(error.to_string()),
        _ => acquire_store::Error::Unavailable(error.to_string()),
    }
}

fn from_store(error: acquire_store::Error) -> Error {
    match error {
        acquire_store::Error::Unavailable(text) => Error::Unavailable(text),
        acquire_store::Error::Bug(text) => Error::Bug(text),
        other => Error::Denied(other.to_string()),
    }
}
