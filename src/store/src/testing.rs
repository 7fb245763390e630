use crate::{Error, Key, KeyWrap, Store};
use acquire_crypto::aead;
use acquire_model::{Clock, Entropy, SecretBytes, Timestamp};
use async_trait::async_trait;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A clock that stands still until it is told.
#[derive(Default)]
pub struct TestClock(AtomicU64);

impl TestClock {
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH.plus_seconds(i64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    #[expect(clippy::disallowed_methods, reason = "racers must really let each other pass, though not for long")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration.min(Duration::from_millis(2))).await;
    }
}

/// Real dice, for ids must differ between processes.
pub struct Dice;

impl Entropy for Dice {
    #[expect(clippy::disallowed_methods, reason = "seeded dice would be the same in each process")]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

/// A wrapping key of 32 equal bytes.
pub struct Wrap(pub u8);

#[async_trait]
impl KeyWrap for Wrap {
    async fn wrap(&self, plaintext: &SecretBytes, context: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        Ok(aead::Key::new([self.0; 32]).seal(&Dice, context, plaintext.expose()).unwrap())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> std::result::Result<SecretBytes, Error> {
        let key = aead::Key::new([self.0; 32]);
        key.open(context, wrapped).map_err(|_| Error::Denied("not wrapped by this key".to_owned()))
    }
}

pub async fn open(objects: &Arc<dyn ObjectStore>) -> Store {
    open_with(objects, &Arc::default()).await
}

pub async fn open_with(objects: &Arc<dyn ObjectStore>, clock: &Arc<TestClock>) -> Store {
    Store::open(objects.clone(), Arc::new(Wrap(7)), clock.clone(), Arc::new(Dice)).await.unwrap()
}

pub fn key(text: &str) -> Key {
    Key::from_text(text).unwrap()
}

/// The raw bytes of an object.
pub async fn raw(objects: &Arc<dyn ObjectStore>, name: &Path) -> Vec<u8> {
    objects.get(name).await.unwrap().bytes().await.unwrap().to_vec()
}

/// How an object store breaks its promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vice {
    /// Every second put is done, but the answer is lost.
    LosesReplies,
    /// Every second put fails before it is done.
    LosesRequests,
    /// A create overwrites.
    IgnoresConditions,
    /// A create on an existing object is refused, but overwrites all the same.
    RefusesAndOverwrites,
    /// Lists leave out one object.
    ForgetsOne,
    /// Every call fails.
    Down,
}

/// A memory store with a vice.
#[derive(Debug)]
pub struct Unreliable {
    inner: Arc<dyn ObjectStore>,
    vice: Vice,
    puts: AtomicU64,
}

pub fn unreliable(vice: Vice) -> Arc<dyn ObjectStore> {
    Arc::new(Unreliable { inner: crate::memory(), vice, puts: AtomicU64::new(0) })
}

fn fault<T>() -> Result<T> {
    Err(object_store::Error::Generic { store: "unreliable", source: "connection reset".into() })
}

impl fmt::Display for Unreliable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unreliable")
    }
}

#[async_trait]
impl ObjectStore for Unreliable {
    async fn put_opts(&self, name: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let second = self.puts.fetch_add(1, Ordering::SeqCst) % 2 == 1;
        match self.vice {
            Vice::LosesRequests if second => fault(),
            Vice::LosesReplies if second => self.inner.put_opts(name, payload, options).await.and_then(|_| fault()),
            Vice::IgnoresConditions => self.inner.put_opts(name, payload, PutMode::Overwrite.into()).await,
            Vice::RefusesAndOverwrites => {
                let outcome = self.inner.put_opts(name, payload.clone(), options).await;
                self.inner.put(name, payload).await?;
                outcome
            }
            Vice::Down => fault(),
            _ => self.inner.put_opts(name, payload, options).await,
        }
    }

    async fn put_multipart_opts(&self, name: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(name, options).await
    }

    async fn get_opts(&self, name: &Path, options: GetOptions) -> Result<GetResult> {
        if self.vice == Vice::Down { fault() } else { self.inner.get_opts(name, options).await }
    }

    fn delete_stream(&self, names: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(names)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        use futures::StreamExt;
        let skipped = usize::from(self.vice == Vice::ForgetsOne);
        self.inner.list(prefix).skip(skipped).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
