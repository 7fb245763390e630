use crate::Error;
use crate::key::{Key, Part};
use crate::objects::{Objects, Placed};
use acquire_crypto::{base64, fernet};
use acquire_model::{SecretBytes, SecretText};
use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long this process may go on sealing under a generation after another has opened a newer one.
pub(crate) const REFRESH_SECONDS: u64 = 60;

/// How often a data key is looked for whose wrapping was just replaced.
const LOOKS_MAX: u32 = 3;

const STORE_FORMAT: &str = "acquire-store 1";
const DATA_KEY_FORMAT: &str = "acquire-data-key 1";

/// The key that wraps the data keys, where it can be used without being seen.
#[async_trait]
pub trait KeyWrap: Send + Sync {
    /// Encrypts a data key; `context` must be given again to unwrap it.
    async fn wrap(&self, plaintext: &SecretBytes, context: &[u8]) -> Result<Vec<u8>, Error>;

    /// Decrypts a data key. `Denied` if it was not wrapped by this key with this context.
    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<SecretBytes, Error>;
}

/// The data keys of a store, by generation. Opened ones stay in memory.
pub(crate) struct Keyring {
    objects: Objects,
    wrap: std::sync::Arc<dyn KeyWrap>,
    store_uid: String,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    keys: BTreeMap<u64, fernet::Key>,
    looked: Duration,
}

impl Keyring {
    /// Opens the keyring of a store, and makes the store's uid and its first generation if it has none.
    pub(crate) async fn open(objects: Objects, wrap: std::sync::Arc<dyn KeyWrap>) -> Result<Self, Error> {
        let store_uid = store_uid(&objects).await?;
        let ring = Self { objects, wrap, store_uid, known: Mutex::default() };
        if ring.generations().await?.is_empty() {
            ring.open_generation(1).await?;
        }
        ring.refresh().await?;
        Ok(ring)
    }

    /// The uid of the store.
    pub(crate) fn store_uid(&self) -> &str {
        &self.store_uid
    }

    /// Returns the newest generation and its key, to seal with.
    pub(crate) async fn newest(&self) -> Result<(u64, fernet::Key), Error> {
        let now = self.objects.clock.monotonic();
        let looked = self.known().looked;
        if now.saturating_sub(looked) >= Duration::from_secs(REFRESH_SECONDS) {
            self.refresh().await?;
        }
        let newest = self.known().keys.last_key_value().map(|(generation, key)| (*generation, key.clone()));
        newest.ok_or_else(|| Error::Bug("a keyring was opened without a key".to_owned()))
    }

    /// Returns the key of a generation, to open with; `None` if there is no such generation.
    pub(crate) async fn key(&self, generation: u64) -> Result<Option<fernet::Key>, Error> {
        if let Some(key) = self.known().keys.get(&generation) {
            return Ok(Some(key.clone()));
        }
        let Some((_, key)) = self.load(generation).await? else { return Ok(None) };
        self.known().keys.insert(generation, key.clone());
        Ok(Some(key))
    }

    /// Wraps every data key afresh and opens a new generation; returns its number.
    ///
    /// A fresh wrapping is read back and unwrapped before the older ones go, so no data key is ever without a good one.
    pub(crate) async fn rotate(&self) -> Result<u64, Error> {
        let generations = self.generations().await?;
        for generation in &generations {
            self.rewrap(*generation).await?;
        }
        let next = generations.last().map_or(1, |newest| newest.saturating_add(1));
        self.open_generation(next).await?;
        self.refresh().await?;
        Ok(next)
    }

    async fn rewrap(&self, generation: u64) -> Result<(), Error> {
        let missing = || Error::Unavailable(format!("data key {generation} was listed but is not there"));
        let (old, key) = self.load(generation).await?.ok_or_else(missing)?;
        // Lost to another rotation, the next version is as good as ours: it wraps the same data key.
        self.place(generation, old.saturating_add(1), &key).await?;
        let (newest, again) = self.load(generation).await?.ok_or_else(missing)?;
        if again.text() != key.text() {
            return Err(Error::Bug(format!("data key {generation} came out of its wrapping changed")));
        }
        for version in self.wrappings(generation).await?.into_iter().filter(|version| *version < newest) {
            self.objects.delete(&data_key(generation)?.object(Part::Version(version))).await?;
        }
        Ok(())
    }

    async fn open_generation(&self, generation: u64) -> Result<(), Error> {
        self.place(generation, 1, &fernet::Key::random()).await
    }

    /// Creates a wrapping, unless there is one under that version already.
    async fn place(&self, generation: u64, version: u64, key: &fernet::Key) -> Result<(), Error> {
        let plaintext = SecretBytes::new(key.text().expose().as_bytes().to_vec());
        let wrapped = self.wrap.wrap(&plaintext, self.context(generation).as_bytes()).await?;
        let body = format!("{DATA_KEY_FORMAT} {}\n{}", self.objects.id(), base64::encode(&wrapped));
        self.objects.create(&data_key(generation)?.object(Part::Version(version)), &body.into()).await?;
        Ok(())
    }

    /// Looks for a generation opened elsewhere.
    async fn refresh(&self) -> Result<(), Error> {
        let now = self.objects.clock.monotonic();
        if let Some(newest) = self.generations().await?.last() {
            self.key(*newest).await?;
        }
        self.known().looked = now;
        Ok(())
    }

    /// Reads and unwraps a data key; also says which version of its wrapping that was.
    async fn load(&self, generation: u64) -> Result<Option<(u64, fernet::Key)>, Error> {
        for _ in 0..LOOKS_MAX {
            let Some(version) = self.wrappings(generation).await?.into_iter().max() else { return Ok(None) };
            let name = data_key(generation)?.object(Part::Version(version));
            // Absent when a rotation has replaced it in between.
            if let Some(object) = self.objects.fetch(&name).await? {
                return Ok(Some((version, self.unwrap(generation, &name, &object).await?)));
            }
        }
        Err(Error::Unavailable(format!("data key {generation} is being wrapped afresh, over and over")))
    }

    async fn unwrap(&self, generation: u64, name: &Path, object: &Bytes) -> Result<fernet::Key, Error> {
        let tampered = || Error::Tampered { key: name.to_string() };
        let (_, wrapped) = split(name, DATA_KEY_FORMAT, object)?;
        let wrapped = base64::decode(wrapped).map_err(|_| tampered())?;
        let plaintext = self.wrap.unwrap(&wrapped, self.context(generation).as_bytes()).await?;
        let text = std::str::from_utf8(plaintext.expose()).map_err(|_| tampered())?;
        fernet::Key::from_text(&SecretText::new(text)).map_err(|_| tampered())
    }

    /// What a wrapped data key is bound to.
    fn context(&self, generation: u64) -> String {
        format!("{DATA_KEY_FORMAT} {} {generation}", self.store_uid)
    }

    async fn generations(&self) -> Result<Vec<u64>, Error> {
        let objects = self.objects.list(Some(&Key::own(DATA_KEYS)?.path()), None).await?;
        let mut generations: Vec<u64> = objects.iter().filter_map(|object| generation_of(&object.location)).collect();
        generations.sort_unstable();
        generations.dedup();
        Ok(generations)
    }

    async fn wrappings(&self, generation: u64) -> Result<Vec<u64>, Error> {
        let objects = self.objects.list(Some(&data_key(generation)?.versions()), None).await?;
        Ok(objects.iter().filter_map(|object| version_of(&object.location)).collect())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Nothing that holds this lock can leave the map half changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the data keys are.
const DATA_KEYS: &str = "_data_key";

fn data_key(generation: u64) -> Result<Key, Error> {
    Key::own(DATA_KEYS)?.child(&format!("{generation:020}"))
}

fn generation_of(name: &Path) -> Option<u64> {
    Key::of_object(name)?.0.segments().nth(1)?.parse().ok()
}

/// The number in the name of a version.
pub(crate) fn version_of(name: &Path) -> Option<u64> {
    match Key::of_object(name)? {
        (_, Part::Version(number)) => Some(number),
        _ => None,
    }
}

/// Reads the uid of the store, or gives it one. It is not secret: changing it makes every record unreadable, no more.
async fn store_uid(objects: &Objects) -> Result<String, Error> {
    let name = Key::own("_store")?.object(Part::Record);
    let object = match objects.fetch(&name).await? {
        Some(object) => object,
        None => {
            let body = Bytes::from(format!("{STORE_FORMAT} {}\n", objects.id()));
            match objects.create(&name, &body).await? {
                Placed::Ours => body,
                Placed::Theirs(object) => object,
            }
        }
    };
    split(&name, STORE_FORMAT, &object).map(|(uid, _)| uid.to_owned())
}

/// Splits an object that is not sealed, `<format> <id>`, a line feed and the rest, and checks its format.
fn split<'a>(name: &Path, format: &str, object: &'a [u8]) -> Result<(&'a str, &'a str), Error> {
    let tampered = || Error::Tampered { key: name.to_string() };
    let text = std::str::from_utf8(object).map_err(|_| tampered())?;
    let (header, rest) = text.split_once('\n').ok_or_else(tampered)?;
    let (found, id) = header.rsplit_once(' ').ok_or_else(tampered)?;
    if found != format {
        return Err(Error::UnknownFormat { key: name.to_string(), format: found.chars().take(64).collect() });
    }
    let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    is_id.then_some((id, rest)).ok_or_else(tampered)
}
