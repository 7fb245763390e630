use super::open::Services;
use super::testing::{Deployment, Layout, ask, caller_key, open_plain, post, secret, url};
use acquire_client::Reach;
use acquire_crypto::{PrivateKey, base64, provisioned};
use acquire_envelope::{Class, Limits, reply};
use acquire_model::Attributes;
use acquire_model::ServiceType::{self, Accounting, Identity, Registry};
use acquire_provider::http::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

async fn registry() -> Deployment {
    Deployment::set_up(Layout::Apart, &[Registry]).await
}

async fn text(response: acquire_provider::http::Response) -> String {
    String::from_utf8(response.body.read(1 << 20).await.unwrap().to_vec()).unwrap()
}

/// Sends bytes as a body and expects a plain exception.
async fn refused(deployment: &Deployment, body: &[u8]) -> acquire_envelope::Exception {
    open_plain(&post(&*deployment.node(Registry).service(), body.to_vec()).await).unwrap_err()
}

#[tokio::test]
async fn a_signed_call_is_answered_signed() {
    let deployment = registry().await;
    assert_eq!(deployment.call(Registry, Some("warm"), &json!({})).await.unwrap(), json!({}));
    assert_eq!(deployment.call(Registry, Some("admin/warm"), &json!({})).await.unwrap(), json!({}));
}

#[tokio::test]
async fn all_six_services_answer_the_common_functions() {
    let deployment = Deployment::set_up(Layout::Together, &ServiceType::ALL).await;
    for (place, service) in ServiceType::ALL.into_iter().enumerate() {
        let root = deployment.call_plain(service, None, &json!({})).await.unwrap();
        assert_eq!(root["service_info"]["uid"], format!("a0-a{place}"));
        assert_eq!(root["service_info"]["service_type"], service.as_str());
        assert_eq!(root["service_info"]["service_user_name"], format!("{service}_principal"));
        assert!(root["service_info"]["service_user_uid"].is_string());
        assert!(root["service_info"].get("validation_string").is_none());
        assert_eq!(deployment.call_plain(service, Some("warm"), &json!({})).await.unwrap(), json!({}));
        let test = deployment.call_plain(service, Some("admin/test"), &json!({})).await.unwrap();
        assert!(acquire_envelope::service::ServiceRecord::from_signed_json(&test["service"]).is_ok());
        let verified = deployment.call(service, Some("verify"), &json!({ "nonce": "n1" })).await.unwrap();
        assert_eq!(verified["nonce"], "n1");
        assert_eq!(verified["url"], url(service));
        assert_eq!(verified["canonical_url"], format!("127.0.0.1/t/{service}"));
        assert_eq!(verified["binary"], "b1".repeat(32));
    }
}

#[tokio::test]
async fn names_are_routed_as_the_original_routes_them() {
    let deployment = Deployment::set_up(Layout::Together, &[Registry, Accounting]).await;
    for (name, shown) in [("no_such", "admin/no_such"), ("admin/no_such", "admin/no_such"), ("", "admin/")] {
        let fault = deployment.call(Registry, Some(name), &json!({})).await.unwrap_err();
        assert_eq!(fault.class, Class::LookupError, "{name}");
        assert!(fault.message.contains(&format!("'{shown}'")), "{}", fault.message);
    }
    let own = deployment.call(Registry, Some("admin/get_service"), &json!({})).await.unwrap_err();
    assert_eq!(own.class, Class::LookupError, "a service's own function has no admin name");
    for name in ["register", "admin/register"] {
        let elsewhere = deployment.call(Registry, Some(name), &json!({})).await.unwrap_err();
        assert_eq!(elsewhere.class, Class::LookupError, "only identity services register users");
    }
    let shared = deployment.call(Registry, Some("admin/get_session_info"), &json!({})).await.unwrap_err();
    assert_eq!(shared.class, Class::PermissionError, "it is there, and wants to know which session");
    let none = deployment.call(Accounting, Some("create_account"), &json!({})).await.unwrap_err();
    assert_eq!(none.class, Class::LookupError, "accounting has no functions of its own yet");
}

#[tokio::test]
async fn only_harmless_functions_may_come_in_plain() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    for name in ["setup", "login", "request_login", "register", "verify", "refresh_keys", "logout", "trust_service"] {
        let fault = deployment.call_plain(Identity, Some(name), &json!({})).await.unwrap_err();
        assert_eq!(fault.class, Class::PermissionError, "{name}");
        assert!(fault.message.contains("must be encrypted"), "{}", fault.message);
    }
    for name in [None, Some("warm"), Some("test")] {
        assert!(deployment.call_plain(Identity, name, &json!({})).await.is_ok(), "{name:?}");
    }
}

#[tokio::test]
async fn the_same_bytes_are_answered_once() {
    let deployment = registry().await;
    let to = deployment.provisioned(Registry);
    let sealed = deployment.seal(&to, Some("warm"), &json!({}));
    assert!(deployment.send(&to, &sealed).await.is_ok());
    deployment.clock.advance(599);
    let fault = deployment.send(&to, &sealed).await.unwrap_err();
    assert_eq!(fault.class, Class::PermissionError);
    assert!(fault.message.contains("answered before"));
    assert!(deployment.call(Registry, Some("warm"), &json!({})).await.is_ok(), "a fresh call is another one");
}

#[tokio::test]
async fn a_replayed_log_in_is_refused() {
    let deployment = registry().await;
    deployment.log_in(Registry).await;
    let bodies: Vec<_> = deployment.network.posted.lock().unwrap().iter().map(|(_, body)| body.clone()).collect();
    let to = deployment.provisioned(Registry);
    // Set-up, `request_login` and `login`: everything that was sent so far.
    assert_eq!(bodies.len(), 3);
    for body in bodies {
        let sealed = acquire_envelope::request::Sealed { digest: digest(&body), body };
        assert_eq!(deployment.send(&to, &sealed).await.unwrap_err().class, Class::PermissionError);
    }
}

/// The digest of a sealed call.
fn digest(body: &[u8]) -> [u8; 32] {
    let outer: Value = serde_json::from_slice(body).unwrap();
    acquire_crypto::hash::sha256(&base64::decode(outer["data"].as_str().unwrap()).unwrap())
}

#[tokio::test]
async fn a_call_dated_far_from_now_is_refused() {
    let deployment = registry().await;
    let to = deployment.provisioned(Registry);
    let early = deployment.seal(&to, Some("warm"), &json!({}));
    deployment.clock.advance(601);
    assert_eq!(deployment.send(&to, &early).await.unwrap_err().class, Class::PermissionError);
    let late = deployment.seal(&to, Some("warm"), &json!({}));
    deployment.clock.advance(-601);
    assert_eq!(deployment.send(&to, &late).await.unwrap_err().class, Class::PermissionError);
    deployment.clock.advance(2);
    assert!(deployment.send(&to, &late).await.is_ok(), "ten minutes are allowed");
}

#[tokio::test]
async fn a_call_for_another_service_names_the_missing_key() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry, Identity]).await;
    let elsewhere = deployment.seal(&deployment.provisioned(Identity), Some("warm"), &json!({}));
    let fault = refused(&deployment, &elsewhere.body).await;
    assert_eq!(fault.class, Class::ServiceAccountMissingKeyError);
}

#[tokio::test]
async fn a_call_under_a_wrong_key_is_refused() {
    let deployment = registry().await;
    let sealed = deployment.seal(&deployment.provisioned(Registry), Some("warm"), &json!({}));
    let mut outer: Value = serde_json::from_slice(&sealed.body).unwrap();
    let wrong = base64::encode(&caller_key().public().encrypt(&[b'x'; 500]).unwrap());
    outer["data"] = json!(wrong);
    let fault = refused(&deployment, &serde_json::to_vec(&outer).unwrap()).await;
    assert_eq!(fault.class, Class::DecryptionError);
}

#[tokio::test]
async fn bodies_that_are_no_calls_are_refused_in_plain() {
    let deployment = registry().await;
    let sealed = deployment.seal(&deployment.provisioned(Registry), Some("warm"), &json!({})).body;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_call = format!(r#"{{"function":"warm","payload":{{"a":{deep}}}}}"#);
    let bodies: Vec<Vec<u8>> = vec![
        b"{".to_vec(),
        b"not json".to_vec(),
        b"[1,2]".to_vec(),
        b"7".to_vec(),
        br#"{"function":"warm"}"#.to_vec(),
        br#"{"function":"warm","payload":null}"#.to_vec(),
        br#"{"payload":{},"payload":{}}"#.to_vec(),
        vec![0xff; 300],
        deep.into_bytes(),
        deep_call.into_bytes(),
        sealed[..sealed.len() / 2].to_vec(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(refused(&deployment, &body).await.class, Class::UnpackingError, "{shown}");
    }
}

#[tokio::test]
async fn every_truncation_of_a_call_is_refused() {
    let deployment = registry().await;
    let sealed = deployment.seal(&deployment.provisioned(Registry), Some("warm"), &json!({})).body;
    for length in (1..sealed.len()).step_by(7) {
        refused(&deployment, &sealed[..length]).await;
    }
}

#[tokio::test]
async fn a_huge_body_is_refused_with_the_limit() {
    let deployment = registry().await;
    let fault = refused(&deployment, &vec![b' '; (6 << 20) + 1]).await;
    assert_eq!(fault.class, Class::UnpackingError);
    assert!(fault.message.contains("6291456"), "{}", fault.message);
}

#[tokio::test]
async fn an_empty_body_is_a_call_of_root() {
    let deployment = registry().await;
    for body in ["", "null", "\"\""] {
        let answer = open_plain(&post(&*deployment.node(Registry).service(), body.into()).await).unwrap();
        assert_eq!(answer["service_info"]["uid"], "a0-a0", "{body:?}");
    }
}

#[tokio::test]
async fn a_function_name_that_is_no_text_is_a_type_error() {
    let deployment = registry().await;
    assert_eq!(refused(&deployment, br#"{"function":7,"payload":{}}"#).await.class, Class::TypeError);
}

#[tokio::test]
async fn errors_inside_a_call_come_back_sealed() {
    let deployment = registry().await;
    let to = deployment.provisioned(Registry);
    let sealed = deployment.seal(&to, Some("no_such"), &json!({}));
    let answer = post(&*deployment.node(Registry).service(), sealed.body).await;
    let expected = reply::Expected {
        reply_key: caller_key(),
        certificate: Some(&to.public_certificate),
        request: Some(sealed.digest),
    };
    let error = reply::open(&answer, &expected, &Limits::default()).unwrap_err();
    assert!(matches!(error, reply::Error::Exception(exception) if exception.class == Class::LookupError));
}

#[tokio::test]
async fn an_answer_that_cannot_be_signed_as_asked_is_plain() {
    let deployment = registry().await;
    let mut to = deployment.provisioned(Registry);
    to.public_certificate = caller_key().public().clone();
    let sealed = deployment.seal(&to, Some("warm"), &json!({}));
    let answer = post(&*deployment.node(Registry).service(), sealed.body).await;
    assert!(open_plain(&answer).is_err());
}

#[tokio::test]
async fn before_set_up_a_service_says_so() {
    let deployment = Deployment::start(Layout::Apart, &[Registry]).await;
    let fault = deployment.call_plain(Registry, None, &json!({})).await.unwrap_err();
    assert_eq!(fault.class, Class::ServiceAccountError);
    assert!(fault.message.contains("not been set up"));
    assert_eq!(deployment.call(Registry, Some("warm"), &json!({})).await.unwrap(), json!({}));
    let response = ask(&*deployment.node(Registry).service(), Method::GET, "/healthz", None, Vec::new()).await;
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn browsers_are_answered_as_the_original_proxy_did() {
    let deployment = registry().await;
    let service = deployment.node(Registry).service();
    let preflight = ask(&*service, Method::OPTIONS, "/", None, Vec::new()).await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    for (name, value) in
        [("access-control-allow-origin", "*"), ("access-control-allow-methods", "GET,POST,OPTIONS,PUT,DELETE,PATCH")]
    {
        assert_eq!(preflight.headers[name], value);
    }
    let info = ask(&*service, Method::GET, "/", None, Vec::new()).await;
    assert_eq!(info.headers["access-control-allow-origin"], "*");
    let info = open_plain(text(info).await.as_bytes()).unwrap();
    assert_eq!(info["service_info"]["canonical_url"], "127.0.0.1/t/registry");
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_as_text() {
    let deployment = registry().await;
    let service = deployment.node(Registry).service();
    for (method, path, status) in [
        (Method::GET, "/nothing", StatusCode::NOT_FOUND),
        (Method::POST, "/login", StatusCode::NOT_FOUND),
        (Method::GET, "/../healthz", StatusCode::NOT_FOUND),
        (Method::PUT, "/", StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/metrics", StatusCode::METHOD_NOT_ALLOWED),
    ] {
        let response = ask(&*service, method, path, None, Vec::new()).await;
        assert_eq!(response.status, status, "{path}");
        assert!(response.headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    }
}

#[tokio::test]
async fn calls_are_counted() {
    let deployment = registry().await;
    deployment.call(Registry, Some("warm"), &json!({})).await.unwrap();
    deployment.call(Registry, Some("no_such"), &json!({})).await.unwrap_err();
    refused(&deployment, b"{").await;
    let metrics = ask(&*deployment.node(Registry).service(), Method::GET, "/metrics", None, Vec::new()).await;
    let metrics = text(metrics).await;
    for line in [
        r#"acquire_calls_total{service="registry",function="warm",outcome="ok"} 1"#,
        r#"acquire_calls_total{service="registry",function="-",outcome="LookupError"} 1"#,
        r#"acquire_calls_total{service="registry",function="-",outcome="UnpackingError"} 1"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\nis missing in\n{metrics}");
    }
}

#[tokio::test]
async fn in_one_process_the_same_checks_hold() {
    let deployment = Deployment::set_up(Layout::Together, &[Registry, Identity]).await;
    assert!(deployment.network.posted.lock().unwrap().iter().all(|(_, body)| !body.is_empty()));
    let service = deployment.node(Identity).service();
    assert_eq!(service.invoke("warm", json!({})).await.unwrap(), json!({}));
    assert_eq!(service.invoke("no_such", json!({})).await.unwrap_err()["class"], "LookupError");
    assert_eq!(service.invoke("setup", json!({})).await.unwrap_err()["class"], "PermissionError");
    assert_eq!(service.invoke("refresh_keys", json!({})).await.unwrap_err()["class"], "PermissionError");
    assert_eq!(service.invoke("warm", json!([])).await.unwrap_err()["class"], "UnpackingError");
    assert_eq!(service.invoke("", json!({})).await.unwrap()["service_info"]["service_type"], "identity");
}

/// What an attacker who holds a recorded call may try to have decrypted.
#[tokio::test]
async fn root_decrypts_nothing_but_challenges() {
    let deployment = Deployment::set_up(Layout::Apart, &[Registry]).await;
    let born = secret(Registry);
    let (key, certificate) = provisioned::public_halves(&born).unwrap();
    let recorded = deployment.seal(&deployment.provisioned(Registry), Some("warm"), &json!({ "secret": "x" }));
    let recorded: Value = serde_json::from_slice(&recorded.body).unwrap();
    let seal = |text: &str| base64::encode(&key.encrypt(text.as_bytes()).unwrap());
    let long = "A".repeat(191);
    let attempts = [
        (recorded["data"].as_str().unwrap().to_owned(), key.fingerprint()),
        (seal("password of somebody"), key.fingerprint()),
        (seal("{\"password\":\"abcdefghijklmnop\"}"), key.fingerprint()),
        (seal("short"), key.fingerprint()),
        (seal(&"A".repeat(41)), key.fingerprint()),
        (seal(&long), key.fingerprint()),
        (seal("STAGE1 abcdefghijklmnopqrstuvwxyz"), key.fingerprint()),
        (base64::encode(&certificate.encrypt(b"abcdefghijklmnopqrstuvwxyz").unwrap()), certificate.fingerprint()),
        (base64::encode(b"abc"), key.fingerprint()),
        (String::new(), key.fingerprint()),
    ];
    for (challenge, fingerprint) in attempts {
        let arguments = json!({ "challenge": challenge, "fingerprint": fingerprint });
        let fault = deployment.call(Registry, None, &arguments).await.unwrap_err();
        assert_eq!(fault.class, Class::PermissionError, "{challenge:.40}");
    }
    let good = json!({ "challenge": seal("abcdefghijklmnopqrstuvwxyz"), "fingerprint": key.fingerprint() });
    let answer = deployment.call(Registry, None, &good).await.unwrap();
    assert_eq!(answer["response"], "abcdefghijklmnopqrstuvwxyz");
    for half in [json!({ "challenge": good["challenge"] }), json!({ "fingerprint": good["fingerprint"] })] {
        assert_eq!(deployment.call(Registry, None, &half).await.unwrap_err().class, Class::PermissionError);
    }
    let unknown = json!({ "challenge": good["challenge"], "fingerprint": caller_key().public().fingerprint() });
    let fault = deployment.call(Registry, None, &unknown).await.unwrap_err();
    assert_eq!(fault.class, Class::ServiceAccountMissingKeyError);
}

#[tokio::test]
async fn a_plain_request_may_ask_for_a_sealed_answer() {
    let deployment = registry().await;
    let body = json!({
        "payload": {}, "function": "warm",
        "encryption_public_key": base64::encode_text(caller_key().public().pem()),
    });
    let answer = post(&*deployment.node(Registry).service(), serde_json::to_vec(&body).unwrap()).await;
    let expected = reply::Expected { reply_key: caller_key(), certificate: None, request: None };
    assert_eq!(reply::open(&answer, &expected, &Limits::default()).unwrap(), json!({}));
    let elsewhere = PrivateKey::generate().unwrap();
    let expected = reply::Expected { reply_key: &elsewhere, certificate: None, request: None };
    assert!(reply::open(&answer, &expected, &Limits::default()).is_err());
}

#[tokio::test]
async fn services_of_a_public_deployment_call_nobody_on_their_own_machine() {
    let deployment = Deployment::start(Layout::Apart, &[]).await;
    let (asked, network) = (Arc::<Mutex<Vec<Reach>>>::default(), deployment.network.clone());
    let told = asked.clone();
    let services = Services::new(move |reach| {
        told.lock().unwrap().push(reach);
        Ok(network.clone())
    });
    for registry in ["http://127.0.0.1:8080/t/registry", "https://registry.example.org/t/registry"] {
        for service in [Identity, Accounting] {
            let store = acquire_store::memory();
            let mut provision = deployment.provision(service, &url(service), store, Attributes::new());
            provision.registry.url = registry.to_owned();
            services.run(provision).await.unwrap();
        }
    }
    assert_eq!(*asked.lock().unwrap(), [Reach::Loopback, Reach::Public], "each is made once");
}
