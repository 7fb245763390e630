//! Every decoder of this crate over damaged and random input: none panics. What may open, and as what, is said beside
//! each decoder.

use crate::authorisation::{Authorisation, Holder};
use crate::service::ServiceRecord;
use crate::testing::{Ring, Seeded, identity_vectors, mutations, now, record, recorded_key, vectors};
use crate::url::{ServiceUrl, dotted, is_canonical, login_url, sibling};
use crate::{Exception, Limits, challenge, credentials, data, exception, json, reply, request};
use acquire_crypto::base64;
use acquire_model::uid::{DatedUid, ServiceUid, Uid};
use acquire_model::{ServiceType, Timestamp};
use serde_json::Value;

const COUNT: usize = 2_000;

/// Runs a decoder over damaged copies of a good input, as bytes and as text.
fn over(good: &[u8], decode: impl Fn(&[u8], &str)) {
    for altered in mutations(good, COUNT) {
        decode(&altered, &String::from_utf8_lossy(&altered));
    }
}

/// Runs a decoder of JSON over damaged copies of a good text, where they still are JSON, and over copies in which one
/// value was replaced.
fn over_json(good: &Value, decode: impl Fn(&Value)) {
    over(good.to_string().as_bytes(), |bytes, _| {
        if let Ok(value) = json::parse(bytes, &Limits::default()) {
            decode(&value);
        }
    });
    let odd = [Value::Null, true.into(), (-1).into(), 0.5.into(), "".into(), "\u{0}|/..".into(), Value::Array(vec![])];
    for name in good.as_object().unwrap().keys() {
        for value in &odd {
            let mut altered = good.clone();
            altered[name] = value.clone();
            decode(&altered);
        }
    }
}

#[test]
fn json_survives_any_input() {
    let text = vectors()["response_plain_error"]["json"].as_str().unwrap();
    over(text.as_bytes(), |bytes, _| {
        let _ = json::parse(bytes, &Limits::default());
        let _ = json::object(bytes, &Limits { bytes_max: 300, depth_max: 3 });
    });
}

#[test]
fn calls_and_answers_survive_any_input() {
    let ring = Ring::recorded();
    for name in ["request_plain", "request_encrypted"] {
        over(vectors()[name]["json"].as_str().unwrap().as_bytes(), |bytes, _| {
            let _ = request::open(bytes, &ring, &Limits::default());
        });
    }
    let (key, certificate) = (recorded_key("response_key"), recorded_key("service_cert"));
    for name in ["response_plain_error", "response_encrypted"] {
        over(vectors()[name]["json"].as_str().unwrap().as_bytes(), |bytes, _| {
            for certificate in [None, Some(certificate.public())] {
                let expected = reply::Expected { reply_key: &key, certificate, request: Some([0; 32]) };
                let _ = reply::open(bytes, &expected, &Limits::default());
            }
        });
    }
    // What is within the encryption may be anything too: whoever has the public key can make it.
    let inner = vectors()["request_inner"].to_string();
    for altered in mutations(inner.as_bytes(), 300) {
        let sealed = base64::encode(&recorded_key("service_key").public().encrypt(&altered).unwrap());
        let body = serde_json::json!({ "data": sealed, "encrypted": true }).to_string();
        let _ = request::open(body.as_bytes(), &ring, &Limits::default());
    }
}

#[test]
fn exceptions_survive_any_input() {
    over_json(&exception::permission("boom").to_json(), |value| drop(Exception::from_json(value)));
}

#[test]
fn addresses_and_names_survive_any_input() {
    over(b"http://127.0.0.1:8080/t/identity", |_, text| {
        if let Ok(url) = text.parse::<ServiceUrl>() {
            assert!(is_canonical(&url.canonical(None)));
        }
        let _ = (is_canonical(text), sibling(text, ServiceType::Storage), dotted(text));
        let _ = login_url(text, &"a0-a1".parse().unwrap(), text);
    });
    over(b"2019-06-13T15:40:15.809684/a499a5b6", |_, text| {
        let _ = (text.parse::<DatedUid>(), text.parse::<Timestamp>(), text.parse::<Uid>(), text.parse::<ServiceUid>());
    });
    over(b"2019-06-13T15:40:15.809684+01:00", |_, text| drop(text.parse::<Timestamp>()));
}

#[test]
fn records_and_data_survive_any_input() {
    let (record, certificate) = (record(), recorded_key("service_cert"));
    over_json(&record.to_signed_json(&certificate, &certificate).unwrap(), |value| {
        let _ = ServiceRecord::from_json(value);
        let _ = ServiceRecord::from_signed_json(value);
    });
    over_json(&data::sign(&record, &certificate, "text").unwrap(), |value| drop(data::verify(&record, value)));
    let key = recorded_key("service_key");
    over_json(&data::encrypt(&record, b"text").unwrap(), |value| drop(data::decrypt(&record, &key, value)));
}

#[test]
fn authorisations_survive_any_input() {
    let holder = Holder {
        user_uid: Uid::draw(&Seeded::new(1)),
        session_uid: Uid::draw(&Seeded::new(2)),
        identity_url: "127.0.0.1/t/identity".to_owned(),
        identity_uid: "a0-a1".parse().unwrap(),
    };
    let uid = DatedUid::draw(&Seeded::new(3), now());
    let signed = Authorisation::sign(&recorded_key("service_cert"), &holder, uid, None).unwrap();
    over_json(&signed.to_json(), |value| {
        if let Ok(Some(read)) = Authorisation::from_json(value) {
            let _ = (read.message(None), read.check_age(now(), i64::MAX, i64::MAX));
        }
    });
}

#[test]
fn credentials_and_challenges_survive_any_input() {
    let vector = &identity_vectors()["credentials"][0];
    over(vector["package_example"].as_str().unwrap().as_bytes(), |_, text| {
        let _ = credentials::unpackage(text, "bob", "ab.cd.ef.01");
        let _ = credentials::unpackage(text, text, text);
    });
    let key = recorded_key("service_key");
    let posed = challenge::pose(key.public(), &Seeded::new(4)).unwrap();
    over(posed.sealed.as_bytes(), |_, text| drop(challenge::answer(&key, text, challenge::accept)));
    over(format!("STAGE1 {}", posed.text).as_bytes(), |bytes, _| {
        let _ = (challenge::accept(bytes), challenge::accept_stage1(bytes));
    });
}
