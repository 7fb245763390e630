/// Why a store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The object store did not answer, or answered with a fault that may pass.
    #[error("the object store is not available: {0}")]
    Unavailable(String),
    /// The object store, or the key that wraps the data keys, refuses us.
    #[error("access to the store is denied: {0}")]
    Denied(String),
    /// The object under this name was not written there by this store, or was changed since.
    #[error("`{key}` was tampered with: it is not what this store wrote under this name")]
    Tampered {
        /// The name of the object.
        key: String,
    },
    /// The object has a format that this version does not know.
    #[error("`{key}` has the format `{format}`, which this version of Acquire does not know")]
    UnknownFormat {
        /// The name of the object.
        key: String,
        /// What it says of its format.
        format: String,
    },
    /// The object is ours, but what is in it is not what the caller expects there.
    #[error("`{key}` does not hold what it should: {problem}")]
    Unreadable {
        /// The name of the object.
        key: String,
        /// What is wrong, without the content.
        problem: String,
    },
    /// Others kept winning the race for this key.
    #[error("`{key}` is being changed by too many at once; try again")]
    Contended {
        /// The key.
        key: String,
    },
    /// The text cannot be part of a key.
    #[error("`{0}` cannot be part of a key: 1 to 200 of A-Z a-z 0-9 . _ : @ = + - are, but not `.` or `..`")]
    Invalid(String),
    /// An invariant of this program is broken.
    #[error("this is a fault in Acquire: {0}")]
    Bug(String),
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        use object_store::Error as Outside;
        match error {
            Outside::PermissionDenied { .. } | Outside::Unauthenticated { .. } => Self::Denied(error.to_string()),
            Outside::NotSupported { .. } | Outside::NotImplemented { .. } | Outside::InvalidPath { .. } => {
                Self::Bug(format!("an object store was asked for what it cannot do: {error}"))
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}
