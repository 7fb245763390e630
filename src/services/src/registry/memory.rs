use crate::frame::{Arguments, Cx, Fault};
use crate::users::Budget;
use acquire_model::ServiceUid;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// A service that did not answer a challenge is not challenged again for so long.
const RETRY_AFTER: Duration = Duration::from_secs(30);
/// What differs from what is stored in its date alone is not written again for so long.
const REST: Duration = Duration::from_secs(60);

/// The window of the budgets below. Services in the registry's own process are not counted; six elsewhere, behind one
/// address, that look each other up, push and register once a minute stay far below.
const WINDOW: Duration = Duration::from_secs(600);
/// Look-ups that one address may ask for; all the users of an institution may share it.
const LOOK_UPS_MAX: u32 = 6_000;
/// Registrations; each makes us call somebody.
const REGISTRATIONS_MAX: u32 = 60;
/// Pushes of a service's keys.
const REFRESHES_MAX: u32 = 300;
/// Words about peers.
const INTRODUCTIONS_MAX: u32 = 300;

/// What the registry keeps in memory.
pub(crate) struct Lookups {
    /// Services that failed to answer a moment ago.
    pub(super) failed: Lately,
    /// Services that were written a moment ago.
    pub(super) written: Lately,
    pub(super) look_ups: Budget,
    pub(super) registrations: Budget,
    pub(super) refreshes: Budget,
    pub(super) introductions: Budget,
    /// Who is being challenged; a lock lasts as long as somebody has it or waits for it.
    challenged: Mutex<BTreeMap<ServiceUid, Weak<tokio::sync::Mutex<()>>>>,
}

impl Default for Lookups {
    fn default() -> Self {
        Self {
            failed: Lately::new(RETRY_AFTER),
            written: Lately::new(REST),
            look_ups: Budget::new(LOOK_UPS_MAX, WINDOW),
            registrations: Budget::new(REGISTRATIONS_MAX, WINDOW),
            refreshes: Budget::new(REFRESHES_MAX, WINDOW),
            introductions: Budget::new(INTRODUCTIONS_MAX, WINDOW),
            challenged: Mutex::default(),
        }
    }
}

impl Lookups {
    /// The lock under which a service is challenged.
    pub(super) fn challenge(&self, uid: &ServiceUid) -> Arc<tokio::sync::Mutex<()>> {
        let mut challenged = lock(&self.challenged);
        challenged.retain(|_, lock| lock.strong_count() > 0);
        challenged.get(uid).and_then(Weak::upgrade).unwrap_or_else(|| {
            let fresh = Arc::default();
            challenged.insert(uid.clone(), Arc::downgrade(&fresh));
            fresh
        })
    }
}

/// Refuses a call from an address that has spent its budget. Calls from within the process have no address.
pub(super) fn admit(cx: &Cx, arguments: &Arguments, budget: &Budget) -> Result<(), Fault> {
    match arguments.remote() {
        Some(from) if !budget.take(from, cx.clock.monotonic()) => {
            Err(Fault::permission("too many such calls from this address; try again in ten minutes"))
        }
        _ => Ok(()),
    }
}

/// Services to which something happened less than so long ago, by the monotonic clock.
pub(super) struct Lately {
    span: Duration,
    when: Mutex<BTreeMap<ServiceUid, Duration>>,
}

impl Lately {
    fn new(span: Duration) -> Self {
        Self { span, when: Mutex::default() }
    }

    /// Whether it happened to that one.
    pub(super) fn has(&self, uid: &ServiceUid, now: Duration) -> bool {
        lock(&self.when).get(uid).is_some_and(|then| now < *then + self.span)
    }

    /// Notes that it happens now, and forgets what happened long ago.
    pub(super) fn note(&self, uid: &ServiceUid, now: Duration) {
        let mut when = lock(&self.when);
        when.retain(|_, then| now < *then + self.span);
        when.insert(uid.clone(), now);
    }

    /// Forgets that it happened.
    pub(super) fn forget(&self, uid: &ServiceUid) {
        lock(&self.when).remove(uid);
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_long_ago_is_forgotten() {
        let (one, two): (ServiceUid, ServiceUid) = ("a0-a1".parse().unwrap(), "a0-a2".parse().unwrap());
        let at = Duration::from_secs;
        let lately = Lately::new(at(30));
        lately.note(&one, at(0));
        assert!(lately.has(&one, at(29)) && !lately.has(&one, at(30)) && !lately.has(&two, at(0)));
        lately.note(&two, at(30));
        assert_eq!(lock(&lately.when).len(), 1);
        lately.forget(&two);
        assert!(!lately.has(&two, at(30)));
    }

    #[test]
    fn a_lock_lasts_as_long_as_somebody_has_it() {
        let (one, two) = ("a0-a1".parse().unwrap(), "a0-a2".parse().unwrap());
        let lookups = Lookups::default();
        let first = lookups.challenge(&one);
        assert!(Arc::ptr_eq(&first, &lookups.challenge(&one)));
        assert!(!Arc::ptr_eq(&first, &lookups.challenge(&two)));
        drop(first);
        lookups.challenge(&two);
        assert_eq!(lock(&lookups.challenged).len(), 1);
    }
}
