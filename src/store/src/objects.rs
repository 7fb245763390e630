use crate::Error;
use acquire_model::{Clock, Entropy, ports};
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode};
use std::sync::Arc;
use std::time::Duration;

/// How often a create is tried whose outcome cannot be told.
const CREATES_MAX: u32 = 5;

/// The longest wait before trying again, milliseconds.
const PAUSE_MS_MAX: u64 = 256;

/// Objects under their names, with the clock and the dice that trying again needs.
#[derive(Clone)]
pub(crate) struct Objects {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// Who made the object that is there now.
#[derive(Debug)]
pub enum Placed {
    /// We did.
    Ours,
    /// Somebody else did, and this is it.
    Theirs(Bytes),
}

impl Placed {
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Ours)
    }
}

impl Objects {
    /// Creates an object unless there is one, and is sure of who made it: a lost reply is found out by reading.
    pub(crate) async fn create(&self, name: &Path, body: &Bytes) -> Result<Placed, Error> {
        let mut problem = String::new();
        for attempt in 0..CREATES_MAX {
            match place(self.store.as_ref(), name, body).await {
                // Trying again with the same id is safe, for an earlier try that still lands is ours too.
                Err(Error::Unavailable(again)) => problem = again,
                outcome => return outcome,
            }
            self.pause(attempt).await;
        }
        Err(Error::Unavailable(problem))
    }

    /// Reads an object.
    pub(crate) async fn fetch(&self, name: &Path) -> Result<Option<Bytes>, Error> {
        fetch(self.store.as_ref(), name).await
    }

    /// Replaces an object that is there. Only where any number of writers would write the same.
    pub(crate) async fn replace(&self, name: &Path, body: Bytes) -> Result<(), Error> {
        self.store.put(name, body.into()).await?;
        Ok(())
    }

    /// Deletes an object, if there is one.
    pub(crate) async fn delete(&self, name: &Path) -> Result<(), Error> {
        match self.store.delete(name).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Lists the objects below `prefix` (whole segments), only those whose names sort after `after`, in no order.
    pub(crate) async fn list(&self, prefix: Option<&Path>, after: Option<&Path>) -> Result<Vec<ObjectMeta>, Error> {
        let stream = match after {
            Some(after) => self.store.list_with_offset(prefix, after),
            None => self.store.list(prefix),
        };
        Ok(stream.try_collect().await?)
    }

    /// Waits a random time that grows with the number of failures, so that racers do not meet again.
    pub(crate) async fn pause(&self, failures: u32) {
        let bound = 1_u64.checked_shl(failures).unwrap_or(PAUSE_MS_MAX).min(PAUSE_MS_MAX);
        let micros = u64::from_be_bytes(ports::draw(self.entropy.as_ref())) % (bound * 1_000);
        self.clock.sleep(Duration::from_micros(micros)).await;
    }

    /// Draws the id of an object.
    pub(crate) fn id(&self) -> String {
        id(self.entropy.as_ref())
    }
}

/// Draws the id of an object: 128 random bits in hex.
pub(crate) fn id(entropy: &dyn Entropy) -> String {
    format!("{:032x}", u128::from_be_bytes(ports::draw(entropy)))
}

/// Tries once to create an object whose content nobody else can make, since it holds something random.
///
/// `AlreadyExists` may be the answer to our own second try (clients retry by themselves), and an error may hide a
/// success. So whatever the answer, short of a plain yes, what is there is read and compared.
///
/// # Errors
/// `Unavailable` if it failed and there is no object; it may still arrive. `Denied` and `Bug` for certain.
pub async fn place(store: &dyn ObjectStore, name: &Path, body: &Bytes) -> Result<Placed, Error> {
    let Err(error) = store.put_opts(name, body.clone().into(), PutMode::Create.into()).await else {
        return Ok(Placed::Ours);
    };
    let error = Error::from(error);
    if !matches!(error, Error::Unavailable(_)) {
        return Err(error);
    }
    let found = fetch(store, name).await?.ok_or(error)?;
    Ok(if found == *body { Placed::Ours } else { Placed::Theirs(found) })
}

/// Reads an object; `None` if there is none.
///
/// # Errors
/// If it cannot be read.
pub async fn fetch(store: &dyn ObjectStore, name: &Path) -> Result<Option<Bytes>, Error> {
    match store.get_opts(name, GetOptions::default()).await {
        Ok(found) => Ok(Some(found.bytes().await?)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
