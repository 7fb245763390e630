use std::pin::pin;
use std::sync::Arc;

use futures::future::{Either, select};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tokio::sync::Mutex;

use acquire_model::Clock;

use super::note::Beat;
use super::{BucketHome, beat_path};
use crate::state::error::Error;
use crate::state::holder::Lease;

/// Into how many parts the time between beats is cut to try again after one that failed.
const TRIES: u32 = 5;

/// Writes the beats of one epoch, one after the other.
pub(super) struct Beater {
    home: BucketHome,
    path: Path,
    clock: Arc<dyn Clock>,
    lease: Lease,
    beat: Mutex<Beat>,
}

impl Beater {
    pub(super) fn new(home: &BucketHome, epoch: u64, clock: &Arc<dyn Clock>, lease: Lease) -> Self {
        let (home, path, clock) = (home.clone(), beat_path(epoch), Arc::clone(clock));
        Self { home, path, beat: Mutex::new(Beat::new(clock.now())), clock, lease }
    }

    /// Writes beats as long as the lease lasts. It ends when it could not be extended in time, and is never revived.
    pub(super) async fn run(&self) {
        let every = self.home.timing.beat;
        let mut pause = every;
        loop {
            self.clock.sleep(pause).await;
            if !self.lease.may_call() {
                return;
            }
            pause = if self.beat(|_| ()).await.is_ok() { every } else { every / TRIES };
        }
    }

    /// Writes a beat that says what the change makes of the last one. What it says goes with the next one, if this one
    /// does not arrive.
    pub(super) async fn beat(&self, change: impl FnOnce(&mut Beat) + Send) -> Result<(), Error> {
        let mut beat = self.beat.lock().await;
        change(&mut beat);
        beat.count += 1;
        beat.at = self.clock.now();
        // The lease counts from before it was sent: nobody can have seen it earlier.
        let sent = self.clock.monotonic();
        let limit = self.home.timing.trust();
        let put = async { self.home.store.put(&self.path, beat.text().into()).await };
        let put = match select(pin!(put), pin!(self.clock.sleep(limit))).await {
            Either::Left((put, _)) => put.map(drop).map_err(acquire_store::Error::from),
            Either::Right(((), _)) => Err(acquire_store::Error::Unavailable("no answer in time".to_owned())),
        };
        put.map_err(|e| self.home.unwritten(&self.path, &e))?;
        self.lease.extend(sent.saturating_add(limit));
        Ok(())
    }
}
