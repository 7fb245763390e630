use crate::Error;
use crate::key::{Key, Part};
use crate::keyring::version_of;
use crate::objects::Placed;
use crate::seal::Frame;
use crate::store::{Store, encode};
use acquire_model::SecretBytes;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many versions a read walks forward before it lists them instead.
const STEPS_MAX: u32 = 16;

/// How often `modify` decides before it gives up.
const DECISIONS_MAX: u32 = 64;

/// How many documents' last seen versions are kept in memory.
const HINTS_MAX: usize = 4_096;

/// The newest version of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document<T> {
    /// Its number: 1 for the first.
    pub version: u64,
    /// What it holds.
    pub value: T,
}

/// What came of writing a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// It is there, under this number.
    Done(u64),
    /// Somebody else wrote that version first: read again, decide again.
    Lost,
}

/// What to do with a document, decided from its newest version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Decision<T, R> {
    /// Write this, and answer that if it was written.
    Write(T, R),
    /// Leave it as it is, and answer that.
    Keep(R),
}

/// The last seen version of each document: never newer than the newest, so a good place to look from.
#[derive(Default)]
pub(crate) struct Hints(Mutex<HashMap<Key, u64>>);

impl Hints {
    fn get(&self, key: &Key) -> Option<u64> {
        self.map().get(key).copied()
    }

    fn set(&self, key: &Key, version: u64) {
        let mut map = self.map();
        if map.len() >= HINTS_MAX && !map.contains_key(key) {
            map.clear();
        }
        let seen = map.entry(key.clone()).or_insert(version);
        *seen = version.max(*seen);
    }

    fn forget(&self, key: &Key) {
        self.map().remove(key);
    }

    fn map(&self) -> MutexGuard<'_, HashMap<Key, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A version as it is stored.
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) object: Bytes,
}

impl Store {
    /// Reads the newest version of a document.
    ///
    /// # Errors
    /// `Tampered`, `UnknownFormat` or `Unreadable` if it cannot be read.
    pub async fn read<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Document<T>>, Error> {
        let Some(Version { number, object }) = self.newest(key).await? else { return Ok(None) };
        let value = self.decode(&key.object(Part::Version(number)), &object).await?;
        Ok(Some(Document { version: number, value }))
    }

    /// Writes the version that follows `after` (`None`: the first), which must have been read or written before.
    pub async fn write<T: Serialize>(&self, key: &Key, after: Option<u64>, value: &T) -> Result<Written, Error> {
        self.write_encoded(key, after, &encode(value)?).await
    }

    pub(crate) async fn write_encoded(
        &self,
        key: &Key,
        after: Option<u64>,
        body: &SecretBytes,
    ) -> Result<Written, Error> {
        let number = after.unwrap_or(0).saturating_add(1);
        let name = key.object(Part::Version(number));
        let placed = self.objects.create(&name, &self.seal(&name, body).await?).await?;
        self.hints.set(key, number);
        Ok(match placed {
            Placed::Ours => Written::Done(number),
            Placed::Theirs(_) => Written::Lost,
        })
    }

    /// Reads, decides and writes, again while others win the race. `decide` may be called many times.
    ///
    /// # Errors
    /// What `decide` fails with, as it is; `Contended` when others won too often.
    pub async fn modify<T, R, E>(
        &self,
        key: &Key,
        mut decide: impl FnMut(Option<&T>) -> Result<Decision<T, R>, E> + Send,
    ) -> Result<R, E>
    where
        T: Serialize + DeserializeOwned + Send + Sync,
        R: Send,
        E: From<Error> + Send,
    {
        for attempt in 0..DECISIONS_MAX {
            let document = self.read::<T>(key).await?;
            let version = document.as_ref().map(|document| document.version);
            match decide(document.as_ref().map(|document| &document.value))? {
                Decision::Keep(answer) => return Ok(answer),
                Decision::Write(value, answer) => match self.write(key, version, &value).await? {
                    Written::Done(_) => return Ok(answer),
                    Written::Lost => self.objects.pause(attempt).await,
                },
            }
        }
        Err(Error::Contended { key: key.to_string() }.into())
    }

    /// Deletes a document with all its versions. Only for one that nobody writes any more: its names fence no longer.
    pub async fn remove(&self, key: &Key) -> Result<(), Error> {
        let mut versions = self.objects.list(Some(&key.versions()), None).await?;
        // The oldest first: as long as any is left, it is the newest.
        versions.sort_by(|a, b| a.location.cmp(&b.location));
        for version in versions {
            self.objects.delete(&version.location).await?;
        }
        self.hints.forget(key);
        Ok(())
    }

    /// Finds the newest version of a document.
    ///
    /// Versions have no gaps, and go only all together. So from a version that was seen, the newest is the one before the
    /// first that is missing: two reads at once, mostly, where a list would read a page or a whole directory.
    pub(crate) async fn newest(&self, key: &Key) -> Result<Option<Version>, Error> {
        for _ in 0..STEPS_MAX {
            let Some(number) = self.hints.get(key) else { break };
            let (name, next) = (key.object(Part::Version(number)), key.object(Part::Version(number.saturating_add(1))));
            match futures::try_join!(self.objects.fetch(&name), self.objects.fetch(&next))? {
                (_, Some(_)) => self.hints.set(key, number.saturating_add(1)),
                // Erased a moment ago, for there is a newer one by now.
                (Some(object), None) if Frame::parse(&name, &object)?.is_erased() => {}
                (Some(object), None) => return Ok(Some(Version { number, object })),
                // Another store is under this name now.
                (None, None) => self.hints.forget(key),
            }
        }
        self.newest_listed(key).await
    }

    async fn newest_listed(&self, key: &Key) -> Result<Option<Version>, Error> {
        let after = self.hints.get(key).map(|number| key.object(Part::Version(number.saturating_sub(1))));
        let listed = self.objects.list(Some(&key.versions()), after.as_ref()).await?;
        let Some(number) = listed.iter().filter_map(|object| version_of(&object.location)).max() else {
            return Ok(None);
        };
        self.hints.set(key, number);
        let name = key.object(Part::Version(number));
        let vanished = || Error::Unavailable(format!("`{name}` was listed but is not there"));
        let object = self.objects.fetch(&name).await?.ok_or_else(vanished)?;
        Ok(Some(Version { number, object }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Vice, key, open, unreliable};
    use crate::{local, memory};
    use futures::future::join_all;
    use object_store::ObjectStoreExt;

    async fn increment(store: &Store, key: &Key) -> u64 {
        store
            .modify(key, |found: Option<&u64>| {
                let next = found.copied().unwrap_or(0) + 1;
                Ok::<_, Error>(Decision::Write(next, next))
            })
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_document_is_its_newest_version() {
        let store = open(&memory()).await;
        let key = key("users/alice");
        assert_eq!(store.read::<u64>(&key).await.unwrap(), None);
        assert_eq!(store.write(&key, None, &10_u64).await.unwrap(), Written::Done(1));
        assert_eq!(store.write(&key, Some(1), &20_u64).await.unwrap(), Written::Done(2));
        assert_eq!(store.write(&key, None, &30_u64).await.unwrap(), Written::Lost);
        assert_eq!(store.write(&key, Some(1), &30_u64).await.unwrap(), Written::Lost);
        assert_eq!(store.read(&key).await.unwrap(), Some(Document { version: 2, value: 20_u64 }));
    }

    #[tokio::test]
    async fn a_process_sees_the_versions_of_another_however_many() {
        let objects = memory();
        let (reader, writer) = (open(&objects).await, open(&objects).await);
        let key = key("users/alice");
        let mut written = 0;
        for many in [1, 2, 3, 15, 16, 17, 40] {
            for _ in 0..many {
                increment(&writer, &key).await;
            }
            written += many;
            let document = reader.read(&key).await.unwrap();
            assert_eq!(document, Some(Document { version: written, value: written }));
        }
    }

    #[tokio::test]
    async fn a_removed_document_is_gone_also_for_a_process_that_knew_it() {
        let objects = memory();
        let (one, other) = (open(&objects).await, open(&objects).await);
        let key = key("sessions/a");
        for _ in 0..3 {
            increment(&one, &key).await;
        }
        assert!(other.read::<u64>(&key).await.unwrap().is_some());
        one.remove(&key).await.unwrap();
        one.remove(&key).await.unwrap();
        for store in [&one, &other] {
            assert_eq!(store.read::<u64>(&key).await.unwrap(), None);
        }
        assert_eq!(increment(&other, &key).await, 1);
    }

    #[tokio::test]
    async fn a_document_that_is_kept_has_no_new_version() {
        let store = open(&memory()).await;
        let key = key("users/alice");
        let kept = store.modify(&key, |_: Option<&u64>| Ok::<_, Error>(Decision::Keep(5))).await;
        assert_eq!(kept, Ok(5));
        assert_eq!(store.read::<u64>(&key).await.unwrap(), None);
        let refused =
            store.modify(&key, |_: Option<&u64>| Err::<Decision<u64, ()>, _>(Error::Invalid("no".to_owned())));
        assert_eq!(refused.await, Err(Error::Invalid("no".to_owned())));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_update_is_lost_among_racing_writers() {
        let directory = tempfile::tempdir().unwrap();
        for objects in [memory(), local(directory.path()).unwrap()] {
            let tasks = (0..8).map(|_| {
                let objects = objects.clone();
                tokio::spawn(async move {
                    let store = open(&objects).await;
                    for _ in 0..6 {
                        increment(&store, &key("counter")).await;
                    }
                })
            });
            join_all(tasks).await.into_iter().for_each(|task| task.unwrap());
            let document = open(&objects).await.read(&key("counter")).await.unwrap();
            assert_eq!(document, Some(Document { version: 48, value: 48_u64 }));
        }
    }

    #[tokio::test]
    async fn a_lost_answer_does_not_count_twice() {
        for vice in [Vice::LosesReplies, Vice::LosesRequests] {
            let store = open(&unreliable(vice)).await;
            for n in 1..=9 {
                assert_eq!(increment(&store, &key("counter")).await, n, "{vice:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_older_version_copied_over_the_newest_is_refused() {
        let objects = memory();
        let store = open(&objects).await;
        let key = key("users/alice");
        let _ = store.write(&key, None, &1_u64).await.unwrap();
        let _ = store.write(&key, Some(1), &2_u64).await.unwrap();
        objects.copy(&key.object(Part::Version(1)), &key.object(Part::Version(2))).await.unwrap();
        assert!(matches!(store.read::<u64>(&key).await, Err(Error::Tampered { .. })));
    }

    #[tokio::test]
    async fn a_document_that_others_keep_changing_is_contended() {
        let objects = memory();
        let (store, other) = (open(&objects).await, open(&objects).await);
        let key = key("counter");
        let outcome = store.modify(&key, |found: Option<&u64>| {
            let version = found.copied();
            let next = version.unwrap_or(0) + 1;
            let rival = other.write(&key, version, &next);
            assert_eq!(futures::executor::block_on(rival).unwrap(), Written::Done(next));
            Ok::<_, Error>(Decision::Write(next, ()))
        });
        assert_eq!(outcome.await, Err(Error::Contended { key: "counter".to_owned() }));
    }
}
