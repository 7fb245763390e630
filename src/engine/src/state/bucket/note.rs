use serde::{Deserialize, Serialize};

use acquire_model::Timestamp;

use crate::state::head::Head;
use crate::state::holder::Holder;

const VERSION: u32 = 1;
const LOCK: &str = "acquire-lock";
const BEAT: &str = "acquire-beat";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Who holds an epoch. It is made once, and no two are the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockNote {
    format: String,
    version: u32,
    /// The epoch, as in its name.
    pub(super) epoch: u64,
    /// Random, so that a holder knows its own lock again when the answer to its making was lost.
    pub(super) id: String,
    /// Who.
    pub(super) holder: Holder,
}

/// That a holder lives. It decides nothing but how long others wait: what fences are the numbers of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Beat {
    format: String,
    version: u32,
    /// How many beats there were, so that each differs from the one before.
    pub(super) count: u64,
    /// When it was written, by the clock of the holder; for people only.
    pub(super) at: Timestamp,
    /// Whether the lock was given back, and may be taken at once.
    #[serde(rename = "released")]
    pub(super) is_released: bool,
    /// Whether it was given back with steps in doubt, whose calls may still be on their way.
    #[serde(default, rename = "in_doubt", skip_serializing_if = "is_false")]
    pub(super) is_in_doubt: bool,
    /// The newest head: authenticated by the state key, like every head.
    pub(super) head: Option<Head>,
}

impl LockNote {
    /// Makes the note of a holder.
    pub(super) fn new(epoch: u64, id: String, holder: Holder) -> Self {
        Self { format: LOCK.to_owned(), version: VERSION, epoch, id, holder }
    }

    /// The text of it.
    pub(super) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads it; `None` if it is something else.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let note: Self = serde_json::from_slice(text).ok()?;
        (note.format == LOCK && note.version == VERSION).then_some(note)
    }
}

impl Beat {
    /// Before the first.
    pub(super) fn new(at: Timestamp) -> Self {
        Self {
            format: BEAT.to_owned(),
            version: VERSION,
            count: 0,
            at,
            is_released: false,
            is_in_doubt: false,
            head: None,
        }
    }

    /// The text of it.
    pub(super) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads it; `None` if it is something else.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let beat: Self = serde_json::from_slice(text).ok()?;
        (beat.format == BEAT && beat.version == VERSION).then_some(beat)
    }
}
