use crate::Keys;
use crate::service::ServiceRecord;
use acquire_crypto::{Fingerprint, PrivateKey};
use acquire_model::{Entropy, SecretText, ServiceType, Timestamp};
use serde_json::Value;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Randomness that is the same in every run.
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// SplitMix64.
    fn next(&self) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes()[..chunk.len()]);
        }
    }
}

/// Damaged copies of the bytes, the same in every run: flipped, cut, lengthened, spliced, and random ones.
pub(crate) fn mutations(bytes: &[u8], count: usize) -> Vec<Vec<u8>> {
    let draw = Seeded::new(u64::try_from(bytes.len()).unwrap());
    (0..count).map(|_| mutation(bytes, &draw)).collect()
}

fn mutation(bytes: &[u8], draw: &Seeded) -> Vec<u8> {
    let mut altered = bytes.to_vec();
    let at = draw.below(bytes.len());
    match draw.below(7) {
        0 if !bytes.is_empty() => altered[at] ^= 1 << draw.below(8),
        1 => altered.truncate(at),
        2 => altered.insert(at.min(bytes.len()), u8::try_from(draw.below(256)).unwrap()),
        3 => altered.drain(..at).for_each(drop),
        4 => altered.extend_from_slice(&bytes[at..]),
        5 if !bytes.is_empty() => altered[at] = b"\0\xff\"\\{}[]=-:|/0"[draw.below(14)],
        _ => altered = (0..draw.below(600)).map(|_| u8::try_from(draw.below(256)).unwrap()).collect(),
    }
    altered
}

/// The recorded values of the original.
pub(crate) fn vectors() -> &'static Value {
    static VECTORS: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(include_str!("../vectors/01-core-vectors.json")).unwrap());
    &VECTORS
}

pub(crate) fn identity_vectors() -> &'static Value {
    static VECTORS: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(include_str!("../vectors/02-identity-vectors.json")).unwrap());
    &VECTORS
}

/// A recorded private key: `service_key`, `service_cert` or `response_key`.
pub(crate) fn recorded_key(name: &str) -> PrivateKey {
    PrivateKey::from_pem(&SecretText::new(vectors()[name]["private_pem"].as_str().unwrap())).unwrap()
}

/// The keys of the recorded service.
pub(crate) struct Ring {
    key: PrivateKey,
    certificate: PrivateKey,
}

impl Ring {
    pub(crate) fn recorded() -> Self {
        Self { key: recorded_key("service_key"), certificate: recorded_key("service_cert") }
    }
}

impl Keys for Ring {
    fn private_key(&self, fingerprint: Option<&Fingerprint>) -> Option<PrivateKey> {
        let ours = fingerprint.is_none_or(|fingerprint| fingerprint == self.key.public().fingerprint());
        ours.then(|| self.key.clone())
    }

    fn certificate(&self, fingerprint: &Fingerprint) -> Option<PrivateKey> {
        (fingerprint == self.certificate.public().fingerprint()).then(|| self.certificate.clone())
    }
}

pub(crate) fn now() -> Timestamp {
    "2026-11-24T03:43:09.280095".parse().unwrap()
}

/// The record of a service that has the recorded key and certificate.
pub(crate) fn record() -> ServiceRecord {
    ServiceRecord {
        uid: Some("a0-a1".parse().unwrap()),
        service_type: ServiceType::Identity,
        url: "http://127.0.0.1:8080/t/identity".parse().unwrap(),
        public_key: recorded_key("service_key").public().clone(),
        public_certificate: recorded_key("service_cert").public().clone(),
        last_certificate: recorded_key("service_cert").public().clone(),
        last_key_update: now(),
        key_update_interval_seconds: 604_800,
        user_name: "identity_principal".to_owned(),
        user_uid: Some("9332ec0e-9d6d-4b34-a9fe-e08de1f6ee66".parse().unwrap()),
    }
}
