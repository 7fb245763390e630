use acquire_crypto::{PrivateKey, PublicKey};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::ServiceUrl;
use acquire_envelope::{Limits, challenge, reply, request};
use acquire_model::uid::ServiceUid;
use acquire_model::{Clock, Entropy, ServiceType, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::call::{Caller, reply_key};
use crate::{Error, Transport};

/// Reads a service's record from what it was provisioned with, before it was asked anything: it can be called, and
/// must answer by these keys, but has no uid yet.
///
/// # Errors
/// `Invalid` if the URL or a key cannot be read.
pub fn provisioned(
    service_type: ServiceType,
    url: &str,
    public_key: &str,
    public_certificate: &str,
) -> Result<ServiceRecord, Error> {
    let invalid = |what: &str| Error::Invalid(format!("the {what} of {service_type} cannot be read"));
    let certificate = PublicKey::from_pem(public_certificate).map_err(|_| invalid("public certificate"))?;
    Ok(ServiceRecord {
        uid: None,
        service_type,
        url: url.parse().map_err(|_| invalid("URL"))?,
        public_key: PublicKey::from_pem(public_key).map_err(|_| invalid("public key"))?,
        last_certificate: certificate.clone(),
        public_certificate: certificate,
        last_key_update: Timestamp::EPOCH,
        key_update_interval_seconds: 0,
        user_name: String::new(),
        user_uid: None,
    })
}

/// Asks whatever answers at a URL for its record, unproved: for the first contact with a deployment of which nothing
/// but the URL is known. What it says must then be kept and compared.
///
/// # Errors
/// Those of `Transport::post`; `Answer` if it is not a service of that type at that URL.
pub async fn discover(
    transport: &dyn Transport,
    clock: &dyn Clock,
    service_type: ServiceType,
    url: &str,
) -> Result<ServiceRecord, Error> {
    let url: ServiceUrl = url.parse().map_err(|e: acquire_envelope::url::Invalid| Error::Invalid(e.to_string()))?;
    let answer = transport.post(&url.full(), request::plain(None, &json!({}), clock.now())).await?;
    let expected = reply::Expected { reply_key: reply_key().await?, certificate: None, request: None };
    let value = reply::open(&answer, &expected, &Limits::default())?;
    let record = record_in(&value)?;
    let same = record.service_type == service_type && record.canonical_url() == url.canonical(Some(service_type));
    if same {
        return Ok(record);
    }
    Err(Error::Answer(format!("it says that it is {}, the {} service", record.canonical_url(), record.service_type)))
}

/// Finds services through their registry and keeps what it found. Shared by many callers at once.
pub struct Directory {
    root: ServiceRecord,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    reply_key: Option<PrivateKey>,
    known: Mutex<BTreeMap<ServiceUid, ServiceRecord>>,
}

/// By what a service is looked up.
#[derive(Clone, Copy)]
enum By<'a> {
    Uid(&'a ServiceUid),
    CanonicalUrl(&'a str),
}

impl Directory {
    /// Makes a directory that knows only its registry, as [`provisioned`] or as it once answered.
    pub fn new(
        root: ServiceRecord,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { root, transport, clock, entropy, reply_key: None, known: Mutex::default() }
    }

    /// Uses this key for answers, instead of one that is generated.
    #[must_use]
    pub fn with_reply_key(self, key: PrivateKey) -> Self {
        Self { reply_key: Some(key), ..self }
    }

    /// The time as everything here sees it.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The randomness that everything here draws on.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// Returns the registry's own record.
    ///
    /// # Errors
    /// Those of a call; `Answer` if it is not the registry that was provisioned.
    pub async fn registry(&self) -> Result<ServiceRecord, Error> {
        let known = self.known().values().find(|record| record.service_type == ServiceType::Registry).cloned();
        match known {
            Some(record) if !record.is_refresh_due(self.clock.now()) => Ok(record),
            _ => Ok(self.keep(self.challenge(&self.root).await?)),
        }
    }

    /// Finds a service by uid.
    ///
    /// # Errors
    /// Those of a call; `MissingServiceError` as exception if the registry does not know it.
    pub async fn by_uid(&self, uid: &ServiceUid) -> Result<ServiceRecord, Error> {
        let known = self.known().get(uid).cloned();
        self.current(known, By::Uid(uid)).await
    }

    /// Finds a service by full or canonical URL.
    ///
    /// # Errors
    /// `Invalid` if it is no URL; else as [`Self::by_uid`].
    pub async fn by_url(&self, url: &str) -> Result<ServiceRecord, Error> {
        let url: ServiceUrl = url.parse().map_err(|e: acquire_envelope::url::Invalid| Error::Invalid(e.to_string()))?;
        let canonical = url.canonical(None);
        let known = self.known().values().find(|record| record.canonical_url() == canonical).cloned();
        self.current(known, By::CanonicalUrl(&canonical)).await
    }

    /// Calls a function of a service. If the service has lost the key that we know, asks the registry for its present
    /// one and tries once more; after no other failure is anything sent twice.
    ///
    /// # Errors
    /// Those of [`Caller::call`].
    pub async fn call(&self, to: &ServiceRecord, function: Option<&str>, payload: &Value) -> Result<Value, Error> {
        let first = self.send(to, function, payload).await;
        let (Err(Error::MissingKey(_)), Some(uid)) = (&first, &to.uid) else { return first };
        self.forget(uid);
        let fresh =
            if to.service_type == ServiceType::Registry { self.registry().await } else { self.by_uid(uid).await };
        match fresh {
            Ok(fresh) if fresh.public_key != to.public_key => self.send(&fresh, function, payload).await,
            _ => first,
        }
    }

    /// Asks a service for its present record, by a challenge to the keys that we know; the registry if that fails.
    ///
    /// # Errors
    /// Those of a call.
    pub async fn refresh(&self, known: &ServiceRecord) -> Result<ServiceRecord, Error> {
        match (self.challenge(known).await, &known.uid) {
            (Ok(fresh), _) => Ok(self.keep(fresh)),
            (Err(_), Some(uid)) if known.service_type != ServiceType::Registry => self.ask(By::Uid(uid)).await,
            (Err(error), _) => Err(error),
        }
    }

    /// Forgets what it knows of a service.
    pub fn forget(&self, uid: &ServiceUid) {
        self.known().remove(uid);
    }

    async fn current(&self, known: Option<ServiceRecord>, by: By<'_>) -> Result<ServiceRecord, Error> {
        match known {
            Some(record) if !record.is_refresh_due(self.clock.now()) => Ok(record),
            Some(record) => self.refresh(&record).await,
            None => self.ask(by).await,
        }
    }

    async fn ask(&self, by: By<'_>) -> Result<ServiceRecord, Error> {
        let registry = self.registry().await?;
        let (uid, url) = match by {
            By::Uid(uid) if registry.uid.as_ref() == Some(uid) => return Ok(registry),
            By::CanonicalUrl(url) if registry.canonical_url() == url => return Ok(registry),
            By::Uid(uid) => (json!(uid), Value::Null),
            By::CanonicalUrl(url) => (Value::Null, json!(url)),
        };
        let arguments = json!({ "service_uid": uid, "service_url": url });
        let record = record_in(&self.send(&registry, Some("get_service"), &arguments).await?)?;
        match by {
            By::Uid(uid) if record.uid.as_ref() != Some(uid) => {
                Err(Error::Answer(format!("the registry gave {} for {uid}", record.uid_text())))
            }
            _ => Ok(self.keep(record)),
        }
    }

    /// Proves that whoever answers holds the keys that we know, and returns what it says of itself.
    async fn challenge(&self, known: &ServiceRecord) -> Result<ServiceRecord, Error> {
        let posed = challenge::pose(&known.public_key, &*self.entropy)?;
        let arguments = json!({ "challenge": posed.sealed, "fingerprint": known.public_key.fingerprint() });
        let value = self.send(known, None, &arguments).await?;
        if value.get("response").and_then(Value::as_str) != Some(posed.text.as_str()) {
            return Err(Error::Answer("the challenge was not met".to_owned()));
        }
        let info = value.get("service_info").unwrap_or(&Value::Null);
        let fresh = ServiceRecord::from_signed_json(info).map_err(|e| Error::Answer(e.message))?;
        let same = fresh.service_type == known.service_type
            && fresh.canonical_url() == known.canonical_url()
            && (known.uid.is_none() || fresh.uid == known.uid);
        if same { Ok(fresh) } else { Err(Error::Answer(format!("{} is now another service", known.canonical_url()))) }
    }

    async fn send(&self, to: &ServiceRecord, function: Option<&str>, payload: &Value) -> Result<Value, Error> {
        let reply_key = match &self.reply_key {
            Some(key) => key,
            None => reply_key().await?,
        };
        Caller { transport: &*self.transport, clock: &*self.clock, reply_key }.call(to, function, payload).await
    }

    fn keep(&self, record: ServiceRecord) -> ServiceRecord {
        if let Some(uid) = &record.uid {
            self.known().insert(uid.clone(), record.clone());
        }
        record
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<ServiceUid, ServiceRecord>> {
        // The map is whole after every statement, so a panic elsewhere leaves nothing half done in it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn record_in(value: &Value) -> Result<ServiceRecord, Error> {
    let info = value.get("service_info").unwrap_or(&Value::Null);
    ServiceRecord::from_json(info).map_err(|e| Error::Answer(e.message))
}
