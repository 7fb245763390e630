use std::fmt;
use std::future::Future;
use std::sync::Mutex;

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as Name;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};
use tokio::sync::watch;
use tokio::time::Instant;

use super::*;
use crate::state::{self, Session};

type Done<T> = object_store::Result<T>;

/// Runs a future in virtual time: time passes when everything waits.
pub(in crate::state::tests) fn block<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

pub(in crate::state::tests) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Stops everything that one user does, as `SIGSTOP` does.
#[derive(Clone)]
pub(in crate::state::tests) struct Freezer(Arc<watch::Sender<bool>>);

impl Freezer {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(in crate::state::tests) fn freeze(&self) {
        self.0.send_replace(true);
    }

    pub(in crate::state::tests) fn thaw(&self) {
        self.0.send_replace(false);
    }

    /// Waits until it is frozen.
    pub(in crate::state::tests) async fn frozen(&self) {
        self.0.subscribe().wait_for(|is_frozen| *is_frozen).await.unwrap();
    }

    async fn thawed(&self) {
        self.0.subscribe().wait_for(|is_frozen| !is_frozen).await.unwrap();
    }
}

/// The clock of a user: virtual, and standing still for one who is frozen.
pub(in crate::state::tests) struct UserClock {
    began: Instant,
    freezer: Freezer,
}

#[async_trait]
impl Clock for UserClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(self.began.elapsed().as_micros()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.began.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "virtual time passes only here")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
        self.freezer.thawed().await;
    }
}

/// What happens to a call of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::state::tests) enum Fault {
    /// It fails before it has an effect.
    Fails,
    /// It has its effect, and the answer is lost.
    LosesReply,
    /// It is on its way for so long.
    Delays(Duration),
    /// Its user is stopped before it is sent.
    FreezesBefore,
    /// Its user is stopped after it had its effect, before the answer is seen.
    FreezesAfter,
}

/// The store as one user sees it.
#[derive(Clone)]
pub(in crate::state::tests) struct Seen {
    pub(in crate::state::tests) inner: Arc<InMemory>,
    freezer: Freezer,
    /// The calls so far.
    pub(in crate::state::tests) calls: Arc<AtomicU64>,
    /// What happens to which.
    pub(in crate::state::tests) faults: Arc<Mutex<std::collections::BTreeMap<u64, Fault>>>,
    /// What happens to the next put whose name begins so.
    puts: Arc<Mutex<Vec<(&'static str, Fault)>>>,
    /// Names of the journal that were replaced.
    pub(in crate::state::tests) replaced: Arc<Mutex<Vec<String>>>,
    /// Whether a create replaces what is there.
    pub(in crate::state::tests) is_unsound: Arc<std::sync::atomic::AtomicBool>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seen")
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("seen")
    }
}

fn lost<T>() -> Done<T> {
    Err(object_store::Error::Generic { store: "seen", source: "connection reset".into() })
}

impl Seen {
    pub(in crate::state::tests) fn on_put(&self, name: &'static str, fault: Fault) {
        self.puts.lock().unwrap().push((name, fault));
    }

    async fn call<T>(&self, effect: impl Future<Output = Done<T>>) -> Done<T> {
        self.call_with(None, effect).await
    }

    #[expect(clippy::disallowed_methods, reason = "a delay takes virtual time")]
    async fn call_with<T>(&self, fault: Option<Fault>, effect: impl Future<Output = Done<T>>) -> Done<T> {
        self.freezer.thawed().await;
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = fault.or_else(|| self.faults.lock().unwrap().get(&number).copied());
        match fault {
            Some(Fault::Fails) => return lost(),
            Some(Fault::Delays(time)) => tokio::time::sleep(time).await,
            Some(Fault::FreezesBefore) => self.freezer.freeze(),
            _ => {}
        }
        self.freezer.thawed().await;
        let done = effect.await;
        match fault {
            Some(Fault::LosesReply) => return done.and_then(|_| lost()),
            Some(Fault::FreezesAfter) => self.freezer.freeze(),
            _ => {}
        }
        self.freezer.thawed().await;
        done
    }
}

#[async_trait]
impl ObjectStore for Seen {
    async fn put_opts(&self, name: &Name, payload: PutPayload, mut options: PutOptions) -> Done<PutResult> {
        if self.is_unsound.load(Ordering::SeqCst) {
            options.mode = PutMode::Overwrite;
        }
        if name.as_ref().starts_with("journal/") && options.mode == PutMode::Overwrite {
            self.replaced.lock().unwrap().push(name.to_string());
        }
        let fault = {
            let mut puts = self.puts.lock().unwrap();
            let place = puts.iter().position(|(prefix, _)| name.as_ref().starts_with(prefix));
            place.map(|place| puts.remove(place).1)
        };
        self.call_with(fault, self.inner.put_opts(name, payload, options)).await
    }

    async fn put_multipart_opts(&self, name: &Name, options: PutMultipartOptions) -> Done<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(name, options).await
    }

    async fn get_opts(&self, name: &Name, options: GetOptions) -> Done<GetResult> {
        self.call(self.inner.get_opts(name, options)).await
    }

    fn delete_stream(&self, names: BoxStream<'static, Done<Name>>) -> BoxStream<'static, Done<Name>> {
        self.inner.delete_stream(names)
    }

    fn list(&self, prefix: Option<&Name>) -> BoxStream<'static, Done<ObjectMeta>> {
        use futures::{FutureExt, StreamExt, TryStreamExt};
        let (seen, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            let list = seen.inner.list(prefix.as_ref()).try_collect::<Vec<_>>();
            seen.call(list).await.map(|objects| futures::stream::iter(objects.into_iter().map(Ok)))
        };
        listed.into_stream().try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Name>) -> Done<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Name, to: &Name, options: CopyOptions) -> Done<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// A user on a machine of their own.
pub(in crate::state::tests) struct User {
    pub(in crate::state::tests) name: &'static str,
    pub(in crate::state::tests) directory: tempfile::TempDir,
    pub(in crate::state::tests) clock: Arc<UserClock>,
    pub(in crate::state::tests) entropy: Arc<Counter>,
    pub(in crate::state::tests) freezer: Freezer,
    pub(in crate::state::tests) store: Seen,
}

/// A bucket and those who use it.
pub(in crate::state::tests) struct World {
    pub(in crate::state::tests) bucket: Arc<InMemory>,
    began: Instant,
}

/// Two who share a state that exists, and its key.
pub(in crate::state::tests) struct Users {
    pub(in crate::state::tests) world: World,
    pub(in crate::state::tests) alice: User,
    pub(in crate::state::tests) bob: User,
}

impl World {
    #[expect(clippy::disallowed_methods, reason = "virtual time begins here")]
    pub(in crate::state::tests) fn new() -> Self {
        Self { bucket: Arc::default(), began: Instant::now() }
    }

    pub(in crate::state::tests) fn user(&self, name: &'static str) -> User {
        let freezer = Freezer::new();
        let entropy = Counter::default();
        entropy.0.store(name.bytes().map(u64::from).sum::<u64>() << 20, Ordering::SeqCst);
        User {
            name,
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::new(UserClock { began: self.began, freezer: freezer.clone() }),
            entropy: Arc::new(entropy),
            store: Seen {
                inner: Arc::clone(&self.bucket),
                freezer: freezer.clone(),
                calls: Arc::default(),
                faults: Arc::default(),
                puts: Arc::default(),
                replaced: Arc::default(),
                is_unsound: Arc::default(),
            },
            freezer,
        }
    }

    pub(in crate::state::tests) async fn names(&self, folder: &str) -> Vec<String> {
        use futures::TryStreamExt;
        let prefix = Name::from(folder);
        let listed: Vec<_> = self.bucket.list(Some(&prefix)).try_collect().await.unwrap();
        listed.into_iter().map(|object| object.location.to_string()).collect()
    }

    pub(in crate::state::tests) async fn get(&self, name: &str) -> Vec<u8> {
        self.bucket.get(&Name::from(name)).await.unwrap().bytes().await.unwrap().to_vec()
    }

    pub(in crate::state::tests) async fn put(&self, name: &str, bytes: &[u8]) {
        self.bucket.put(&Name::from(name), bytes.to_vec().into()).await.unwrap();
    }

    pub(in crate::state::tests) async fn delete(&self, name: &str) {
        self.bucket.delete(&Name::from(name)).await.unwrap();
    }

    pub(in crate::state::tests) async fn objects(&self) -> std::collections::BTreeMap<String, Vec<u8>> {
        use futures::TryStreamExt;
        let listed: Vec<_> = self.bucket.list(None).try_collect().await.unwrap();
        let mut objects = std::collections::BTreeMap::new();
        for object in listed {
            objects.insert(object.location.to_string(), self.get(object.location.as_ref()).await);
        }
        objects
    }

    /// Puts everything back as it was.
    pub(in crate::state::tests) async fn restore(&self, objects: &std::collections::BTreeMap<String, Vec<u8>>) {
        for name in self.objects().await.keys().filter(|name| !objects.contains_key(*name)) {
            self.delete(name).await;
        }
        for (name, bytes) in objects {
            self.put(name, bytes).await;
        }
    }
}

thread_local! {
    /// What was said to be waited for, on this thread.
    pub(in crate::state::tests) static TOLD: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl User {
    pub(in crate::state::tests) fn configuration(&self) -> PathBuf {
        self.directory.path().join("config")
    }

    pub(in crate::state::tests) fn location(&self) -> Location {
        let objects = Arc::new(self.store.clone());
        let timing = Timing::default();
        self.location_of(Place::Bucket(Bucket { url: "s3://bucket/prod".to_owned(), objects, timing }))
    }

    pub(in crate::state::tests) fn location_of(&self, home: Place) -> Location {
        Location {
            home,
            configuration: self.configuration(),
            passphrase: None,
            user: Some(self.name.to_owned()),
            waiting: |sentence| TOLD.with_borrow_mut(|told| told.push(sentence.to_owned())),
        }
    }

    pub(in crate::state::tests) async fn open(&self) -> Result<Session, Diagnostic> {
        Session::open(&self.location(), self.clock.clone(), self.entropy.clone()).await
    }

    pub(in crate::state::tests) async fn read(&self) -> Result<Opened, Diagnostic> {
        Ok(state::read(&self.location()).await?.expect("there is a state"))
    }

    pub(in crate::state::tests) async fn repair(&self) -> Result<Repair, Diagnostic> {
        let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (self.clock.clone(), self.entropy.clone());
        state::repair(&self.location(), &clock, &entropy).await
    }

    /// Creates markers of these names, each in its own group.
    pub(in crate::state::tests) async fn make(&self, names: &[&str]) -> State {
        let mut session = self.open().await.unwrap();
        for name in names {
            session.append(&made(name)).await.unwrap();
        }
        let state = session.state().clone();
        session.close().await.unwrap();
        state
    }

    /// Takes the key of a state over from another.
    pub(in crate::state::tests) fn learn_key(&self, from: &Self, lineage: &acquire_model::Lineage) {
        let of = |user: &Self| user.configuration().join(lineage.as_str());
        fs::create_dir_all(of(self)).unwrap();
        fs::copy(of(from).join("state.key"), of(self).join("state.key")).unwrap();
    }
}

impl Users {
    /// Alice made `a` and gave the lock back.
    pub(in crate::state::tests) async fn new() -> Self {
        let world = World::new();
        let (alice, bob) = (world.user("alice"), world.user("bob"));
        let state = alice.make(&["a"]).await;
        bob.learn_key(&alice, &state.lineage);
        Self { world, alice, bob }
    }
}
