use super::*;
use crate::Class;
use crate::testing::{Seeded, identity_vectors, mutations, now, recorded_key};
use proptest::prelude::*;

const RESOURCE: Option<&str> = Some("logout ca20e67e-b38a-4cf0-8113-53b7b856c359");

fn holder() -> Holder {
    Holder {
        user_uid: "e0b4706b-4107-4ca6-ab0b-d6766a015528".parse().unwrap(),
        session_uid: "ca20e67e-b38a-4cf0-8113-53b7b856c359".parse().unwrap(),
        identity_url: "127.0.0.1/t/identity".to_owned(),
        identity_uid: "a0-a1".parse().unwrap(),
    }
}

fn signed() -> Authorisation {
    let uid = DatedUid::draw(&Seeded::new(1), now());
    Authorisation::sign(&recorded_key("service_cert"), &holder(), uid, RESOURCE).unwrap()
}

fn certificate() -> PublicKey {
    recorded_key("service_cert").public().clone()
}

#[test]
fn recorded_messages_are_rebuilt_and_their_signatures_hold() {
    for vector in identity_vectors()["authorisation_messages"].as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap();
        let holder = Holder {
            user_uid: text("user_uid").parse().unwrap(),
            session_uid: text("session_uid").parse().unwrap(),
            identity_uid: text("identity_uid").parse().unwrap(),
            ..holder()
        };
        let resource = vector["resource"].as_str();
        let key = recorded_key("service_cert");
        let authorisation = Authorisation::sign(&key, &holder, text("uid").parse().unwrap(), resource).unwrap();
        assert_eq!(authorisation.message(resource), text("signed_text"));
        assert_eq!(certificate().verify(text("signed_text").as_bytes(), &authorisation.signature), Ok(()));
        assert_eq!(certificate().verify(text("uid").as_bytes(), &authorisation.siguid), Ok(()));
    }
}

#[test]
fn the_date_is_printed_anew_in_the_message() {
    let mut authorisation = signed();
    authorisation.uid = "2026-11-24T03:52:57.100/b1e4c58a".parse().unwrap();
    assert!(authorisation.message(None).ends_with("|a0-a1|2026-11-24T03:52:57.100000"));
}

#[test]
fn an_authorisation_reads_back_as_written() {
    let authorisation = signed();
    assert_eq!(Authorisation::from_json(&authorisation.to_json()).unwrap(), Some(authorisation));
    for none in [json!(null), json!({})] {
        assert_eq!(Authorisation::from_json(&none).unwrap(), None);
    }
}

#[test]
fn is_testing_has_no_effect() {
    let mut value = signed().to_json();
    value["is_testing"] = json!(true);
    assert_eq!(Authorisation::from_json(&value).unwrap(), Some(signed_like(&value)));
    let mut forged = signed();
    forged.signature = vec![0; 256];
    let mut value = forged.to_json();
    value["is_testing"] = json!(true);
    assert!(Authorisation::from_json(&value).unwrap().unwrap().verify(&certificate(), RESOURCE).is_err());
}

fn signed_like(value: &Value) -> Authorisation {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove("is_testing");
    Authorisation::from_json(&value).unwrap().unwrap()
}

#[test]
fn an_authorisation_holds_for_its_resource_and_session_alone() {
    let authorisation = signed();
    assert_eq!(authorisation.verify(&certificate(), RESOURCE), Ok(()));
    for other in [None, Some(""), Some("logout"), Some("logout ca20e67e-b38a-4cf0-8113-53b7b856c359 ")] {
        let refused = authorisation.verify(&certificate(), other).unwrap_err();
        assert_eq!(refused.class, Class::PermissionError);
    }
    assert!(authorisation.verify(recorded_key("service_key").public(), RESOURCE).is_err());
}

#[test]
fn every_altered_field_is_refused() {
    let good = signed().to_json();
    let other = Authorisation::sign(
        &recorded_key("service_cert"),
        &holder(),
        DatedUid::draw(&Seeded::new(2), now()),
        Some("other"),
    );
    let other = other.unwrap().to_json();
    for (name, value) in [
        ("user_uid", json!("e0b4706b-4107-4ca6-ab0b-d6766a015529")),
        ("session_uid", json!("ca20e67e-b38a-4cf0-8113-53b7b856c350")),
        ("identity_uid", json!("a0-a2")),
        ("uid", other["uid"].clone()),
        ("uid", json!(good["uid"].as_str().unwrap().replace('T', " "))),
        ("uid", json!(good["uid"].as_str().unwrap().replace('/', "Z/"))),
        ("signature", other["signature"].clone()),
        ("siguid", other["siguid"].clone()),
        ("siguid", good["signature"].clone()),
        ("signature", json!("")),
    ] {
        let mut altered = good.clone();
        altered[name] = value.clone();
        let read = Authorisation::from_json(&altered).unwrap().unwrap();
        assert!(read.verify(&certificate(), RESOURCE).is_err(), "{name} {value}");
    }
    for name in good.as_object().unwrap().keys() {
        for odd in [json!(null), json!(1), json!([]), json!("\u{0}"), json!("../x|y")] {
            let mut altered = good.clone();
            altered[name] = odd.clone();
            let holds = Authorisation::from_json(&altered)
                .is_ok_and(|read| read.is_some_and(|read| read.verify(&certificate(), RESOURCE).is_ok()));
            assert!(!holds, "{name} {odd}");
        }
        let mut altered = good.clone();
        altered.as_object_mut().unwrap().remove(name);
        assert_eq!(Authorisation::from_json(&altered).unwrap_err().class, Class::PermissionError);
    }
}

#[test]
fn age_counts_whole_days() {
    let authorisation = signed();
    let age = |seconds: i64| {
        let then = authorisation.signed_at().plus_seconds(seconds);
        authorisation.check_age(then, STALE_SECONDS, LEEWAY_SECONDS).map_err(|refused| refused.message)
    };
    for fresh in [-30, 0, 7_200] {
        assert_eq!(age(fresh), Ok(()), "{fresh}");
    }
    for stale in [7_201, 86_400, 25 * 3_600, 3 * 86_400 + 60, 400 * 86_400] {
        assert_eq!(age(stale), Err("The authorisation is stale".to_owned()), "{stale}");
    }
    for early in [-31, -86_400, -3 * 86_400 - 60] {
        assert_eq!(age(early), Err("The authorisation was signed in the future".to_owned()), "{early}");
    }
}

#[test]
fn a_damaged_authorisation_never_holds() {
    let text = signed().to_json().to_string();
    for altered in mutations(text.as_bytes(), 1_000) {
        let Ok(value) = serde_json::from_slice::<Value>(&altered) else { continue };
        if let Ok(Some(read)) = Authorisation::from_json(&value)
            && read.verify(&certificate(), RESOURCE).is_ok()
        {
            let same = Authorisation { identity_url: signed().identity_url, ..read.clone() };
            assert_eq!(same.message(RESOURCE), signed().message(RESOURCE));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn resources_are_never_mixed_up(first in "[a-z|/ 0-9-]{0,60}", second in "[a-z|/ 0-9-]{0,60}") {
        let uid = DatedUid::draw(&Seeded::new(3), now());
        let signed = Authorisation::sign(&recorded_key("service_cert"), &holder(), uid, Some(&first)).unwrap();
        prop_assert!(signed.verify(&certificate(), Some(&first)).is_ok());
        prop_assert_eq!(signed.verify(&certificate(), Some(&second)).is_ok(), first == second);
    }
}
