use std::time::Duration;

/// Why a call to a provider, a host or a service failed.
///
/// The variants say what happened, never which cloud. The text is for a person, stands alone without the variant's name,
/// and holds no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not there.
    #[error("{0}")]
    NotFound(String),
    /// Something else is there already, or somebody else changed it.
    #[error("{0}")]
    Conflict(String),
    /// We may not.
    #[error("{0}")]
    Denied(String),
    /// Too fast; try again, not before the time given.
    #[error("{message}")]
    Throttled {
        /// What the other side said.
        message: String,
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
    },
    /// What we asked makes no sense to the other side; asking again will not help.
    #[error("{0}")]
    Invalid(String),
    /// The other side is not there, or did not answer in time: the call may or may not have had its effect.
    #[error("{0}")]
    Unavailable(String),
    /// An invariant of ours does not hold. Always worth a report.
    #[error("bug: {0}")]
    Bug(String),
}

/// What separates what happened from what to do.
const ADVICE: &str = "\nhint: ";

impl Error {
    /// Adds what to do next, where that is known; people see it in place of the general advice.
    #[must_use]
    pub fn advise(mut self, advice: &str) -> Self {
        let (Self::NotFound(text)
        | Self::Conflict(text)
        | Self::Denied(text)
        | Self::Throttled { message: text, .. }
        | Self::Invalid(text)
        | Self::Unavailable(text)
        | Self::Bug(text)) = &mut self;
        text.push_str(ADVICE);
        text.push_str(advice);
        self
    }

    /// Returns what happened, and what to do next if that is known.
    pub fn told(&self) -> (String, Option<String>) {
        let text = self.to_string();
        match text.split_once(ADVICE) {
            Some((what, advice)) => (what.to_owned(), Some(advice.to_owned())),
            None => (text, None),
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_is_told_apart_from_what_happened() {
        let error = Error::Conflict("the port is taken\nby somebody".to_owned());
        assert_eq!(error.told(), ("the port is taken\nby somebody".to_owned(), None));
        let advised = error.advise("take another");
        assert_eq!(advised.told(), ("the port is taken\nby somebody".to_owned(), Some("take another".to_owned())));
    }
}
