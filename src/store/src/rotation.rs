use crate::Error;
use crate::document::{Decision, Version, Written};
use crate::key::{Key, Part};
use crate::keyring::{REFRESH_SECONDS, version_of};
use crate::seal::{ERASED_BYTES_MAX, Frame, erased};
use crate::store::Store;
use acquire_model::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

/// How far the sweep for a generation has come.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Progress {
    generation: u64,
    /// When it may begin: once no process seals under an older generation any more.
    begin: Timestamp,
    /// The last key that was dealt with.
    after: Option<String>,
    done: bool,
}

impl Store {
    /// Wraps every data key afresh and opens a new generation for what is written from now on; returns its number.
    ///
    /// Other processes follow within a minute. Nothing that is stored changes: `reseal` does that.
    pub async fn rotate(&self) -> Result<u64, Error> {
        self.ring.rotate().await
    }

    /// Seals documents under the newest generation, as new versions, and erases what their older versions held.
    ///
    /// Looks at no more than `most` documents and returns how many: zero when there is nothing to do for now. Goes on
    /// where the last call stopped, in whatever process that was. It begins two minutes after it first saw a rotation,
    /// when nobody writes under an older generation any more. Records, claims and answers keep their generation.
    pub async fn reseal(&self, most: usize) -> Result<u64, Error> {
        let (generation, _) = self.ring.newest().await?;
        let key = Key::own("_reseal")?;
        let progress = self.progress(&key, generation).await?;
        let elsewhere = progress.generation != generation;
        if elsewhere || progress.done || self.objects.clock.now() < progress.begin {
            return Ok(0);
        }
        let after = progress.after.as_deref().and_then(Key::from_text);
        let documents = self.keys(None, after.as_ref(), most, |part| matches!(part, Part::Version(_))).await?;
        for document in &documents {
            let newest = self.reseal_document(document, generation).await?;
            self.erase_before(document, newest).await?;
        }
        let done = documents.len() < most;
        let after = documents.last().map(Key::to_string).or(progress.after);
        self.advance(&key, &Progress { after, done, ..progress }).await?;
        Ok(u64::try_from(documents.len()).unwrap_or(u64::MAX))
    }

    /// Reads how far the sweep for a generation is, and starts it if it is new.
    async fn progress(&self, key: &Key, generation: u64) -> Result<Progress, Error> {
        let patience = i64::try_from(2 * REFRESH_SECONDS).unwrap_or(i64::MAX);
        let begin = self.objects.clock.now().plus_seconds(patience);
        let start = Progress { generation, begin, after: None, done: generation == 1 };
        self.modify(key, |found: Option<&Progress>| {
            Ok(match found {
                Some(found) if found.generation >= generation => Decision::Keep(found.clone()),
                _ => Decision::Write(start.clone(), start.clone()),
            })
        })
        .await
    }

    /// Records progress, unless another process is further.
    async fn advance(&self, key: &Key, progress: &Progress) -> Result<(), Error> {
        self.modify(key, |found: Option<&Progress>| {
            let behind = |found: &Progress| {
                found.generation == progress.generation && !found.done && found.after <= progress.after
            };
            Ok::<_, Error>(match found {
                Some(found) if !behind(found) => Decision::Keep(()),
                _ => Decision::Write(progress.clone(), ()),
            })
        })
        .await
    }

    /// Sees to it that the newest version is of this generation, and returns its number.
    async fn reseal_document(&self, key: &Key, generation: u64) -> Result<u64, Error> {
        loop {
            let vanished = || Error::Unavailable(format!("`{key}` was listed but is not there"));
            let Version { number, object } = self.newest(key).await?.ok_or_else(vanished)?;
            let name = key.object(Part::Version(number));
            if Frame::parse(&name, &object)?.generation >= generation {
                return Ok(number);
            }
            let body = self.unseal(&name, &object).await?;
            match self.write_encoded(key, Some(number), &body).await? {
                Written::Done(number) => return Ok(number),
                // A change by somebody else, which is of the new generation.
                Written::Lost => {}
            }
        }
    }

    /// Erases what the versions before one held; their names stay, because they fence.
    async fn erase_before(&self, key: &Key, newest: u64) -> Result<(), Error> {
        for object in self.objects.list(Some(&key.versions()), None).await? {
            let older = version_of(&object.location).is_some_and(|number| number < newest);
            if older && object.size > ERASED_BYTES_MAX {
                self.erase(&object.location).await?;
            }
        }
        Ok(())
    }

    async fn erase(&self, name: &Path) -> Result<(), Error> {
        match self.objects.fetch(name).await? {
            Some(object) => self.objects.replace(name, erased(&Frame::parse(name, &object)?)).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestClock, key, open, open_with, raw};
    use crate::{Document, memory};
    use object_store::ObjectStore;
    use std::sync::Arc;

    async fn generation(objects: &Arc<dyn ObjectStore>, name: &Path) -> u64 {
        Frame::parse(name, &raw(objects, name).await).unwrap().generation
    }

    #[tokio::test]
    async fn after_a_rotation_old_records_open_and_new_ones_are_of_the_new_generation() {
        let objects = memory();
        let store = open(&objects).await;
        let _ = store.create(&key("old"), &1).await.unwrap();
        assert_eq!(store.rotate().await.unwrap(), 2);
        let _ = store.create(&key("new"), &2).await.unwrap();
        assert_eq!(generation(&objects, &key("old").object(Part::Record)).await, 1);
        assert_eq!(generation(&objects, &key("new").object(Part::Record)).await, 2);
        for store in [store, open(&objects).await] {
            assert_eq!(store.get(&key("old")).await.unwrap(), Some(1));
            assert_eq!(store.get(&key("new")).await.unwrap(), Some(2));
        }
    }

    #[tokio::test]
    async fn a_rotation_wraps_every_data_key_afresh_and_leaves_one_wrapping_each() {
        let objects = memory();
        let store = open(&objects).await;
        store.rotate().await.unwrap();
        store.rotate().await.unwrap();
        let names = store.objects.list(Some(&Key::own("_data_key").unwrap().path()), None).await.unwrap();
        let versions: Vec<u64> = names.iter().filter_map(|object| version_of(&object.location)).collect();
        assert_eq!(versions, [3, 2, 1]);
    }

    #[tokio::test]
    async fn other_processes_follow_a_rotation() {
        let (objects, clock) = (memory(), Arc::new(TestClock::default()));
        let (one, other) = (open_with(&objects, &clock).await, open_with(&objects, &clock).await);
        one.rotate().await.unwrap();
        let _ = one.create(&key("a"), &1).await.unwrap();
        assert_eq!(other.get(&key("a")).await.unwrap(), Some(1));
        one.rotate().await.unwrap();
        clock.advance(REFRESH_SECONDS);
        let _ = other.create(&key("b"), &2).await.unwrap();
        assert_eq!(generation(&objects, &key("b").object(Part::Record)).await, 3);
    }

    #[tokio::test]
    async fn rotations_at_once_leave_every_record_readable() {
        let objects = memory();
        let store = open(&objects).await;
        let _ = store.create(&key("a"), &1).await.unwrap();
        let (one, other) = (open(&objects).await, open(&objects).await);
        for outcome in futures::future::join_all([store.rotate(), one.rotate(), other.rotate()]).await {
            assert!(outcome.unwrap() >= 2);
        }
        assert_eq!(open(&objects).await.get(&key("a")).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn the_sweep_seals_documents_afresh_and_erases_what_older_versions_held() {
        let (objects, clock) = (memory(), Arc::new(TestClock::default()));
        let store = open_with(&objects, &clock).await;
        let keys: Vec<Key> = (0..5).map(|n| key(&format!("documents/{n}"))).collect();
        for key in &keys {
            let _ = store.write(key, None, &1_u64).await.unwrap();
            let _ = store.write(key, Some(1), &2_u64).await.unwrap();
        }
        assert_eq!(store.reseal(2).await.unwrap(), 0, "nothing to do before a rotation");
        store.rotate().await.unwrap();
        assert_eq!(store.reseal(2).await.unwrap(), 0, "others may still write under the old generation");
        clock.advance(2 * REFRESH_SECONDS);
        let other = open_with(&objects, &clock).await;
        let looked = [store.reseal(2).await.unwrap(), other.reseal(2).await.unwrap(), store.reseal(2).await.unwrap()];
        assert_eq!(looked, [2, 2, 1]);
        assert_eq!(store.reseal(2).await.unwrap(), 0);
        for key in &keys {
            assert_eq!(generation(&objects, &key.object(Part::Version(3))).await, 2);
            for older in [1, 2].map(|number| key.object(Part::Version(number))) {
                assert!(Frame::parse(&older, &raw(&objects, &older).await).unwrap().is_erased());
            }
            for store in [&store, &other, &open(&objects).await] {
                assert_eq!(store.read(key).await.unwrap(), Some(Document { version: 3, value: 2_u64 }));
            }
            assert_eq!(store.write(key, Some(1), &9_u64).await.unwrap(), Written::Lost, "erased names still fence");
        }
    }
}
