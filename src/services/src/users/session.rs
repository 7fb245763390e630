use super::record::Format;
use crate::frame::Fault;
use acquire_crypto::base64;
use acquire_envelope::exception::Class;
use acquire_model::Timestamp;
use acquire_model::uid::Uid;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

/// How long a session waits to be approved, seconds, if the spec says nothing.
pub(super) const PENDING_SECONDS: i64 = 30 * 60;
/// How long a person's session lasts, seconds, if the spec says nothing.
pub(super) const PERSON_SECONDS: i64 = 30 * 86_400;
/// How long a principal's session lasts, seconds.
pub(super) const PRINCIPAL_SECONDS: i64 = 7 * 86_400;
/// Failed log-ins after which a pending session is denied.
const FAILURES_MAX: u32 = 10;

/// The five words for the state of a session. No session of ours is ever suspicious, but one may ask for them.
pub(super) const WORDS: [&str; 5] = ["approved", "pending", "denied", "suspicious", "logged_out"];

/// One log-in and what it became. A document: each change is a version, so approving twice cannot happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Session {
    /// The format.
    pub format: Format,
    /// The user name that was given; nobody has checked it until the session is approved.
    pub username: String,
    /// When it was asked for.
    pub requested: Timestamp,
    /// Until when it waits to be approved.
    pub expires: Timestamp,
    /// From where, as the host saw it.
    pub address: Option<IpAddr>,
    /// From where, as the client says.
    pub hostname: Option<String>,
    /// From where, as the client says.
    pub ipaddr: Option<String>,
    /// What the person who approves should see.
    pub login_message: Option<String>,
    /// What it is limited to; null: nothing.
    pub scope: Value,
    /// What it may do there; null: everything.
    pub permissions: Value,
    /// PEM of the key that things for the session are encrypted to; gone when it ends.
    pub public_key: Option<String>,
    /// PEM of the key that verifies what the session signs; kept, for what was signed before it ended.
    pub public_certificate: String,
    /// Failed log-ins while pending.
    pub failures: u32,
    /// How far it got.
    pub phase: Phase,
}

/// How far a session got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Phase {
    /// It waits for a user.
    Pending,
    /// A user stands behind it.
    Approved(Approval),
    /// Nobody will stand behind it any more.
    Denied {
        /// Since when.
        at: Timestamp,
    },
    /// It is over.
    LoggedOut {
        /// Since when.
        at: Timestamp,
        /// Who stood behind it; nobody, if it was still pending.
        approval: Option<Approval>,
    },
}

/// Who stands behind a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    /// Since when.
    pub at: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// The user.
    pub user: Uid,
    /// The device whose code was given, if it was a remembered one.
    pub device: Option<Uid>,
}

impl Session {
    /// How far it got by now: what has expired is over, although nobody wrote that down.
    pub fn phase(&self, now: Timestamp) -> Phase {
        match &self.phase {
            Phase::Pending if now >= self.expires => Phase::Denied { at: self.expires },
            Phase::Approved(approval) if now >= approval.until => {
                Phase::LoggedOut { at: approval.until, approval: Some(approval.clone()) }
            }
            phase => phase.clone(),
        }
    }

    /// When it ended, if it did.
    pub fn ended(&self, now: Timestamp) -> Option<Timestamp> {
        match self.phase(now) {
            Phase::Pending | Phase::Approved(_) => None,
            Phase::Denied { at } | Phase::LoggedOut { at, .. } => Some(at),
        }
    }

    /// Approves it.
    ///
    /// # Errors
    /// `LoginSessionError` unless it is pending.
    pub fn approved(&self, approval: Approval) -> Result<Self, Fault> {
        self.require_pending(approval.at)?;
        Ok(Self { phase: Phase::Approved(approval), ..self.clone() })
    }

    /// Denies it.
    ///
    /// # Errors
    /// `LoginSessionError` unless it is pending.
    pub fn denied(&self, now: Timestamp) -> Result<Self, Fault> {
        self.require_pending(now)?;
        Ok(Self { phase: Phase::Denied { at: now }, public_key: None, ..self.clone() })
    }

    /// Counts a failed log-in; with the last one it is denied. `None` if it is not pending any more.
    pub fn failed(&self, now: Timestamp) -> Option<Self> {
        let failures = self.failures.saturating_add(1);
        let next = if failures >= FAILURES_MAX { self.denied(now).ok()? } else { self.clone() };
        (self.phase(now) == Phase::Pending).then_some(Self { failures, ..next })
    }

    /// Ends it. `None` if it is over already.
    pub fn logged_out(&self, now: Timestamp) -> Option<Self> {
        let approval = match self.phase(now) {
            Phase::Pending => None,
            Phase::Approved(approval) => Some(approval),
            Phase::Denied { .. } | Phase::LoggedOut { .. } => return None,
        };
        Some(Self { phase: Phase::LoggedOut { at: now, approval }, public_key: None, ..self.clone() })
    }

    fn require_pending(&self, now: Timestamp) -> Result<(), Fault> {
        match self.phase(now) {
            Phase::Pending => Ok(()),
            _ => Err(Fault::new(Class::LoginSessionError, "this log-in session does not wait for approval")),
        }
    }

    /// What `get_session_info` says of it (protocol 02 §1.3c), and besides since when it is approved and until when it
    /// waits or stands.
    pub fn info(&self, now: Timestamp) -> Map<String, Value> {
        let phase = self.phase(now);
        let mut info = fields(json!({"session_status": phase.word(), "login_message": self.login_message}));
        match phase {
            Phase::Pending => {
                info.insert("expires".into(), self.expires.to_string().into());
            }
            Phase::Denied { .. } => {}
            Phase::Approved(approval) => {
                info.extend(self.rights(Some(&approval)));
                info.insert("expires".into(), approval.until.to_string().into());
                info.insert("public_key".into(), self.public_key.as_deref().map_or(Value::Null, data));
            }
            Phase::LoggedOut { at, approval } => {
                info.extend(self.rights(approval.as_ref()));
                info.insert("logout_datetime".into(), at.to_string().into());
            }
        }
        info
    }

    fn rights(&self, approval: Option<&Approval>) -> Map<String, Value> {
        fields(json!({
            "public_cert": data(&self.public_certificate),
            "scope": self.scope,
            "permissions": self.permissions,
            "user_uid": approval.map(|approval| &approval.user),
            "login_datetime": approval.map(|approval| approval.at),
        }))
    }
}

impl Phase {
    /// Its word on the wire.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved(_) => "approved",
            Self::Denied { .. } => "denied",
            Self::LoggedOut { .. } => "logged_out",
        }
    }
}

/// The wire's form of a key whose PEM is canonical already: nothing need be parsed for each poll.
fn data(pem: &str) -> Value {
    json!({"bytes": base64::encode(pem.as_bytes())})
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::EPOCH.plus_seconds(seconds)
    }

    fn pending() -> Session {
        Session {
            format: Format,
            username: "bob".into(),
            requested: at(0),
            expires: at(PENDING_SECONDS),
            address: None,
            hostname: None,
            ipaddr: None,
            login_message: Some("small cows stand happily".into()),
            scope: Value::Null,
            permissions: Value::Null,
            public_key: Some("key".into()),
            public_certificate: "certificate".into(),
            failures: 0,
            phase: Phase::Pending,
        }
    }

    fn approval(seconds: i64) -> Approval {
        let user = "00000000-0000-4000-8000-000000000001".parse().unwrap();
        Approval { at: at(seconds), until: at(seconds + PERSON_SECONDS), user, device: None }
    }

    fn names(info: &Map<String, Value>) -> Vec<&str> {
        info.keys().map(String::as_str).collect()
    }

    #[test]
    fn each_state_shows_the_fields_of_the_protocol() {
        let rights =
            ["login_datetime", "login_message", "permissions", "public_cert", "scope", "session_status", "user_uid"];
        let with = |more: &[&'static str]| {
            let mut names: Vec<&str> = rights.iter().chain(more).copied().collect();
            names.sort_unstable();
            names
        };
        let info = pending().info(at(1));
        assert_eq!(names(&info), ["expires", "login_message", "session_status"]);
        assert_eq!((&info["session_status"], &info["expires"]), (&json!("pending"), &json!("1970-01-01T00:30:00")));
        let session = pending().approved(approval(1)).unwrap();
        let info = session.info(at(2));
        assert_eq!((names(&info), &info["session_status"]), (with(&["expires", "public_key"]), &json!("approved")));
        assert_eq!(info["expires"], at(1 + PERSON_SECONDS).to_string());
        let session = session.logged_out(at(3)).unwrap();
        let info = session.info(at(4));
        assert_eq!((names(&info), &info["session_status"]), (with(&["logout_datetime"]), &json!("logged_out")));
        assert_eq!(info["logout_datetime"], "1970-01-01T00:00:03");
        assert_eq!(session.public_key, None);
        let never = pending().logged_out(at(1)).unwrap().info(at(2));
        assert_eq!((&never["user_uid"], &never["session_status"]), (&Value::Null, &json!("logged_out")));
        let denied = pending().denied(at(1)).unwrap().info(at(2));
        assert_eq!(
            (names(&denied), &denied["session_status"]),
            (vec!["login_message", "session_status"], &json!("denied"))
        );
    }

    #[test]
    fn what_expires_is_over_without_anybody_writing_it_down() {
        let session = pending();
        assert_eq!(session.phase(at(PENDING_SECONDS - 1)), Phase::Pending);
        assert_eq!(session.info(at(PENDING_SECONDS))["session_status"], "denied");
        assert!(session.approved(approval(PENDING_SECONDS)).is_err());
        let session = session.approved(approval(5)).unwrap();
        assert_eq!(session.info(at(PERSON_SECONDS + 4))["session_status"], "approved");
        let info = session.info(at(PERSON_SECONDS + 5));
        assert_eq!(info["session_status"], "logged_out");
        assert_eq!(info["logout_datetime"], at(PERSON_SECONDS + 5).to_string());
        assert_eq!(info.get("public_key"), None);
    }

    #[test]
    fn ten_failures_deny_a_pending_session() {
        let mut session = pending();
        for _ in 0..FAILURES_MAX {
            assert_eq!(session.phase(at(1)), Phase::Pending);
            session = session.failed(at(1)).unwrap();
        }
        assert_eq!(session.phase(at(1)), Phase::Denied { at: at(1) });
        assert_eq!(session.failed(at(1)), None);
        assert_eq!(pending().approved(approval(1)).unwrap().failed(at(2)), None, "an approved session is out of reach");
    }

    proptest! {
        #[test]
        fn only_a_pending_session_is_ever_approved_and_what_is_over_stays_over(
            steps in proptest::collection::vec((0u8..4, 0i64..4_000), 0..20)
        ) {
            let (mut session, mut now) = (pending(), 0);
            for (step, wait) in steps {
                now += wait;
                let before = session.phase(at(now));
                let next = match step {
                    0 => session.approved(approval(now)).ok(),
                    1 => session.denied(at(now)).ok(),
                    2 => session.logged_out(at(now)),
                    _ => session.failed(at(now)),
                };
                if let Some(next) = next {
                    if matches!(next.phase(at(now)), Phase::Approved(_)) {
                        prop_assert_eq!(&before, &Phase::Pending);
                    }
                    prop_assert!(session.ended(at(now)).is_none());
                    session = next;
                }
            }
        }
    }
}
