use crate::frame::Fault;
use acquire_model::Timestamp;
use acquire_model::uid::Uid;
use acquire_store::Key;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format of every record here. Written as 1; any other is refused when read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(crate) struct Format;

impl TryFrom<u32> for Format {
    type Error = String;

    fn try_from(number: u32) -> Result<Self, String> {
        if number == 1 { Ok(Self) } else { Err(format!("the format {number} is not known")) }
    }
}

impl From<Format> for u32 {
    fn from(_: Format) -> Self {
        1
    }
}

/// What all keyed hashes of the users of this service come from. A record, drawn once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pepper {
    /// The format.
    pub format: Format,
    /// *B64* of 32 random bytes.
    pub pepper: String,
}

/// Who has a user name. A record: a name once taken stays taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Name {
    /// The format.
    pub format: Format,
    /// Whose it is.
    pub user: Uid,
}

/// Everything that proves a user, in one document, so that every change to it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    /// The format.
    pub format: Format,
    /// The user name.
    pub username: String,
    /// What kind of user.
    pub kind: Kind,
    /// Whether the user may log in.
    pub status: Status,
    /// Since when.
    pub created: Timestamp,
    /// The password, and the authenticator that was set up at registration.
    pub primary: Credential,
    /// The remembered devices.
    pub devices: BTreeMap<Uid, Device>,
    /// Hashes of the recovery codes that are left.
    pub recovery: Vec<String>,
    /// The authorised operation that changed the password last.
    pub password_set_by: Option<String>,
    /// When the admin's word on the status that is in force was signed, if an admin said one.
    #[serde(default)]
    pub status_signed: Option<Timestamp>,
}

/// A password and a one-time-code secret that go together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Credential {
    /// Names its code counter: a new secret has a new one.
    pub uid: Uid,
    /// The password, hashed.
    pub password: Hash,
    /// *B64* of the secret of the one-time codes, sealed under a key that is not in the store.
    pub otp_secret: String,
    /// The authorised operation that made the secret, if one did.
    pub set_by: Option<String>,
}

/// A remembered device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Device {
    /// Since when.
    pub remembered: Timestamp,
    /// Its own password and secret.
    pub credential: Credential,
}

/// An Argon2id hash of what the client sends for a password, peppered; the parameters are those of the format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hash {
    /// *B64* of 16 random bytes.
    pub salt: String,
    /// *B64* of 32 bytes.
    pub hash: String,
}

/// What kind of user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A person.
    Person,
    /// The principal of a service: its sessions are shorter.
    Principal,
}

/// Whether a user may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Yes.
    Active,
    /// No: an admin said so.
    Disabled,
}

/// Which session a short uid names. A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Short {
    /// The format.
    pub format: Format,
    /// The session.
    pub session: Uid,
}

/// That a session was approved by a user: the key says both. A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Membership {
    /// The format.
    pub format: Format,
}

/// Where a record or document is.
pub(super) mod place {
    use super::{Fault, Key, Uid};

    fn key(segments: [&str; 3]) -> Result<Key, Fault> {
        let [root, middle, last] = segments;
        Ok(Key::root(root)?.child(middle)?.child(last)?)
    }

    /// Of the pepper.
    pub fn pepper() -> Result<Key, Fault> {
        Ok(Key::root("users")?.child("pepper")?)
    }

    /// Of a user name, by its keyed hash: no object is named after a person.
    pub fn name(hash: &str) -> Result<Key, Fault> {
        key(["users", "names", hash])
    }

    /// Of an account.
    pub fn account(user: &Uid) -> Result<Key, Fault> {
        key(["users", "accounts", user.as_str()])
    }

    /// Of the code counter of a credential.
    pub fn codes(credential: &Uid) -> Result<Key, Fault> {
        key(["users", "codes", credential.as_str()])
    }

    /// Of a tally of failures, by the keyed hash of whom it counts. On shelves, as sessions are.
    pub fn tally(hash: &str) -> Result<Key, Fault> {
        Ok(shelf_of_tallies(hash.get(..2).unwrap_or("00"))?.child(hash)?)
    }

    /// Of the tallies whose hashes begin with two hex digits.
    pub fn shelf_of_tallies(shelf: &str) -> Result<Key, Fault> {
        Ok(Key::root("tallies")?.child(shelf)?)
    }

    /// Of the sessions that a user approved.
    pub fn sessions_of(user: &Uid) -> Result<Key, Fault> {
        key(["users", "sessions", user.as_str()])
    }

    /// Of a session. A sweep looks at one of the 256 shelves at a time.
    pub fn session(session: &Uid) -> Result<Key, Fault> {
        let shelf = session.as_str().get(..2).unwrap_or("00");
        Ok(shelf_of_sessions(shelf)?.child(session.as_str())?)
    }

    /// Of the sessions whose uids begin with two hex digits.
    pub fn shelf_of_sessions(shelf: &str) -> Result<Key, Fault> {
        Ok(Key::root("sessions")?.child(shelf)?)
    }

    /// Of what a short uid names.
    pub fn short(short: &str) -> Result<Key, Fault> {
        Ok(Key::root("short")?.child(short)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::codes::Codes;
    use crate::users::session::{Approval, Phase, Session};
    use crate::users::throttle::Tally;
    use serde_json::{Value, json};

    fn uid(digit: char) -> Uid {
        format!("{}-0000-4000-8000-000000000000", digit.to_string().repeat(8)).parse().unwrap()
    }

    fn golden<T>(record: &T, expected: Value)
    where
        T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug,
    {
        assert_eq!(serde_json::to_value(record).unwrap(), expected);
        assert_eq!(&serde_json::from_value::<T>(expected.clone()).unwrap(), record);
        let mut other = expected.clone();
        other["format"] = json!(2);
        assert!(serde_json::from_value::<T>(other).is_err(), "another format is refused");
        let mut more = expected;
        more["more"] = json!(0);
        assert!(serde_json::from_value::<T>(more).is_err(), "an unknown field is refused");
    }

    #[test]
    fn stored_forms_are_those_of_format_1() {
        let then = Timestamp::from_micros(1_500_000);
        let hash = Hash { salt: "c2FsdA==".into(), hash: "aGFzaA==".into() };
        let credential = Credential { uid: uid('a'), password: hash, otp_secret: "b3Rw".into(), set_by: None };
        let pepper = Pepper { format: Format, pepper: "AA==".into() };
        assert_eq!(serde_json::to_value(&pepper).unwrap(), json!({"format": 1, "pepper": "AA=="}));
        golden(&Name { format: Format, user: uid('b') }, json!({"format": 1, "user": uid('b')}));
        golden(&Short { format: Format, session: uid('c') }, json!({"format": 1, "session": uid('c')}));
        golden(&Membership { format: Format }, json!({"format": 1}));
        golden(&Codes::default(), json!({"format": 1, "accepted": null, "failures": 0, "total": 0, "until": null}));
        golden(
            &Tally { format: Format, failures: 3, last: then },
            json!({"format": 1, "failures": 3, "last": "1970-01-01T00:00:01.500000"}),
        );
        let stored = json!({
            "uid": uid('a'), "password": {"salt": "c2FsdA==", "hash": "aGFzaA=="}, "otp_secret": "b3Rw", "set_by": null,
        });
        let account = Account {
            format: Format,
            username: "bob".into(),
            kind: Kind::Person,
            status: Status::Active,
            created: then,
            primary: credential.clone(),
            devices: BTreeMap::from([(uid('d'), Device { remembered: then, credential })]),
            recovery: vec!["00".into()],
            password_set_by: None,
            status_signed: Some(then),
        };
        golden(
            &account,
            json!({
                "format": 1, "username": "bob", "kind": "person", "status": "active",
                "created": "1970-01-01T00:00:01.500000", "primary": stored,
                "devices": {uid('d').as_str(): {"remembered": "1970-01-01T00:00:01.500000", "credential": stored}},
                "recovery": ["00"], "password_set_by": null, "status_signed": "1970-01-01T00:00:01.500000",
            }),
        );
        let approval = Approval { at: then, until: then, user: uid('b'), device: None };
        let session = Session {
            format: Format,
            username: "bob".into(),
            requested: then,
            expires: then,
            address: Some([127, 0, 0, 1].into()),
            hostname: None,
            ipaddr: None,
            login_message: Some("hi".into()),
            scope: Value::Null,
            permissions: json!(["read"]),
            public_key: Some("PEM".into()),
            public_certificate: "PEM".into(),
            failures: 0,
            phase: Phase::Approved(approval),
        };
        golden(
            &session,
            json!({
                "format": 1, "username": "bob", "requested": "1970-01-01T00:00:01.500000",
                "expires": "1970-01-01T00:00:01.500000", "address": "127.0.0.1",
                "hostname": null, "ipaddr": null, "login_message": "hi", "scope": null, "permissions": ["read"],
                "public_key": "PEM", "public_certificate": "PEM", "failures": 0,
                "phase": {"approved": {
                    "at": "1970-01-01T00:00:01.500000", "until": "1970-01-01T00:00:01.500000", "user": uid('b'),
                    "device": null,
                }},
            }),
        );
    }
}
