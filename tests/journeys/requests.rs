//! Requests that no client of ours would send: each is refused with the class that says why, and nothing is lost.

use crate::sandbox::{LEAST, Sandbox, now};
use acquire_client::{Http, Settings, Transport};
use acquire_crypto::PrivateKey;
use acquire_envelope::reply::{self, Expected};
use acquire_envelope::request::{self, Call};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Class, Limits};
use serde_json::{Value, json};

/// Whoever can reach the services.
struct Stranger {
    http: Http,
    key: PrivateKey,
}

impl Stranger {
    /// Posts a body; `Err` is the exception that comes back, its class and what it says.
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Value, (Class, String)> {
        let answer = self.http.post(url, body).await.unwrap();
        let expected = Expected { reply_key: &self.key, certificate: None, request: None };
        reply::open(&answer, &expected, &Limits::default()).map_err(|error| match error {
            reply::Error::Exception(exception) | reply::Error::MissingKey(exception) => {
                (exception.class, exception.message)
            }
            other => panic!("no exception came back: {other}"),
        })
    }

    async fn record(&self, url: &str) -> ServiceRecord {
        let answer = self.post(url, Vec::new()).await.unwrap();
        ServiceRecord::from_json(&answer["service_info"]).unwrap()
    }

    /// A call as our clients send it.
    fn seal(&self, to: &ServiceRecord, function: &str) -> Vec<u8> {
        let call = Call {
            function: Some(function),
            payload: &json!({}),
            public_key: &to.public_key,
            reply_key: self.key.public(),
            sign_with: None,
            now: now(),
        };
        request::seal(&call).unwrap().body
    }
}

#[tokio::test]
async fn every_bad_request_is_refused_by_class_and_the_services_go_on() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    let services = sandbox.output(&[])["services"].clone();
    let url = |service: &str| services[service]["url"].as_str().unwrap().to_owned();
    let (http, key) = (Http::new(Settings::default()).unwrap(), PrivateKey::generate().unwrap());
    let stranger = Stranger { http, key };
    let (registry, identity) = (stranger.record(&url("registry")).await, stranger.record(&url("identity")).await);
    let good = stranger.seal(&identity, "warm");
    let under_a_wrong_key = {
        let mut outer: Value = serde_json::from_slice(&good).unwrap();
        let other = ServiceRecord { public_key: stranger.key.public().clone(), ..identity.clone() };
        let sealed: Value = serde_json::from_slice(&stranger.seal(&other, "warm")).unwrap();
        outer["data"] = sealed["data"].clone();
        outer.to_string().into_bytes()
    };
    let deep = format!(r#"{{"function":"warm","payload":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(sandbox.register("alice").status.success());
    for (what, body, class, says) in [
        ("no JSON", b"what?".to_vec(), Class::UnpackingError, "cannot be read"),
        ("truncated", good[..good.len() / 2].to_vec(), Class::UnpackingError, "cannot be read"),
        ("deep", deep.into_bytes(), Class::UnpackingError, "nested"),
        ("huge", vec![b'{'; (6 << 20) + 1], Class::UnpackingError, "6291456"),
        ("for another service", stranger.seal(&registry, "warm"), Class::ServiceAccountMissingKeyError, "fingerprint"),
        ("under a wrong key", under_a_wrong_key, Class::DecryptionError, "decrypt"),
        ("of a function that is not there", stranger.seal(&identity, "no_such"), Class::LookupError, "no_such"),
        ("not authorised", stranger.seal(&identity, "refresh_keys"), Class::PermissionError, "authoris"),
    ] {
        let (found, said) = stranger.post(&url("identity"), body).await.unwrap_err();
        assert_eq!(found, class, "{what}");
        assert!(said.contains(says), "{what}: {said}");
    }
    assert!(stranger.post(&url("identity"), Vec::new()).await.unwrap()["service_info"].is_object(), "who it is");
    assert_eq!(stranger.post(&url("identity"), good.clone()).await, Ok(json!({})));
    let (found, said) = stranger.post(&url("identity"), good).await.unwrap_err();
    assert_eq!(found, Class::PermissionError, "sent again: {said}");
    assert!(said.contains("answered before"), "{said}");
    assert!(sandbox.good(&["verify"]).stderr.contains("6 of 6"));
    let again = sandbox.register("alice");
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("taken"), "nothing is lost");
    sandbox.good(&["destroy", "--data", "--yes"]);
}
