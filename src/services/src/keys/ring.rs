use super::record::{Own, StoredPair};
use crate::frame::Fault;
use acquire_crypto::{Fingerprint, PrivateKey, base64};
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::ServiceUrl;
use acquire_model::{ServiceSecret, ServiceType, ServiceUid, Timestamp, Uid};
use serde_json::Value;

/// Certificates that sign what proves to the registry who a service is.
const SIGNATURES_MAX: usize = 4;

/// A key pair, and the pair it signs with.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    /// Messages are encrypted to its public half.
    pub key: PrivateKey,
    /// Answers are signed with it.
    pub certificate: PrivateKey,
}

/// What a service says of itself that does not change while it runs.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    /// What it is.
    pub service: ServiceType,
    /// Where it is.
    pub url: ServiceUrl,
    /// How long it keeps its keys.
    pub interval_seconds: u32,
}

/// A service's record and its parsed key pairs, as they were at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    /// The version of the record; 0 if there is none.
    pub version: u64,
    /// The record; `None` before set-up.
    pub own: Option<Own>,
    face: Face,
    provisioned: Pair,
    current: Pair,
    /// Last and archive, newest first.
    older: Vec<Pair>,
}

impl Pair {
    /// Reads the pairs that the service was born with.
    pub fn provisioned(secret: &ServiceSecret) -> Result<Self, acquire_crypto::Error> {
        let (key, certificate) = (&secret.private_key, &secret.private_certificate);
        Ok(Self { key: PrivateKey::from_pem(key)?, certificate: PrivateKey::from_pem(certificate)? })
    }

    /// Reads stored pairs, or takes those from `known` that are parsed already.
    fn stored(stored: &StoredPair) -> Result<Self, acquire_crypto::Error> {
        Ok(Self { key: PrivateKey::from_pem(&stored.key)?, certificate: PrivateKey::from_pem(&stored.certificate)? })
    }
}

impl Ring {
    /// The ring of a service that is not set up: it answers to the keys it was born with.
    pub fn unset(face: Face, provisioned: Pair) -> Self {
        Self { version: 0, own: None, face, current: provisioned.clone(), provisioned, older: Vec::new() }
    }

    /// The ring of a record.
    pub fn stored(&self, version: u64, own: Own) -> Result<Self, Fault> {
        let older = own.last.iter().chain(&own.archive).map(Pair::stored).collect::<Result<_, _>>()?;
        let current = Pair::stored(&own.current)?;
        Ok(Self {
            version,
            own: Some(own),
            face: self.face.clone(),
            provisioned: self.provisioned.clone(),
            current,
            older,
        })
    }

    /// Whether a record belongs to the same set-up as this one; every set-up draws a stage-1 name of its own.
    pub fn is_same_life(&self, other: &Own) -> bool {
        self.own.as_ref().is_none_or(|own| own.stage1 == other.stage1)
    }

    /// The record, once set-up is complete.
    ///
    /// # Errors
    /// `ServiceAccountError` before that.
    pub fn complete(&self) -> Result<&Own, Fault> {
        self.own
            .as_ref()
            .filter(|own| own.is_complete())
            .ok_or_else(|| Fault::new(Class::ServiceAccountError, "this service has not been set up yet"))
    }

    /// The uid of the service.
    ///
    /// # Errors
    /// `ServiceAccountError` before set-up is complete.
    pub fn uid(&self) -> Result<ServiceUid, Fault> {
        let own = self.complete()?;
        own.uid.clone().ok_or_else(|| Fault::new(Class::ServiceAccountError, "this service has no uid yet"))
    }

    /// Whether that user is an admin.
    pub fn is_admin(&self, user: &Uid) -> bool {
        self.own.as_ref().is_some_and(|own| own.admins.contains_key(user))
    }

    /// The pairs in use.
    pub fn current(&self) -> &Pair {
        &self.current
    }

    /// The pairs it was born with, which it keeps for ever.
    pub fn provisioned(&self) -> &Pair {
        &self.provisioned
    }

    /// Whether its keys are due to be changed. A service that is being set up never changes them.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.complete().is_ok_and(|own| self.is_over(own, now))
    }

    /// Whether the pairs in use in that record were in use for longer than they are kept.
    pub fn is_over(&self, own: &Own, now: Timestamp) -> bool {
        now > own.current.since.plus_seconds(i64::from(self.face.interval_seconds))
    }

    /// Whether the registry is not known to publish the pairs in use.
    pub fn is_unconfirmed(&self) -> bool {
        self.complete().is_ok_and(|own| own.confirmed != Some(own.current.since))
    }

    /// What the service says of itself, from the first stage of set-up on.
    ///
    /// # Errors
    /// `ServiceAccountError` before that.
    pub fn record(&self) -> Result<ServiceRecord, Fault> {
        let own = self
            .own
            .as_ref()
            .ok_or_else(|| Fault::new(Class::ServiceAccountError, "this service has not been set up yet"))?;
        Ok(ServiceRecord {
            uid: own.is_complete().then(|| own.uid.clone()).flatten(),
            service_type: self.face.service,
            url: self.face.url.clone(),
            public_key: self.current.key.public().clone(),
            public_certificate: self.current.certificate.public().clone(),
            last_certificate: self.last_certificate().public().clone(),
            last_key_update: own.current.since,
            key_update_interval_seconds: self.face.interval_seconds,
            user_name: own.principal.username.clone(),
            user_uid: own.is_complete().then(|| own.principal.user.clone()).flatten(),
        })
    }

    /// The same with the fields that prove it.
    ///
    /// # Errors
    /// As `record`.
    pub fn signed_record(&self) -> Result<Value, Fault> {
        Ok(self.record()?.to_signed_json(&self.current.certificate, self.last_certificate())?)
    }

    /// Signs a text with certificates that the registry may know the service by: the one it was born with, the one that
    /// the registry is known to publish, and the newest ones. One of them is enough, so the registry need not have
    /// followed every change.
    ///
    /// # Errors
    /// Those of the cryptography.
    pub fn signatures(&self, text: &str) -> Result<Vec<String>, Fault> {
        let stored = self.own.iter().flat_map(|own| [&own.current].into_iter().chain(&own.last).chain(&own.archive));
        let confirmed = self.own.as_ref().and_then(|own| own.confirmed);
        let published = stored.zip(self.used()).find(|(pair, _)| Some(pair.since) == confirmed).map(|(_, pair)| pair);
        let pairs = [&self.provisioned].into_iter().chain(published).chain(self.used()).take(SIGNATURES_MAX);
        pairs.map(|pair| Ok(base64::encode(&pair.certificate.sign(text.as_bytes())?))).collect()
    }

    /// The certificate that preceded the one in use; that itself, if there was none. Until the archive knows better the
    /// record must chain to what others hold.
    fn last_certificate(&self) -> &PrivateKey {
        &self.older.first().unwrap_or(&self.current).certificate
    }

    /// The pairs that are or were in use, newest first.
    fn used(&self) -> impl Iterator<Item = &Pair> {
        [&self.current].into_iter().chain(&self.older)
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.used().chain([&self.provisioned])
    }
}

impl acquire_envelope::Keys for Ring {
    fn private_key(&self, fingerprint: Option<&Fingerprint>) -> Option<PrivateKey> {
        let Some(fingerprint) = fingerprint else { return Some(self.current.key.clone()) };
        self.pairs().map(|pair| &pair.key).find(|key| key.public().fingerprint() == fingerprint).cloned()
    }

    fn certificate(&self, fingerprint: &Fingerprint) -> Option<PrivateKey> {
        self.pairs().map(|pair| &pair.certificate).find(|key| key.public().fingerprint() == fingerprint).cloned()
    }
}
