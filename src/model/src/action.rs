use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a plan does to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// Reads it only.
    Read,
    /// Makes it.
    Create,
    /// Changes it in place.
    Update,
    /// Deletes it, then makes it again.
    Replace,
    /// Deletes it.
    Delete,
    /// Forgets it without touching it.
    Forget,
    /// Gives it another address, without touching it.
    Move,
}

impl Action {
    /// The sign in front of a plan's line.
    pub fn sign(self) -> &'static str {
        match self {
            Self::NoOp => " ",
            Self::Read => "<=",
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
            Self::Forget => ".",
            Self::Move => "→",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOp => "no-op",
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Forget => "forget",
            Self::Move => "move",
        })
    }
}
