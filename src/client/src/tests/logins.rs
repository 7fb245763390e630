use super::*;
use crate::{
    Ask, Login, Session, SessionKeys, Waiting, derived_password, logout, register, request_login, send_credentials,
    wait, waiting,
};
use acquire_crypto::PublicKey;
use acquire_envelope::authorisation::Authorisation;
use acquire_envelope::credentials::{device_password, encode_password, unpackage};
use acquire_model::SecretText;
use acquire_model::uid::Uid;

const SESSION: &str = "0c00a34d-db60-4d80-b652-01b08fe36e27";
const USER: &str = "fc22b2fe-db60-4d80-b652-01b08fe36e27";
const DEVICE: &str = "5ca08253-3377-46e7-96b7-c97e708ffb46";

fn text<'a>(payload: &'a Map<String, Value>, name: &str) -> &'a str {
    payload.get(name).and_then(Value::as_str).unwrap()
}

/// An identity service with the one user `bob`, password `Bob1Password`, code 123456.
fn identity(status: &'static str) -> Fake {
    let signing = Mutex::new(Value::Null);
    let handler = move |function: Option<&str>, payload: &Map<String, Value>| {
        let encoded = encode_password(&"a0-a1".parse().unwrap(), &SecretText::new("Bob1Password"));
        match function.unwrap() {
            "register" if text(payload, "username") == "bob" => {
                assert_eq!(text(payload, "password"), encoded.expose());
                let uri = "otpauth://totp/identity%40127.0.0.1:bob?secret=A&issuer=identity%40127.0.0.1";
                Ok(json!({ "user_uid": USER, "provisioning_uri": uri, "recovery_codes": ["a-b", "c-d"] }))
            }
            "register" => Err(Exception::new(acquire_envelope::Class::UsernameError, "taken")),
            "request_login" => {
                *signing.lock().unwrap() = payload.get("public_certificate").unwrap().clone();
                let url = "http://127.0.0.1:8080/t/identity?id=a0-a1/0c.00.a3.4d";
                Ok(json!({ "login_url": url, "short_uid": "0c00a34d", "session_uid": SESSION }))
            }
            "login" => {
                let short = text(payload, "short_uid");
                let credentials = unpackage(text(payload, "credentials"), "bob", short)?;
                let device = device_password(&encoded, DEVICE);
                let known = credentials.password == encoded
                    || (credentials.password == device && credentials.device_uid == DEVICE);
                if !known || credentials.code.expose() != "123456" {
                    return Err(exception::user_validation("wrong"));
                }
                let mut answer = json!({ "user_uid": USER });
                if payload.get("remember_device") == Some(&json!(true)) {
                    answer["device_uid"] = json!(DEVICE);
                    answer["otpsecret"] = json!("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
                }
                Ok(answer)
            }
            "get_session_info" if payload.contains_key("short_uid") => Ok(json!({
                "session_status": "pending",
                "login_message": "hello",
                "username": "bob",
                "address": "127.0.0.1",
                "hostname": null,
                "expires": "2027-01-15T08:30:00",
            })),
            "get_session_info" => {
                let certificate = signing.lock().unwrap().clone();
                Ok(json!({
                    "session_status": status,
                    "login_message": "",
                    "user_uid": USER,
                    "public_cert": certificate,
                    "expires": "2027-02-14T08:00:00",
                }))
            }
            "logout" => {
                let proof = Authorisation::from_json(payload.get("authorisation").unwrap())?.unwrap();
                let certificate = PublicKey::from_data(&signing.lock().unwrap()).unwrap();
                proof.verify(&certificate, Some(&format!("logout {}", text(payload, "session_uid"))))?;
                Ok(Value::Null)
            }
            other => Err(exception::lookup(other)),
        }
    };
    Fake::new(ServiceType::Identity, "a0-a1", 2, Box::new(handler))
}

fn keys() -> SessionKeys {
    SessionKeys { encryption: key(6), signing: key(5) }
}

fn setting(status: &'static str) -> (Directory, ServiceRecord, Arc<Still>) {
    let identity = identity(status);
    let record = identity.record.clone();
    let (net, clock) = Net::new([registry(vec![record.clone()]), identity]);
    (directory_of(&net, &clock), record, clock)
}

fn ask() -> Ask<'static> {
    Ask { username: "bob", message: Some("hello"), hostname: Some("here") }
}

#[tokio::test]
async fn a_user_registers_logs_in_signs_and_logs_out() {
    let (directory, identity, _) = setting("approved");
    let password = SecretText::new("Bob1Password");
    let made = register(&directory, &identity, "bob", &password).await.unwrap();
    assert_eq!((made.user_uid.as_str(), made.recovery_codes.len()), (USER, 2));
    let pending = request_login(&directory, &identity, &ask(), keys()).await.unwrap();
    assert_eq!(pending.short_uid(), "0c.00.a3.4d");
    let told = waiting(&directory, &identity, &pending.short_uid()).await.unwrap();
    let expected = Waiting {
        username: Some("bob".to_owned()),
        message: Some("hello".to_owned()),
        address: Some("127.0.0.1".to_owned()),
        hostname: None,
        expires: Some("2027-01-15T08:30:00".parse().unwrap()),
    };
    assert_eq!(told, expected);
    let login = Login::typed("bob", &password, "123456");
    let approved = send_credentials(&directory, &identity, &pending.short_uid(), &login).await.unwrap();
    assert!(approved.device.is_none());
    let session = wait(&directory, pending, Duration::from_secs(5)).await.unwrap();
    assert_eq!(session.holder.user_uid, approved.user_uid);
    assert_eq!(session.until, Some("2027-02-14T08:00:00".parse().unwrap()));
    let signed = session.authorise("UserDrives", directory.clock(), directory.entropy()).unwrap();
    signed.verify(key(5).public(), Some("UserDrives")).unwrap();
    assert!(signed.verify(key(5).public(), Some("list_files")).is_err());
    logout(&directory, &identity, &session).await.unwrap();
}

#[tokio::test]
async fn wrong_credentials_are_the_services_to_refuse() {
    let (directory, identity, _) = setting("pending");
    let wrong =
        [("bob", "Wrong1Password", "123456"), ("bob", "Bob1Password", "000000"), ("eve", "Bob1Password", "123456")];
    for (username, password, code) in wrong {
        let password = SecretText::new(password);
        let login = Login::typed(username, &password, code);
        let error = send_credentials(&directory, &identity, "0c.00.a3.4d", &login).await.unwrap_err();
        assert!(error.class().is_some(), "{username}: {error:?}");
    }
    let taken = register(&directory, &identity, "eve", &SecretText::new("Eve1Password")).await.unwrap_err();
    assert_eq!(taken.class(), Some(acquire_envelope::Class::UsernameError));
    let short = register(&directory, &identity, "bob", &SecretText::new("Bob1pw")).await;
    assert!(matches!(short, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_remembered_device_sends_its_own_password() {
    let (directory, identity, _) = setting("approved");
    let password = SecretText::new("Bob1Password");
    let login = Login { remember_device: true, ..Login::typed("bob", &password, "123456") };
    let approved = send_credentials(&directory, &identity, "0c00a34d", &login).await.unwrap();
    let (device, secret) = approved.device.unwrap();
    assert_eq!((device.as_str(), secret.expose().len()), (DEVICE, 32));
    let login = Login { device_uid: Some(&device), ..Login::typed("bob", &password, "123456") };
    send_credentials(&directory, &identity, "0c00a34d", &login).await.unwrap();
    let other: Uid = USER.parse().unwrap();
    let login = Login { device_uid: Some(&other), ..login };
    assert!(send_credentials(&directory, &identity, "0c00a34d", &login).await.is_err());
}

#[tokio::test]
async fn waiting_ends_when_it_is_denied_or_takes_too_long() {
    for (status, expected) in [
        ("denied", Error::Denied),
        ("logged_out", Error::Denied),
        ("pending", Error::TimedOut),
        ("suspicious", Error::TimedOut),
    ] {
        let (directory, identity, clock) = setting(status);
        let pending = request_login(&directory, &identity, &ask(), keys()).await.unwrap();
        let before = clock.monotonic();
        assert_eq!(wait(&directory, pending, Duration::from_secs(60)).await.unwrap_err(), expected, "{status}");
        assert!(clock.monotonic() - before <= Duration::from_secs(61));
    }
}

#[tokio::test]
async fn a_session_with_other_keys_is_not_ours() {
    let (directory, identity, _) = setting("approved");
    let pending = request_login(&directory, &identity, &ask(), keys()).await.unwrap();
    request_login(&directory, &identity, &ask(), SessionKeys { encryption: key(6), signing: key(4) }).await.unwrap();
    assert!(matches!(wait(&directory, pending, Duration::from_secs(5)).await, Err(Error::Answer(_))));
}

#[tokio::test]
async fn a_session_reads_back_as_written() {
    let (directory, identity, _) = setting("approved");
    let pending = request_login(&directory, &identity, &ask(), keys()).await.unwrap();
    let session = pending.approved(USER.parse().unwrap());
    let session = Session { until: Some(directory.clock().now()), ..session };
    let again = Session::from_text(&session.to_text().unwrap()).unwrap();
    assert_eq!(again.until, session.until);
    assert_eq!((again.username, again.holder), (session.username.clone(), session.holder.clone()));
    assert_eq!(again.keys.signing.public(), session.keys.signing.public());
    assert!(!format!("{session:?}").contains("PRIVATE"));
    for bad in ["", "{}", "null", "{\"username\": \"bob\"}"] {
        assert!(Session::from_text(&SecretText::new(bad)).is_err(), "{bad}");
    }
}

#[test]
fn derived_passwords_differ_by_secret_and_purpose() {
    let derive = |secret: &str, purpose: &str| derived_password(&SecretText::new(secret), purpose);
    assert_eq!(derive("a", "b"), derive("a", "b"));
    assert_ne!(derive("a", "b"), derive("b", "b"));
    assert_ne!(derive("a", "b"), derive("a", "a"));
}

#[tokio::test]
async fn a_text_that_would_steer_a_terminal_is_refused() {
    let mut fake = identity("pending");
    fake.handler = Box::new(|_, _| {
        Ok(json!({ "login_url": "https://example.org/\u{1b}[2J", "short_uid": "0c00a34d", "session_uid": SESSION }))
    });
    let record = fake.record.clone();
    let (net, clock) = Net::new([registry(vec![record.clone()]), fake]);
    let outcome = request_login(&directory_of(&net, &clock), &record, &ask(), keys()).await;
    assert!(matches!(outcome, Err(Error::Answer(_))));
}
