//! Introductions, against services made up here and against the real ones.

mod made_up;
mod real;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use acquire_model::{Clock, Entropy, Environment, Timestamp};
use acquire_provider::{Binary, Context, Deployment, Secrets};
use async_trait::async_trait;

/// Time that passes only when somebody sleeps.
struct Still(AtomicI64);

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

/// Randomness that never repeats and is the same at every run.
#[derive(Default)]
struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let n = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            chunk.copy_from_slice(&n[..chunk.len()]);
        }
    }
}

fn context(clock: Arc<Still>, secrets: Arc<dyn Secrets>) -> Context {
    Context {
        environment: Arc::new(Environment::default()),
        clock,
        entropy: Arc::new(Counting::default()),
        deployment: Arc::new(Deployment {
            name: "demo".parse().unwrap(),
            environment: None,
            lineage: "0".repeat(32).try_into().unwrap(),
            data: PathBuf::new(),
            configuration: PathBuf::new(),
            binary: Binary { path: PathBuf::new(), sha256: "9ac1".to_owned() },
        }),
        secrets,
    }
}
