use crate::frame::Fault;
use acquire_crypto::PrivateKey;
use acquire_model::{SecretText, ServiceUid, Timestamp, Uid};
use acquire_store::Key;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The format of the record; others are refused.
pub(crate) const FORMAT: u32 = 1;

/// Pairs kept in the archive whatever the registry says, so that slow clients need not look the service up anew.
const ARCHIVED_MIN: usize = 4;

/// Where the service keeps its own record: a document.
///
/// # Errors
/// Never, since the name is a good one; the store's constructor is the judge of that.
pub(crate) fn place() -> Result<Key, Fault> {
    Ok(Key::root("service")?.child("record")?)
}

/// What a service knows of itself, secrets included. It is one document, sealed by the store.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Own {
    /// The format of this record.
    pub format: u32,
    /// What the service calls itself to the registry while it has no uid: `STAGE1 ` and random letters.
    #[serde(with = "secret")]
    pub stage1: SecretText,
    /// The uid that the registry gave.
    pub uid: Option<ServiceUid>,
    /// The certificate that the service was born with when it was last set up, PEM. A deployment that was destroyed and
    /// made again over the same store has another one, and another first admin.
    pub born: String,
    /// The service's own user, once it is made.
    pub principal: Principal,
    /// The admins, by user uid. None of them until set-up is complete.
    pub admins: BTreeMap<Uid, Admin>,
    /// The pairs in use.
    pub current: StoredPair,
    /// The pairs before those.
    pub last: Option<StoredPair>,
    /// The pairs before those, newest first.
    pub archive: Vec<StoredPair>,
    /// Which pairs the registry is known to publish: the `since` of them.
    pub confirmed: Option<Timestamp>,
}

/// The service's own user and how it logs in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Principal {
    /// Its user name.
    pub username: String,
    /// Its password.
    #[serde(with = "secret")]
    pub password: SecretText,
    /// Its one-time-code secret.
    #[serde(with = "secret")]
    pub otp_secret: SecretText,
    /// Its uid, once it is a user.
    pub user: Option<Uid>,
}

/// Why somebody is an admin.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Admin {
    /// Since when.
    pub since: Timestamp,
    /// By whose word: a user uid, or `first admin`.
    pub authorised_by: String,
}

/// A key pair and a certificate pair, as stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredPair {
    /// PEM of the pair that messages are encrypted to.
    #[serde(with = "secret")]
    pub key: SecretText,
    /// PEM of the pair that answers are signed with.
    #[serde(with = "secret")]
    pub certificate: SecretText,
    /// When they came into use.
    pub since: Timestamp,
    /// The operation that asked for them, if an admin did.
    pub operation: Option<String>,
    /// Whether an admin asked to keep them for good (`dump_keys`).
    pub kept: bool,
}

impl StoredPair {
    /// Writes a fresh pair down.
    pub fn new(key: &PrivateKey, certificate: &PrivateKey, since: Timestamp) -> Result<Self, Fault> {
        Ok(Self { key: key.to_pem()?, certificate: certificate.to_pem()?, since, operation: None, kept: false })
    }
}

impl Own {
    /// Puts new pairs in use: the current become the last, the last go to the archive.
    pub fn rotate(&mut self, next: StoredPair) {
        let current = std::mem::replace(&mut self.current, next);
        if let Some(last) = self.last.replace(current) {
            self.archive.insert(0, last);
        }
    }

    /// Notes which pairs the registry publishes, and forgets archived ones that nobody can have from it any more.
    pub fn confirm(&mut self, published: Timestamp) {
        self.confirmed = Some(published);
        let mut place = 0;
        self.archive.retain(|pair| {
            place += 1;
            place <= ARCHIVED_MIN || pair.kept || pair.since >= published
        });
    }

    /// Keeps the current and the last pairs for good.
    pub fn keep(&mut self) {
        self.current.kept = true;
        if let Some(last) = &mut self.last {
            last.kept = true;
        }
    }

    /// Whether set-up is complete: the service has a uid, its principal and an admin.
    pub fn is_complete(&self) -> bool {
        self.uid.is_some() && self.principal.user.is_some() && !self.admins.is_empty()
    }
}

/// Secret texts in a record: they are in clear there, because the store seals the record as a whole.
mod secret {
    use acquire_model::SecretText;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(text: &SecretText, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text.expose())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
        String::deserialize(deserializer).map(SecretText::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(since: i64) -> StoredPair {
        let text = || SecretText::new(since.to_string());
        let since = Timestamp::from_micros(since);
        StoredPair { key: text(), certificate: text(), since, operation: None, kept: false }
    }

    fn own() -> Own {
        Own {
            format: FORMAT,
            stage1: SecretText::new("STAGE1 x"),
            uid: None,
            born: "born".into(),
            principal: Principal {
                username: "identity_principal".into(),
                password: SecretText::new("p"),
                otp_secret: SecretText::new("o"),
                user: None,
            },
            admins: BTreeMap::new(),
            current: pair(0),
            last: None,
            archive: Vec::new(),
            confirmed: None,
        }
    }

    fn archived(own: &Own) -> Vec<i64> {
        own.archive.iter().map(|pair| pair.since.micros()).collect()
    }

    #[test]
    fn pairs_move_from_current_to_last_to_the_archive() {
        let mut own = own();
        (1..=3).for_each(|n| own.rotate(pair(n)));
        assert_eq!(own.current.since.micros(), 3);
        assert_eq!(own.last.as_ref().unwrap().since.micros(), 2);
        assert_eq!(archived(&own), [1, 0]);
    }

    #[test]
    fn nothing_the_registry_may_still_publish_is_purged() {
        let mut own = own();
        (1..=20).for_each(|n| own.rotate(pair(n)));
        assert_eq!(own.archive.len(), 19, "nothing is confirmed, nothing is purged");
        own.confirm(Timestamp::from_micros(7));
        assert_eq!(archived(&own), (7..=18).rev().collect::<Vec<_>>());
        own.confirm(Timestamp::from_micros(20));
        assert_eq!(archived(&own), [18, 17, 16, 15]);
    }

    #[test]
    fn dumped_pairs_are_kept_for_good() {
        let mut own = own();
        own.rotate(pair(1));
        own.keep();
        (2..=20).for_each(|n| own.rotate(pair(n)));
        own.confirm(Timestamp::from_micros(20));
        assert_eq!(archived(&own), [18, 17, 16, 15, 1, 0]);
    }

    #[test]
    fn secrets_are_not_printed() {
        assert!(!format!("{:?}", own()).contains("STAGE1 x"));
    }
}
