use crate::frame::testing::{Deployment, Layout, secret, url};
use acquire_envelope::Class;
use acquire_envelope::service::ServiceRecord;
use acquire_model::ServiceType::{self, Access, Accounting, Identity, Registry, Storage};
use acquire_model::{Attributes, Uid};
use serde_json::{Value, json};

async fn pair(layout: Layout) -> Deployment {
    Deployment::set_up(layout, &[Registry, Identity]).await
}

fn with(mut arguments: Value, name: &str, value: Value) -> Value {
    arguments[name] = value;
    arguments
}

#[tokio::test]
async fn registry_and_identity_are_set_up_over_the_wire() {
    let deployment = Deployment::start(Layout::Apart, &[Registry, Identity]).await;
    let registry = deployment.set_up_one(Registry).await.unwrap();
    assert_eq!(registry["service"]["uid"], "a0-a0");
    let identity = deployment.set_up_one(Identity).await.unwrap();
    let record = ServiceRecord::from_signed_json(&identity["service"]).unwrap();
    assert_eq!(record.uid.unwrap().as_str(), "a0-a1");
    assert!(record.user_uid.is_some());
    let uri = identity["provisioning_uri"].as_str().unwrap();
    let otp = secret(Identity).admin_otp_secret.expose().to_owned();
    assert_eq!(uri, format!("otpauth://totp/identity%40127.0.0.1:admin?secret={otp}&issuer=identity%40127.0.0.1"));
    let called_back = deployment.network.posted.lock().unwrap().iter().filter(|(to, _)| *to == url(Identity)).count();
    assert!(called_back >= 2, "set-up itself, and the registry's challenge");
}

#[tokio::test]
async fn set_up_again_with_the_proof_answers_the_same() {
    let deployment = pair(Layout::Apart).await;
    let once = deployment.node(Identity).cx().keys.ring();
    let again = deployment.set_up_one(Identity).await.unwrap();
    assert_eq!(again["service"]["uid"], "a0-a1");
    assert_eq!(again["service"]["service_user_uid"], json!(once.record().unwrap().user_uid));
    let admins = |ring: &crate::keys::Ring| ring.own.as_ref().unwrap().admins.keys().cloned().collect::<Vec<Uid>>();
    assert_eq!(admins(&deployment.node(Identity).cx().keys.ring()), admins(&once));
}

#[tokio::test]
async fn nobody_without_the_proof_sets_a_service_up() {
    let deployment = Deployment::start(Layout::Apart, &[Registry, Identity]).await;
    deployment.set_up_one(Registry).await.unwrap();
    let good = deployment.setup_arguments(Identity);
    for proof in [json!(null), json!(""), json!("guess"), json!(7), json!(secret(Registry).setup_proof.expose())] {
        let fault = deployment.call(Identity, Some("setup"), &with(good.clone(), "proof", proof)).await.unwrap_err();
        assert_eq!(fault.class, Class::PermissionError);
    }
    let mut bare = good.clone();
    bare.as_object_mut().unwrap().remove("proof");
    assert_eq!(deployment.call(Identity, Some("setup"), &bare).await.unwrap_err().class, Class::PermissionError);
    let plain = deployment.call_plain(Identity, Some("setup"), &good).await.unwrap_err();
    assert_eq!(plain.class, Class::PermissionError, "a password travels only encrypted");
    assert!(deployment.node(Identity).cx().keys.ring().own.is_none(), "nothing was begun");
    assert!(deployment.set_up_one(Identity).await.is_ok());
}

#[tokio::test]
async fn an_attacker_who_races_the_set_up_gets_nothing() {
    let deployment = Deployment::start(Layout::Apart, &[Registry, Identity]).await;
    deployment.set_up_one(Registry).await.unwrap();
    let forged = with(deployment.setup_arguments(Identity), "proof", json!("guess"));
    let forged = with(with(forged, "username", json!("mallory")), "password", json!("Mallory1Password"));
    let attack = || deployment.call(Identity, Some("setup"), &forged);
    let (first, right, second, third) = tokio::join!(attack(), deployment.set_up_one(Identity), attack(), attack());
    assert!(right.is_ok());
    for lost in [first, second, third] {
        assert_eq!(lost.unwrap_err().class, Class::PermissionError);
    }
    assert_eq!(deployment.node(Identity).cx().keys.ring().own.as_ref().unwrap().admins.len(), 1);
}

#[tokio::test]
async fn racing_set_ups_with_the_proof_come_to_one_service() {
    let deployment = Deployment::start(Layout::Apart, &[Registry, Identity]).await;
    deployment.set_up_one(Registry).await.unwrap();
    let (one, two) = tokio::join!(deployment.set_up_one(Identity), deployment.set_up_one(Identity));
    assert_eq!(one.unwrap()["service"]["uid"], two.unwrap()["service"]["uid"]);
    let own = deployment.node(Identity).cx().keys.ring();
    assert_eq!(own.own.as_ref().unwrap().admins.len(), 1);
}

#[tokio::test]
async fn set_up_of_something_else_is_refused() {
    let deployment = Deployment::start(Layout::Apart, &[Registry, Identity]).await;
    deployment.set_up_one(Registry).await.unwrap();
    let good = deployment.setup_arguments(Identity);
    for (name, value) in [
        ("service_type", json!("storage")),
        ("canonical_url", json!("http://127.0.0.1:8080/t/storage")),
        ("canonical_url", json!("https://127.0.0.1:8080/t/identity")),
        ("canonical_url", json!("not a url at all")),
        ("registry_uid", json!("b0-b0")),
    ] {
        let fault =
            deployment.call(Identity, Some("setup"), &with(good.clone(), name, value.clone())).await.unwrap_err();
        assert_eq!(fault.class, Class::ServiceAccountError, "{name} {value}");
    }
    for name in ["service_type", "canonical_url", "password"] {
        let fault = deployment.call(Identity, Some("setup"), &with(good.clone(), name, json!(null))).await.unwrap_err();
        assert_eq!(fault.class, Class::KeyError, "{name}");
    }
}

#[tokio::test]
async fn set_up_that_stopped_half_way_goes_on() {
    let deployment = Deployment::start(Layout::Apart, &[Registry, Identity]).await;
    deployment.set_up_one(Registry).await.unwrap();
    deployment.network.set_down(&url(Registry), true);
    assert!(deployment.set_up_one(Identity).await.is_err());
    let fault = deployment.call(Identity, Some("refresh_keys"), &json!({})).await.unwrap_err();
    assert!(matches!(fault.class, Class::ServiceAccountError | Class::PermissionError));
    deployment.network.set_down(&url(Registry), false);
    assert_eq!(deployment.set_up_one(Identity).await.unwrap()["service"]["uid"], "a0-a1");
}

#[tokio::test]
async fn a_restarted_service_is_who_it_was() {
    let mut deployment = pair(Layout::Apart).await;
    let before = deployment.call_plain(Identity, None, &json!({})).await.unwrap();
    deployment.restart(Identity, Attributes::new()).await;
    assert_eq!(deployment.call_plain(Identity, None, &json!({})).await.unwrap(), before);
}

#[tokio::test]
async fn a_service_that_the_registry_took_out_is_back_after_set_up() {
    let deployment = pair(Layout::Apart).await;
    let admin = deployment.log_in(Registry).await;
    let out =
        json!({ "service_uid": "a0-a1", "authorisation": deployment.authorise(&admin, "unregister_service a0-a1") });
    deployment.call(Registry, Some("unregister_service"), &out).await.unwrap();
    let which = json!({ "service_uid": "a0-a1", "service_url": null });
    let gone = deployment.call(Registry, Some("get_service"), &which).await.unwrap_err();
    assert_eq!(gone.class, Class::MissingServiceError);
    assert_eq!(deployment.set_up_one(Identity).await.unwrap()["service"]["uid"], "a0-a1");
    assert!(deployment.call(Registry, Some("get_service"), &which).await.is_ok());
}

#[tokio::test]
async fn a_deployment_that_is_made_again_over_kept_data_is_the_same_services() {
    let mut deployment = pair(Layout::Apart).await;
    let before = deployment.node(Identity).cx().keys.ring().record().unwrap();
    let admin = deployment.log_in(Identity).await;
    deployment.reborn().await;
    assert_eq!(deployment.set_up_one(Registry).await.unwrap()["service"]["uid"], "a0-a0");
    let answer = deployment.set_up_one(Identity).await.unwrap();
    assert_eq!(answer["service"]["uid"], "a0-a1");
    assert_eq!(answer["service"]["service_user_uid"], json!(before.user_uid));
    assert_eq!(deployment.log_in(Identity).await.user_uid, admin.user_uid, "under the new password");
    let which = json!({ "service_uid": "a0-a1", "service_url": null });
    assert!(deployment.call(Registry, Some("get_service"), &which).await.is_ok());
    assert!(deployment.call_as(&before, Some("warm"), &json!({})).await.is_ok(), "who knew it finds it");
}

#[tokio::test]
async fn a_service_that_moved_keeps_its_uid() {
    let mut deployment = pair(Layout::Apart).await;
    let objects = deployment.node(Identity).objects.clone();
    for (place, canonical) in [
        ("http://127.0.0.1:8081/t/identity", "127.0.0.1/t/identity"),
        ("https://id.example.org/t/identity", "id.example.org/t/identity"),
    ] {
        deployment.place(Identity, place, objects.clone(), Attributes::new()).await;
        assert_eq!(deployment.set_up_one(Identity).await.unwrap()["service"]["uid"], "a0-a1", "{place}");
        let which = json!({ "service_uid": null, "service_url": canonical });
        let found = deployment.call(Registry, Some("get_service"), &which).await.unwrap();
        assert_eq!(ServiceRecord::from_json(&found["service_info"]).unwrap().url.full(), place);
    }
    let old = json!({ "service_uid": null, "service_url": "127.0.0.1/t/identity" });
    assert!(deployment.call(Registry, Some("get_service"), &old).await.is_err(), "the old URL is free");
}

#[tokio::test]
async fn admin_functions_want_an_admin() {
    let deployment = pair(Layout::Apart).await;
    let admin = deployment.log_in(Identity).await;
    for name in ["refresh_keys", "dump_keys", "reset", "trust_service", "untrust_service", "trust_accounting_service"] {
        let bare = json!({ "service_url": "a0-a1" });
        let fault = deployment.call(Identity, Some(name), &bare).await.unwrap_err();
        assert_eq!(fault.class, Class::PermissionError, "{name} without an authorisation");
        let other = with(bare, "authorisation", deployment.authorise(&admin, "something else"));
        let fault = deployment.call(Identity, Some(name), &other).await.unwrap_err();
        assert!(
            matches!(fault.class, Class::PermissionError | Class::AuthorisationError | Class::ServiceAccountError),
            "{name} with an authorisation for something else: {fault}"
        );
    }
    let stranger = deployment.log_in(Registry).await;
    let foreign = json!({ "authorisation": deployment.authorise(&stranger, "refresh_keys a0-a1") });
    let fault = deployment.call(Identity, Some("refresh_keys"), &foreign).await.unwrap_err();
    assert!(matches!(fault.class, Class::AuthorisationError | Class::PermissionError), "{fault}");
}

#[tokio::test]
async fn keys_are_refreshed_once_for_an_authorisation() {
    let deployment = pair(Layout::Apart).await;
    let admin = deployment.log_in(Identity).await;
    let signed = json!({ "authorisation": deployment.authorise(&admin, "refresh_keys a0-a1") });
    let first = deployment.call(Identity, Some("refresh_keys"), &signed).await.unwrap();
    let record = ServiceRecord::from_signed_json(&first["service_info"]).unwrap();
    assert_ne!(record.public_key, deployment.provisioned(Identity).public_key);
    assert_eq!(record.last_certificate, deployment.provisioned(Identity).public_certificate);
    let again = deployment.call(Identity, Some("refresh_keys"), &signed).await.unwrap();
    assert_eq!(again, first, "the stored answer");
    assert_eq!(deployment.node(Identity).cx().keys.ring().record().unwrap().public_key, record.public_key);
    assert_eq!(deployment.call(Identity, Some("dump_keys"), &signed).await.unwrap_err().class, Class::PermissionError);
}

#[tokio::test]
async fn dumped_keys_are_not_returned() {
    let deployment = pair(Layout::Apart).await;
    let admin = deployment.log_in(Identity).await;
    let signed = json!({ "authorisation": deployment.authorise(&admin, "dump_keys a0-a1") });
    assert_eq!(deployment.call(Identity, Some("dump_keys"), &signed).await.unwrap(), Value::Null);
    assert!(deployment.node(Identity).cx().keys.ring().own.as_ref().unwrap().current.kept);
}

#[tokio::test]
async fn a_reset_is_refused_even_to_an_admin() {
    let deployment = pair(Layout::Apart).await;
    let admin = deployment.log_in(Identity).await;
    let signed = json!({ "authorisation": deployment.authorise(&admin, "reset a0-a1") });
    assert_eq!(deployment.call(Identity, Some("reset"), &signed).await.unwrap_err().class, Class::PermissionError);
    assert!(deployment.call_plain(Identity, None, &json!({})).await.is_ok());
}

#[tokio::test]
async fn an_admin_says_whom_a_service_trusts() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity, Access]).await;
    let cx = deployment.node(Access).cx();
    let uid = "a0-a1".parse().unwrap();
    assert_eq!(cx.trusted.trusted(cx, &uid).await.unwrap_err().class(), Class::PermissionError);
    assert_eq!(cx.trusted.known(cx, &uid).await.unwrap().canonical_url(), "127.0.0.1/t/identity");
    let admin = deployment.log_in(Access).await;
    let arguments = json!({
        "service_url": "127.0.0.1/t/identity",
        "public_certificate": deployment.provisioned(Identity).public_certificate.to_data(),
        "authorisation": deployment.authorise(&admin, "trust_service a0-a1"),
    });
    let answer = deployment.call(Access, Some("trust_service"), &arguments).await.unwrap();
    assert_eq!(answer, json!({ "args": arguments }), "as the original answers");
    assert!(cx.trusted.trusted(cx, &uid).await.is_ok());
    let trusted = async || deployment.call(Access, Some("trusted_services"), &json!({})).await.unwrap();
    assert_eq!(trusted().await, json!({ "trusted": ["a0-a1"] }));
    let arguments = json!({
        "service_uid": "a0-a1",
        "authorisation": deployment.authorise(&admin, "untrust_service a0-a1"),
    });
    deployment.call(Access, Some("untrust_service"), &arguments).await.unwrap();
    assert_eq!(trusted().await, json!({ "trusted": [] }));
    assert_eq!(cx.trusted.trusted(cx, &uid).await.unwrap_err().class(), Class::PermissionError);
}

#[tokio::test]
async fn the_word_that_was_signed_last_says_whom_a_service_trusts() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity, Access]).await;
    let admin = deployment.log_in(Access).await;
    let sign = |function: &str| {
        deployment.clock.advance(1);
        let authorisation = deployment.authorise(&admin, &format!("{function} a0-a1"));
        json!({ "service_url": "a0-a1", "authorisation": authorisation })
    };
    let [first, second, third, fourth] =
        ["trust_service", "untrust_service", "trust_service", "untrust_service"].map(sign);
    let trusted =
        async || deployment.call(Access, Some("trusted_services"), &json!({})).await.unwrap()["trusted"].take();
    deployment.call(Access, Some("untrust_service"), &second).await.unwrap();
    let late = deployment.call(Access, Some("trust_service"), &first).await.unwrap_err();
    assert_eq!((late.class, trusted().await), (Class::PermissionError, json!([])));
    deployment.call(Access, Some("trust_service"), &third).await.unwrap();
    assert_eq!(trusted().await, json!(["a0-a1"]));
    let fifth = sign("trust_service");
    deployment.call(Access, Some("trust_service"), &fifth).await.unwrap();
    let late = deployment.call(Access, Some("untrust_service"), &fourth).await.unwrap_err();
    assert_eq!((late.class, trusted().await), (Class::PermissionError, json!(["a0-a1"])));
}

#[tokio::test]
async fn trust_is_refused_for_another_certificate_and_for_strangers() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity, Access]).await;
    let admin = deployment.log_in(Access).await;
    let arguments = json!({
        "service_url": "a0-a1",
        "public_certificate": deployment.provisioned(Registry).public_certificate.to_data(),
        "authorisation": deployment.authorise(&admin, "trust_service a0-a1"),
    });
    let fault = deployment.call(Access, Some("trust_service"), &arguments).await.unwrap_err();
    assert_eq!(fault.class, Class::PermissionError);
    let arguments = json!({
        "service_url": "https://evil.example/t/identity",
        "authorisation": deployment.authorise(&admin, "trust_service a0-a9"),
    });
    let fault = deployment.call(Access, Some("trust_service"), &arguments).await.unwrap_err();
    assert_eq!(fault.class, Class::MissingServiceError);
    let called: Vec<String> = deployment.network.posted.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
    assert!(called.iter().all(|to| !to.contains("evil")), "nobody is called that the registry does not know");
}

#[tokio::test]
async fn only_accounting_is_trusted_as_accounting() {
    let services: [ServiceType; 4] = [Registry, Accounting, Access, Storage];
    let deployment = Deployment::set_up(Layout::Apart, &services).await;
    let admin = deployment.log_in(Access).await;
    let storage = json!({
        "service_url": url(Storage),
        "authorisation": deployment.authorise(&admin, "trust_accounting_service a0-a3"),
    });
    let fault = deployment.call(Access, Some("trust_accounting_service"), &storage).await.unwrap_err();
    assert_eq!(fault.class, Class::ServiceAccountError);
    let accounting = json!({
        "service_url": url(Accounting),
        "authorisation": deployment.authorise(&admin, "trust_accounting_service a0-a1"),
    });
    let fault = deployment.call(Access, Some("trust_accounting_service"), &accounting).await.unwrap_err();
    assert_eq!(fault.class, Class::ServiceAccountError);
    assert!(fault.message.contains("does not offer accounts yet"), "{fault}");
    let cx = deployment.node(Access).cx();
    assert!(cx.trusted.trusted(cx, &"a0-a1".parse().unwrap()).await.is_ok(), "the trust stays");
}

#[tokio::test]
async fn a_re_sent_call_with_the_same_authorisation_gets_the_same_answer() {
    let deployment = pair(Layout::Apart).await;
    let admin = deployment.log_in(Identity).await;
    let to = deployment.provisioned(Identity);
    let signed = json!({ "authorisation": deployment.authorise(&admin, "refresh_keys a0-a1") });
    let sealed = deployment.seal(&to, Some("refresh_keys"), &signed);
    let first = deployment.send(&to, &sealed).await.unwrap();
    assert_eq!(deployment.send(&to, &sealed).await.unwrap(), first);
}

#[tokio::test]
async fn a_nonce_is_echoed_within_bounds() {
    let deployment = pair(Layout::Apart).await;
    for (nonce, class) in
        [(json!("x".repeat(201)), Class::ValueError), (json!(7), Class::TypeError), (json!(null), Class::KeyError)]
    {
        let fault = deployment.call(Identity, Some("verify"), &json!({ "nonce": nonce })).await.unwrap_err();
        assert_eq!(fault.class, class);
    }
}
