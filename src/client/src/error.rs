use acquire_envelope::{Class, Exception, reply};

/// Why a call did not give its result. The texts are for a person and hold no secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// We do not connect there: a bad URL, a scheme or an address that is not allowed. Nothing was sent.
    #[error("not allowed: {0}")]
    Refused(String),
    /// It is not there or did not answer in time: the call may or may not have had its effect.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// It answered, but not with what the service that we know would send: a bad status, no signature or a wrong one,
    /// unreadable bytes.
    #[error("not a valid answer: {0}")]
    Answer(String),
    /// The service answered with an exception, signed.
    #[error("{0}")]
    Exception(Exception),
    /// Somebody answers that the service no longer has the key that we encrypted to.
    #[error("{0}")]
    MissingKey(Exception),
    /// What we were given cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// A file could not be read or written.
    #[error("{0}")]
    File(String),
    /// Nobody approved the log-in in time.
    #[error("nobody approved the log-in in time")]
    TimedOut,
    /// The log-in was denied, or has ended.
    #[error("the log-in was denied or has expired")]
    Denied,
    /// An invariant of ours does not hold.
    #[error("bug: {0}")]
    Bug(String),
}

impl Error {
    /// The class of the exception, if the service answered with one.
    pub fn class(&self) -> Option<Class> {
        match self {
            Self::Exception(exception) | Self::MissingKey(exception) => Some(exception.class),
            _ => None,
        }
    }
}

/// Says what the system says, without its number, which helps nobody.
pub(crate) fn plain(text: &str) -> String {
    let text = text.split(" (os error ").next().unwrap_or_default();
    let mut rest = text.chars();
    rest.next().map(|first| first.to_lowercase().chain(rest).collect()).unwrap_or_default()
}

impl From<reply::Error> for Error {
    fn from(error: reply::Error) -> Self {
        match error {
            reply::Error::Exception(exception) => Self::Exception(exception),
            reply::Error::MissingKey(exception) => Self::MissingKey(exception),
            other => Self::Answer(other.to_string()),
        }
    }
}

impl From<acquire_crypto::Error> for Error {
    fn from(error: acquire_crypto::Error) -> Self {
        Self::Bug(error.to_string())
    }
}
