//! A deployment in one process: services over in-memory stores, joined by a fake network, under a clock that tests move.

use super::Cx;
use super::open::{Running, Services};
use acquire_client::{Error, Transport};
use acquire_crypto::{PrivateKey, base64, hash, provisioned};
use acquire_envelope::authorisation::{Authorisation, Holder};
use acquire_envelope::credentials::{self, Credentials};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Class, Exception, Limits, reply, request};
use acquire_model::uid::DatedUid;
use acquire_model::{Attributes, Clock, Entropy, SecretBytes, SecretText, ServiceSecret, ServiceType, Timestamp, Uid};
use acquire_provider::host::RegistryRoot;
use acquire_provider::http::{HeaderMap, Method, Request, Response};
use acquire_provider::{Provision, Service, Siblings, Wrap};
use async_trait::async_trait;
use object_store::ObjectStore;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// Where the test clock starts.
const START: i64 = 1_800_000_000_000_000;

/// A clock that only tests move.
#[derive(Default)]
pub(crate) struct TestClock {
    passed: AtomicI64,
    moved: Notify,
}

impl TestClock {
    /// Lets time pass.
    pub fn advance(&self, seconds: i64) {
        self.passed.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START + self.passed.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.passed.load(Ordering::SeqCst).try_into().unwrap())
    }

    async fn sleep(&self, duration: Duration) {
        if duration < Duration::from_secs(1) {
            // The store's pause between tries: no test waits for that.
            return tokio::task::yield_now().await;
        }
        let until = self.monotonic() + duration;
        loop {
            let moved = self.moved.notified();
            if self.monotonic() >= until {
                return;
            }
            moved.await;
        }
    }
}

/// Different bytes each time, the same in each run.
#[derive(Default)]
pub(crate) struct TestEntropy(AtomicU64);

impl Entropy for TestEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let drawn = hash::sha256(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

/// Wraps by appending a digest of the context: enough to see that the context is given again.
struct TestWrap;

#[async_trait]
impl Wrap for TestWrap {
    async fn wrap(&self, plaintext: &SecretBytes, context: &[u8]) -> Result<Vec<u8>, acquire_provider::Error> {
        Ok([plaintext.expose(), &hash::sha256(context)].concat())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<SecretBytes, acquire_provider::Error> {
        let plaintext = wrapped.strip_suffix(&hash::sha256(context)[..]);
        let denied = || acquire_provider::Error::Denied("another context".into());
        plaintext.map(|plaintext| SecretBytes::new(plaintext.to_vec())).ok_or_else(denied)
    }
}

/// The fake network: finds services by URL, and can lose them.
#[derive(Default)]
pub(crate) struct Network {
    services: Mutex<BTreeMap<String, Arc<dyn Service>>>,
    down: Mutex<BTreeSet<String>>,
    hanging: Mutex<BTreeSet<String>>,
    /// The bodies of calls that went over the wire.
    pub posted: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Network {
    /// Puts a service at a URL.
    pub fn serve(&self, url: &str, service: Arc<dyn Service>) {
        self.services.lock().unwrap().insert(url.to_owned(), service);
    }

    /// Makes a URL answer no more, or again.
    pub fn set_down(&self, url: &str, is_down: bool) {
        let mut down = self.down.lock().unwrap();
        if is_down {
            down.insert(url.to_owned())
        } else {
            down.remove(url)
        };
    }

    /// Makes a URL accept calls and never answer them.
    pub fn hang(&self, url: &str) {
        self.hanging.lock().unwrap().insert(url.to_owned());
    }
}

#[async_trait]
impl Transport for Network {
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        self.posted.lock().unwrap().push((url.to_owned(), body.clone()));
        if self.hanging.lock().unwrap().contains(url) {
            std::future::pending::<()>().await;
        }
        let service = self.services.lock().unwrap().get(url).cloned();
        match service.filter(|_| !self.down.lock().unwrap().contains(url)) {
            Some(service) => Ok(post(&*service, body).await),
            None => Err(Error::Unavailable(format!("nobody answers at {url}"))),
        }
    }
}

/// Who finds whom in one process.
#[derive(Default)]
struct Neighbours(Mutex<BTreeMap<String, Weak<Running>>>);

impl Siblings for Neighbours {
    fn sibling(&self, canonical_url: &str) -> Option<Arc<dyn Service>> {
        let found = self.0.lock().unwrap().get(canonical_url).and_then(Weak::upgrade)?;
        Some(found)
    }
}

/// Whether services call each other in process or over the fake network.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// In one process.
    Together,
    /// Each on its own.
    Apart,
}

/// One service of a test deployment.
pub(crate) struct Node {
    /// What it was born with.
    pub secret: ServiceSecret,
    /// Its full URL.
    pub url: String,
    /// Its objects.
    pub objects: Arc<dyn ObjectStore>,
    running: Arc<Running>,
}

impl Node {
    /// What its handlers see.
    pub fn cx(&self) -> &Arc<Cx> {
        &self.running.cx
    }

    /// The service.
    pub fn service(&self) -> Arc<dyn Service> {
        self.running.clone()
    }
}

/// A deployment.
pub(crate) struct Deployment {
    /// The time.
    pub clock: Arc<TestClock>,
    /// The fake network.
    pub network: Arc<Network>,
    entropy: Arc<TestEntropy>,
    neighbours: Arc<Neighbours>,
    layout: Layout,
    registry: RegistryRoot,
    life: u64,
    nodes: BTreeMap<ServiceType, Node>,
}

/// Where a service of a test deployment is.
pub(crate) fn url(service: ServiceType) -> String {
    format!("http://127.0.0.1:8080/t/{service}")
}

/// What each service is born with; made once, because it takes RSA keys.
pub(crate) fn secret(service: ServiceType) -> ServiceSecret {
    secret_of(service, 0)
}

/// What each service is born with in the deployment's n-th life.
fn secret_of(service: ServiceType, life: u64) -> ServiceSecret {
    static SECRETS: LazyLock<Mutex<BTreeMap<(ServiceType, u64), ServiceSecret>>> = LazyLock::new(Mutex::default);
    let mut secrets = SECRETS.lock().unwrap();
    // Draws from a place of its own, so that no two share a secret.
    let entropy = TestEntropy(AtomicU64::new((service as u64 + 1 + life * 100) << 32));
    secrets.entry((service, life)).or_insert_with(|| provisioned::generate(&entropy, "admin").unwrap()).clone()
}

fn root(life: u64) -> RegistryRoot {
    let (key, certificate) = provisioned::public_halves(&secret_of(ServiceType::Registry, life)).unwrap();
    RegistryRoot {
        url: url(ServiceType::Registry),
        public_key: key.pem().to_owned(),
        public_certificate: certificate.pem().to_owned(),
    }
}

/// A key pair for whoever calls; always the same.
pub(crate) fn caller_key() -> &'static PrivateKey {
    static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate().unwrap());
    &KEY
}

/// A second one, to sign with.
pub(crate) fn session_key() -> &'static PrivateKey {
    static KEY: LazyLock<PrivateKey> = LazyLock::new(|| PrivateKey::generate().unwrap());
    &KEY
}

impl Deployment {
    /// Starts services that are not set up yet.
    pub async fn start(layout: Layout, services: &[ServiceType]) -> Self {
        let mut deployment = Self {
            clock: Arc::default(),
            network: Arc::default(),
            entropy: Arc::default(),
            neighbours: Arc::default(),
            layout,
            registry: root(0),
            life: 0,
            nodes: BTreeMap::new(),
        };
        for service in services {
            deployment.add(*service, Attributes::new()).await;
        }
        deployment
    }

    /// Starts services and sets them up, in order.
    pub async fn set_up(layout: Layout, services: &[ServiceType]) -> Self {
        let deployment = Self::start(layout, services).await;
        for service in services {
            deployment.set_up_one(*service).await.unwrap();
        }
        deployment
    }

    /// Starts one more service.
    pub async fn add(&mut self, service: ServiceType, settings: Attributes) {
        self.place(service, &url(service), acquire_store::memory(), settings).await;
    }

    /// Starts a service again over its objects, as a new process would.
    pub async fn restart(&mut self, service: ServiceType, settings: Attributes) {
        let (objects, url) = (self.node(service).objects.clone(), self.node(service).url.clone());
        self.place(service, &url, objects, settings).await;
    }

    /// Starts all services again over their objects, but born anew: as after a destroy that keeps the data.
    pub async fn reborn(&mut self) {
        self.life += 1;
        self.registry = root(self.life);
        let services: Vec<ServiceType> = self.nodes.keys().copied().collect();
        for service in services {
            self.restart(service, Attributes::new()).await;
        }
    }

    /// Starts a service at a URL, over those objects.
    pub async fn place(
        &mut self,
        service: ServiceType,
        url: &str,
        objects: Arc<dyn ObjectStore>,
        settings: Attributes,
    ) {
        let running = Arc::new(self.run(service, url, objects.clone(), settings).await);
        if self.layout == Layout::Together {
            self.neighbours.0.lock().unwrap().insert(running.cx.canonical_url.clone(), Arc::downgrade(&running));
        }
        self.network.serve(url, running.clone());
        self.nodes
            .insert(service, Node { secret: secret_of(service, self.life), url: url.to_owned(), objects, running });
    }

    async fn run(&self, service: ServiceType, url: &str, store: Arc<dyn ObjectStore>, settings: Attributes) -> Running {
        let network = self.network.clone();
        let services = Services::new(move |_| Ok(network.clone()));
        services.run(self.provision(service, url, store, settings)).await.unwrap()
    }

    /// What a service is given when it starts.
    pub fn provision(
        &self,
        service: ServiceType,
        url: &str,
        store: Arc<dyn ObjectStore>,
        settings: Attributes,
    ) -> Provision {
        Provision {
            service,
            url: url.to_owned(),
            store,
            key: Arc::new(TestWrap),
            secret: secret_of(service, self.life),
            registry: self.registry.clone(),
            settings,
            binary: "b1".repeat(32),
            body_bytes_max: 6 << 20,
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            siblings: self.neighbours.clone(),
        }
    }

    /// The present instant.
    pub fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// One of the services.
    pub fn node(&self, service: ServiceType) -> &Node {
        &self.nodes[&service]
    }

    /// Randomness.
    pub fn entropy(&self) -> &TestEntropy {
        &self.entropy
    }

    /// The arguments that set a service up.
    pub fn setup_arguments(&self, service: ServiceType) -> Value {
        let node = self.node(service);
        json!({
            "service_type": service,
            "canonical_url": node.url,
            "username": node.secret.admin_username,
            "password": node.secret.admin_password.expose(),
            "otpsecret": node.secret.admin_otp_secret.expose(),
            "proof": node.secret.setup_proof.expose(),
            "registry_uid": "a0-a0",
        })
    }

    /// Sets a service up.
    pub async fn set_up_one(&self, service: ServiceType) -> Result<Value, Exception> {
        self.call(service, Some("setup"), &self.setup_arguments(service)).await
    }

    /// The keys that a service was born with, as a caller knows them: enough to call it.
    pub fn provisioned(&self, service: ServiceType) -> ServiceRecord {
        let node = self.node(service);
        let (public_key, public_certificate) = provisioned::public_halves(&node.secret).unwrap();
        ServiceRecord {
            uid: None,
            service_type: service,
            url: node.url.parse().unwrap(),
            public_key,
            last_certificate: public_certificate.clone(),
            public_certificate,
            last_key_update: Timestamp::EPOCH,
            key_update_interval_seconds: u32::MAX,
            user_name: String::new(),
            user_uid: None,
        }
    }

    /// Calls a function as a client does: encrypted to the keys that the service was born with, a signature demanded.
    pub async fn call(&self, to: ServiceType, function: Option<&str>, payload: &Value) -> Result<Value, Exception> {
        self.call_as(&self.provisioned(to), function, payload).await
    }

    /// Calls a function under the keys in that record.
    pub async fn call_as(
        &self,
        to: &ServiceRecord,
        function: Option<&str>,
        payload: &Value,
    ) -> Result<Value, Exception> {
        self.send(to, &self.seal(to, function, payload)).await
    }

    /// Seals a call under the keys in that record.
    pub fn seal(&self, to: &ServiceRecord, function: Option<&str>, payload: &Value) -> request::Sealed {
        let call = request::Call {
            function,
            payload,
            public_key: &to.public_key,
            reply_key: caller_key().public(),
            sign_with: Some(to.public_certificate.fingerprint()),
            now: self.clock.now(),
        };
        request::seal(&call).unwrap()
    }

    /// Posts a sealed call and opens the answer.
    pub async fn send(&self, to: &ServiceRecord, sealed: &request::Sealed) -> Result<Value, Exception> {
        let answer = self.network.post(&to.url.full(), sealed.body.clone()).await;
        let answer = answer.map_err(|error| Exception::new(Class::RemoteFunctionCallError, error.to_string()))?;
        let expected = reply::Expected {
            reply_key: caller_key(),
            certificate: Some(&to.public_certificate),
            request: Some(sealed.digest),
        };
        reply::open(&answer, &expected, &Limits::default()).map_err(|error| match error {
            reply::Error::Exception(e) | reply::Error::MissingKey(e) | reply::Error::Unproven(e) => e,
            other => panic!("{other}"),
        })
    }

    /// Calls a function in plain; the answer is believed as it comes.
    pub async fn call_plain(
        &self,
        to: ServiceType,
        function: Option<&str>,
        payload: &Value,
    ) -> Result<Value, Exception> {
        let answer = post(&*self.node(to).service(), request::plain(function, payload, self.clock.now())).await;
        open_plain(&answer)
    }

    /// Logs a service's first admin in at that service; the clock moves a step on, because codes are single-use.
    pub async fn log_in(&self, at: ServiceType) -> Holder {
        self.clock.advance(30);
        let (username, password, otp) = {
            let secret = &self.node(at).secret;
            (secret.admin_username.clone(), secret.admin_password.clone(), secret.admin_otp_secret.clone())
        };
        let cx = self.node(at).cx();
        let wanted = json!({
            "username": username,
            "public_key": caller_key().public().to_data(),
            "public_certificate": session_key().public().to_data(),
        });
        let asked = self.call(at, Some("request_login"), &wanted).await.unwrap();
        let text = |name: &str| asked[name].as_str().unwrap().to_owned();
        let (short, session) = (text("short_uid"), text("session_uid"));
        let proof = Credentials {
            password: credentials::encode_password(&cx.uid().unwrap(), &password),
            device_uid: Uid::draw(&*self.entropy).to_string(),
            code: SecretText::new(acquire_client::one_time_code(&otp, self.clock.now()).unwrap()),
        };
        let package = credentials::package(&proof, &username, &short);
        let login = json!({ "short_uid": short, "credentials": package });
        let approved = self.call(at, Some("login"), &login).await.unwrap();
        Holder {
            user_uid: approved["user_uid"].as_str().unwrap().parse().unwrap(),
            session_uid: session.parse().unwrap(),
            identity_url: cx.canonical_url.clone(),
            identity_uid: cx.uid().unwrap(),
        }
    }

    /// Signs an authorisation.
    pub fn authorise(&self, holder: &Holder, resource: &str) -> Value {
        let uid = DatedUid::draw(&*self.entropy, self.clock.now());
        Authorisation::sign(session_key(), holder, uid, Some(resource)).unwrap().to_json()
    }
}

/// Posts a body to a service's own URL.
pub(crate) async fn post(service: &dyn Service, body: Vec<u8>) -> Vec<u8> {
    let response = ask(service, Method::POST, "/", None, body).await;
    assert_eq!(response.status, 200);
    assert_eq!(response.headers["content-type"], "application/json");
    response.body.read(64 << 20).await.unwrap().to_vec()
}

/// Sends any HTTP request to a service.
pub(crate) async fn ask(
    service: &dyn Service,
    method: Method,
    path: &str,
    query: Option<&str>,
    body: Vec<u8>,
) -> Response {
    let query = query.map(str::to_owned);
    let request =
        Request { method, path: path.to_owned(), query, headers: HeaderMap::new(), body: body.into(), remote: None };
    service.call(request).await
}

/// Opens an answer that must be plain.
pub(crate) fn open_plain(answer: &[u8]) -> Result<Value, Exception> {
    let outer: Value = serde_json::from_slice(answer).unwrap();
    let text = outer.as_str().expect("answers are JSON in JSON, since the old browser client parses twice");
    let payload = serde_json::from_str::<Value>(text).unwrap()["payload"].take();
    match payload["status"].as_i64() {
        Some(0) => Ok(payload["return"].clone()),
        _ => Err(Exception::from_json(&payload["exception"])),
    }
}

/// *B64* of what a key encrypts.
pub(crate) fn encrypted(key: &acquire_crypto::PublicKey, text: &str) -> String {
    base64::encode(&key.encrypt(text.as_bytes()).unwrap())
}
