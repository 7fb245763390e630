use crate::frame::Fault;
use acquire_model::{ServiceUid, Timestamp};
use acquire_store::Key;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format of the record; others are refused.
pub(super) const FORMAT: u32 = 1;

/// Where it is kept what admins said of services: a document for each.
pub(super) fn root() -> Result<Key, Fault> {
    Ok(Key::root("trusted")?)
}

pub(super) fn place(uid: &ServiceUid) -> Result<Key, Fault> {
    Ok(root()?.child(uid.as_str())?)
}

/// What an admin of this service said of another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    /// The format of this record.
    pub format: u32,
    /// The other service's public record as it was then: what is left when the registry cannot be asked.
    pub record: Value,
    /// Whether it is trusted.
    pub is_trusted: bool,
    /// Since when.
    pub since: Timestamp,
    /// When that word was signed.
    #[serde(default)]
    pub signed: Option<Timestamp>,
}
