//! A service's own record and its key pairs: which are in use, which came before, when they change.
//!
//! Invariants: the pairs that the service was born with always work; a pair that the registry may still publish is
//! never forgotten; two processes that rotate at once change the keys once.

/// What is stored.
pub(crate) mod record;
/// What is in memory.
mod ring;

#[cfg(test)]
mod tests;

use crate::frame::{Cx, Fault};
use crate::trusted;
use acquire_crypto::PrivateKey;
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_model::spec::ROTATE_SECONDS_MIN;
use acquire_model::{Attributes, ServiceType, Timestamp};
use acquire_store::Decision;
use record::{Own, StoredPair};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

pub(crate) use ring::{Face, Pair, Ring};

/// How long the record is believed before it is read again: another process may have changed it.
const FRESH: Duration = Duration::from_secs(60);

/// A key that nobody knows makes us read the record again, but no more often than this.
const RELOAD_EVERY: Duration = Duration::from_secs(1);

/// The ring, kept up to date.
pub(crate) struct Keys {
    ring: RwLock<Arc<Ring>>,
    /// When the record was last read, on the monotonic clock.
    read: Mutex<Option<Duration>>,
    rotating: tokio::sync::Mutex<()>,
    setting_up: tokio::sync::Mutex<()>,
}

impl Keys {
    /// Starts with the keys that the service was born with.
    pub fn new(face: Face, provisioned: Pair) -> Self {
        Self {
            ring: RwLock::new(Arc::new(Ring::unset(face, provisioned))),
            read: Mutex::new(None),
            rotating: tokio::sync::Mutex::new(()),
            setting_up: tokio::sync::Mutex::new(()),
        }
    }

    /// The ring as it was when last read.
    pub fn ring(&self) -> Arc<Ring> {
        self.ring.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until nobody else in this process sets the service up.
    pub async fn setting_up(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.setting_up.lock().await
    }

    fn replace(&self, ring: Ring) {
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
    }

    /// Whether the record was last read longer ago than that; if so, counts it as being read now.
    fn claim_read(&self, now: Duration, longer_ago: Duration) -> bool {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let due = read.is_none_or(|read| now.saturating_sub(read) >= longer_ago);
        if due {
            *read = Some(now);
        }
        due
    }
}

/// Reads the record again.
pub(crate) async fn reload(cx: &Cx) -> Result<(), Fault> {
    let _ = cx.keys.claim_read(cx.clock.monotonic(), Duration::ZERO);
    let stored = cx.store.read::<Own>(&record::place()?).await?;
    let ring = cx.keys.ring();
    match stored {
        Some(document) if document.value.format != record::FORMAT => {
            return Err(Fault::new(Class::ServiceAccountError, "this service's record has a format it does not know"));
        }
        // A slower reader must not put an older version back, unless the store was emptied and the service set up anew.
        Some(document) if document.version > ring.version || !ring.is_same_life(&document.value) => {
            cx.keys.replace(ring.stored(document.version, document.value)?);
        }
        Some(_) | None => {}
    }
    Ok(())
}

/// Reads the record again because somebody names a key that is not in the ring. Returns whether it was read: strangers
/// can name keys as they like, so it is not always.
pub(crate) async fn look_again(cx: &Cx) -> bool {
    cx.keys.claim_read(cx.clock.monotonic(), RELOAD_EVERY) && reload(cx).await.is_ok()
}

/// Keeps the ring up to date before a call: reads the record when it is old, and changes the keys when that is due.
/// Nothing that goes wrong here may cost a caller its answer: the old keys still work.
pub(crate) async fn tend(cx: &Arc<Cx>) {
    if cx.keys.claim_read(cx.clock.monotonic(), FRESH) {
        let _ = reload(cx).await;
    }
    // Whoever finds another call rotating goes on with the old keys.
    if cx.keys.ring().is_due(cx.now())
        && let Ok(_alone) = cx.keys.rotating.try_lock()
        && rotate(cx, None).await.is_ok()
    {
        // The caller does not wait for the registry. If it cannot be told now, the sweep tries again.
        let cx = Arc::clone(cx);
        tokio::spawn(async move { publish(&cx).await });
    }
}

/// Changes the keys if that is due, and tells the registry if it does not know. Returns how many things were done.
pub(crate) async fn sweep(cx: &Arc<Cx>) -> Result<u64, Fault> {
    reload(cx).await?;
    let mut done = 0;
    if cx.keys.ring().is_due(cx.now()) {
        let _alone = cx.keys.rotating.lock().await;
        rotate(cx, None).await?;
        done += 1;
    }
    if cx.keys.ring().is_unconfirmed() {
        done += u64::from(publish(cx).await.is_ok());
    }
    Ok(done)
}

/// Changes the keys now, once for each operation.
///
/// # Errors
/// `ServiceAccountError` before set-up; those of the store.
pub(crate) async fn refresh(cx: &Arc<Cx>, operation: &str) -> Result<(), Fault> {
    let _alone = cx.keys.rotating.lock().await;
    reload(cx).await?;
    rotate(cx, Some(operation)).await?;
    // The sweep tries again if the registry cannot be told now.
    let _ = publish(cx).await;
    Ok(())
}

/// Puts fresh pairs in use. Without an operation only if it is still due.
async fn rotate(cx: &Arc<Cx>, operation: Option<&str>) -> Result<(), Fault> {
    let ring = cx.keys.ring();
    ring.complete()?;
    let now = cx.now();
    let pairs = tokio::task::spawn_blocking(|| Ok((PrivateKey::generate()?, PrivateKey::generate()?))).await;
    let (key, certificate): (PrivateKey, PrivateKey) = match pairs {
        Ok(pairs) => pairs.map_err(|error: acquire_crypto::Error| Fault::from(error))?,
        Err(_) => return Err(Fault::new(Class::ServiceError, "no keys could be made")),
    };
    let fresh = StoredPair { operation: operation.map(str::to_owned), ..StoredPair::new(&key, &certificate, now)? };
    let changed = cx
        .store
        .modify(&record::place()?, |own: Option<&Own>| -> Result<_, Fault> {
            let own = own.ok_or_else(|| Fault::new(Class::ServiceAccountError, "this service is not set up"))?;
            let wanted = match operation {
                Some(operation) => own.current.operation.as_deref() != Some(operation),
                None => ring.is_over(own, now),
            };
            if !wanted {
                return Ok(Decision::Keep(false));
            }
            let mut next = own.clone();
            // `since` names the pairs, so two of them must not share it, even if the clock stepped back.
            let after = Timestamp::from_micros(own.current.since.micros().saturating_add(1));
            next.rotate(StoredPair { since: now.max(after), ..fresh.clone() });
            Ok(Decision::Write(next, true))
        })
        .await?;
    // Data keys change with the others. If that fails now, the next rotation makes up for it.
    if changed {
        let _ = cx.store.rotate().await;
    }
    reload(cx).await
}

/// Tells the registry which keys are in use, and notes that it knows. Only then may older pairs be forgotten.
///
/// # Errors
/// If the registry cannot be told, or publishes something else.
pub(crate) async fn publish(cx: &Arc<Cx>) -> Result<(), Fault> {
    let ring = cx.keys.ring();
    let own = ring.record()?;
    // The registry is its own: what it publishes of itself is what it has.
    if cx.service != ServiceType::Registry {
        let signatures = ring.signatures(&own.validation_string())?;
        let payload = json!({ "service": ring.signed_record()?, "signatures": signatures });
        let answer = trusted::call(cx, &cx.registry, Some("refresh_service"), &payload).await?;
        let published = ServiceRecord::from_json(answer.get("service_info").unwrap_or(&serde_json::Value::Null))?;
        if published.public_key != own.public_key || published.public_certificate != own.public_certificate {
            return Err(Fault::new(Class::ServiceError, "the registry publishes other keys"));
        }
    }
    note(cx, own.last_key_update).await
}

async fn note(cx: &Arc<Cx>, published: Timestamp) -> Result<(), Fault> {
    cx.store
        .modify(&record::place()?, |own: Option<&Own>| -> Result<_, Fault> {
            Ok(match own {
                Some(own) if own.confirmed.is_none_or(|confirmed| confirmed < published) => {
                    let mut next = own.clone();
                    next.confirm(published);
                    Decision::Write(next, ())
                }
                _ => Decision::Keep(()),
            })
        })
        .await?;
    reload(cx).await
}

/// Keeps the pairs in use and the last ones for good.
///
/// # Errors
/// `ServiceAccountError` before set-up; those of the store.
pub(crate) async fn keep(cx: &Arc<Cx>) -> Result<(), Fault> {
    cx.store
        .modify(&record::place()?, |own: Option<&Own>| -> Result<_, Fault> {
            let mut next =
                own.cloned().ok_or_else(|| Fault::new(Class::ServiceAccountError, "this service is not set up"))?;
            next.keep();
            Ok(Decision::Write(next, ()))
        })
        .await?;
    reload(cx).await
}

/// How long keys are kept, from the settings: a week unless `rotate_seconds` says otherwise, and never less than what a
/// registry lets in.
pub(crate) fn interval_seconds(settings: &Attributes) -> u32 {
    let seconds = settings.get("rotate_seconds").and_then(serde_json::Value::as_u64).unwrap_or(INTERVAL_SECONDS);
    u32::try_from(seconds).unwrap_or(u32::MAX).max(ROTATE_SECONDS_MIN)
}

/// The original's interval: seven days.
const INTERVAL_SECONDS: u64 = 604_800;
