use std::time::Duration;

/// Why a call to a provider, a host or a service failed.
///
/// The variants say what happened, never which cloud; the text is for a person and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("not found: {0}")]
    NotFound(String),
    /// Something else is there already, or somebody else changed it.
    #[error("conflict: {0}")]
    Conflict(String),
    /// We may not.
    #[error("denied: {0}")]
    Denied(String),
    /// Too fast; try again, not before the time given.
    #[error("throttled: {message}")]
    Throttled {
        /// What the other side said.
        message: String,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// What we asked makes no sense to the other side; asking again will not help.
    #[error("invalid: {0}")]
    Invalid(String),
    /// The other side is not there, or did not answer in time: the call may or may not have had its effect.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// An invariant of ours does not hold. Always worth a report.
    #[error("bug: {0}")]
    Bug(String),
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable(_))
    }
}
