use acquire_crypto::PublicKey;
use acquire_crypto::hash::{hex, hmac_sha256};
use acquire_envelope::Class;
use acquire_envelope::authorisation::Holder;
use acquire_envelope::credentials::{Credentials, device_password, encode_password, package};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::url::dotted;
use acquire_model::uid::{ServiceUid, Uid, uuid4};
use acquire_model::{SecretText, Timestamp};
use serde_json::{Map, Value, json};
use std::time::Duration;

use crate::code::{STEP_SECONDS, one_time_code, seconds_to_next_code};
use crate::{Directory, Error, Session, SessionKeys};

/// Fewest characters of a new password. The server sees only a hash, so this is the one place that can demand it.
pub const PASSWORD_CHARACTERS_MIN: usize = 8;
/// How often a log-in that waits is asked after.
const POLL: Duration = Duration::from_secs(1);

/// What the service answered to a registration.
#[derive(Clone, Debug)]
pub struct Registered {
    /// The new user's uid.
    pub user_uid: Uid,
    /// The URI for an authenticator app.
    pub provisioning_uri: SecretText,
    /// Codes that each replace a lost one-time-code secret once.
    pub recovery_codes: Vec<SecretText>,
}

/// Who asks for a log-in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'a> {
    /// The user name.
    pub username: &'a str,
    /// What the user is shown before approving.
    pub message: Option<&'a str>,
    /// The machine that asks, as it calls itself.
    pub hostname: Option<&'a str>,
}

/// A log-in that waits for approval.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The service that holds it.
    pub identity: ServiceRecord,
    /// Its uid there.
    pub identity_uid: ServiceUid,
    /// The user name.
    pub username: String,
    /// The session to be.
    pub session_uid: Uid,
    /// What the user opens to approve it.
    pub login_url: String,
    keys: SessionKeys,
}

/// The credentials that approve a log-in.
#[derive(Clone, Debug)]
pub struct Login<'a> {
    /// The user name.
    pub username: &'a str,
    /// The password as typed.
    pub password: &'a SecretText,
    /// The one-time code.
    pub code: &'a str,
    /// The remembered device that the code comes from.
    pub device_uid: Option<&'a Uid>,
    /// Which of several users of that name.
    pub user_uid: Option<&'a Uid>,
    /// Whether this device is to be remembered.
    pub remember_device: bool,
}

impl<'a> Login<'a> {
    /// The credentials of a person who typed them.
    pub fn typed(username: &'a str, password: &'a SecretText, code: &'a str) -> Self {
        Self { username, password, code, device_uid: None, user_uid: None, remember_device: false }
    }
}

/// What the service answered to right credentials.
#[derive(Clone, Debug)]
pub struct Approved {
    /// The user's uid.
    pub user_uid: Uid,
    /// The remembered device and its own one-time-code secret, if that was asked for.
    pub device: Option<(Uid, SecretText)>,
}

/// What a service tells of a log-in that waits, to whoever is to approve it. Ours tells everything; what another does
/// not tell is not there. The texts are others', and may hold anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The user name that it was asked for.
    pub username: Option<String>,
    /// The message of whoever asks.
    pub message: Option<String>,
    /// Where it was asked from, as the service saw it.
    pub address: Option<String>,
    /// The machine that asks, as it calls itself.
    pub hostname: Option<String>,
    /// Until when it waits.
    pub expires: Option<Timestamp>,
}

/// How many codes are tried that turn out to be used.
const CODES_MAX: u32 = 6;

/// What a service says of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nobody has approved it yet.
    Pending,
    /// It is approved, for that user.
    Approved {
        /// Who.
        user_uid: Uid,
        /// The certificate that its authorisations are checked with.
        certificate: PublicKey,
        /// When it ends by itself, if the service tells.
        until: Option<Timestamp>,
    },
    /// It has ended, or never will begin.
    Over,
}

impl Pending {
    /// The session's short uid as people read it: `0c.00.a3.4d`.
    pub fn short_uid(&self) -> String {
        dotted(self.session_uid.short())
    }

    /// Becomes the session of the user who was approved.
    pub fn approved(self, user_uid: Uid) -> Session {
        Session {
            username: self.username,
            holder: Holder {
                user_uid,
                session_uid: self.session_uid,
                identity_url: self.identity.canonical_url(),
                identity_uid: self.identity_uid,
            },
            keys: self.keys,
            until: None,
        }
    }
}

/// Registers a user with an identity service.
///
/// # Errors
/// `Invalid` if the password is too short; those of a call, `UsernameError` among them if the name is taken.
pub async fn register(
    directory: &Directory,
    identity: &ServiceRecord,
    username: &str,
    password: &SecretText,
) -> Result<Registered, Error> {
    if password.expose().chars().count() < PASSWORD_CHARACTERS_MIN {
        return Err(Error::Invalid(format!("a password has at least {PASSWORD_CHARACTERS_MIN} characters")));
    }
    let encoded = encode_password(uid_of(identity)?, password);
    let arguments = json!({ "username": username, "password": encoded.expose() });
    let value = directory.call(identity, Some("register"), &arguments).await?;
    let codes = value.get("recovery_codes").and_then(Value::as_array).into_iter().flatten();
    Ok(Registered {
        user_uid: uid(&value, "user_uid")?,
        provisioning_uri: SecretText::new(shown(&value, "provisioning_uri")?),
        recovery_codes: codes.filter_map(Value::as_str).filter(|code| is_plain(code)).map(SecretText::new).collect(),
    })
}

/// Asks for a log-in; the session then waits for credentials.
///
/// # Errors
/// Those of a call.
pub async fn request_login(
    directory: &Directory,
    identity: &ServiceRecord,
    ask: &Ask<'_>,
    keys: SessionKeys,
) -> Result<Pending, Error> {
    let mut arguments = Map::new();
    arguments.insert("username".to_owned(), json!(ask.username));
    arguments.insert("public_key".to_owned(), keys.encryption.public().to_data());
    arguments.insert("public_certificate".to_owned(), keys.signing.public().to_data());
    arguments.extend(ask.message.map(|message| ("login_message".to_owned(), json!(message))));
    arguments.extend(ask.hostname.map(|hostname| ("hostname".to_owned(), json!(hostname))));
    let value = directory.call(identity, Some("request_login"), &Value::Object(arguments)).await?;
    Ok(Pending {
        identity: identity.clone(),
        identity_uid: uid_of(identity)?.clone(),
        username: ask.username.to_owned(),
        session_uid: uid(&value, "session_uid")?,
        login_url: shown(&value, "login_url")?.to_owned(),
        keys,
    })
}

/// Sends the credentials that approve a log-in, from this or another machine; `short_uid` may be dotted.
///
/// # Errors
/// Those of a call: `UserValidationError` or `PermissionError` for wrong credentials, `RepeatedOTPCodeError` for a
/// code that was used, `LoginSessionError` if no such log-in waits.
pub async fn send_credentials(
    directory: &Directory,
    identity: &ServiceRecord,
    short_uid: &str,
    login: &Login<'_>,
) -> Result<Approved, Error> {
    let encoded = encode_password(uid_of(identity)?, login.password);
    let (password, device_uid) = match login.device_uid {
        Some(device) => (device_password(&encoded, device.as_str()), device.to_string()),
        // A random uuid in the place of a device, so that an observer cannot tell (protocol 02 §1.4).
        None => (encoded, uuid4(directory.entropy())),
    };
    let credentials = Credentials { password, device_uid, code: SecretText::new(login.code) };
    let arguments = json!({
        "short_uid": short_uid,
        "credentials": package(&credentials, login.username, short_uid),
        "user_uid": login.user_uid,
        "remember_device": login.remember_device,
    });
    let value = directory.call(identity, Some("login"), &arguments).await?;
    let device = match (uid(&value, "device_uid"), text(&value, "otpsecret")) {
        (Ok(device), Ok(secret)) => Some((device, SecretText::new(secret))),
        _ => None,
    };
    Ok(Approved { user_uid: uid(&value, "user_uid")?, device })
}

/// Sends credentials with codes made from a secret, in the place of `login.code`: the last one, the present one, the next
/// one, all of which the service accepts, until one was not used yet; if all were, as each new one comes. Three log-ins
/// in a row so wait for nothing.
///
/// # Errors
/// As [`send_credentials`].
pub async fn send_with_secret(
    directory: &Directory,
    identity: &ServiceRecord,
    short_uid: &str,
    login: &Login<'_>,
    secret: &SecretText,
) -> Result<Approved, Error> {
    let clock = directory.clock();
    let mut ahead = -STEP_SECONDS;
    for _ in 1..CODES_MAX {
        let code = one_time_code(secret, clock.now().plus_seconds(ahead))?;
        let sent = send_credentials(directory, identity, short_uid, &Login { code: &code, ..login.clone() }).await;
        match sent {
            Err(error) if error.class() == Some(Class::RepeatedOTPCodeError) => {}
            // A service whose clock is ahead of ours has done with the last one already.
            Err(error) if ahead < 0 && error.class() == Some(Class::UserValidationError) => {}
            other => return other,
        }
        if ahead == STEP_SECONDS {
            clock.sleep(Duration::from_secs(seconds_to_next_code(clock.now()))).await;
        }
        ahead = (ahead + STEP_SECONDS).min(STEP_SECONDS);
    }
    let code = one_time_code(secret, clock.now().plus_seconds(ahead))?;
    send_credentials(directory, identity, short_uid, &Login { code: &code, ..login.clone() }).await
}

/// Asks who asks for a log-in that waits; `short_uid` may be dotted.
///
/// # Errors
/// Those of a call; `LoginSessionError` if no such log-in waits.
pub async fn waiting(directory: &Directory, identity: &ServiceRecord, short_uid: &str) -> Result<Waiting, Error> {
    let arguments = json!({ "short_uid": short_uid, "status": "pending" });
    let value = directory.call(identity, Some("get_session_info"), &arguments).await?;
    let field = |name| text(&value, name).ok().map(str::to_owned);
    Ok(Waiting {
        username: field("username"),
        message: field("login_message"),
        address: field("address"),
        hostname: field("hostname"),
        expires: expires(&value),
    })
}

/// Asks what has become of a session.
///
/// # Errors
/// Those of a call; `LoginSessionError` if there is no such session.
pub async fn status(directory: &Directory, identity: &ServiceRecord, session_uid: &Uid) -> Result<Status, Error> {
    let arguments = json!({ "session_uid": session_uid });
    let value = directory.call(identity, Some("get_session_info"), &arguments).await?;
    match text(&value, "session_status")? {
        "approved" => Ok(Status::Approved {
            user_uid: uid(&value, "user_uid")?,
            certificate: value
                .get("public_cert")
                .and_then(|data| PublicKey::from_data(data).ok())
                .ok_or_else(|| Error::Answer("the session's certificate is missing".to_owned()))?,
            until: expires(&value),
        }),
        "denied" | "logged_out" => Ok(Status::Over),
        _ => Ok(Status::Pending),
    }
}

/// Waits until the log-in is approved.
///
/// # Errors
/// `Denied`, `TimedOut`; those of a call; `Answer` if the service approved other keys than ours.
pub async fn wait(directory: &Directory, pending: Pending, longest: Duration) -> Result<Session, Error> {
    let start = directory.clock().monotonic();
    loop {
        match status(directory, &pending.identity, &pending.session_uid).await? {
            Status::Approved { user_uid, certificate, until } if certificate == *pending.keys.signing.public() => {
                return Ok(Session { until, ..pending.approved(user_uid) });
            }
            Status::Approved { .. } => return Err(Error::Answer("the session has other keys than ours".to_owned())),
            Status::Over => return Err(Error::Denied),
            Status::Pending if directory.clock().monotonic() - start >= longest => return Err(Error::TimedOut),
            Status::Pending => directory.clock().sleep(POLL).await,
        }
    }
}

/// Derives a password that nobody types from a secret.
pub fn derived_password(secret: &SecretText, purpose: &str) -> SecretText {
    SecretText::new(hex(&hmac_sha256(secret.expose().as_bytes(), purpose.as_bytes())))
}

fn uid_of(service: &ServiceRecord) -> Result<&ServiceUid, Error> {
    service.uid.as_ref().ok_or_else(|| Error::Invalid("the service is not set up yet".to_owned()))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Error> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| Error::Answer(format!("`{name}` is missing")))
}

fn expires(value: &Value) -> Option<Timestamp> {
    text(value, "expires").ok()?.parse().ok()
}

/// A text that will be shown to a person: nothing in it may steer a terminal.
fn shown<'a>(value: &'a Value, name: &str) -> Result<&'a str, Error> {
    let plain = text(value, name).ok().filter(|text| is_plain(text));
    plain.ok_or_else(|| Error::Answer(format!("`{name}` is missing or cannot be shown")))
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn uid(value: &Value, name: &str) -> Result<Uid, Error> {
    text(value, name)?.parse().map_err(|_| Error::Answer(format!("`{name}` is not a uid")))
}
