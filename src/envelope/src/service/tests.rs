use super::*;
use crate::testing::{now, record, recorded_key, vectors};
use std::sync::LazyLock;

fn originals() -> [Value; 3] {
    static RECORDS: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(include_str!("../../vectors/service-records.json")).unwrap());
    [vectors()["service_public_data_example"].clone(), RECORDS["stage1"].clone(), RECORDS["established"].clone()]
}

#[test]
fn recorded_records_read_back_as_written() {
    for mut value in originals() {
        let record = ServiceRecord::from_signed_json(&value).unwrap();
        assert_eq!(record.validation_string(), value["validation_string"].as_str().unwrap());
        let fields = value.as_object_mut().unwrap();
        fields.retain(|name, _| !["validation_string", "public_signature", "last_signature"].contains(&name.as_str()));
        assert_eq!(record.to_json(), value);
        assert_eq!(ServiceRecord::from_json(&value).unwrap(), record);
    }
    let [example, stage1, _] = originals().map(|value| ServiceRecord::from_json(&value).unwrap());
    assert_eq!((example.uid_text(), example.url.full().as_str()), ("a0-a0", "http://127.0.0.1:7800/t/registry"));
    assert_eq!((stage1.uid.as_ref(), stage1.uid_text(), stage1.user_name.as_str()), (None, "STAGE1", ""));
}

#[test]
fn a_signed_record_holds() {
    let (certificate, last) = (recorded_key("service_cert"), recorded_key("response_key"));
    let record = ServiceRecord { last_certificate: last.public().clone(), ..record() };
    let value = record.to_signed_json(&certificate, &last).unwrap();
    assert_eq!(ServiceRecord::from_signed_json(&value).unwrap(), record);
    let swapped = record.to_signed_json(&last, &certificate).unwrap();
    assert!(ServiceRecord::from_signed_json(&swapped).is_err());
    assert!(ServiceRecord::from_signed_json(&record.to_json()).is_err());
}

#[test]
fn every_altered_field_of_a_signed_record_is_refused() {
    let (certificate, other) = (recorded_key("service_cert"), recorded_key("response_key"));
    let record = record();
    let value = record.to_signed_json(&certificate, &certificate).unwrap();
    let changed = ServiceRecord { user_uid: None, ..record };
    for (name, altered) in [
        ("uid", json!("a0-a2")),
        ("uid", json!("STAGE1")),
        ("service_type", json!("registry")),
        ("domain", json!("127.0.0.2")),
        ("path", json!("/t/other")),
        ("canonical_url", json!("127.0.0.1/t/other")),
        ("public_key", other.public().to_data()),
        ("public_certificate", other.public().to_data()),
        ("last_certificate", other.public().to_data()),
        ("last_key_update", json!("2026-11-24T03:43:09.280096")),
        ("key_update_interval", json!(604_801.0)),
        ("service_user_uid", json!(null)),
        ("validation_string", json!(changed.validation_string())),
        ("public_signature", json!(base64::encode(&other.sign(b"x").unwrap()))),
        ("last_signature", json!("")),
    ] {
        let mut copy = value.clone();
        copy[name] = altered;
        assert!(ServiceRecord::from_signed_json(&copy).is_err(), "{name}");
        copy.as_object_mut().unwrap().remove(name);
        assert!(ServiceRecord::from_signed_json(&copy).is_err(), "{name}");
    }
}

#[test]
fn every_field_is_mandatory_and_checked() {
    let value = record().to_json();
    for name in value.as_object().unwrap().keys() {
        for odd in [json!({}), json!([]), json!(true), json!("\u{0}"), json!(-1), json!(0.5)] {
            let mut copy = value.clone();
            copy[name] = odd.clone();
            // Any text is a user name; no port for the scheme is the usual one.
            let harmless = (name == "service_user_name" && odd.is_string()) || (name == "ports" && odd.is_object());
            assert_eq!(ServiceRecord::from_json(&copy).is_ok(), harmless, "{name} {odd}");
        }
        let mut copy = value.clone();
        copy.as_object_mut().unwrap().remove(name);
        assert!(ServiceRecord::from_json(&copy).is_err(), "{name}");
    }
    for odd in [json!(null), json!([]), json!("x"), json!({})] {
        assert!(ServiceRecord::from_json(&odd).is_err());
    }
}

#[test]
fn parts_of_an_address_cannot_hide_in_one_another() {
    for (name, part) in [
        ("domain", json!("127.0.0.1:9/t/identity#")),
        ("domain", json!("evil.org/x")),
        ("domain", json!("user@127.0.0.1")),
        ("path", json!("@evil.org/t/identity")),
        ("path", json!("/t/identity/")),
        ("ports", json!({ "http": "80/t" })),
        ("ports", json!({ "http": "0" })),
        ("ports", json!({ "http": 70_000 })),
        ("schemes", json!([])),
        ("schemes", json!(["ftp"])),
    ] {
        let mut value = record().to_json();
        value[name] = part.clone();
        let read = ServiceRecord::from_json(&value);
        // A slash last is no other service.
        assert_eq!(read.is_ok(), part == "/t/identity/", "{name} {part}");
    }
}

#[test]
fn https_is_taken_where_several_schemes_are_listed() {
    let mut value = record().to_json();
    value["schemes"] = json!(["http", "https"]);
    value["ports"] = json!({ "http": "8080", "https": null });
    assert_eq!(ServiceRecord::from_json(&value).unwrap().url.full(), "https://127.0.0.1/t/identity");
    value["ports"] = json!({ "https": 8443 });
    assert_eq!(ServiceRecord::from_json(&value).unwrap().url.full(), "https://127.0.0.1:8443/t/identity");
}

#[test]
fn keys_are_due_when_they_are_older_than_the_interval() {
    let record = record();
    assert!(!record.is_refresh_due(now().plus_seconds(604_800)));
    assert!(record.is_refresh_due(now().plus_seconds(604_801)));
}

#[test]
fn a_record_follows_only_from_a_certificate_that_was_known() {
    let known = record();
    let other = recorded_key("response_key").public().clone();
    let rotated = ServiceRecord { public_certificate: other.clone(), ..known.clone() };
    assert!(known.follows(&known) && rotated.follows(&known));
    let replaced = ServiceRecord { last_certificate: other, ..rotated.clone() };
    assert!(!replaced.follows(&known));
    assert!(!ServiceRecord { uid: Some("a0-a2".parse().unwrap()), ..rotated.clone() }.follows(&known));
    assert!(!ServiceRecord { url: "http://127.0.0.2/t/identity".parse().unwrap(), ..rotated }.follows(&known));
}
