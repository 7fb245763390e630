//! Access-control lists: rules of four bits, and the sets that combine them (protocol 02 §3).
//!
//! Everything here is pure. What is read may be any form that the original emits; what is written is only what the
//! original can read: it crashes on an object rule whose `is_executable` is null, so that bit is then written `false`.

/// The forms of all of these on the wire.
mod json;
/// One rule: four bits, each allowed, denied or inherited.
mod rule;
/// Rule sets.
mod rules;
/// Rules for named users and groups.
mod subjects;

pub use rule::{Operation, Rule};
pub use rules::{Item, Part, Rules, Upstream};
pub use subjects::{Identifiers, Subjects};

/// Why a list cannot be read or resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A word that is none of the known ones: `ValueError`.
    #[error("'{0}' is not known in an access-control list")]
    Word(String),
    /// Something of the wrong shape: `TypeError`.
    #[error("an access-control list cannot hold this: {0}")]
    Shape(&'static str),
    /// A fingerprint was asked of a rule that inherits something: `TypeError`.
    #[error("a rule that inherits has no fingerprint")]
    Unresolved,
}
