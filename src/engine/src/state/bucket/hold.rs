use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use tokio::task::JoinHandle;

use acquire_store::Placed;

use super::beat::Beater;
use super::{BucketHome, DAMAGED, DIGITS, JOURNAL, MOVED, numbered};
use crate::state::error::Error;
use crate::state::format::SKIPPED;
use crate::state::head::Head;
use crate::state::holder::{Holder, Lease};
use crate::state::home::{Claim, Failure, Hold, Moved};

/// The first pause after a create whose outcome is not known; it doubles with each.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// The lock of a bucket, and the task that writes its beats.
pub(super) struct BucketHold {
    home: BucketHome,
    epoch: u64,
    is_heir: bool,
    lease: Lease,
    beater: Arc<Beater>,
    beats: JoinHandle<()>,
    claim: Claim,
    /// The number of the next piece, once an epoch has begun.
    next: Option<u64>,
}

impl BucketHold {
    /// Writes the first beat of an epoch whose lock was made, and goes on writing them.
    pub(super) async fn new(
        home: &BucketHome,
        epoch: u64,
        claim: &Claim,
        lease: Lease,
        is_heir: bool,
    ) -> Result<Self, Error> {
        let beater = Arc::new(Beater::new(home, epoch, &claim.clock, lease.clone()));
        beater.beat(|_| ()).await?;
        let beating = Arc::clone(&beater);
        let beats = tokio::spawn(async move { beating.run().await });
        Ok(Self { home: home.clone(), epoch, is_heir, lease, beater, beats, claim: claim.clone(), next: None })
    }

    /// Creates a piece, and is sure of who made it, or gives up when the lease ends.
    async fn place(&self, number: u64, body: &Bytes) -> Result<(), Failure> {
        let path = numbered(JOURNAL, number);
        let clock = self.claim.clock.as_ref();
        let mut pause = PAUSE;
        let mut was_tried = false;
        while self.lease.may_call() {
            let placing = acquire_store::place(self.home.store.as_ref(), &path, body);
            // A store that never answers must not keep a dead session waiting for ever.
            let placed = match select(pin!(placing), pin!(clock.sleep(self.home.timing.trust()))).await {
                Either::Left((placed, _)) => placed,
                Either::Right(((), _)) => Err(acquire_store::Error::Unavailable("no answer in time".to_owned())),
            };
            match placed {
                Ok(Placed::Ours) => return Ok(()),
                Ok(Placed::Theirs(_)) => return Err(Failure::Taken),
                // An earlier try that still arrives is the same object, and ours.
                Err(acquire_store::Error::Unavailable(_)) => {}
                Err(error) if was_tried => return Err(Failure::Unknown(self.home.unwritten(&path, &error))),
                Err(error) => return Err(Failure::Clean(self.home.unwritten(&path, &error))),
            }
            was_tried = true;
            clock.sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
        Err(if was_tried { Failure::Unknown(self.lapsed()) } else { Failure::Clean(self.lapsed()) })
    }

    fn lapsed(&self) -> Error {
        Error::Lapsed { home: self.home.name.clone(), trust: self.home.timing.trust() }
    }

    /// Replaces an object, unless somebody else may hold the lock by now: what is replaced does not fence.
    async fn put(&self, path: &Path, body: Bytes) -> Result<(), Error> {
        if !self.lease.may_call() {
            return Err(self.lapsed());
        }
        let put = self.home.store.put(path, body.into()).await;
        put.map(drop).map_err(|e| self.home.unwritten(path, &e.into()))
    }
}

#[async_trait]
impl Hold for BucketHold {
    fn epoch(&self) -> Option<u64> {
        Some(self.epoch)
    }

    fn lease(&self) -> Lease {
        self.lease.clone()
    }

    fn is_heir(&self) -> bool {
        self.is_heir
    }

    async fn successor(&self) -> Result<Option<Holder>, Error> {
        match self.home.newest_epoch().await? {
            Some(epoch) if epoch > self.epoch => Ok(self.home.lock_note(epoch).await?.map(|note| note.holder)),
            _ => Ok(None),
        }
    }

    async fn begin(&mut self, number: u64, header: &[u8]) -> Result<(), Failure> {
        self.place(number, &Bytes::copy_from_slice(header)).await?;
        self.next = Some(number.saturating_add(1));
        Ok(())
    }

    async fn append(&mut self, group: &[u8]) -> Result<(), Failure> {
        let Some(number) = self.next else {
            let (place, cause) = (self.home.name.clone(), "no epoch has begun".to_owned());
            return Err(Failure::Clean(Error::Bucket { place, cause, writing: true }));
        };
        self.place(number, &Bytes::copy_from_slice(group)).await?;
        self.next = Some(number.saturating_add(1));
        Ok(())
    }

    fn go_on(&mut self, newest: u64) {
        self.next = Some(newest.saturating_add(1));
    }

    async fn cut(&mut self, number: u64, _: u64) -> Result<(), Error> {
        // Objects are put in place whole: what is torn was damaged, and is refused before.
        let what = "it is cut short, which no power cut does to an object".to_owned();
        Err(Error::Damaged { piece: numbered(JOURNAL, number).to_string(), what })
    }

    async fn set_aside(&mut self, number: u64, good: &[u8]) -> Result<(), Error> {
        let path = numbered(JOURNAL, number);
        let before = self.home.fetch(&path).await?;
        let left = if good.is_empty() { SKIPPED } else { good };
        if let Some(before) = before.filter(|before| before != SKIPPED) {
            let kept = Path::from(format!("{DAMAGED}/{:0DIGITS$}/{number:0DIGITS$}", self.epoch));
            self.put(&kept, before).await?;
        }
        // The name stays taken, since it fences.
        self.put(&path, Bytes::copy_from_slice(left)).await
    }

    async fn note(&mut self, head: &Head) -> Result<(), Error> {
        let head = head.clone();
        self.beater.beat(|beat| beat.head = Some(head)).await
    }

    async fn mark(&mut self, moved: Option<&Moved>) -> Result<(), Error> {
        let path = Path::from(MOVED);
        match moved {
            Some(moved) => self.put(&path, moved.text().into()).await,
            None => match self.home.store.delete(&path).await {
                Err(error) if !matches!(error, object_store::Error::NotFound { .. }) => {
                    Err(self.home.unwritten(&path, &error.into()))
                }
                _ => Ok(()),
            },
        }
    }

    async fn release(self: Box<Self>, in_doubt: bool) {
        if self.lease.may_call() {
            self.lease.end();
            // One that does not arrive is as if the holder had died: the lock expires.
            let released = self.beater.beat(|beat| (beat.is_released, beat.is_in_doubt) = (true, in_doubt));
            let _ = released.await;
        }
    }
}

impl Drop for BucketHold {
    fn drop(&mut self) {
        self.beats.abort();
    }
}
