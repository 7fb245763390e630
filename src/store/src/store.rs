use crate::Error;
use crate::document::Hints;
use crate::key::{Key, Part};
use crate::keyring::{KeyWrap, Keyring};
use crate::objects::{Objects, Placed};
use crate::seal::{Frame, Place};
use acquire_model::{Clock, Entropy, SecretBytes};
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Sealed records, documents and claims in one object store. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pub(crate) objects: Objects,
    pub(crate) ring: Arc<Keyring>,
    pub(crate) hints: Arc<Hints>,
}

/// What came of creating a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Created<T> {
    /// It is there now, and we made it.
    Made,
    /// It was there before, and is this.
    Existed(T),
}

impl Store {
    /// Opens the store, and makes its uid and its first data key if it has none.
    ///
    /// # Errors
    /// `Denied` if `wrap` does not open the newest data key that is there.
    pub async fn open(
        objects: Arc<dyn ObjectStore>,
        wrap: Arc<dyn KeyWrap>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let objects = Objects { store: objects, clock, entropy };
        let ring = Keyring::open(objects.clone(), wrap).await?;
        Ok(Self { objects, ring: Arc::new(ring), hints: Arc::default() })
    }

    /// Creates a record, unless there is one under that key. Records do not change.
    ///
    /// # Errors
    /// `Tampered`, `UnknownFormat` or `Unreadable` if there is one that cannot be read.
    pub async fn create<T: Serialize + DeserializeOwned>(&self, key: &Key, record: &T) -> Result<Created<T>, Error> {
        let name = key.object(Part::Record);
        let object = self.seal(&name, &encode(record)?).await?;
        match self.objects.create(&name, &object).await? {
            Placed::Ours => Ok(Created::Made),
            Placed::Theirs(found) => Ok(Created::Existed(self.decode(&name, &found).await?)),
        }
    }

    /// Reads a record.
    ///
    /// # Errors
    /// `Tampered`, `UnknownFormat` or `Unreadable` if there is one that cannot be read.
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>, Error> {
        let name = key.object(Part::Record);
        match self.objects.fetch(&name).await? {
            Some(object) => Ok(Some(self.decode(&name, &object).await?)),
            None => Ok(None),
        }
    }

    /// Deletes a record, if there is one. Never for a name that fences: who looks later finds nothing and goes on.
    pub async fn delete(&self, key: &Key) -> Result<(), Error> {
        self.objects.delete(&key.object(Part::Record)).await
    }

    /// Lists the keys below `prefix` (whole segments; itself not included) that hold something, sorted, each once.
    pub async fn list(&self, prefix: &Key) -> Result<Vec<Key>, Error> {
        self.list_from(prefix, None, usize::MAX).await
    }

    /// Lists as `list` does, only keys after `after` and at most `most` of them. Fewer means that there are no more.
    pub async fn list_from(&self, prefix: &Key, after: Option<&Key>, most: usize) -> Result<Vec<Key>, Error> {
        self.keys(Some(&prefix.path()), after, most, |_| true).await
    }

    /// Lists the first keys that hold a wanted object. Object stores need not list in order, so all pages are read.
    pub(crate) async fn keys(
        &self,
        prefix: Option<&Path>,
        after: Option<&Key>,
        most: usize,
        wanted: impl Fn(Part) -> bool,
    ) -> Result<Vec<Key>, Error> {
        let offset = after.map(Key::end);
        let mut keys = BTreeSet::new();
        for object in self.objects.list(prefix, offset.as_ref()).await? {
            let Some((key, part)) = Key::of_object(&object.location) else { continue };
            if wanted(part) && !key.is_own() {
                keys.insert(key);
            }
            if keys.len() > most {
                keys.pop_last();
            }
        }
        Ok(keys.into_iter().collect())
    }

    /// Seals a body for a name, under the newest data key and a fresh id.
    pub(crate) async fn seal(&self, name: &Path, body: &SecretBytes) -> Result<Bytes, Error> {
        let (generation, key) = self.ring.newest().await?;
        let place = Place { store_uid: self.ring.store_uid(), name, generation, id: &self.objects.id() };
        Ok(place.seal(&key, body.expose()))
    }

    /// Opens what was sealed for a name.
    pub(crate) async fn unseal(&self, name: &Path, object: &Bytes) -> Result<SecretBytes, Error> {
        let frame = Frame::parse(name, object)?;
        let key = self.ring.key(frame.generation).await?;
        let key = key.ok_or_else(|| Error::Tampered { key: name.to_string() })?;
        let place = Place { store_uid: self.ring.store_uid(), name, generation: frame.generation, id: frame.id };
        place.open(&key, &frame)
    }

    /// Opens a value that was sealed for a name.
    pub(crate) async fn decode<T: DeserializeOwned>(&self, name: &Path, object: &Bytes) -> Result<T, Error> {
        let body = self.unseal(name, object).await?;
        serde_json::from_slice(body.expose()).map_err(|error| {
            // The error's own text would quote what is in the record.
            let problem = format!("{:?} error at column {}", error.classify(), error.column());
            Error::Unreadable { key: name.to_string(), problem }
        })
    }
}

/// Writes a value as it is stored.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<SecretBytes, Error> {
    let bytes =
        serde_json::to_vec(value).map_err(|error| Error::Bug(format!("a record cannot be written: {error}")))?;
    Ok(SecretBytes::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Dice, TestClock, Vice, Wrap, key, open, raw, unreliable};
    use crate::{local, memory};
    use futures::future::join_all;
    use object_store::ObjectStoreExt;
    use std::collections::BTreeMap;

    type Record = BTreeMap<String, u64>;

    fn record(value: u64) -> Record {
        BTreeMap::from([("value".to_owned(), value)])
    }

    #[tokio::test]
    async fn a_record_reads_back_until_it_is_deleted() {
        let store = open(&memory()).await;
        let key = key("users/alice");
        assert_eq!(store.get::<Record>(&key).await.unwrap(), None);
        assert_eq!(store.create(&key, &record(1)).await.unwrap(), Created::Made);
        assert_eq!(store.get(&key).await.unwrap(), Some(record(1)));
        assert_eq!(store.create(&key, &record(2)).await.unwrap(), Created::Existed(record(1)));
        store.delete(&key).await.unwrap();
        store.delete(&key).await.unwrap();
        assert_eq!(store.get::<Record>(&key).await.unwrap(), None);
    }

    #[tokio::test]
    async fn another_process_opens_the_same_records() {
        let objects = memory();
        let key = key("users/alice");
        assert_eq!(open(&objects).await.create(&key, &record(1)).await.unwrap(), Created::Made);
        assert_eq!(open(&objects).await.get(&key).await.unwrap(), Some(record(1)));
    }

    #[tokio::test]
    async fn stores_opened_at_once_agree_on_uid_and_data_key() {
        let objects = memory();
        let stores = join_all((0..16).map(|_| open(&objects))).await;
        for (n, store) in stores.iter().enumerate() {
            let key = key(&format!("from-{n}"));
            assert_eq!(store.create(&key, &n).await.unwrap(), Created::Made);
            for other in &stores {
                assert_eq!(other.get(&key).await.unwrap(), Some(n));
            }
        }
    }

    #[tokio::test]
    async fn a_store_does_not_open_under_another_wrapping_key() {
        let objects = memory();
        open(&objects).await;
        let opened = Store::open(objects, Arc::new(Wrap(8)), Arc::new(TestClock::default()), Arc::new(Dice)).await;
        assert!(matches!(opened.map(drop), Err(Error::Denied(_))));
    }

    #[tokio::test]
    async fn nothing_that_was_put_in_can_be_seen_in_the_objects() {
        let objects = memory();
        let store = open(&objects).await;
        let _ = store.create(&key("users/alice"), &"canary".to_owned()).await.unwrap();
        let _ = store.write(&key("users/alice"), None, &"canary".to_owned()).await.unwrap();
        store.answer(&key("users/alice"), b"canary").await.unwrap();
        for object in store.objects.list(None, None).await.unwrap() {
            let bytes = raw(&objects, &object.location).await;
            assert!(!bytes.windows(6).any(|window| window == b"canary"), "{}", object.location);
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_racing_creates_one_wins_and_the_others_see_it() {
        let directory = tempfile::tempdir().unwrap();
        let objects = local(directory.path()).unwrap();
        let key = key("race");
        let racers = (0..64_u64).map(|n| {
            let (objects, key) = (objects.clone(), key.clone());
            tokio::spawn(async move { open(&objects).await.create(&key, &n).await.unwrap() })
        });
        let outcomes: Vec<Created<u64>> = join_all(racers).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<usize> = (0..64).filter(|n| outcomes[*n] == Created::Made).collect();
        assert_eq!(winners.len(), 1);
        let winner = u64::try_from(winners[0]).unwrap();
        assert_eq!(outcomes.iter().filter(|outcome| **outcome == Created::Existed(winner)).count(), 63);
    }

    #[tokio::test]
    async fn a_create_whose_answer_is_lost_is_still_ours() {
        for vice in [Vice::LosesReplies, Vice::LosesRequests] {
            let store = open(&unreliable(vice)).await;
            for n in 0..6 {
                let key = key(&format!("record-{n}"));
                assert_eq!(store.create(&key, &n).await.unwrap(), Created::Made, "{vice:?}");
                assert_eq!(store.create(&key, &99).await.unwrap(), Created::Existed(n), "{vice:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_store_that_is_down_is_unavailable() {
        let objects = unreliable(Vice::Down);
        let opened = Store::open(objects, Arc::new(Wrap(7)), Arc::new(TestClock::default()), Arc::new(Dice)).await;
        assert!(matches!(opened.map(drop), Err(Error::Unavailable(_))));
    }

    #[tokio::test]
    async fn a_record_copied_over_another_is_refused() {
        let objects = memory();
        let store = open(&objects).await;
        let (alice, mallory) = (key("users/alice"), key("users/mallory"));
        let _ = store.create(&alice, &record(1)).await.unwrap();
        let _ = store.create(&mallory, &record(2)).await.unwrap();
        objects.copy(&mallory.object(Part::Record), &alice.object(Part::Record)).await.unwrap();
        let tampered = Error::Tampered { key: "users/alice!record".to_owned() };
        assert_eq!(store.get::<Record>(&alice).await, Err(tampered.clone()));
        assert_eq!(store.create(&alice, &record(3)).await.map(drop), Err(tampered));
    }

    #[tokio::test]
    async fn a_record_of_another_store_is_refused() {
        let (one, other) = (memory(), memory());
        let key = key("users/alice");
        let _ = open(&one).await.create(&key, &record(1)).await.unwrap();
        let store = open(&other).await;
        let stolen = raw(&one, &key.object(Part::Record)).await;
        other.put(&key.object(Part::Record), stolen.into()).await.unwrap();
        assert!(matches!(store.get::<Record>(&key).await, Err(Error::Tampered { .. })));
    }

    #[tokio::test]
    async fn a_flipped_byte_anywhere_is_refused() {
        let objects = memory();
        let store = open(&objects).await;
        let key = key("users/alice");
        let name = key.object(Part::Record);
        let _ = store.create(&key, &record(1)).await.unwrap();
        let whole = raw(&objects, &name).await;
        for (n, bit) in (0..whole.len()).flat_map(|n| [0, 2, 7].map(|bit| (n, bit))) {
            let mut bytes = whole.clone();
            bytes[n] ^= 1 << bit;
            objects.put(&name, bytes.into()).await.unwrap();
            let read = store.get::<Record>(&key).await;
            let refused = matches!(read, Err(Error::Tampered { .. } | Error::UnknownFormat { .. }));
            assert!(refused, "byte {n}, bit {bit}: {read:?}");
        }
        for length in 0..whole.len() {
            objects.put(&name, whole[..length].to_vec().into()).await.unwrap();
            assert!(store.get::<Record>(&key).await.is_err(), "cut to {length} bytes");
        }
    }

    #[tokio::test]
    async fn an_unknown_format_is_refused_by_name() {
        let objects = memory();
        let store = open(&objects).await;
        let name = key("users/alice").object(Part::Record);
        objects.put(&name, "acquire-sealed 2 1 00\nxyz".into()).await.unwrap();
        let unknown = Error::UnknownFormat { key: name.to_string(), format: "acquire-sealed 2".to_owned() };
        assert_eq!(store.get::<Record>(&key("users/alice")).await, Err(unknown));
    }

    #[tokio::test]
    async fn what_is_not_of_the_expected_shape_is_unreadable_and_not_quoted() {
        let store = open(&memory()).await;
        let _ = store.create(&key("users/alice"), &"canary".to_owned()).await.unwrap();
        let error = store.get::<Record>(&key("users/alice")).await.unwrap_err();
        assert!(matches!(error, Error::Unreadable { .. }));
        assert!(!error.to_string().contains("canary"));
    }

    #[tokio::test]
    async fn a_list_shows_each_key_once_by_whole_segments() {
        let directory = tempfile::tempdir().unwrap();
        for objects in [memory(), local(directory.path()).unwrap()] {
            let store = open(&objects).await;
            for text in ["a/b", "a/b/c", "a/b-c", "a/bc/d", "ab", "a"] {
                let _ = store.create(&key(text), &text.to_owned()).await.unwrap();
                let _ = store.write(&key(text), None, &text).await.unwrap();
                let _ = store.write(&key(text), Some(1), &text).await.unwrap();
                let _ = store.claim(&key(text), &[0; 32]).await.unwrap();
                store.answer(&key(text), b"").await.unwrap();
            }
            objects.put(&Path::from("a/foreign"), "x".into()).await.unwrap();
            let keys = |texts: &[&str]| texts.iter().map(|text| key(text)).collect::<Vec<_>>();
            assert_eq!(store.list(&key("a")).await.unwrap(), keys(&["a/b", "a/b-c", "a/b/c", "a/bc/d"]));
            assert_eq!(store.list(&key("a/b")).await.unwrap(), keys(&["a/b/c"]));
            assert_eq!(store.list(&key("b")).await.unwrap(), keys(&[]));
        }
    }

    #[tokio::test]
    async fn a_list_has_every_page_and_can_be_read_by_pages() {
        let store = open(&memory()).await;
        let users = key("users");
        for n in 0..1_203 {
            let _ = store.create(&users.child(&format!("{n:04}")).unwrap(), &n).await.unwrap();
        }
        let all = store.list(&users).await.unwrap();
        assert_eq!(all.len(), 1_203);
        let mut paged: Vec<Key> = Vec::new();
        loop {
            let page = store.list_from(&users, paged.last(), 100).await.unwrap();
            let last = page.len() < 100;
            paged.extend(page);
            if last {
                break;
            }
        }
        assert_eq!(paged, all);
    }

    #[test]
    fn futures_of_the_store_can_move_between_threads() {
        fn moves<T: Send>(_: impl FnOnce(&'static Store, &'static Key) -> T) {}
        moves(|store, key| store.create(key, &1_u64));
        moves(|store, key| store.get::<u64>(key));
        moves(|store, key| {
            store.modify(key, |_: Option<&u64>| Err::<crate::Decision<u64, ()>, _>(Error::Bug(String::new())))
        });
        moves(|store, key| store.list_from(key, None, 1));
        moves(|store, key| store.claim(key, &[0; 32]));
        moves(|store, _| store.reseal(1));
        moves(|store, _| store.rotate());
    }
}
