//! A service's users over a store in memory, under a clock that sleeping moves, and a client of them.

use super::line::PATIENCE;
use super::password::LINGER;
use super::{Kind, Newcomer, Parts, State};
use crate::frame::testing::{TestEntropy, session_key};
use crate::frame::{Arguments, Fault, Outcome};
use acquire_envelope::credentials::{self, Credentials};
use acquire_model::uid::Uid;
use acquire_model::{Attributes, Clock, SecretBytes, SecretText, ServiceType, Timestamp};
use acquire_store::{KeyWrap, Store};
use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};
use serde_json::{Value, json};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// A clock that is moved by tests, and by sleeping.
pub(crate) struct SleepyClock(AtomicI64);

impl Default for SleepyClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_800_000_000_000_000))
    }
}

impl SleepyClock {
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for SleepyClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst).try_into().unwrap())
    }

    async fn sleep(&self, duration: Duration) {
        if [LINGER, PATIENCE].contains(&duration) {
            // Nobody waits for this, so no time passes by it.
            return std::future::pending().await;
        }
        self.0.fetch_add(duration.as_micros().try_into().unwrap(), Ordering::SeqCst);
        tokio::task::yield_now().await;
    }
}

/// A clock that stands, on which a sleep ends when the test says so.
#[derive(Default)]
pub(crate) struct Bell(pub Notify);

#[async_trait]
impl Clock for Bell {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {
        self.0.notified().await;
    }
}

struct NoWrap;

#[async_trait]
impl KeyWrap for NoWrap {
    async fn wrap(&self, plaintext: &SecretBytes, _: &[u8]) -> Result<Vec<u8>, acquire_store::Error> {
        Ok(plaintext.expose().to_vec())
    }

    async fn unwrap(&self, wrapped: &[u8], _: &[u8]) -> Result<SecretBytes, acquire_store::Error> {
        Ok(SecretBytes::new(wrapped.to_vec()))
    }
}

/// An object store that stops at some call, as if the process had been killed there.
#[derive(Debug)]
pub(crate) struct Mortal {
    inner: Arc<dyn ObjectStore>,
    calls: AtomicU64,
    last: AtomicU64,
    /// Whether the fatal call was done before its answer was lost.
    answer_lost: bool,
    /// Whether only that one call fails.
    once: bool,
}

impl Mortal {
    pub fn new(inner: Arc<dyn ObjectStore>, answer_lost: bool, once: bool) -> Arc<Self> {
        Arc::new(Self { inner, calls: AtomicU64::new(0), last: AtomicU64::new(u64::MAX), answer_lost, once })
    }

    /// Lets so many more calls pass.
    pub fn dies_after(&self, calls: u64) {
        self.last.store(self.calls.load(Ordering::SeqCst) + calls, Ordering::SeqCst);
    }

    /// How many calls came.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Whether the fatal call has not come yet.
    pub fn is_alive(&self) -> bool {
        self.calls() <= self.last.load(Ordering::SeqCst)
    }

    /// Whether a call is done, and whether its answer comes back.
    fn fate(&self) -> (bool, bool) {
        let (call, last) = (self.calls.fetch_add(1, Ordering::SeqCst), self.last.load(Ordering::SeqCst));
        match call {
            call if call < last => (true, true),
            call if call == last => (self.answer_lost, false),
            _ => (self.once, self.once),
        }
    }
}

fn dead<T>() -> object_store::Result<T> {
    Err(object_store::Error::Generic { store: "mortal", source: "killed".into() })
}

impl fmt::Display for Mortal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mortal")
    }
}

#[async_trait]
impl ObjectStore for Mortal {
    async fn put_opts(&self, at: &Path, body: PutPayload, options: PutOptions) -> object_store::Result<PutResult> {
        let (done, answered) = self.fate();
        let outcome = if done { self.inner.put_opts(at, body, options).await } else { dead() };
        if answered { outcome } else { dead() }
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let (_, answered) = self.fate();
        if answered { self.inner.get_opts(at, options).await } else { dead() }
    }

    fn delete_stream(
        &self,
        names: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        let (done, _) = self.fate();
        if done { self.inner.delete_stream(names) } else { async { dead() }.into_stream().boxed() }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        let (_, answered) = self.fate();
        if answered { self.inner.list(prefix) } else { async { dead() }.into_stream().boxed() }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// The users of one service, and who asks.
pub(crate) struct World {
    pub state: Arc<State>,
    pub clock: Arc<SleepyClock>,
    pub objects: Arc<dyn ObjectStore>,
    entropy: Arc<TestEntropy>,
    remote: Option<IpAddr>,
}

/// Somebody with an authenticator.
#[derive(Clone)]
pub(crate) struct Person {
    pub user: Uid,
    pub name: String,
    /// What is sent for the password.
    pub password: SecretText,
    pub otp_secret: SecretText,
    /// A remembered device; then password and secret are the device's.
    pub device: Option<String>,
    pub recovery_codes: Vec<SecretText>,
}

impl Person {
    /// The code that the authenticator shows.
    pub fn code(&self, now: Timestamp) -> String {
        acquire_client::one_time_code(&self.otp_secret, now).unwrap()
    }

    /// What is sent to log in to a session.
    pub fn login(&self, session: &Uid, code: &str, entropy: &TestEntropy) -> Value {
        let short = acquire_envelope::url::dotted(session.short());
        let shown = Credentials {
            password: self.password.clone(),
            device_uid: self.device.clone().unwrap_or_else(|| Uid::draw(entropy).to_string()),
            code: SecretText::new(code),
        };
        json!({"short_uid": short, "credentials": credentials::package(&shown, &self.name, &short)})
    }
}

impl World {
    pub async fn new() -> Self {
        Self::over(acquire_store::memory(), json!({})).await
    }

    pub async fn over(objects: Arc<dyn ObjectStore>, settings: Value) -> Self {
        let (clock, entropy) = (Arc::new(SleepyClock::default()), Arc::new(TestEntropy::default()));
        Self::with(objects, settings, (clock, entropy)).await
    }

    /// Another process over the same store.
    pub async fn restarted(&self) -> Self {
        self.over_objects(self.objects.clone()).await
    }

    /// A process over other objects, at the same time.
    pub async fn over_objects(&self, objects: Arc<dyn ObjectStore>) -> Self {
        Self::with(objects, json!({}), (self.clock.clone(), self.entropy.clone())).await
    }

    async fn with(
        objects: Arc<dyn ObjectStore>,
        settings: Value,
        (clock, entropy): (Arc<SleepyClock>, Arc<TestEntropy>),
    ) -> Self {
        let store = Store::open(objects.clone(), Arc::new(NoWrap), clock.clone(), entropy.clone()).await.unwrap();
        let settings: Attributes = serde_json::from_value(settings).unwrap();
        let state = State::new(Parts {
            service: ServiceType::Identity,
            domain: "127.0.0.1",
            store,
            settings: &settings,
            clock: clock.clone(),
            entropy: entropy.clone(),
        });
        Self { state: Arc::new(state), clock, objects, entropy, remote: Some([10, 0, 0, 1].into()) }
    }

    /// Where it keeps its records.
    pub fn store(&self) -> Store {
        self.state.store.clone()
    }

    /// The same, for somebody at another address.
    pub fn from(&self, remote: [u8; 4]) -> Self {
        let (state, clock) = (self.state.clone(), self.clock.clone());
        let (objects, entropy) = (self.objects.clone(), self.entropy.clone());
        Self { state, clock, objects, entropy, remote: Some(remote.into()) }
    }

    /// The same, for somebody whose address is not known.
    pub fn nowhere(&self) -> Self {
        Self { remote: None, ..self.from([0; 4]) }
    }

    /// Takes all turns at hashing that strangers have.
    pub async fn occupy_hasher(&self) -> impl Drop {
        self.state.hasher.occupy().await
    }

    pub fn arguments(&self, value: Value) -> Arguments {
        let Value::Object(payload) = value else { panic!("arguments are an object") };
        Arguments::new(payload).from(self.remote)
    }

    /// Registers somebody; the password is what would be sent.
    pub async fn register(&self, name: &str) -> Person {
        self.try_register(name, "fa52effcc90ba374b6e9d287dad0f8ce").await.unwrap()
    }

    pub async fn try_register(&self, name: &str, password: &str) -> Result<Person, Fault> {
        let password = SecretText::new(password);
        let newcomer = Newcomer { username: name, password: &password, otp_secret: None, kind: Kind::Person };
        let registered = self.state.register(&newcomer, self.remote).await?;
        let uri = registered.provisioning_uri.expose().to_owned();
        let otp_secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap();
        Ok(Person {
            user: registered.user,
            name: name.to_owned(),
            password,
            otp_secret: SecretText::new(otp_secret),
            device: None,
            recovery_codes: registered.recovery_codes,
        })
    }

    /// Asks for a session.
    pub async fn request(&self, name: &str) -> Uid {
        let key = session_key().public().to_data();
        let arguments = json!({"username": name, "public_key": key, "public_certificate": key, "login_message": "hi"});
        self.state.request(&self.arguments(arguments)).await.unwrap()
    }

    /// The code that somebody's authenticator shows.
    pub fn code(&self, person: &Person) -> String {
        person.code(self.clock.now())
    }

    /// What somebody sends to log in to a session.
    pub fn login_arguments(&self, person: &Person, session: &Uid, code: &str) -> Value {
        person.login(session, code, &self.entropy)
    }

    pub async fn log_in_to(&self, person: &Person, session: &Uid, code: &str) -> Outcome {
        self.state.log_in(&self.arguments(self.login_arguments(person, session, code))).await
    }

    /// Asks for a session and logs in to it.
    pub async fn try_log_in(&self, person: &Person, code: &str) -> Result<Uid, Fault> {
        let session = self.request(&person.name).await;
        self.log_in_to(person, &session, code).await.map(|_| session)
    }

    /// The same with the right code, a step later, so that codes are not used twice.
    pub async fn log_in(&self, person: &Person) -> Uid {
        self.clock.advance(30);
        self.try_log_in(person, &self.code(person)).await.unwrap()
    }

    /// Logs in and has the device remembered.
    pub async fn remember(&self, person: &Person) -> Person {
        self.clock.advance(30);
        let session = self.request(&person.name).await;
        let mut arguments = self.login_arguments(person, &session, &self.code(person));
        arguments["remember_device"] = json!("true");
        let reply = self.state.log_in(&self.arguments(arguments)).await.unwrap();
        let device = reply["device_uid"].as_str().unwrap().to_owned();
        Person {
            password: credentials::device_password(&person.password, &device),
            otp_secret: SecretText::new(reply["otpsecret"].as_str().unwrap()),
            device: Some(device),
            ..person.clone()
        }
    }

    /// The word for the state of a session.
    pub async fn status(&self, session: &Uid) -> String {
        let info = self.state.info(session).await.unwrap();
        info["session_status"].as_str().unwrap().to_owned()
    }

    /// How many passwords were hashed so far.
    pub fn hashes(&self) -> u64 {
        self.state.hasher.runs.load(Ordering::SeqCst)
    }
}
