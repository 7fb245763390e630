//! Services that this one knows and trusts, and calls to them.
//!
//! *Known* means that the deployment's registry vouches for its keys; *trusted* means that an admin of this service
//! said so (`trust_service`). A service always trusts itself and the registry.
//!
//! Invariant: nothing is called whose address did not come from the registry, or was not provisioned.

/// Calls to other services.
mod call;
/// What is stored.
mod record;

use crate::authorise::is_newer;
use crate::frame::{Cx, Fault};
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::ServiceUrl;
use acquire_model::{ServiceUid, Timestamp};
use acquire_store::Decision;
use record::Word;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use call::{ask, call};

/// How long what is known of a service is believed (protocol 01 §8 row 27).
const FRESH: Duration = Duration::from_secs(60);

/// Services remembered at most.
const REMEMBERED_MAX: usize = 256;

/// The trust store's memory.
#[derive(Default)]
pub(crate) struct Trusted(Mutex<Vec<Known>>);

/// What is known of a service.
#[derive(Clone)]
struct Known {
    uid: ServiceUid,
    record: Arc<ServiceRecord>,
    is_trusted: bool,
    until: Duration,
}

impl Trusted {
    /// Returns a service by uid with its present keys: this one, or one that the registry knows.
    ///
    /// # Errors
    /// `MissingServiceError` if the registry does not know it; `RemoteFunctionCallError` if it cannot be asked.
    pub async fn known(&self, cx: &Arc<Cx>, uid: &ServiceUid) -> Result<Arc<ServiceRecord>, Fault> {
        Ok(self.look_up(cx, uid).await?.record)
    }

    /// Returns a service by uid only if this service trusts it.
    ///
    /// # Errors
    /// `PermissionError` if it is not trusted; else as `known`.
    pub async fn trusted(&self, cx: &Arc<Cx>, uid: &ServiceUid) -> Result<Arc<ServiceRecord>, Fault> {
        let known = self.look_up(cx, uid).await?;
        if known.is_trusted {
            Ok(known.record)
        } else {
            Err(Fault::permission(format!("the service '{uid}' is not trusted here")))
        }
    }

    /// Returns a service by what a person calls it: its uid or its URL, full or canonical.
    ///
    /// # Errors
    /// `ValueError` if the text is neither; else as `known`.
    pub async fn find(&self, cx: &Arc<Cx>, name: &str) -> Result<Arc<ServiceRecord>, Fault> {
        if let Ok(uid) = name.parse() {
            return self.known(cx, &uid).await;
        }
        let url: ServiceUrl = name.parse().map_err(|error| Fault::new(Class::ValueError, format!("{error}")))?;
        let canonical = url.canonical(None);
        if canonical == cx.canonical_url {
            return Ok(Arc::new(cx.keys.ring().record()?));
        }
        let now = cx.clock.monotonic();
        if let Some(known) = self.recall(now, |known| known.record.canonical_url() == canonical) {
            return Ok(known.record);
        }
        let record = fetch(cx, &json!({ "service_uid": null, "service_url": canonical })).await?;
        Ok(self.learn(cx, record).await?.record)
    }

    /// Forgets what is known of a service, so that the registry is asked again.
    pub fn forget(&self, uid: &ServiceUid) {
        self.memory().retain(|known| &known.uid != uid);
    }

    async fn look_up(&self, cx: &Arc<Cx>, uid: &ServiceUid) -> Result<Known, Fault> {
        let now = cx.clock.monotonic();
        let always = |record| Known { uid: uid.clone(), record: Arc::new(record), is_trusted: true, until: now };
        if cx.uid().is_ok_and(|own| &own == uid) {
            return Ok(always(cx.keys.ring().record()?));
        }
        if cx.registry.uid.as_ref() == Some(uid) {
            return Ok(always(cx.registry.clone()));
        }
        if let Some(known) = self.recall(now, |known| &known.uid == uid) {
            return Ok(known);
        }
        match fetch(cx, &json!({ "service_uid": uid, "service_url": null })).await {
            // A trusted service does not become a stranger because the registry is away.
            Err(fault) if fault.class() == Class::RemoteFunctionCallError => match word(cx, uid).await? {
                Some(word) if word.is_trusted => self.learn(cx, ServiceRecord::from_json(&word.record)?).await,
                _ => Err(fault),
            },
            Err(fault) => Err(fault),
            Ok(record) if record.uid.as_ref() == Some(uid) => self.learn(cx, record).await,
            Ok(_) => Err(Fault::new(Class::ServiceError, "the registry answered with another service")),
        }
    }

    /// Remembers a record from the registry, together with what an admin here said of that service.
    async fn learn(&self, cx: &Arc<Cx>, record: ServiceRecord) -> Result<Known, Fault> {
        let Some(uid) = record.uid.clone() else {
            return Err(Fault::new(Class::MissingServiceError, "that service is still being set up"));
        };
        let is_trusted = word(cx, &uid).await?.is_some_and(|word| word.is_trusted);
        let until = cx.clock.monotonic() + FRESH;
        let known = Known { uid, record: Arc::new(record), is_trusted, until };
        let mut memory = self.memory();
        memory.retain(|other| other.uid != known.uid);
        if memory.len() >= REMEMBERED_MAX {
            memory.remove(0);
        }
        memory.push(known.clone());
        Ok(known)
    }

    fn recall(&self, now: Duration, is_meant: impl Fn(&Known) -> bool) -> Option<Known> {
        self.memory().iter().find(|known| known.until > now && is_meant(known)).cloned()
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Vec<Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the registry for a service.
async fn fetch(cx: &Arc<Cx>, which: &Value) -> Result<ServiceRecord, Fault> {
    let answer = call(cx, &cx.registry, Some("get_service"), which).await?;
    Ok(ServiceRecord::from_json(answer.get("service_info").unwrap_or(&Value::Null))?)
}

async fn word(cx: &Cx, uid: &ServiceUid) -> Result<Option<Word>, Fault> {
    let word = cx.store.read::<Word>(&record::place(uid)?).await?.map(|document| document.value);
    match word {
        Some(word) if word.format != record::FORMAT => {
            Err(Fault::new(Class::ObjectStoreError, "a record of this service has a format it does not know"))
        }
        word => Ok(word),
    }
}

/// Lists the services that an admin trusts.
///
/// # Errors
/// Those of the store.
pub(crate) async fn all(cx: &Cx) -> Result<Vec<ServiceUid>, Fault> {
    let mut trusted = Vec::new();
    for place in cx.store.list(&record::root()?).await? {
        let Some(uid) = place.segments().last().and_then(|uid| uid.parse().ok()) else { continue };
        if word(cx, &uid).await?.is_some_and(|word| word.is_trusted) {
            trusted.push(uid);
        }
    }
    Ok(trusted)
}

/// Notes that an admin trusts a service. Saying it again changes nothing; the word that was signed last counts.
///
/// # Errors
/// `PermissionError` if a later word says otherwise; those of the store.
pub(crate) async fn trust(
    cx: &Arc<Cx>,
    uid: &ServiceUid,
    (record, signed): (&ServiceRecord, Timestamp),
) -> Result<(), Fault> {
    say(cx, uid, (true, signed), Some(record.to_json())).await
}

/// Notes that an admin trusts a service no longer. Its record need not be known; the word that was signed last counts.
///
/// # Errors
/// `PermissionError` if a later word says otherwise; those of the store.
pub(crate) async fn untrust(cx: &Arc<Cx>, uid: &ServiceUid, signed: Timestamp) -> Result<(), Fault> {
    say(cx, uid, (false, signed), None).await
}

async fn say(
    cx: &Arc<Cx>,
    uid: &ServiceUid,
    (is_trusted, signed): (bool, Timestamp),
    record: Option<Value>,
) -> Result<(), Fault> {
    let now = cx.now();
    cx.store
        .modify(&record::place(uid)?, |word: Option<&Word>| -> Result<_, Fault> {
            let same = word.filter(|word| word.is_trusted == is_trusted);
            if !is_newer(signed, word.and_then(|word| word.signed), same.is_some())? {
                return Ok(Decision::Keep(()));
            }
            let since = same.map_or(now, |word| word.since);
            let record = record.clone().or_else(|| Some(word?.record.clone())).unwrap_or_default();
            Ok(Decision::Write(Word { format: record::FORMAT, record, is_trusted, since, signed: Some(signed) }, ()))
        })
        .await?;
    cx.trusted.forget(uid);
    Ok(())
}
