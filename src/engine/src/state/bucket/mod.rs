//! A journal in a bucket, by create-if-absent alone: one object per header or group of records, under a lock that
//! expires with its holder's beats and fences by the numbers of the journal. The protocol and its invariants: ADR 6.
//!
//! ```text
//! journal/<number>     header or frames; create-if-absent, never replaced but by a repair
//! lock/<epoch>         who holds the epoch; create-if-absent, never replaced or deleted
//! lock/<epoch>.beat    that its holder lives, and the head; replaced by its holder only
//! damaged/<epoch>/<number>   what a repair in that epoch set aside
//! moved                where the state went
//! ```

/// The beats of a holder.
mod beat;
/// What the holder of the lock may do.
mod hold;
/// What stands in the objects of a lock.
mod note;
/// Taking the lock.
mod take;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::ObjectStore;
use object_store::path::Path;

use acquire_model::{Entropy, Timestamp};
use acquire_store::probe::{self, Verdict};

use super::error::Error;
use super::holder::{Beats, Holding, between};
use super::home::{Claim, Hold, Home, Layout, Moved, Noted};
use super::location::{Bucket, Timing};
use note::{Beat, LockNote};

const JOURNAL: &str = "journal";
const LOCK: &str = "lock";
const DAMAGED: &str = "damaged";
const MOVED: &str = "moved";
/// Digits of a number or an epoch, so that names sort as numbers do.
const DIGITS: usize = 20;

/// A home in a bucket.
#[derive(Clone)]
pub(super) struct BucketHome {
    name: String,
    store: Arc<dyn ObjectStore>,
    timing: Timing,
}

impl BucketHome {
    /// The home in a bucket.
    pub(super) fn new(bucket: &Bucket) -> Self {
        Self { name: bucket.url.clone(), store: Arc::clone(&bucket.objects), timing: bucket.timing }
    }

    /// What people call an object of it.
    fn place(&self, path: &Path) -> String {
        format!("{}/{path}", self.name.trim_end_matches('/'))
    }

    async fn fetch(&self, path: &Path) -> Result<Option<Bytes>, Error> {
        acquire_store::fetch(self.store.as_ref(), path).await.map_err(|e| self.unread(path, &e))
    }

    /// Lists the numbers that name objects of a folder, ascending.
    async fn numbers(&self, folder: &str) -> Result<Vec<u64>, Error> {
        let prefix = Path::from(folder);
        let listed = self.store.list(Some(&prefix)).try_filter_map(|object| {
            let digits = object.location.filename().filter(|name| name.len() == DIGITS);
            std::future::ready(Ok(digits.and_then(|digits| digits.parse::<u64>().ok())))
        });
        let listed: Result<Vec<u64>, object_store::Error> = listed.try_collect().await;
        let mut numbers = listed.map_err(|e| self.unread(&prefix, &e.into()))?;
        numbers.sort_unstable();
        Ok(numbers)
    }

    async fn newest_epoch(&self) -> Result<Option<u64>, Error> {
        Ok(self.numbers(LOCK).await?.last().copied())
    }

    /// What stands in the lock of an epoch; one that cannot be read is only nameless.
    async fn lock_note(&self, epoch: u64) -> Result<Option<LockNote>, Error> {
        Ok(self.fetch(&lock_path(epoch)).await?.and_then(|text| LockNote::parse(&text)))
    }

    /// Who holds an epoch, by what they wrote last.
    async fn holding_of(&self, epoch: u64, beat: Option<&Beat>, now: Timestamp) -> Result<Holding, Error> {
        let holder = self.lock_note(epoch).await?.map(|note| note.holder);
        let at = beat.map(|beat| beat.at).or(holder.as_ref().map(|holder| holder.since));
        let last = at.map(|at| between(at, now)).unwrap_or_default();
        // How much of the lease is left is counted from now: whoever waits must see for itself that no beat comes.
        Ok(Holding::new(holder, now, Some(Beats { last, left: self.timing.lease })))
    }

    fn unread(&self, path: &Path, error: &acquire_store::Error) -> Error {
        Error::bucket(self.place(path), error, false)
    }

    fn unwritten(&self, path: &Path, error: &acquire_store::Error) -> Error {
        Error::bucket(self.place(path), error, true)
    }
}

fn numbered(folder: &str, number: u64) -> Path {
    Path::from(format!("{folder}/{number:0DIGITS$}"))
}

fn lock_path(epoch: u64) -> Path {
    numbered(LOCK, epoch)
}

fn beat_path(epoch: u64) -> Path {
    Path::from(format!("{LOCK}/{epoch:0DIGITS$}.beat"))
}

#[async_trait]
impl Home for BucketHome {
    fn name(&self) -> &str {
        &self.name
    }

    fn piece(&self, number: u64) -> String {
        self.place(&numbered(JOURNAL, number))
    }

    fn layout(&self) -> Layout {
        Layout::Batches
    }

    async fn list(&self) -> Result<Vec<u64>, Error> {
        self.numbers(JOURNAL).await
    }

    async fn read(&self, number: u64) -> Result<Vec<u8>, Error> {
        let piece = self.fetch(&numbered(JOURNAL, number)).await?;
        piece.map(Vec::from).ok_or_else(|| Error::Missing { piece: self.piece(number) })
    }

    async fn head(&self) -> Result<Option<Noted>, Error> {
        // A holder that died before it read the journal wrote beats without a head.
        for epoch in self.numbers(LOCK).await?.into_iter().rev() {
            let path = beat_path(epoch);
            let Some(text) = self.fetch(&path).await? else { continue };
            let place = self.place(&path);
            match Beat::parse(&text) {
                None => return Ok(Some(Noted { place, head: None })),
                Some(Beat { head: None, .. }) => {}
                Some(Beat { head, .. }) => return Ok(Some(Noted { place, head })),
            }
        }
        Ok(None)
    }

    async fn moved(&self) -> Result<Option<Moved>, Error> {
        let path = Path::from(MOVED);
        let Some(text) = self.fetch(&path).await? else { return Ok(None) };
        let damaged = || Error::Damaged { piece: self.place(&path), what: "it cannot be read".to_owned() };
        Moved::parse(&text).map(Some).ok_or_else(damaged)
    }

    async fn holding(&self, now: Timestamp) -> Result<Option<Holding>, Error> {
        let Some(epoch) = self.newest_epoch().await? else { return Ok(None) };
        let beat = self.fetch(&beat_path(epoch)).await?.and_then(|text| Beat::parse(&text));
        if beat.as_ref().is_some_and(|beat| beat.is_released) {
            return Ok(None);
        }
        self.holding_of(epoch, beat.as_ref(), now).await.map(Some)
    }

    async fn probe(&self, entropy: &dyn Entropy) -> Result<(), Error> {
        let probed = probe::run(&self.store, probe::Plan::QUICK, entropy).await;
        match probed.map_err(|e| self.unwritten(&Path::from(JOURNAL), &e))? {
            Verdict::Sound => Ok(()),
            Verdict::Unsound { fault } => Err(Error::Unsound { home: self.name.clone(), fault }),
        }
    }

    async fn take(&self, claim: &Claim) -> Result<Box<dyn Hold>, Error> {
        Ok(Box::new(take::take(self, claim).await?))
    }
}
