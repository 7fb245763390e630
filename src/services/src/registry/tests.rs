use super::record::{Entry, entry_place};
use crate::frame::testing::{Deployment, Layout, caller_key, encrypted, session_key, url};
use crate::frame::{Arguments, Cx};
use acquire_crypto::{PrivateKey, PublicKey, base64};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Class, Exception, challenge};
use acquire_model::ServiceType::{self, Access, Compute, Identity, Registry, Storage};
use acquire_model::{Timestamp, Uid};
use acquire_provider::http::{Request, Response, StatusCode};
use acquire_provider::{Error, Service};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Records that services push, and introductions across hosts.
mod pushes;

use pushes::{push, signed};

async fn registry() -> Deployment {
    Deployment::set_up(Layout::Apart, &[Registry]).await
}

async fn look_up(deployment: &Deployment, uid: Value, url: Value) -> Result<ServiceRecord, Exception> {
    let which = json!({ "service_uid": uid, "service_url": url });
    let answer = deployment.call(Registry, Some("get_service"), &which).await?;
    Ok(ServiceRecord::from_json(&answer["service_info"]).unwrap())
}

/// A service of the original's kind, which answers root only, as it is told to.
struct Foreign {
    key: PrivateKey,
    certificate: PrivateKey,
    record: Mutex<ServiceRecord>,
}

struct ForeignKeys<'a>(&'a Foreign);

impl acquire_envelope::Keys for ForeignKeys<'_> {
    fn private_key(&self, fingerprint: Option<&acquire_crypto::Fingerprint>) -> Option<PrivateKey> {
        let key = &self.0.key;
        fingerprint.is_none_or(|f| f == key.public().fingerprint()).then(|| key.clone())
    }

    fn certificate(&self, fingerprint: &acquire_crypto::Fingerprint) -> Option<PrivateKey> {
        let key = &self.0.certificate;
        (fingerprint == key.public().fingerprint()).then(|| key.clone())
    }
}

impl Foreign {
    fn new(url: &str, service_type: ServiceType, key: &PrivateKey, certificate: &PrivateKey) -> Arc<Self> {
        let record = ServiceRecord {
            uid: None,
            service_type,
            url: url.parse().unwrap(),
            public_key: key.public().clone(),
            public_certificate: certificate.public().clone(),
            last_certificate: certificate.public().clone(),
            last_key_update: Timestamp::from_micros(1_800_000_000_000_000),
            key_update_interval_seconds: 604_800,
            user_name: format!("{service_type}_principal"),
            user_uid: None,
        };
        Arc::new(Self { key: key.clone(), certificate: certificate.clone(), record: Mutex::new(record) })
    }

    fn record(&self) -> ServiceRecord {
        self.record.lock().unwrap().clone()
    }
}

#[async_trait]
impl Service for Foreign {
    async fn call(&self, request: Request) -> Response {
        use acquire_envelope::{Limits, reply, request};
        let body = request.body.read(1 << 20).await.unwrap();
        let opened = match request::open(&body, &ForeignKeys(self), &Limits::default()) {
            Ok(opened) => opened,
            Err(refusal) => {
                let sealed = reply::seal(&Err(refusal.exception), &refusal.reply, &ForeignKeys(self), Timestamp::EPOCH);
                return Response::new(StatusCode::OK, "application/json", sealed);
            }
        };
        let asked = opened.payload["challenge"].as_str().unwrap();
        let response = challenge::answer(&self.key, asked, challenge::accept).unwrap();
        let info = self.record().to_signed_json(&self.certificate, &self.certificate).unwrap();
        let outcome = Ok(json!({ "service_info": info, "response": response }));
        let sealed = reply::seal(&outcome, &opened.reply, &ForeignKeys(self), Timestamp::EPOCH);
        Response::new(StatusCode::OK, "application/json", sealed)
    }

    async fn invoke(&self, _: &str, _: Value) -> Result<Value, Value> {
        unreachable!("it runs elsewhere")
    }

    async fn sweep(&self) -> Result<u64, Error> {
        Ok(0)
    }
}

const STAGE1: &str = "STAGE1 abcdefghijklmnopqrstuvwxyz";

/// Registers as the original does.
async fn register(deployment: &Deployment, offered: &ServiceRecord, more: Value) -> Result<Value, Exception> {
    let key: PublicKey = deployment.provisioned(Registry).public_key;
    let mut arguments = json!({
        "service": offered.to_json(),
        "challenge": encrypted(&key, STAGE1),
        "fingerprint": key.fingerprint(),
    });
    for (name, value) in more.as_object().unwrap() {
        arguments[name] = value.clone();
    }
    deployment.call(Registry, Some("register_service"), &arguments).await
}

async fn foreign(deployment: &Deployment, url: &str, service_type: ServiceType) -> Arc<Foreign> {
    let foreign = Foreign::new(url, service_type, caller_key(), session_key());
    deployment.network.serve(url, foreign.clone());
    foreign
}

#[tokio::test]
async fn a_service_is_found_by_uid_and_by_url() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    let born = deployment.provisioned(Identity);
    for (uid, url) in [
        (json!("a0-a1"), json!(null)),
        (json!(null), json!(url(Identity))),
        (json!(null), json!("127.0.0.1/t/identity")),
        (json!(null), json!("https://127.0.0.1/t/identity/")),
        (json!("a0-a1"), json!("127.0.0.1/t/registry")),
    ] {
        let found = look_up(&deployment, uid.clone(), url.clone()).await.unwrap();
        assert_eq!(found.uid.as_ref().unwrap().as_str(), "a0-a1", "{uid} {url}");
        assert_eq!(found.public_key, born.public_key);
        assert_eq!(found.url, born.url, "with scheme and port");
    }
    for (uid, url) in [(json!("a0-a0"), json!(null)), (json!(null), json!(url(Registry)))] {
        assert_eq!(look_up(&deployment, uid, url).await.unwrap().uid.unwrap().as_str(), "a0-a0");
    }
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let deployment = registry().await;
    for (uid, url) in [
        (json!(null), json!(null)),
        (json!("a0-a7"), json!(null)),
        (json!("../../service"), json!(null)),
        (json!("STAGE1"), json!(null)),
        (json!(null), json!("nowhere")),
        (json!(null), json!("127.0.0.1/t/storage")),
        (json!(null), json!("http://user@host/")),
        (json!(null), json!("")),
    ] {
        let fault = look_up(&deployment, uid.clone(), url.clone()).await.unwrap_err();
        assert_eq!(fault.class, Class::MissingServiceError, "{uid} {url}");
    }
    let fault = look_up(&deployment, json!(null), json!("nowhere")).await.unwrap_err();
    assert!(fault.message.contains("No service available: service_url=nowhere  service_uid=None"), "{fault}");
    assert_eq!(look_up(&deployment, json!(7), json!(null)).await.unwrap_err().class, Class::TypeError);
}

#[tokio::test]
async fn a_service_of_the_original_registers_and_is_found_once_it_uses_its_uid() {
    let deployment = registry().await;
    let service = foreign(&deployment, "https://science.example.org/t/storage", Storage).await;
    let answer = register(&deployment, &service.record(), json!({})).await.unwrap();
    assert_eq!(answer, json!({ "service_uid": "a0-a1", "response": STAGE1 }));
    let found = look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap_err();
    assert_eq!(found.class, Class::MissingServiceError, "it is still at stage 1");
    deployment.clock.advance(60);
    service.record.lock().unwrap().uid = Some("a0-a1".parse().unwrap());
    service.record.lock().unwrap().user_uid = Some("dcf635e3-162c-4380-9589-1816a12ad9ba".parse::<Uid>().unwrap());
    let found = look_up(&deployment, json!(null), json!("science.example.org/t/storage")).await.unwrap();
    assert_eq!(found, service.record());
}

#[tokio::test]
async fn a_service_that_claims_another_uid_type_or_url_is_not_believed() {
    let deployment = registry().await;
    let service = foreign(&deployment, "https://science.example.org/t/storage", Storage).await;
    register(&deployment, &service.record(), json!({})).await.unwrap();
    let honest = service.record();
    let lies: [(&str, ServiceRecord); 4] = [
        ("uid", ServiceRecord { uid: Some("a0-a0".parse().unwrap()), ..honest.clone() }),
        ("next uid", ServiceRecord { uid: Some("a0-a2".parse().unwrap()), ..honest.clone() }),
        ("type", ServiceRecord { uid: Some("a0-a1".parse().unwrap()), service_type: Identity, ..honest.clone() }),
        (
            "url",
            ServiceRecord {
                uid: Some("a0-a1".parse().unwrap()),
                url: "https://other.example.org/t/storage".parse().unwrap(),
                ..honest.clone()
            },
        ),
    ];
    for (what, lie) in lies {
        *service.record.lock().unwrap() = lie;
        deployment.clock.advance(60);
        let fault = look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap_err();
        assert_eq!(fault.class, Class::MissingServiceError, "{what}");
    }
}

#[tokio::test]
async fn only_who_answers_at_the_url_with_the_offered_keys_is_registered() {
    let deployment = registry().await;
    let there = "https://science.example.org/t/storage";
    let service = foreign(&deployment, there, Storage).await;
    let thief = PrivateKey::generate().unwrap();
    let stolen = ServiceRecord { public_key: thief.public().clone(), ..service.record() };
    assert!(register(&deployment, &stolen, json!({})).await.is_err(), "keys that the service does not have");
    let stolen = ServiceRecord { public_certificate: thief.public().clone(), ..service.record() };
    assert!(register(&deployment, &stolen, json!({})).await.is_err(), "a certificate that it does not have");
    let nobody = ServiceRecord { url: "https://nobody.example.org/t/storage".parse().unwrap(), ..service.record() };
    let fault = register(&deployment, &nobody, json!({})).await.unwrap_err();
    assert_eq!(fault.class, Class::RemoteFunctionCallError, "nobody answers there");
    let finished = ServiceRecord { uid: Some("a0-a1".parse().unwrap()), ..service.record() };
    assert_eq!(register(&deployment, &finished, json!({})).await.unwrap_err().class, Class::PermissionError);
    assert!(register(&deployment, &service.record(), json!({})).await.is_ok());
}

#[tokio::test]
async fn a_url_that_is_taken_goes_to_nobody_else() {
    let deployment = registry().await;
    let there = "https://science.example.org/t/storage";
    let service = foreign(&deployment, there, Storage).await;
    register(&deployment, &service.record(), json!({})).await.unwrap();
    let (key, certificate) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    for place in [there, "https://science.example.org:8443/t/storage", "http://science.example.org/t/storage"] {
        let usurper = Foreign::new(place, Storage, &key, &certificate);
        deployment.network.serve(place, usurper.clone());
        for more in [json!({}), json!({ "force_new_uid": true })] {
            let fault = register(&deployment, &usurper.record(), more).await.unwrap_err();
            assert_eq!(fault.class, Class::PermissionError, "{place}");
        }
    }
    // The service itself gets its uid again, under the keys it is known by …
    deployment.network.serve(there, service.clone());
    // also when a stranger asks in its name for another one, which would part it from its uid …
    for more in [json!({}), json!({ "force_new_uid": true })] {
        assert_eq!(register(&deployment, &service.record(), more).await.unwrap()["service_uid"], "a0-a1");
    }
    // … and under new ones, if the old certificate vouches for them.
    let heir = Foreign::new(there, Storage, &key, &certificate);
    deployment.network.serve(there, heir.clone());
    let text = super::claim_text("science.example.org/t/storage", certificate.public().fingerprint(), STAGE1);
    let signature = base64::encode(&session_key().sign(text.as_bytes()).unwrap());
    let forged = base64::encode(&certificate.sign(text.as_bytes()).unwrap());
    assert!(register(&deployment, &heir.record(), json!({ "signatures": [forged] })).await.is_err());
    let vouched = register(&deployment, &heir.record(), json!({ "signatures": ["%%%", signature] })).await.unwrap();
    assert_eq!(vouched["service_uid"], "a0-a1");
}

#[tokio::test]
async fn a_url_that_was_taken_out_is_free_under_a_new_uid() {
    let deployment = registry().await;
    let there = "https://science.example.org/t/storage";
    let service = foreign(&deployment, there, Storage).await;
    register(&deployment, &service.record(), json!({})).await.unwrap();
    let admin = deployment.log_in(Registry).await;
    let out =
        json!({ "service_uid": "a0-a1", "authorisation": deployment.authorise(&admin, "unregister_service a0-a1") });
    assert_eq!(deployment.call(Registry, Some("unregister_service"), &out).await.unwrap(), Value::Null);
    let (key, certificate) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let next = Foreign::new(there, Storage, &key, &certificate);
    deployment.network.serve(there, next.clone());
    assert_eq!(register(&deployment, &next.record(), json!({})).await.unwrap()["service_uid"], "a0-a2");
}

#[tokio::test]
async fn a_service_on_this_machine_registers_only_at_a_registry_on_this_machine() {
    let deployment = registry().await;
    let local = foreign(&deployment, "http://127.0.0.1:9000/t/compute", Compute).await;
    assert!(register(&deployment, &local.record(), json!({})).await.is_ok());
    let itself = Foreign::new(&url(Registry), Registry, caller_key(), session_key());
    let fault = register(&deployment, &itself.record(), json!({})).await.unwrap_err();
    assert_eq!(fault.class, Class::PermissionError, "the registry's own URL is taken");
}

#[tokio::test]
async fn register_service_decrypts_nothing_but_stage_1_names() {
    let deployment = registry().await;
    let service = foreign(&deployment, "https://science.example.org/t/storage", Storage).await;
    let born = deployment.provisioned(Registry);
    let key = &born.public_key;
    for challenge in [
        encrypted(key, "abcdefghijklmnopqrstuvwxyz"),
        encrypted(key, "STAGE1 "),
        encrypted(key, "{\"password\": 1}"),
        encrypted(key, &"STAGE1 ".repeat(60)),
        encrypted(&born.public_certificate, STAGE1),
        "AAAA".to_owned(),
    ] {
        let fault = register(&deployment, &service.record(), json!({ "challenge": challenge })).await.unwrap_err();
        assert_eq!(fault.class, Class::PermissionError, "{challenge:.30}");
    }
    let certificate = json!({
        "challenge": encrypted(&born.public_certificate, STAGE1),
        "fingerprint": born.public_certificate.fingerprint(),
    });
    let fault = register(&deployment, &service.record(), certificate).await.unwrap_err();
    assert_eq!(fault.class, Class::ServiceAccountMissingKeyError, "a certificate is no key");
}

#[tokio::test]
async fn a_domain_cannot_fill_the_registry() {
    let deployment = registry().await;
    let mut refused = 0;
    for n in 0..super::record::PENDING_MAX + 3 {
        let there = format!("https://science.example.org/{n}/storage");
        let service = foreign(&deployment, &there, Storage).await;
        refused += usize::from(register(&deployment, &service.record(), json!({})).await.is_err());
        // Again: it counts once.
        let _ = register(&deployment, &service.record(), json!({})).await;
    }
    assert_eq!(refused, 3);
    let elsewhere = foreign(&deployment, "https://other.example.org/t/storage", Storage).await;
    assert!(register(&deployment, &elsewhere.record(), json!({})).await.is_ok(), "other domains are not affected");
}

/// Calls a function of the registry from an address, as often as that; returns the classes of the refusals.
async fn calls(cx: &Arc<Cx>, function: &str, last: u8, times: usize) -> Vec<Class> {
    let mut refusals = Vec::new();
    for _ in 0..times {
        let arguments = Arguments::new(serde_json::Map::new()).from(Some([10, 0, 0, last].into()));
        let answer = match function {
            "get_service" => super::look_up::get_service(cx, &arguments).await,
            "register_service" => super::register::register(cx, &arguments).await,
            "refresh_service" => super::register::refresh(cx, &arguments).await,
            "introduce" => super::introduce::run(cx, &arguments).await,
            other => panic!("{other}"),
        };
        refusals.extend(answer.err().map(|fault| fault.class()).filter(|class| *class == Class::PermissionError));
    }
    refusals
}

#[tokio::test]
async fn one_address_cannot_keep_the_registry_busy_for_ever() {
    let deployment = registry().await;
    let cx = deployment.node(Registry).cx();
    for (function, most) in
        [("get_service", 6_000), ("register_service", 60), ("refresh_service", 300), ("introduce", 300)]
    {
        assert_eq!(calls(cx, function, 1, most).await.len(), 0, "{function}");
        assert_eq!(calls(cx, function, 1, 1).await.len(), 1, "{function}");
        assert_eq!(calls(cx, function, 2, 1).await.len(), 0, "{function}: others are not affected");
    }
    deployment.clock.advance(600);
    assert_eq!(calls(cx, "register_service", 1, 1).await.len(), 0, "ten minutes later it may again");
}

#[tokio::test]
async fn six_services_behind_one_address_stay_within_the_budgets() {
    let deployment = registry().await;
    let cx = deployment.node(Registry).cx();
    for _ in 0..20 {
        // What each does at most in a minute: look up the five others, push its keys, be introduced to the others. They
        // register when they are set up, and come back once.
        for (function, times) in [("get_service", 30), ("refresh_service", 6), ("introduce", 10)] {
            assert_eq!(calls(cx, function, 1, times).await.len(), 0, "{function}");
        }
        deployment.clock.advance(60);
    }
    assert_eq!(calls(cx, "register_service", 1, 12).await.len(), 0);
}

#[tokio::test]
async fn a_service_whose_keys_would_always_be_due_is_refused() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    let service = foreign(&deployment, "https://science.example.org/t/storage", Storage).await;
    let hasty = |record: ServiceRecord| ServiceRecord { key_update_interval_seconds: 3_599, ..record };
    let fault = register(&deployment, &hasty(service.record()), json!({})).await.unwrap_err();
    assert!(fault.class == Class::PermissionError && fault.message.contains("60 minutes"), "{fault}");
    *service.record.lock().unwrap() = hasty(service.record());
    let patient = ServiceRecord { key_update_interval_seconds: 3_600, ..service.record() };
    let fault = register(&deployment, &patient, json!({})).await.unwrap_err();
    assert_eq!(fault.class, Class::PermissionError, "what it says of itself counts, not what it offers");
    let ring = deployment.node(Identity).cx().keys.ring();
    let pushed = hasty(ring.record().unwrap());
    let fault = push(&deployment, |payload| *payload = signed(&deployment, &pushed)).await.unwrap_err();
    assert_eq!(fault.class, Class::PermissionError);
    *service.record.lock().unwrap() = patient.clone();
    assert!(register(&deployment, &patient, json!({})).await.is_ok());
}

#[tokio::test]
async fn look_ups_at_once_challenge_a_service_once() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    deployment.clock.advance(604_800 * 3);
    deployment.network.hang(&url(Identity));
    let tries = || deployment.network.posted.lock().unwrap().iter().filter(|(to, _)| *to == url(Identity)).count();
    let before = tries();
    let one = || look_up(&deployment, json!("a0-a1"), json!(null));
    let (first, others, ()) = tokio::join!(one(), futures::future::join_all((0..5).map(|_| one())), async {
        while tries() == before {
            tokio::task::yield_now().await;
        }
        deployment.clock.advance(5);
    });
    let stored = deployment.provisioned(Identity).public_key;
    assert!(others.into_iter().chain([first]).all(|found| found.unwrap().public_key == stored), "the stored copy");
    assert_eq!(tries(), before + 1);
}

#[tokio::test]
async fn everybody_who_looks_for_a_service_that_has_just_finished_finds_it() {
    let deployment = registry().await;
    let there = "https://science.example.org/t/storage";
    let service = foreign(&deployment, there, Storage).await;
    register(&deployment, &service.record(), json!({})).await.unwrap();
    service.record.lock().unwrap().uid = Some("a0-a1".parse().unwrap());
    let tries = || deployment.network.posted.lock().unwrap().iter().filter(|(to, _)| to == there).count();
    let before = tries();
    let found = futures::future::join_all((0..5).map(|_| look_up(&deployment, json!("a0-a1"), json!(null)))).await;
    assert!(found.into_iter().all(|found| found.unwrap() == service.record()));
    assert_eq!(tries(), before + 1);
}

/// How often the record of the service with that uid was written.
async fn writes(deployment: &Deployment, uid: &str) -> u64 {
    let place = entry_place(&uid.parse().unwrap()).unwrap();
    deployment.node(Registry).cx().store.read::<Entry>(&place).await.unwrap().unwrap().version
}

#[tokio::test]
async fn what_did_not_change_is_not_written_again() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity, Access]).await;
    let service = foreign(&deployment, "https://science.example.org/t/storage", Storage).await;
    register(&deployment, &service.record(), json!({})).await.unwrap();
    let (objects, before) = (deployment.node(Registry).objects.clone(), writes(&deployment, "a0-a3").await);
    let count = || async { futures::StreamExt::count(objects.list(None)).await };
    let stored = count().await;
    register(&deployment, &service.record(), json!({})).await.unwrap();
    assert_eq!((writes(&deployment, "a0-a3").await, count().await), (before, stored), "it registered as before");

    let record = deployment.node(Identity).cx().keys.ring().record().unwrap();
    let dated =
        |seconds| ServiceRecord { last_key_update: record.last_key_update.plus_seconds(seconds), ..record.clone() };
    let say =
        async |seconds| push(&deployment, |payload| *payload = signed(&deployment, &dated(seconds))).await.unwrap();
    deployment.clock.advance(60);
    let before = writes(&deployment, "a0-a1").await;
    for second in 1..5 {
        say(second).await;
    }
    assert_eq!(writes(&deployment, "a0-a1").await, before + 1, "a date alone, once a minute");
    deployment.clock.advance(60);
    for _ in 0..3 {
        let word = super::introduction(deployment.node(Identity).cx(), &"a0-a2".parse().unwrap(), true).unwrap();
        deployment.call(Registry, Some("introduce"), &word).await.unwrap();
        deployment.clock.advance(1);
    }
    assert_eq!(writes(&deployment, "a0-a1").await, before + 2, "the same word, once a minute");
}

#[tokio::test]
async fn a_service_that_registers_again_keeps_the_certificate_it_first_registered_with() {
    let deployment = registry().await;
    let there = "https://science.example.org/t/storage";
    let service = foreign(&deployment, there, Storage).await;
    register(&deployment, &service.record(), json!({})).await.unwrap();
    // It changed its keys since …
    let (cx, uid) = (deployment.node(Registry).cx(), "a0-a1".parse().unwrap());
    let (key, certificate) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let changed = Foreign::new(there, Storage, &key, &certificate);
    let later = service.record().last_key_update.plus_seconds(604_801);
    changed.record.lock().unwrap().last_key_update = later;
    super::look_up::settle(cx, &uid, &changed.record()).await.unwrap();
    deployment.network.serve(there, changed.clone());
    // … and a stranger makes it register again.
    register(&deployment, &changed.record(), json!({})).await.unwrap();
    let entry = super::record::entry(cx, &uid).await.unwrap().unwrap();
    assert_eq!(entry.origin, session_key().public().pem());
    assert_eq!(entry.service().unwrap().public_certificate, *certificate.public());
}

#[tokio::test]
async fn racing_registrations_get_different_uids() {
    let deployment = registry().await;
    let urls: Vec<String> = (0..8).map(|n| format!("https://s{n}.example.org/t/storage")).collect();
    let mut services = Vec::new();
    for there in &urls {
        services.push(foreign(&deployment, there, Storage).await.record());
    }
    let answers =
        futures::future::join_all(services.iter().map(|record| register(&deployment, record, json!({})))).await;
    let uids: std::collections::BTreeSet<String> =
        answers.into_iter().map(|answer| answer.unwrap()["service_uid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(uids.len(), 8);
}

#[tokio::test]
async fn a_look_up_answers_while_the_service_is_down() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    deployment.network.set_down(&url(Identity), true);
    deployment.clock.advance(604_800 * 3);
    let found = look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap();
    assert_eq!(found.public_key, deployment.provisioned(Identity).public_key, "the stored copy");
    let tries = || deployment.network.posted.lock().unwrap().iter().filter(|(to, _)| *to == url(Identity)).count();
    let before = tries();
    look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap();
    assert_eq!(tries(), before, "it is not asked again at once");
    deployment.network.set_down(&url(Identity), false);
    deployment.clock.advance(60);
    let found = look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap();
    assert_ne!(found.public_key, deployment.provisioned(Identity).public_key, "it rotated when it was asked");
}

#[tokio::test]
async fn a_look_up_answers_while_the_service_hangs() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    deployment.clock.advance(604_800 * 3);
    deployment.network.hang(&url(Identity));
    let asked = || deployment.network.posted.lock().unwrap().last().is_some_and(|(to, _)| *to == url(Identity));
    let (found, ()) = tokio::join!(look_up(&deployment, json!("a0-a1"), json!(null)), async {
        while !asked() {
            tokio::task::yield_now().await;
        }
        deployment.clock.advance(5);
    });
    assert_eq!(found.unwrap().public_key, deployment.provisioned(Identity).public_key);
}

#[tokio::test]
async fn six_services_on_one_host_register_at_once() {
    let deployment = Deployment::start(Layout::Together, &ServiceType::ALL).await;
    deployment.set_up_one(Registry).await.unwrap();
    let others = ServiceType::ALL.into_iter().filter(|service| *service != Registry);
    let answers = futures::future::join_all(others.map(|service| deployment.set_up_one(service))).await;
    let uids: std::collections::BTreeSet<String> =
        answers.into_iter().map(|answer| answer.unwrap()["service"]["uid"].as_str().unwrap().to_owned()).collect();
    assert_eq!(uids.into_iter().collect::<Vec<_>>(), ["a0-a1", "a0-a2", "a0-a3", "a0-a4", "a0-a5"]);
}
