//! The contract of homes of state: one suite for a directory, memory, and real servers that speak S3 and Azure Blob.

/// Servers that nobody here wrote.
mod servers;
/// A holder that is stopped and goes on.
mod stopped;
/// What every home must do.
mod suite;

use acquire_engine::state::{self, Bucket, Event, Intent, Location, Opened, Place, Session, State, Timing};
use acquire_model::{Attributes, Clock, Diagnostic, Entropy, Timestamp};
use async_trait::async_trait;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// The world as it is.
struct Real(Instant);

#[async_trait]
impl Clock for Real {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

struct Kernel;

impl Entropy for Kernel {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

/// Something that homes are made in.
enum Ground {
    Directory(TempDir),
    Bucket { url: String, objects: Arc<dyn ObjectStore> },
}

impl Ground {
    /// A home of that name, used by nobody.
    fn home(&self, name: &str) -> Home {
        match self {
            Self::Directory(directory) => {
                let path = directory.path().join(name);
                Home { objects: acquire_store::local(&path).unwrap(), kind: Kind::Directory(path) }
            }
            Self::Bucket { url, objects } => {
                let objects = Arc::new(PrefixStore::new(Arc::clone(objects), name));
                Home { objects, kind: Kind::Bucket(format!("{url}/{name}")) }
            }
        }
    }

    fn is_bucket(&self) -> bool {
        matches!(self, Self::Bucket { .. })
    }
}

/// A home, and a way to what is in it that knows nothing of states.
struct Home {
    objects: Arc<dyn ObjectStore>,
    kind: Kind,
}

enum Kind {
    Directory(PathBuf),
    Bucket(String),
}

impl Home {
    fn place(&self, timing: Timing) -> Place {
        match &self.kind {
            Kind::Directory(path) => Place::Directory(path.clone()),
            Kind::Bucket(url) => Place::Bucket(Bucket { url: url.clone(), objects: Arc::clone(&self.objects), timing }),
        }
    }

    async fn names(&self) -> Vec<String> {
        use futures::TryStreamExt;
        let mut names: Vec<String> =
            self.objects.list(None).map_ok(|object| object.location.to_string()).try_collect().await.unwrap();
        names.sort();
        names
    }

    /// The names of the journal's pieces.
    async fn pieces(&self) -> Vec<String> {
        let names = self.names().await.into_iter();
        names.filter(|name| name.starts_with("journal") && !name.ends_with(".damaged")).collect()
    }

    async fn get(&self, name: &str) -> Vec<u8> {
        self.objects.get(&name.into()).await.unwrap().bytes().await.unwrap().to_vec()
    }

    async fn put(&self, name: &str, bytes: &[u8]) {
        self.objects.put(&name.into(), bytes.to_vec().into()).await.unwrap();
    }

    async fn delete(&self, name: &str) {
        self.objects.delete(&name.into()).await.unwrap();
    }

    async fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let mut all = BTreeMap::new();
        for name in self.names().await {
            all.insert(name.clone(), self.get(&name).await);
        }
        all
    }

    /// Puts everything back as it was.
    async fn restore(&self, all: &BTreeMap<String, Vec<u8>>) {
        for name in self.names().await.iter().filter(|name| !all.contains_key(*name)) {
            self.delete(name).await;
        }
        for (name, bytes) in all {
            self.put(name, bytes).await;
        }
    }
}

/// A user on a machine of their own.
struct User {
    name: &'static str,
    directory: TempDir,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl User {
    fn new(name: &'static str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { name, directory, clock: Arc::new(Real(Instant::now())), entropy: Arc::new(Kernel) }
    }

    fn location(&self, home: &Home) -> Location {
        self.location_with(home, Timing::default())
    }

    fn location_with(&self, home: &Home, timing: Timing) -> Location {
        Location {
            home: home.place(timing),
            configuration: self.directory.path().join("config"),
            passphrase: None,
            user: Some(self.name.to_owned()),
            waiting: |_| (),
        }
    }

    async fn open(&self, home: &Home) -> Result<Session, Diagnostic> {
        self.open_with(home, Timing::default()).await
    }

    async fn open_with(&self, home: &Home, timing: Timing) -> Result<Session, Diagnostic> {
        Session::open(&self.location_with(home, timing), Arc::clone(&self.clock), Arc::clone(&self.entropy)).await
    }

    async fn read(&self, home: &Home) -> Result<Option<Opened>, Diagnostic> {
        state::read(&self.location(home)).await
    }

    async fn refusal(&self, home: &Home) -> u16 {
        let on_read = self.read(home).await.expect_err("reading is refused");
        let on_open = self.open(home).await.err().expect("writing is refused");
        assert_eq!(on_read.code, on_open.code, "{on_read:?} {on_open:?}");
        assert!(on_read.hint.is_some(), "{on_read:?} says what to do next");
        on_read.code.0
    }

    /// Makes markers of these names, each in its own group.
    async fn make(&self, home: &Home, names: &[&str]) -> State {
        let mut session = self.open(home).await.unwrap();
        for name in names {
            session.append(&made(name)).await.unwrap();
        }
        let state = session.state().clone();
        session.close().await.unwrap();
        state
    }

    /// Takes the key of a state over from another.
    async fn learn_key(&self, from: &Self, home: &Home) {
        let key = state::export_key(&from.location(home)).await.unwrap().unwrap();
        let key = acquire_model::SecretBytes::new(key.expose().as_bytes().to_vec());
        assert!(state::import_key(&self.location(home), &key).await.unwrap().is_some());
    }
}

fn made(name: &str) -> [Event; 2] {
    let address = || format!("{name}/marker").parse().unwrap();
    // As an old journal has it: what is newer has a default.
    let intent: Intent = serde_json::from_value(json!({
        "action": "create", "provider": "local", "needs": [], "service": null, "holds_data": false, "token": "0123",
    }))
    .unwrap();
    let attributes = Attributes::from([("input".to_owned(), json!(name))]);
    [Event::Started { address: address(), intent }, Event::Done { address: address(), attributes }]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_keeps_the_contract_of_homes() {
    suite::run(&Ground::Directory(tempfile::tempdir().unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_in_memory_keeps_the_contract_of_homes() {
    suite::run(&Ground::Bucket { url: "memory://bucket".to_owned(), objects: acquire_store::memory() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seaweedfs_keeps_the_contract_of_homes() {
    let Some(server) = servers::seaweedfs().await else { return };
    let objects = server.open("s3://contract").await;
    suite::run(&Ground::Bucket { url: "s3://contract".to_owned(), objects }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azurite_keeps_the_contract_of_homes() {
    let Some(server) = servers::azurite().await else { return };
    let objects = server.open("az://contract").await;
    suite::run(&Ground::Bucket { url: "az://contract".to_owned(), objects }).await;
}
