use super::*;
use crate::exception::{missing_key, permission, remote};
use crate::testing::{Ring, mutations, now, recorded_key, vectors};
use proptest::prelude::*;

const REQUEST: [u8; 32] = [7; 32];

fn reply() -> Reply {
    Reply {
        key: Some(recorded_key("response_key").public().clone()),
        sign_with: Some(recorded_key("service_cert").public().fingerprint().clone()),
        request: REQUEST,
    }
}

fn sealed(outcome: &Result<Value, Exception>, reply: &Reply) -> Vec<u8> {
    seal(outcome, reply, &Ring::recorded(), now())
}

/// Opens an answer that must be signed, encrypted, and to this call.
fn opened(body: &[u8]) -> Result<Value, Error> {
    let (reply_key, certificate) = (recorded_key("response_key"), recorded_key("service_cert"));
    let certificate = Some(certificate.public());
    open(body, &Expected { reply_key: &reply_key, certificate, request: Some(REQUEST) }, &Limits::default())
}

/// Opens an answer of which nothing is asked.
fn believed(body: &[u8]) -> Result<Value, Error> {
    let reply_key = recorded_key("response_key");
    open(body, &Expected { reply_key: &reply_key, certificate: None, request: None }, &Limits::default())
}

/// Takes the outer JSON text off.
fn outer(body: &[u8]) -> Value {
    serde_json::from_str(serde_json::from_slice::<Value>(body).unwrap().as_str().unwrap()).unwrap()
}

#[test]
fn a_recorded_answer_opens() {
    let text = vectors()["response_encrypted"]["json"].as_str().unwrap();
    assert_eq!(opened(text.as_bytes()).unwrap(), json!({ "x": 1 }));
    assert_eq!(opened(json!(text).to_string().as_bytes()).unwrap(), json!({ "x": 1 }));
}

#[test]
fn an_answer_is_sealed_as_the_original_seals_it() {
    let theirs: Value = serde_json::from_str(vectors()["response_encrypted"]["json"].as_str().unwrap()).unwrap();
    let ours = outer(&sealed(&Ok(json!({ "x": 1 })), &reply()));
    let fields = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(fields(&ours), fields(&theirs));
    assert_eq!(ours["fingerprint"], theirs["fingerprint"]);
    let data = base64::decode(ours["data"].as_str().unwrap()).unwrap();
    let signature = base64::decode(ours["signature"].as_str().unwrap()).unwrap();
    assert_eq!(recorded_key("service_cert").public().verify(&data, &signature), Ok(()));
    let inner = recorded_key("response_key").decrypt(&data).unwrap();
    let inner: Value = serde_json::from_slice(inner.expose()).unwrap();
    let payload = json!({ "status": 0, "return": { "x": 1 } });
    let request = "07".repeat(32);
    assert_eq!(inner, json!({ "payload": payload, "synctime": now(), "function": null, "request": request }));
}

#[test]
fn a_recorded_plain_exception_is_written_alike() {
    let text = vectors()["response_plain_error"]["json"].as_str().unwrap();
    let theirs: Value = serde_json::from_str(text).unwrap();
    let now = theirs["synctime"].as_str().unwrap().parse().unwrap();
    let ours = seal(&Err(permission("boom")), &Reply::default(), &Ring::recorded(), now);
    assert_eq!(outer(&ours), theirs);
    assert_eq!(believed(text.as_bytes()), Err(Error::Exception(permission("boom"))));
}

#[test]
fn results_are_wrapped_as_the_original_wraps_them() {
    for (outcome, read) in [
        (Value::Null, Value::Null),
        (json!({}), json!({})),
        (json!({ "a": null }), json!({ "a": null })),
        (json!([1, 2]), json!({ "result": [1, 2] })),
        (json!("text"), json!({ "result": "text" })),
        (json!(false), json!({ "result": false })),
    ] {
        for body in [sealed(&Ok(outcome.clone()), &reply()), sealed(&Ok(outcome.clone()), &Reply::default())] {
            assert_eq!(believed(&body).unwrap(), read);
        }
        assert_eq!(opened(&sealed(&Ok(outcome), &reply())).unwrap(), read);
    }
}

#[test]
fn an_exception_is_proven_only_inside_a_signed_answer() {
    let outcome = Err(permission("no"));
    assert_eq!(opened(&sealed(&outcome, &reply())), Err(Error::Exception(permission("no"))));
    assert_eq!(opened(&sealed(&outcome, &Reply::default())), Err(Error::Unproven(permission("no"))));
    let missing = Err(missing_key("gone"));
    assert_eq!(opened(&sealed(&missing, &Reply::default())), Err(Error::MissingKey(missing_key("gone"))));
    assert_eq!(believed(&sealed(&missing, &Reply::default())), Err(Error::MissingKey(missing_key("gone"))));
    // Signed, it is an exception like any other: nothing is to be tried again.
    assert_eq!(opened(&sealed(&missing, &reply())), Err(Error::Exception(missing_key("gone"))));
}

#[test]
fn a_success_without_the_signature_that_was_asked_for_is_refused() {
    let outcome = Ok(json!({ "x": 1 }));
    assert_eq!(opened(&sealed(&outcome, &Reply::default())), Err(Error::Signature));
    assert_eq!(opened(&sealed(&outcome, &Reply { sign_with: None, ..reply() })), Err(Error::Signature));
    assert_eq!(believed(&sealed(&outcome, &Reply::default())), Ok(json!({ "x": 1 })));
}

#[test]
fn an_answer_that_cannot_be_signed_is_a_plain_exception() {
    let unknown = recorded_key("service_key").public().fingerprint().clone();
    let body = sealed(&Ok(json!({ "x": 1 })), &Reply { sign_with: Some(unknown), ..reply() });
    let Err(Error::Unproven(exception)) = opened(&body) else { panic!("{body:?}") };
    assert_eq!(exception.class, Class::ServiceAccountError);
}

#[test]
fn an_answer_to_another_call_is_refused() {
    let other = sealed(&Ok(Value::Null), &Reply { request: [8; 32], ..reply() });
    assert_eq!(opened(&other), Err(Error::OtherCall));
    assert_eq!(believed(&other), Ok(Value::Null));
}

#[test]
fn every_altered_field_is_refused() {
    let good = outer(&sealed(&Ok(json!({ "x": 1 })), &reply()));
    let other = outer(&sealed(&Ok(json!({ "x": 2 })), &reply()));
    let foreign = recorded_key("service_key").public().fingerprint().clone();
    for (field, value, error) in [
        ("data", other["data"].clone(), Error::Signature),
        ("data", json!("AAAA"), Error::Signature),
        ("signature", other["signature"].clone(), Error::Signature),
        ("signature", json!(""), Error::Signature),
        ("signature", json!(null), Error::Signature),
        ("fingerprint", json!(foreign), Error::Decryption),
    ] {
        let mut altered = good.clone();
        altered[field] = value;
        assert_eq!(opened(altered.to_string().as_bytes()), Err(error), "{field}");
    }
    let mut bare = good.clone();
    bare.as_object_mut().unwrap().remove("data");
    assert!(matches!(opened(bare.to_string().as_bytes()), Err(Error::Malformed(_))));
    let stranger = recorded_key("service_key");
    let expected = Expected { reply_key: &stranger, certificate: None, request: None };
    assert_eq!(open(good.to_string().as_bytes(), &expected, &Limits::default()), Err(Error::Decryption));
}

#[test]
fn what_is_not_an_answer_is_malformed() {
    for body in
        ["", "null", "[]", "{}", "<html>", r#"{"payload": 1}"#, r#"{"payload": {}}"#, r#"{"payload": {"status": 1}}"#]
    {
        assert!(matches!(believed(body.as_bytes()), Err(Error::Malformed(_))), "{body}");
    }
    for body in [r#"{"payload": {"status": -3, "error": "why"}}"#, r#"{"payload": {"error": "why"}}"#] {
        assert_eq!(believed(body.as_bytes()), Err(Error::Exception(remote("why"))));
    }
}

#[test]
fn a_damaged_answer_never_opens_as_another() {
    let body = outer(&sealed(&Ok(json!({ "x": 1 })), &reply())).to_string();
    for altered in mutations(body.as_bytes(), 2_000) {
        if let Ok(result) = opened(&altered) {
            assert_eq!(result, json!({ "x": 1 }));
        }
    }
    for end in 0..body.len() {
        assert!(opened(&body.as_bytes()[..end]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn what_is_sealed_opens(name: String, number: i64, text in ".{0,400}", message: String) {
        let value = json!({ name: [number, { "text": text }] });
        prop_assert_eq!(opened(&sealed(&Ok(value.clone()), &reply())).unwrap(), value);
        let message = Exception::from_json(&permission(message).to_json());
        prop_assert_eq!(opened(&sealed(&Err(message.clone()), &reply())), Err(Error::Exception(message)));
    }
}
