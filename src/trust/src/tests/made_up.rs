use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use acquire_client::one_time_code;
use acquire_client::testing::{Fake, Net, key};
use acquire_crypto::PublicKey;
use acquire_envelope::authorisation::Authorisation;
use acquire_envelope::credentials::{encode_password, unpackage};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Class, Exception, exception};
use acquire_model::{Address, Attributes, SecretText, ServiceType};
use acquire_provider::{Change, Deleted, Error, Provider, Target, Verify};
use serde_json::{Map, Value, json};

use super::*;
use crate::{Trust, codes};

const BASE: &str = "http://127.0.0.1:8080/t";
const OTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const USER: &str = "fc22b2fe-db60-4d80-b652-01b08fe36e27";

struct Revealed;

#[async_trait]
impl Secrets for Revealed {
    async fn reveal(&self, address: &Address) -> Result<BTreeMap<String, SecretText>, Error> {
        let owner = address.owner();
        let fields = [
            ("admin_username", "admin".to_owned()),
            ("admin_password", format!("Password-of-{owner}-1")),
            ("admin_otp_secret", OTP_SECRET.to_owned()),
            ("setup_proof", format!("proof-of-{owner}")),
        ];
        Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), SecretText::new(value))).collect())
    }
}

/// What the services of a deployment have come to.
#[derive(Default)]
struct Facts {
    set_up: BTreeMap<ServiceType, ServiceRecord>,
    trusted: BTreeMap<ServiceType, BTreeSet<String>>,
    steps_used: BTreeMap<ServiceType, i64>,
    certificates: BTreeMap<ServiceType, PublicKey>,
    users: BTreeSet<String>,
    binary: String,
}

/// Registry, identity and storage behind one transport.
struct World {
    facts: Mutex<Facts>,
    net: Arc<Net>,
    clock: Arc<Still>,
}

const SERVICES: [ServiceType; 3] = [ServiceType::Registry, ServiceType::Identity, ServiceType::Storage];

fn place(service: ServiceType) -> usize {
    2 * SERVICES.iter().position(|other| *other == service).unwrap()
}

fn uid(service: ServiceType) -> String {
    format!("a0-a{}", place(service) / 2)
}

fn record(service: ServiceType) -> ServiceRecord {
    acquire_client::testing::record(service, &uid(service), place(service))
}

fn text<'a>(payload: &'a Map<String, Value>, name: &str) -> &'a str {
    payload.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl World {
    fn approved(
        &self,
        facts: &Facts,
        service: ServiceType,
        payload: &Map<String, Value>,
        resource: &str,
    ) -> Result<(), Exception> {
        let proof = Authorisation::from_json(payload.get("authorisation").unwrap())?.unwrap();
        let certificate = facts.certificates.get(&service).ok_or_else(|| exception::permission("not logged in"))?;
        proof.check_age(self.clock.now(), 7200, 30)?;
        proof.verify(certificate, Some(resource))
    }

    fn answer(&self, service: ServiceType, function: &str, payload: &Map<String, Value>) -> Result<Value, Exception> {
        let mut facts = self.facts.lock().unwrap();
        match function {
            "setup" if text(payload, "proof") != format!("proof-of-{service}") => {
                Err(exception::permission("no proof"))
            }
            "setup" => {
                assert_eq!(text(payload, "canonical_url"), format!("{BASE}/{service}"));
                assert_eq!((text(payload, "registry_uid"), text(payload, "otpsecret")), ("a0-a0", OTP_SECRET));
                facts.set_up.insert(service, record(service));
                Ok(json!({ "service": record(service).to_json() }))
            }
            "get_service" => {
                let wanted = |record: &&ServiceRecord| {
                    record.uid_text() == text(payload, "service_uid")
                        || record.canonical_url() == text(payload, "service_url")
                };
                let found = facts.set_up.values().find(wanted).ok_or_else(|| exception::missing_service("none"))?;
                Ok(json!({ "service_info": found.to_json() }))
            }
            "unregister_service" => {
                let uid = text(payload, "service_uid");
                self.approved(&facts, service, payload, &format!("unregister_service {uid}"))?;
                facts.set_up.retain(|_, record| record.uid_text() != uid);
                Ok(Value::Null)
            }
            "request_login" => {
                let certificate = PublicKey::from_data(payload.get("public_certificate").unwrap()).unwrap();
                facts.certificates.insert(service, certificate);
                let url = format!("{BASE}/{service}?id={}/0c.00.a3.4d", uid(service));
                Ok(
                    json!({ "login_url": url, "short_uid": "0c00a34d", "session_uid": "0c00a34d-db60-4d80-b652-01b08fe36e27" }),
                )
            }
            "login" => self.log_in(&mut facts, service, payload),
            "trusted_services" => Ok(json!({ "trusted": facts.trusted.entry(service).or_default() })),
            "trust_service" => {
                let url = text(payload, "service_url");
                let peer =
                    facts.set_up.values().find(|record| record.canonical_url() == url).unwrap().uid_text().to_owned();
                self.approved(&facts, service, payload, &format!("trust_service {peer}"))?;
                facts.trusted.entry(service).or_default().insert(peer);
                Ok(Value::Null)
            }
            "untrust_service" => {
                let peer = text(payload, "service_uid");
                self.approved(&facts, service, payload, &format!("untrust_service {peer}"))?;
                facts.trusted.entry(service).or_default().remove(peer);
                Ok(Value::Null)
            }
            "register" | "list_devices" | "logout" => self.identify(&mut facts, service, function, payload),
            "verify" => Ok(json!({
                "nonce": text(payload, "nonce"),
                "uid": uid(service),
                "service_type": service,
                "url": format!("{BASE}/{service}"),
                "canonical_url": format!("127.0.0.1/t/{service}"),
                "binary": facts.binary,
            })),
            other => Err(exception::lookup(other)),
        }
    }

    fn identify(
        &self,
        facts: &mut Facts,
        service: ServiceType,
        function: &str,
        payload: &Map<String, Value>,
    ) -> Result<Value, Exception> {
        match function {
            "register" if facts.users.insert(text(payload, "username").to_owned()) => {
                Ok(json!({ "user_uid": USER, "provisioning_uri": "otpauth://totp/x" }))
            }
            "register" => Err(Exception::new(Class::UsernameError, "taken")),
            "list_devices" => {
                self.approved(facts, service, payload, "list_devices")?;
                Ok(json!({ "devices": [] }))
            }
            "logout" => {
                self.approved(facts, service, payload, &format!("logout {}", text(payload, "session_uid")))?;
                facts.certificates.remove(&service);
                Ok(Value::Null)
            }
            other => Err(exception::lookup(other)),
        }
    }

    /// Accepts the codes of the last, the present and the next step, each step once and only rising.
    fn log_in(
        &self,
        facts: &mut Facts,
        service: ServiceType,
        payload: &Map<String, Value>,
    ) -> Result<Value, Exception> {
        let given = unpackage(text(payload, "credentials"), "admin", text(payload, "short_uid"))?;
        let password = SecretText::new(format!("Password-of-{service}-1"));
        assert_eq!(given.password, encode_password(&uid(service).parse().unwrap(), &password));
        let now = self.clock.now();
        let matches = |step: &i64| {
            one_time_code(&SecretText::new(OTP_SECRET), now.plus_seconds(30 * step)).unwrap() == given.code.expose()
        };
        let step = (-1..=1).find(matches).ok_or_else(|| exception::user_validation("wrong"))? + now.seconds() / 30;
        if facts.steps_used.get(&service).is_some_and(|used| *used >= step) {
            return Err(Exception::new(Class::RepeatedOTPCodeError, "used"));
        }
        facts.steps_used.insert(service, step);
        Ok(json!({ "user_uid": USER }))
    }

    fn take_calls(&self, function: &str) -> usize {
        self.net.take_calls().iter().filter(|call| call.ends_with(&format!(" {function}"))).count()
    }

    /// A run of its own, which has logged in nowhere yet.
    fn trust(&self) -> Trust {
        Trust::new(self.net.clone()).unwrap()
    }
}

fn world() -> (Arc<World>, Trust, Context) {
    let (net, clock) = Net::new([]);
    let facts = Facts { binary: "9ac1".to_owned(), ..Facts::default() };
    let world = Arc::new(World { facts: Mutex::new(facts), net, clock });
    for service in SERVICES {
        let here = world.clone();
        let handler = move |function: Option<&str>, payload: &Map<String, Value>| {
            here.answer(service, function.unwrap_or_default(), payload)
        };
        world.net.put(Fake::new(service, &uid(service), place(service), Box::new(handler)));
    }
    let cx = context(world.clock.clone(), Arc::new(Revealed));
    (world.clone(), world.trust(), cx)
}

fn target(service: ServiceType, kind: &str) -> Target {
    Target { address: format!("{service}/{kind}").parse().unwrap(), token: "0".repeat(32) }
}

fn desired(service: ServiceType) -> Attributes {
    let n = place(service);
    let fields = [
        ("service", json!(service)),
        ("url", json!(format!("{BASE}/{service}"))),
        ("public_key", json!(key(n).public().pem())),
        ("public_certificate", json!(key(n + 1).public().pem())),
        ("registry_url", json!(format!("{BASE}/registry"))),
        ("registry_public_key", json!(key(0).public().pem())),
        ("registry_public_certificate", json!(key(1).public().pem())),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn desired_trust(service: ServiceType, peers: &[ServiceType]) -> Attributes {
    let mut attributes = desired(service);
    let peers: BTreeMap<ServiceType, String> = peers.iter().map(|peer| (*peer, uid(*peer))).collect();
    attributes.insert("uid".to_owned(), json!(uid(service)));
    attributes.insert("peers".to_owned(), json!(peers));
    attributes
}

/// Makes all registrations and trusts, as apply does; returns the resources for `verify`.
async fn apply(trust: &Trust, cx: &Context) -> BTreeMap<Address, Attributes> {
    let registration = trust.resource(&"registration".parse().unwrap()).unwrap();
    let introduction = trust.resource(&"trust".parse().unwrap()).unwrap();
    let mut resources = BTreeMap::new();
    for service in SERVICES {
        let target = target(service, "registration");
        let made = registration.create(cx, &target, &desired(service)).await.unwrap();
        resources.insert(target.address, made);
        let function = BTreeMap::from([("binary".to_owned(), json!("9ac1"))]);
        resources.insert(format!("{service}/function").parse().unwrap(), function);
    }
    for (service, peer) in
        [(ServiceType::Identity, ServiceType::Storage), (ServiceType::Storage, ServiceType::Identity)]
    {
        let target = target(service, "trust");
        let made = introduction.create(cx, &target, &desired_trust(service, &[peer])).await.unwrap();
        resources.insert(target.address, made);
    }
    resources
}

#[tokio::test]
async fn a_service_is_set_up_with_its_proof_and_reads_back_as_desired() {
    let (_, trust, cx) = world();
    let registration = trust.resource(&"registration".parse().unwrap()).unwrap();
    for service in SERVICES {
        let target = target(service, "registration");
        assert_eq!(registration.read(&cx, &target, None).await.unwrap(), None);
        let made = registration.create(&cx, &target, &desired(service)).await.unwrap();
        assert_eq!(made["uid"], json!(uid(service)));
        assert_eq!(made["canonical_url"], json!(format!("127.0.0.1/t/{service}")));
        assert_eq!(registration.create(&cx, &target, &desired(service)).await.unwrap(), made, "twice makes one");
        let seen = registration.read(&cx, &target, Some(&made)).await.unwrap().unwrap();
        assert_eq!(seen, made);
        assert_eq!(registration.compare(&desired(service), &seen), Change::None);
    }
}

#[tokio::test]
async fn a_service_with_another_proof_is_denied() {
    let (_, trust, cx) = world();
    let registration = trust.resource(&"registration".parse().unwrap()).unwrap();
    let elsewhere = target(ServiceType::Storage, "registration");
    // The secret of storage is shown to identity.
    let outcome = registration.create(&cx, &elsewhere, &desired(ServiceType::Identity)).await;
    assert!(matches!(outcome, Err(Error::Denied(_))), "{outcome:?}");
}

#[tokio::test]
async fn drift_in_the_registry_is_seen_and_silence_is_no_drift() {
    let (world, trust, cx) = world();
    let resources = apply(&trust, &cx).await;
    let registration = trust.resource(&"registration".parse().unwrap()).unwrap();
    let target = target(ServiceType::Storage, "registration");
    let prior = &resources[&target.address];

    let mut moved = record(ServiceType::Storage);
    moved.url = "http://127.0.0.1:9999/t/storage".parse().unwrap();
    world.facts.lock().unwrap().set_up.insert(ServiceType::Storage, moved);
    let again = world.trust();
    let seen = again.resource(&"registration".parse().unwrap()).unwrap().read(&cx, &target, Some(prior)).await.unwrap();
    let change = registration.compare(&desired(ServiceType::Storage), &seen.unwrap());
    assert_eq!(change, Change::Update(vec!["url".to_owned()]));

    world.net.silence(&[ServiceType::Registry]);
    let again = world.trust();
    let seen = again.resource(&"registration".parse().unwrap()).unwrap().read(&cx, &target, Some(prior)).await.unwrap();
    assert_eq!(seen.as_ref(), Some(prior));

    world.net.silence(&[]);
    world.facts.lock().unwrap().set_up.remove(&ServiceType::Storage);
    let again = world.trust();
    let seen = again.resource(&"registration".parse().unwrap()).unwrap().read(&cx, &target, Some(prior)).await.unwrap();
    assert_eq!(seen, None);
}

#[tokio::test]
async fn peers_are_trusted_and_untrusted_as_desired() {
    let (world, trust, cx) = world();
    let resources = apply(&trust, &cx).await;
    let introduction = trust.resource(&"trust".parse().unwrap()).unwrap();
    let target = target(ServiceType::Identity, "trust");
    let made = &resources[&target.address];
    assert_eq!(made["peers_trusted"], json!({ "storage": "a0-a2" }));
    assert_eq!(introduction.read(&cx, &target, Some(made)).await.unwrap().as_ref(), Some(made));

    world.facts.lock().unwrap().trusted.clear();
    let seen = introduction.read(&cx, &target, Some(made)).await.unwrap().unwrap();
    let wanted = desired_trust(ServiceType::Identity, &[ServiceType::Storage]);
    assert_eq!(introduction.compare(&wanted, &seen), Change::Update(vec!["peers".to_owned()]));
    introduction.update(&cx, &target, &seen, &wanted).await.unwrap();
    assert_eq!(world.facts.lock().unwrap().trusted[&ServiceType::Identity].len(), 1);

    let nobody = desired_trust(ServiceType::Identity, &[]);
    introduction.update(&cx, &target, made, &nobody).await.unwrap();
    assert!(world.facts.lock().unwrap().trusted[&ServiceType::Identity].is_empty());
}

#[tokio::test]
async fn each_admin_logs_in_once_a_run_however_many_ask_at_once() {
    let (world, trust, cx) = world();
    let resources = apply(&trust, &cx).await;
    assert_eq!(world.take_calls("login"), 2);
    let introduction = trust.resource(&"trust".parse().unwrap()).unwrap();
    let target = target(ServiceType::Identity, "trust");
    let wanted = &resources[&target.address];
    let (a, b) = tokio::join!(introduction.create(&cx, &target, wanted), introduction.create(&cx, &target, wanted));
    assert!(a.is_ok() && b.is_ok());
    assert_eq!(world.take_calls("login"), 0);
}

#[tokio::test]
async fn a_used_code_is_followed_by_the_next_and_only_then_by_waiting() {
    let (world, trust, cx) = world();
    let started = world.clock.monotonic();
    apply(&trust, &cx).await;
    let waited = |world: &World| world.clock.monotonic() - started;
    for (run, longest) in [(2, 0), (3, 30), (4, 60)] {
        let again = world.trust();
        apply(&again, &cx).await;
        assert!(waited(&world) <= Duration::from_secs(longest), "run {run} waited until {:?}", waited(&world));
    }
    assert!(waited(&world) > Duration::from_secs(20));
}

#[tokio::test]
async fn what_is_deleted_is_unknown_and_what_is_gone_already_is_no_error() {
    let (world, trust, cx) = world();
    let resources = apply(&trust, &cx).await;
    let registration = trust.resource(&"registration".parse().unwrap()).unwrap();
    let introduction = trust.resource(&"trust".parse().unwrap()).unwrap();
    let (entry, peers) = (target(ServiceType::Storage, "registration"), target(ServiceType::Storage, "trust"));
    for (resource, target) in [(registration, &entry), (introduction, &peers)] {
        let unknown = resource.delete(&cx, target, &Attributes::new()).await;
        assert_eq!(unknown.unwrap(), Deleted::Gone, "nothing is known of what a cut-off run may have made");
    }
    for _ in 0..2 {
        assert_eq!(introduction.delete(&cx, &peers, &resources[&peers.address]).await.unwrap(), Deleted::Gone);
        assert_eq!(registration.delete(&cx, &entry, &resources[&entry.address]).await.unwrap(), Deleted::Gone);
    }
    let facts = || world.facts.lock().unwrap();
    assert!(!facts().set_up.contains_key(&ServiceType::Storage));
    assert!(facts().trusted[&ServiceType::Storage].is_empty());
    world.net.silence(&SERVICES);
    let again = world.trust();
    for (kind, target) in [("trust", peers), ("registration", entry)] {
        let resource = again.resource(&kind.parse().unwrap()).unwrap();
        assert_eq!(resource.delete(&cx, &target, &resources[&target.address]).await.unwrap(), Deleted::Gone);
    }
}

#[tokio::test]
async fn a_deployment_that_is_as_applied_is_verified_and_nothing_grows() {
    let (world, trust, cx) = world();
    let resources = apply(&trust, &cx).await;
    for run in 0..3 {
        let report = trust.verify(&cx, &resources).await.unwrap();
        assert_eq!(report.failures, []);
        let proved: Vec<ServiceType> = report.services.iter().map(|service| service.service).collect();
        assert_eq!(proved, SERVICES);
        assert_eq!(report.flow, ["register", "login", "authorisation", "logout"]);
        assert!(world.facts.lock().unwrap().certificates.is_empty(), "run {run}: every admin is logged out");
    }
    assert_eq!(world.facts.lock().unwrap().users.len(), 1);
}

#[tokio::test]
async fn every_way_of_being_wrong_is_a_diagnostic_with_address_and_hint() {
    let (world, trust, cx) = world();
    let good = apply(&trust, &cx).await;
    let place: Address = "storage/registration".parse().unwrap();
    let with = |name: &str, value: Value| {
        let mut resources = good.clone();
        resources.get_mut(&place).unwrap().insert(name.to_owned(), value);
        resources
    };
    let mut unregistered = good.clone();
    unregistered.remove(&place);
    let cases = [
        (with("uid", json!("a0-a9")), codes::ANOTHER, "storage/registration"),
        (with("public_key", json!(key(2).public().pem())), codes::UNPROVED, "storage/function"),
        (with("public_certificate", json!(key(3).public().pem())), codes::UNPROVED, "storage/function"),
        (unregistered, codes::UNREGISTERED, "storage/function"),
    ];
    for (resources, code, address) in cases {
        let report = trust.verify(&cx, &resources).await.unwrap();
        let [failure] = report.failures.as_slice() else { panic!("{code}: {:?}", report.failures) };
        assert_eq!((failure.code, failure.address.as_deref()), (code, Some(address)));
        assert!(failure.hint.is_some());
        assert_eq!((report.services.len(), report.flow.len()), (2, 0));
    }
    world.facts.lock().unwrap().binary = "0000".to_owned();
    let report = trust.verify(&cx, &good).await.unwrap();
    assert!(report.failures.iter().all(|failure| failure.code == codes::BINARY));
    assert_eq!((report.failures.len(), report.services.len()), (3, 0));
    world.net.silence(&SERVICES);
    let report = trust.verify(&cx, &good).await.unwrap();
    assert!(report.failures.iter().all(|failure| failure.code == codes::SILENT));
}

#[tokio::test]
async fn a_flow_that_breaks_names_its_step() {
    let (world, trust, cx) = world();
    let resources = apply(&trust, &cx).await;
    // Somebody ended the admin's session behind our back.
    world.facts.lock().unwrap().certificates.clear();
    let report = trust.verify(&cx, &resources).await.unwrap();
    assert_eq!(report.flow, ["register", "login"]);
    assert_eq!(report.failures.len(), 1);
    assert_eq!(report.failures[0].code, codes::FLOW);
    assert!(report.failures[0].summary.contains("`authorisation`"), "{}", report.failures[0].summary);
}
