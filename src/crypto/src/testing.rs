use crate::PrivateKey;
use acquire_model::Entropy;
use acquire_model::SecretText;
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
    pub(crate) fn next(&self) -> u64 {
        let state = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&self, bound: usize) -> usize {
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

/// The recorded values of the original.
pub(crate) fn vectors() -> &'static Value {
    static VECTORS: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(include_str!("../vectors/01-core-vectors.json")).unwrap());
    &VECTORS
}

/// A recorded private key: `service_key`, `service_cert` or `response_key`.
pub(crate) fn recorded_key(name: &str) -> PrivateKey {
    PrivateKey::from_pem(&SecretText::new(vectors()[name]["private_pem"].as_str().unwrap())).unwrap()
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
