use super::*;
use crate::Trust;
use acquire_client::{
    Ask, Directory, Error as ClientError, Login, SessionKeys, Status, Transport, logout, one_time_code, provisioned,
    register, request_login, send_credentials, send_with_secret, status, wait,
};
use acquire_crypto::{PublicKey, provisioned as born};
use acquire_envelope::Class;
use acquire_model::{Address, Attributes, SecretBytes, SecretText, ServiceSecret, ServiceType};
use acquire_provider::host::RegistryRoot;
use acquire_provider::http::{Body, HeaderMap, Method, Request};
use acquire_provider::{Change, Deleted, Error, OpenService, Provider, Provision, Service, Siblings, Verify, Wrap};
use acquire_services::Services;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex};

const BASE: &str = "http://127.0.0.1:8080/t";

/// All services of one process, joined as the local host joins them: over HTTP from outside, directly among themselves.
#[derive(Default)]
struct Host {
    services: Mutex<BTreeMap<ServiceType, Arc<dyn Service>>>,
    calls: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Host {
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        let service = url.strip_prefix(&format!("{BASE}/")).unwrap();
        self.calls.lock().unwrap().push(service.to_owned());
        let service = self.services.lock().unwrap().get(&service.parse().unwrap()).cloned();
        let service = service.ok_or_else(|| ClientError::Unavailable("nobody is there".to_owned()))?;
        let request = Request {
            method: Method::POST,
            path: "/".to_owned(),
            query: None,
            headers: HeaderMap::new(),
            body: Body::from(body),
            remote: Some("127.0.0.1".parse().unwrap()),
        };
        Ok(service.call(request).await.body.read(6 << 20).await.unwrap().to_vec())
    }
}

impl Siblings for Host {
    fn sibling(&self, canonical_url: &str) -> Option<Arc<dyn Service>> {
        let service = canonical_url.strip_prefix("127.0.0.1/t/")?.parse().ok()?;
        self.services.lock().unwrap().get(&service).cloned()
    }
}

/// The time as the services see it: their limits on each other never run out, since they all answer.
struct Patient(Arc<Still>);

#[async_trait]
impl Clock for Patient {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending().await
    }
}

/// Wraps nothing: what is wrapped is not what is tested here.
struct Bare;

#[async_trait]
impl Wrap for Bare {
    async fn wrap(&self, plaintext: &SecretBytes, _: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(plaintext.expose().to_vec())
    }

    async fn unwrap(&self, wrapped: &[u8], _: &[u8]) -> Result<SecretBytes, Error> {
        Ok(SecretBytes::new(wrapped.to_vec()))
    }
}

/// What the services are born with.
struct Born;

fn secret(service: ServiceType) -> ServiceSecret {
    static SECRETS: LazyLock<BTreeMap<ServiceType, ServiceSecret>> = LazyLock::new(|| {
        let entropy = Counting::default();
        let born = |service| (service, born::generate(&entropy, "admin").unwrap());
        ServiceType::ALL.into_iter().map(born).collect()
    });
    SECRETS[&service].clone()
}

fn halves(service: ServiceType) -> (PublicKey, PublicKey) {
    born::public_halves(&secret(service)).unwrap()
}

#[async_trait]
impl Secrets for Born {
    async fn reveal(&self, address: &Address) -> Result<BTreeMap<String, SecretText>, Error> {
        let fields = secret(address.owner().as_str().parse().unwrap()).fields();
        Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

/// Starts all six, not set up yet.
async fn start() -> (Arc<Host>, Arc<Still>, Context) {
    let clock = Still::new();
    let host = Arc::new(Host::default());
    let network = host.clone();
    let services = Services::new(move |_| Ok(network.clone()));
    let (key, certificate) = halves(ServiceType::Registry);
    let registry = RegistryRoot {
        url: format!("{BASE}/registry"),
        public_key: key.pem().to_owned(),
        public_certificate: certificate.pem().to_owned(),
    };
    for service in ServiceType::ALL {
        let provision = Provision {
            service,
            url: format!("{BASE}/{service}"),
            store: Arc::new(object_store::memory::InMemory::new()),
            key: Arc::new(Bare),
            secret: secret(service),
            registry: registry.clone(),
            settings: Attributes::new(),
            binary: "9ac1".to_owned(),
            body_bytes_max: 6 << 20,
            clock: Arc::new(Patient(clock.clone())),
            entropy: Arc::new(Counting::default()),
            siblings: host.clone(),
        };
        let opened = services.open(provision).await.unwrap();
        host.services.lock().unwrap().insert(service, opened);
    }
    let cx = context(clock.clone(), Arc::new(Born));
    (host, clock, cx)
}

fn desired(service: ServiceType) -> Attributes {
    let (root, own) = (halves(ServiceType::Registry), halves(service));
    let fields = [
        ("service", json!(service)),
        ("url", json!(format!("{BASE}/{service}"))),
        ("public_key", json!(own.0.pem())),
        ("public_certificate", json!(own.1.pem())),
        ("registry_url", json!(format!("{BASE}/registry"))),
        ("registry_public_key", json!(root.0.pem())),
        ("registry_public_certificate", json!(root.1.pem())),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

type Resources = BTreeMap<Address, Attributes>;

/// Registers and introduces all six as apply does, the independent ones at once.
async fn apply(trust: &Trust, cx: &Context) -> Resources {
    let registration = trust.resource(&"registration".parse().unwrap()).unwrap();
    let introduction = trust.resource(&"trust".parse().unwrap()).unwrap();
    let mut made = Resources::new();
    let (first, others) = ServiceType::ALL.split_first().unwrap();
    for group in [std::slice::from_ref(first), others] {
        let each = group.iter().map(|service| async move {
            let target = target(*service, "registration");
            let made = registration.create(cx, &target, &desired(*service)).await.unwrap();
            (target.address, made)
        });
        made.extend(futures::future::join_all(each).await);
    }
    let uids: BTreeMap<ServiceType, serde_json::Value> = others
        .iter()
        .map(|service| (*service, made[&target(*service, "registration").address]["uid"].clone()))
        .collect();
    let each = others.iter().map(|service| {
        let mut wanted = desired(*service);
        let mut peers = uids.clone();
        wanted.insert("uid".to_owned(), peers.remove(service).unwrap());
        wanted.insert("peers".to_owned(), json!(peers));
        async move {
            let target = target(*service, "trust");
            let made = introduction.create(cx, &target, &wanted).await.unwrap();
            (target.address, made)
        }
    });
    made.extend(futures::future::join_all(each).await);
    for service in ServiceType::ALL {
        let function = Attributes::from([("binary".to_owned(), json!("9ac1"))]);
        made.insert(format!("{service}/function").parse().unwrap(), function);
    }
    made
}

fn target(service: ServiceType, kind: &str) -> acquire_provider::Target {
    acquire_provider::Target { address: format!("{service}/{kind}").parse().unwrap(), token: "0".repeat(32) }
}

fn directory(host: &Arc<Host>, clock: &Arc<Still>) -> Directory {
    let (key, certificate) = halves(ServiceType::Registry);
    let root = provisioned(ServiceType::Registry, &format!("{BASE}/registry"), key.pem(), certificate.pem()).unwrap();
    Directory::new(root, host.clone(), clock.clone(), Arc::new(Counting::default()))
}

#[tokio::test]
async fn six_services_are_introduced_verified_and_planned_without_change() {
    let (host, _, cx) = start().await;
    let trust = Trust::new(host.clone()).unwrap();
    let resources = apply(&trust, &cx).await;
    for _ in 0..2 {
        let report = trust.verify(&cx, &resources).await.unwrap();
        assert_eq!(report.failures, []);
        assert_eq!(report.services.len(), 6);
        assert_eq!(report.flow, ["register", "login", "authorisation", "logout"]);
    }
    let again = Trust::new(host.clone()).unwrap();
    for (place, made) in resources.iter().filter(|(place, _)| place.kind().as_str() != "function") {
        let resource = again.resource(place.kind()).unwrap();
        let target = acquire_provider::Target { address: place.clone(), token: "0".repeat(32) };
        let seen = resource.read(&cx, &target, Some(made)).await.unwrap();
        assert_eq!(seen.as_ref(), Some(made), "{place}");
        assert_eq!(resource.compare(made, &seen.unwrap()), Change::None, "{place}");
    }
}

#[tokio::test]
async fn what_is_applied_twice_is_there_once() {
    let (host, _, cx) = start().await;
    let first = apply(&Trust::new(host.clone()).unwrap(), &cx).await;
    let again = apply(&Trust::new(host.clone()).unwrap(), &cx).await;
    assert_eq!(first, again);
}

#[tokio::test]
async fn a_service_that_was_taken_out_is_registered_again_under_its_uid() {
    let (host, _, cx) = start().await;
    let trust = Trust::new(host.clone()).unwrap();
    let resources = apply(&trust, &cx).await;
    for kind in ["trust", "registration"] {
        let target = target(ServiceType::Compute, kind);
        let resource = trust.resource(&kind.parse().unwrap()).unwrap();
        for _ in 0..2 {
            assert_eq!(resource.delete(&cx, &target, &resources[&target.address]).await.unwrap(), Deleted::Gone);
        }
    }
    let registration = trust.resource(&"registration".parse().unwrap()).unwrap();
    let target = target(ServiceType::Compute, "registration");
    let prior = &resources[&target.address];
    let fresh = Trust::new(host.clone()).unwrap();
    let seen = fresh.resource(&"registration".parse().unwrap()).unwrap().read(&cx, &target, Some(prior)).await.unwrap();
    assert_eq!(seen, None);
    assert_eq!(&registration.create(&cx, &target, &desired(ServiceType::Compute)).await.unwrap(), prior);
}

#[tokio::test]
async fn a_user_lives_through_the_client() {
    let (host, clock, cx) = start().await;
    apply(&Trust::new(host.clone()).unwrap(), &cx).await;
    let directory = directory(&host, &clock);
    let identity = directory.by_url(&format!("{BASE}/identity")).await.unwrap();
    let password = SecretText::new("a long enough password");
    let made = register(&directory, &identity, "alice", &password).await.unwrap();
    assert!(!made.recovery_codes.is_empty());
    let taken = register(&directory, &identity, "alice", &password).await.unwrap_err();
    assert_eq!(taken.class(), Some(Class::UsernameError));
    let uri = made.provisioning_uri.expose();
    let secret = SecretText::new(uri.split("secret=").nth(1).unwrap().split('&').next().unwrap());

    let keys = SessionKeys::generate().await.unwrap();
    let ask = Ask { username: "alice", message: Some("hello"), hostname: Some("here") };
    let pending = request_login(&directory, &identity, &ask, keys.clone()).await.unwrap();
    assert!(pending.login_url.contains(&format!("?id={}/{}", identity.uid_text(), pending.short_uid())));
    assert_eq!(status(&directory, &identity, &pending.session_uid).await.unwrap(), Status::Pending);
    for (username, password, code) in [("alice", "a wrong password", "x"), ("eve", "a long enough password", "x")] {
        let password = SecretText::new(password);
        let login = Login::typed(username, &password, code);
        assert!(send_credentials(&directory, &identity, &pending.short_uid(), &login).await.is_err());
    }
    let code = one_time_code(&secret, clock.now()).unwrap();
    let login = Login { remember_device: true, ..Login::typed("alice", &password, &code) };
    let approved = send_credentials(&directory, &identity, &pending.short_uid(), &login).await.unwrap();
    assert_eq!(approved.user_uid, made.user_uid);
    let session = wait(&directory, pending, Duration::from_secs(5)).await.unwrap();

    let again = request_login(&directory, &identity, &ask, keys.clone()).await.unwrap();
    let reused = send_credentials(&directory, &identity, &again.short_uid(), &login).await.unwrap_err();
    assert_eq!(reused.class(), Some(Class::RepeatedOTPCodeError));
    let (device, device_secret) = approved.device.unwrap();
    let login =
        Login { device_uid: Some(&device), user_uid: Some(&made.user_uid), ..Login::typed("alice", &password, "") };
    send_with_secret(&directory, &identity, &again.short_uid(), &login, &device_secret).await.unwrap();

    logout(&directory, &identity, &session).await.unwrap();
    logout(&directory, &identity, &session).await.unwrap();
    assert_eq!(status(&directory, &identity, &session.holder.session_uid).await.unwrap(), Status::Over);
}

#[tokio::test]
async fn siblings_of_the_identity_service_are_found_by_its_url() {
    let (host, clock, cx) = start().await;
    apply(&Trust::new(host.clone()).unwrap(), &cx).await;
    let directory = directory(&host, &clock);
    for service in ServiceType::ALL {
        let found = directory.by_url(&format!("127.0.0.1/t/{service}")).await.unwrap();
        assert_eq!(found.service_type, service);
    }
}
