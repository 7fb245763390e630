//! Records that services push, and introductions across hosts.

use super::*;

/// What an identity service would push, if that were its record.
pub(super) fn signed(deployment: &Deployment, record: &ServiceRecord) -> Value {
    let ring = deployment.node(Identity).cx().keys.ring();
    let certificate = &ring.current().certificate;
    json!({
        "service": record.to_signed_json(certificate, certificate).unwrap(),
        "signatures": ring.signatures(&record.validation_string()).unwrap(),
    })
}

/// Sends what an identity service would push, changed by `change`.
pub(super) async fn push(deployment: &Deployment, change: impl FnOnce(&mut Value)) -> Result<Value, Exception> {
    let own = deployment.node(Identity).cx().keys.ring().record().unwrap();
    let mut payload = signed(deployment, &own);
    change(&mut payload);
    deployment.call(Registry, Some("refresh_service"), &payload).await
}

#[tokio::test]
async fn a_push_is_believed_on_the_word_of_a_known_certificate_only() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    assert!(push(&deployment, |_| ()).await.is_ok());
    assert!(push(&deployment, |payload| payload["signatures"] = json!([])).await.is_err());
    assert!(push(&deployment, |payload| payload["signatures"] = json!(null)).await.is_err());
    assert!(push(&deployment, |payload| payload["service"]["uid"] = json!("a0-a0")).await.is_err());
    assert!(push(&deployment, |payload| payload["service"]["path"] = json!("/t/storage")).await.is_err());
    // A thief signs a record of his own with his own keys.
    let thief = PrivateKey::generate().unwrap();
    let forged = ServiceRecord {
        public_key: thief.public().clone(),
        public_certificate: thief.public().clone(),
        last_certificate: thief.public().clone(),
        ..deployment.node(Identity).cx().keys.ring().record().unwrap()
    };
    let fault = push(&deployment, |payload| {
        payload["service"] = forged.to_signed_json(&thief, &thief).unwrap();
        payload["signatures"] = json!([base64::encode(&thief.sign(forged.validation_string().as_bytes()).unwrap())]);
    });
    assert_eq!(fault.await.unwrap_err().class, Class::PermissionError);
    let found = look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap();
    assert_eq!(found.public_key, deployment.provisioned(Identity).public_key);
}

#[tokio::test]
async fn a_strangers_push_of_a_signed_record_moves_no_service_to_another_port_or_scheme() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    let before = look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap();
    let other = json!({ "http": "6666", "https": "6666" });
    let changes =
        [("ports", other), ("schemes", json!([if before.url.full().starts_with("https") { "http" } else { "https" }]))];
    for (name, value) in changes {
        assert!(push(&deployment, |payload| payload["service"][name] = value).await.is_err(), "{name}");
        let after = look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap();
        assert_eq!(after.url, before.url, "{name}");
    }
}

#[tokio::test]
async fn an_old_push_changes_nothing() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    let ring = deployment.node(Identity).cx().keys.ring();
    let old = json!({
        "service": ring.signed_record().unwrap(),
        "signatures": ring.signatures(&ring.record().unwrap().validation_string()).unwrap(),
    });
    deployment.clock.advance(604_801);
    deployment.node(Identity).service().sweep().await.unwrap();
    let present = look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap();
    deployment.call(Registry, Some("refresh_service"), &old).await.unwrap();
    assert_eq!(look_up(&deployment, json!("a0-a1"), json!(null)).await.unwrap(), present);
}

/// An identity service and a storage service that does not live beside it.
async fn across_hosts() -> Deployment {
    let mut deployment = Deployment::start(Layout::Apart, &[Registry, Identity]).await;
    let elsewhere = "http://127.0.0.2:7000/files/store";
    deployment.place(Storage, elsewhere, acquire_store::memory(), acquire_model::Attributes::new()).await;
    for service in [Registry, Identity, Storage] {
        deployment.set_up_one(service).await.unwrap();
    }
    deployment
}

async fn say(deployment: &Deployment, function: &str) {
    let admin = deployment.log_in(Identity).await;
    let arguments = json!({
        "service_url": "a0-a2",
        "authorisation": deployment.authorise(&admin, &format!("{function} a0-a2")),
    });
    deployment.call(Identity, Some(function), &arguments).await.unwrap();
}

#[tokio::test]
async fn the_siblings_url_of_an_identity_service_finds_its_peer_wherever_it_is() {
    let deployment = across_hosts().await;
    let sibling = json!("127.0.0.1/t/storage");
    let before = look_up(&deployment, json!(null), sibling.clone()).await.unwrap_err();
    assert_eq!(before.class, Class::MissingServiceError, "it was not introduced");
    say(&deployment, "trust_service").await;
    let found = look_up(&deployment, json!(null), sibling.clone()).await.unwrap();
    assert_eq!(found.uid.unwrap().as_str(), "a0-a2");
    assert_eq!(found.url.full(), "http://127.0.0.2:7000/files/store");
    for stranger in ["127.0.0.1/t/compute", "127.0.0.1/x/storage", "127.0.0.3/t/storage", "storage"] {
        assert!(look_up(&deployment, json!(null), json!(stranger)).await.is_err(), "{stranger}");
    }
    deployment.clock.advance(1);
    say(&deployment, "untrust_service").await;
    assert!(look_up(&deployment, json!(null), sibling).await.is_err(), "it was taken back");
}

#[tokio::test]
async fn a_service_beside_the_identity_service_is_found_first() {
    let mut deployment = across_hosts().await;
    say(&deployment, "trust_service").await;
    let beside = "http://127.0.0.1:8080/t/storage";
    deployment.place(Storage, beside, acquire_store::memory(), acquire_model::Attributes::new()).await;
    deployment.set_up_one(Storage).await.unwrap();
    let found = look_up(&deployment, json!(null), json!("127.0.0.1/t/storage")).await.unwrap();
    assert_eq!(found.url.full(), beside);
}

#[tokio::test]
async fn only_the_identity_service_itself_introduces() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity, Access]).await;
    let identity = deployment.node(Identity).cx();
    let good = crate::registry::introduction(identity, &"a0-a2".parse().unwrap(), true).unwrap();
    let changed = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let access = deployment.node(Access).cx();
    let own_word = crate::registry::introduction(access, &"a0-a2".parse().unwrap(), true).unwrap();
    for bad in [
        changed("service_uid", json!("a0-a1")),
        changed("is_peer", json!(false)),
        changed("said", json!("2031-01-01T00:00:00")),
        changed("signatures", json!([])),
        changed("identity_uid", json!("a0-a2")),
        own_word,
    ] {
        let fault = deployment.call(Registry, Some("introduce"), &bad).await.unwrap_err();
        assert_eq!(fault.class, Class::PermissionError, "{bad}");
    }
    assert!(deployment.call(Registry, Some("introduce"), &good).await.is_ok());
}
