use super::*;
use crate::Class;
use crate::testing::{Ring, mutations, now, recorded_key, vectors};
use proptest::prelude::*;

fn opened(body: &[u8]) -> Result<Request, Refusal> {
    open(body, &Ring::recorded(), &Limits::default()).map_err(|refusal| *refusal)
}

fn refused(body: &str) -> Class {
    opened(body.as_bytes()).unwrap_err().exception.class
}

fn public(name: &str) -> PublicKey {
    recorded_key(name).public().clone()
}

fn recorded() -> &'static str {
    vectors()["request_encrypted"]["json"].as_str().unwrap()
}

/// Seals an innermost object of any shape to the recorded service.
fn sealed(inner: &Value) -> String {
    let data = public("service_key").encrypt(inner.to_string().as_bytes()).unwrap();
    let fingerprint = public("service_key").fingerprint().clone();
    json!({ "data": base64::encode(&data), "encrypted": true, "fingerprint": fingerprint }).to_string()
}

#[test]
fn a_recorded_encrypted_call_opens() {
    let request = opened(recorded().as_bytes()).unwrap();
    assert_eq!(request.function.as_deref(), Some("warm"));
    assert_eq!(Value::Object(request.payload), vectors()["request_encrypted"]["args"]);
    assert!(request.encrypted);
    assert_eq!(request.synctime, Some(now()));
    assert_eq!(request.reply.key, Some(public("response_key")));
    assert_eq!(request.reply.sign_with.as_ref(), Some(public("service_cert").fingerprint()));
    let outer: Value = serde_json::from_str(recorded()).unwrap();
    let data = base64::decode(outer["data"].as_str().unwrap()).unwrap();
    assert_eq!((request.digest, request.reply.request), (hash::sha256(&data), hash::sha256(&data)));
}

#[test]
fn a_call_is_sealed_as_the_old_client_seals_it() {
    let (key, reply_key, certificate) = (public("service_key"), public("response_key"), public("service_cert"));
    let call = Call {
        function: Some("warm"),
        payload: &json!({ "a": 1 }),
        public_key: &key,
        reply_key: &reply_key,
        sign_with: Some(certificate.fingerprint()),
        now: now(),
    };
    let sealed = seal(&call).unwrap();
    let (ours, theirs): (Value, Value) =
        (serde_json::from_slice(&sealed.body).unwrap(), serde_json::from_str(recorded()).unwrap());
    for field in ["encrypted", "fingerprint", "synctime"] {
        assert_eq!(ours[field], theirs[field], "{field}");
    }
    assert_eq!(ours.as_object().unwrap().len(), theirs.as_object().unwrap().len());
    let inner = recorded_key("service_key").decrypt(&base64::decode(ours["data"].as_str().unwrap()).unwrap()).unwrap();
    let inner: Value = serde_json::from_slice(inner.expose()).unwrap();
    assert_eq!(inner, vectors()["request_inner"]);
    assert_eq!(sealed.digest, opened(&sealed.body).unwrap().digest);
}

#[test]
fn a_recorded_plain_call_opens_and_is_written_alike() {
    let text = vectors()["request_plain"]["json"].as_str().unwrap();
    let request = opened(text.as_bytes()).unwrap();
    assert_eq!(request.function.as_deref(), Some("warm"));
    assert_eq!(request.reply, Reply { request: hash::sha256(text.as_bytes()), ..Reply::default() });
    assert!(!request.encrypted);
    let ours = plain(Some("warm"), &json!({ "a": 1 }), request.synctime.unwrap());
    let (ours, theirs): (Value, Value) = (serde_json::from_slice(&ours).unwrap(), serde_json::from_str(text).unwrap());
    assert_eq!(ours, theirs);
}

#[test]
fn nothing_is_a_call_of_the_root_function() {
    for body in ["", " \r\n", "null", "\"\"", "\"null\""] {
        let request = opened(body.as_bytes()).unwrap();
        assert_eq!((request.function, request.payload.len(), request.encrypted), (None, 0, false), "{body}");
        assert_eq!((request.reply.key, request.digest), (None, hash::sha256(body.as_bytes())));
    }
    let data = base64::encode(&public("service_key").encrypt(b"").unwrap());
    let request = opened(json!({ "data": data, "encrypted": true }).to_string().as_bytes()).unwrap();
    assert_eq!((request.function, request.encrypted), (None, true));
}

#[test]
fn a_call_may_be_a_text_within_a_text_on_both_layers() {
    let inner = json!(json!({ "payload": { "b": 2 }, "function": null }).to_string());
    let body = json!(json!(sealed(&inner)).to_string()).to_string();
    let request = opened(body.as_bytes()).unwrap();
    assert_eq!((request.function, request.payload["b"].clone()), (None, json!(2)));
}

#[test]
fn a_call_without_a_fingerprint_is_for_the_current_key() {
    let mut outer: Value = serde_json::from_str(recorded()).unwrap();
    for absent in [None, Some(Value::Null)] {
        outer.as_object_mut().unwrap().remove("fingerprint");
        outer.as_object_mut().unwrap().extend(absent.map(|null| ("fingerprint".to_owned(), null)));
        assert!(opened(outer.to_string().as_bytes()).is_ok());
    }
}

#[test]
fn a_call_to_a_key_that_is_gone_is_answered_in_plain() {
    let mut outer: Value = serde_json::from_str(recorded()).unwrap();
    for fingerprint in [json!(public("response_key").fingerprint()), json!("nonsense"), json!("")] {
        outer["fingerprint"] = fingerprint;
        let refusal = opened(outer.to_string().as_bytes()).unwrap_err();
        assert_eq!(refusal.exception.class, Class::ServiceAccountMissingKeyError);
        assert_eq!(refusal.reply, Reply::default());
    }
}

#[test]
fn what_is_not_a_call_is_refused() {
    for (body, class) in [
        ("{", Class::UnpackingError),
        ("[]", Class::UnpackingError),
        ("1", Class::UnpackingError),
        ("{}", Class::UnpackingError),
        (r#"{"function": "warm"}"#, Class::UnpackingError),
        (r#"{"payload": null}"#, Class::UnpackingError),
        (r#"{"payload": []}"#, Class::UnpackingError),
        (r#"{"payload": {}, "payload": {}}"#, Class::UnpackingError),
        (r#"{"payload": {}, "function": 1}"#, Class::TypeError),
        (r#"{"payload": {}, "function": ["a"]}"#, Class::TypeError),
        (r#"{"payload": {}, "encryption_public_key": "x"}"#, Class::KeyManipulationError),
        (r#"{"payload": {}, "encryption_public_key": {"bytes": "x"}}"#, Class::UnpackingError),
        (r#"{"payload": {}, "sign_with_service_key": "x"}"#, Class::UnpackingError),
        (r#"{"encrypted": true}"#, Class::UnpackingError),
        (r#"{"encrypted": true, "data": 1}"#, Class::UnpackingError),
        (r#"{"encrypted": true, "data": "x"}"#, Class::UnpackingError),
        (r#"{"encrypted": true, "data": "AAAA", "fingerprint": 1}"#, Class::UnpackingError),
        (r#"{"encrypted": true, "data": "AAAA"}"#, Class::DecryptionError),
        (r#"{"encrypted": 1, "data": "AAAA"}"#, Class::DecryptionError),
        (r#"{"encrypted": "yes", "data": "AAAA"}"#, Class::DecryptionError),
    ] {
        assert_eq!(refused(body), class, "{body}");
    }
    for not_encrypted in [json!(false), json!(0), json!(""), json!(null), json!([]), json!({})] {
        assert!(opened(json!({ "payload": {}, "encrypted": not_encrypted }).to_string().as_bytes()).is_ok());
    }
    assert_eq!(refused(&sealed(&json!({ "encrypted": true, "data": "AAAA" }))), Class::UnpackingError);
    let small = Limits { bytes_max: 100, depth_max: 4 };
    assert!(open(recorded().as_bytes(), &Ring::recorded(), &small).is_err());
}

#[test]
fn nothing_is_told_of_an_encrypted_message_that_is_no_call() {
    let texts = ["secret", "{\"secret\": 1", "[1, 2, 3]", "\"secret\"", &"[".repeat(100)].map(|plaintext| {
        let data = base64::encode(&public("service_key").encrypt(plaintext.as_bytes()).unwrap());
        let body = json!({ "data": data, "encrypted": true }).to_string();
        opened(body.as_bytes()).unwrap_err().exception
    });
    assert!(texts.iter().all(|exception| *exception == unpacking("What is encrypted is no call")), "{texts:?}");
}

#[test]
fn a_refusal_is_encrypted_if_the_call_says_to_which_key() {
    let key = base64::encode_text(public("response_key").pem());
    let certificate = public("service_cert").fingerprint().clone();
    let inner = json!({ "encryption_public_key": key, "sign_with_service_key": certificate, "function": 1 });
    for body in [sealed(&inner), inner.to_string()] {
        let refusal = opened(body.as_bytes()).unwrap_err();
        assert_eq!(refusal.exception.class, Class::TypeError);
        assert_eq!(refusal.reply.key, Some(public("response_key")));
        assert_eq!(refusal.reply.sign_with, Some(certificate.clone()));
    }
}

#[test]
fn a_call_that_wants_a_signature_that_nobody_can_make_is_refused_before_it_runs() {
    let key = base64::encode_text(public("response_key").pem());
    for fingerprint in [public("service_key").fingerprint().as_str(), "nonsense"] {
        let inner = json!({ "payload": {}, "encryption_public_key": key, "sign_with_service_key": fingerprint });
        let refusal = opened(sealed(&inner).as_bytes()).unwrap_err();
        assert_eq!(refusal.exception.class, Class::ServiceAccountError);
        assert_eq!((refusal.reply.key, refusal.reply.sign_with), (None, None));
    }
}

#[test]
fn the_clock_of_the_caller_is_read_leniently() {
    for (synctime, read) in [
        (json!("2026-11-24T03:35:54.509000"), true),
        (json!("2026-11-24T03:35:54.000"), true),
        (json!("2026-11-24T03:35:54Z"), true),
        (json!("yesterday"), false),
        (json!(17), false),
        (json!(null), false),
    ] {
        let request = opened(json!({ "payload": {}, "synctime": synctime }).to_string().as_bytes()).unwrap();
        assert_eq!(request.synctime.is_some(), read, "{synctime}");
    }
}

#[test]
fn a_call_has_one_digest_however_its_data_is_written() {
    let digest = opened(recorded().as_bytes()).unwrap().digest;
    let mut outer: Value = serde_json::from_str(recorded()).unwrap();
    let data = outer["data"].as_str().unwrap().to_owned();
    for text in
        [data.trim_end_matches('=').to_owned(), format!(" {data}\n"), format!("{data}-_!"), data.replace('A', "A\n")]
    {
        outer["data"] = text.into();
        assert_eq!(opened(outer.to_string().as_bytes()).unwrap().digest, digest);
    }
    // The token behind the sealed key is text too; it must not open under a second spelling.
    let ciphertext = base64::decode(&data).unwrap();
    for tail in ["=", "==", "\n", " "] {
        outer["data"] = base64::encode(&[&ciphertext[..], tail.as_bytes()].concat()).into();
        assert_eq!(refused(&outer.to_string()), Class::DecryptionError);
    }
}

#[test]
fn a_damaged_call_never_opens_as_another() {
    let good = opened(recorded().as_bytes()).unwrap();
    for altered in mutations(recorded().as_bytes(), 2_000) {
        if let Ok(request) = opened(&altered) {
            // What is not covered by the encryption: white space, the outer clock, the switch and the key's name.
            assert!(request.payload.is_empty() || request == good, "{}", String::from_utf8_lossy(&altered));
        }
    }
    for end in 1..recorded().len() {
        assert!(opened(&recorded().as_bytes()[..end]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_is_sealed_opens(function in proptest::option::of(".*"), name: String, number: i64, text in ".{0,400}") {
        let payload = json!({ name: [number, { "text": text }] });
        let (key, reply_key) = (public("service_key"), public("response_key"));
        let function = function.as_deref();
        let call =
            Call { function, payload: &payload, public_key: &key, reply_key: &reply_key, sign_with: None, now: now() };
        let request = opened(&seal(&call).unwrap().body).unwrap();
        prop_assert_eq!(request.function.as_deref(), function);
        prop_assert_eq!(Value::Object(request.payload), payload.clone());
        prop_assert_eq!(request.reply.key, Some(reply_key));
        prop_assert_eq!(opened(&plain(function, &payload, now())).unwrap().payload, payload.as_object().unwrap().clone());
    }
}
