use crate::frame::{Cx, Fault};
use acquire_crypto::PublicKey;
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_model::{ServiceType, ServiceUid, Timestamp};
use acquire_store::Key;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The format of the records; others are refused.
pub(super) const FORMAT: u32 = 1;

/// Services that are being set up in one domain, at most. Six of one deployment are set up at once.
pub(super) const PENDING_MAX: usize = 12;

/// Services in one domain, at most.
pub(super) const BOUND_MAX: usize = 48;

/// A registered service: a document at `registry/service/<uid>`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// The format of this record.
    pub format: u32,
    /// Its public record; without a uid in it, the service is still being set up.
    pub record: Value,
    /// The certificate it first registered with, PEM: it proves for ever who the service is.
    pub origin: String,
    /// The services introduced to it, if it is an identity service.
    pub peers: BTreeMap<ServiceType, Peer>,
}

/// A service that was introduced to an identity service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peer {
    /// Which; `None` if it was withdrawn.
    pub uid: Option<ServiceUid>,
    /// When the identity service said so.
    pub said: Timestamp,
}

/// Which services a domain has, by canonical URL: a document at `registry/domain/<domain>`. It is one document so that
/// binding a URL and counting against the quota are one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Domain {
    /// The format of this record.
    pub format: u32,
    /// The services.
    pub services: BTreeMap<String, Binding>,
}

/// Who has a canonical URL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Binding {
    /// The service.
    pub uid: ServiceUid,
    /// How far it is.
    pub state: State,
}

/// How far a registration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// The service has a uid but has not shown that it uses it.
    Pending,
    /// It answers under its uid.
    Active,
    /// It was taken out. Its uid is not given to anybody else.
    Withdrawn,
}

/// The uid that was given last: a document at `registry/last`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Last {
    /// The format of this record.
    pub format: u32,
    /// The uid.
    pub uid: ServiceUid,
}

pub(super) fn entry_place(uid: &ServiceUid) -> Result<Key, Fault> {
    Ok(Key::root("registry")?.child("service")?.child(uid.as_str())?)
}

pub(super) fn domain_place(domain: &str) -> Result<Key, Fault> {
    Ok(Key::root("registry")?.child("domain")?.encoded(domain))
}

pub(super) fn last_place() -> Result<Key, Fault> {
    Ok(Key::root("registry")?.child("last")?)
}

impl Entry {
    /// The public record.
    pub fn service(&self) -> Result<ServiceRecord, Fault> {
        Ok(ServiceRecord::from_json(&self.record)?)
    }

    /// The certificates by which a service proves that it is this one: the first, the present and the one before.
    pub fn certificates(&self) -> Result<[PublicKey; 3], Fault> {
        let record = self.service()?;
        Ok([PublicKey::from_pem(&self.origin)?, record.public_certificate, record.last_certificate])
    }
}

impl Domain {
    /// Whether one more service may be set up in the domain. Each counts once, however often it registers.
    pub fn has_room(&self) -> bool {
        let count = |state| self.services.values().filter(|binding| binding.state == state).count();
        let pending = count(State::Pending);
        pending < PENDING_MAX && pending + count(State::Active) < BOUND_MAX
    }
}

/// Reads a registered service.
pub(super) async fn entry(cx: &Cx, uid: &ServiceUid) -> Result<Option<Entry>, Fault> {
    let entry = cx.store.read::<Entry>(&entry_place(uid)?).await?.map(|document| document.value);
    entry.map(|entry| known(entry.format, entry)).transpose()
}

/// Reads the services of the domain that a canonical URL begins with.
pub(super) async fn domain(cx: &Cx, canonical: &str) -> Result<Domain, Fault> {
    let place = domain_place(domain_of(canonical))?;
    let domain = cx.store.read::<Domain>(&place).await?.map(|document| document.value);
    domain.map_or_else(|| Ok(Domain::default()), |domain| known(domain.format, domain))
}

/// The domain of a canonical URL.
pub(super) fn domain_of(canonical: &str) -> &str {
    canonical.split('/').next().unwrap_or_default()
}

fn known<T>(format: u32, record: T) -> Result<T, Fault> {
    if format == FORMAT {
        Ok(record)
    } else {
        Err(Fault::new(Class::ObjectStoreError, "a record of this registry has a format it does not know"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(pending: usize, active: usize, withdrawn: usize) -> Domain {
        let states = [(State::Pending, pending), (State::Active, active), (State::Withdrawn, withdrawn)];
        let all = states.into_iter().flat_map(|(state, count)| std::iter::repeat_n(state, count));
        let bind = |(n, state)| (format!("example.org/t/{n}"), Binding { uid: "a0-a1".parse().unwrap(), state });
        Domain { format: FORMAT, services: all.enumerate().map(bind).collect() }
    }

    #[test]
    fn six_services_on_one_host_do_not_hit_the_quota() {
        assert!(domain(5, 1, 0).has_room());
        assert!(domain(6, 6, 0).has_room());
        assert!(!domain(PENDING_MAX, 0, 0).has_room());
        assert!(!domain(0, BOUND_MAX, 0).has_room());
        assert!(domain(0, 0, BOUND_MAX).has_room(), "what was taken out does not count");
    }
}
