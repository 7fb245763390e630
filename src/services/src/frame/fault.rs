use acquire_envelope::exception::{Class, Exception};

/// An error inside this crate, on its way to become the exception that the caller sees.
///
/// `?` turns exceptions and the errors of the store and the cryptography into it; what the caller reads is a class
/// and a fixed text, never a cause chain.
#[derive(Clone, Debug)]
pub(crate) struct Fault(Exception);

impl Fault {
    /// Makes one.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        Self(Exception::new(class, message))
    }

    /// Its class.
    pub fn class(&self) -> Class {
        self.0.class
    }

    /// Refuses for now, because more is asked for than can be done at once: `ServiceError`.
    pub fn busy() -> Self {
        Self::new(Class::ServiceError, "this service is busy; try again in some seconds")
    }

    /// Whether it is that.
    #[cfg(test)]
    pub fn is_busy(&self) -> bool {
        self.0 == Self::busy().0
    }

    /// Refuses: `PermissionError`.
    pub fn permission(message: impl Into<String>) -> Self {
        Self::new(Class::PermissionError, message)
    }
}

impl From<Exception> for Fault {
    fn from(exception: Exception) -> Self {
        Self(exception)
    }
}

impl From<Fault> for Exception {
    fn from(fault: Fault) -> Self {
        fault.0
    }
}

impl From<acquire_store::Error> for Fault {
    fn from(error: acquire_store::Error) -> Self {
        // The store's own text names keys and causes: it is for the operator's eyes only, in the log.
        tracing::error!("{error}");
        let text = match error {
            acquire_store::Error::Tampered { .. } => "a record of this service was tampered with",
            _ => "this service cannot use its store at the moment",
        };
        Self::new(Class::ObjectStoreError, text)
    }
}

impl From<acquire_crypto::Error> for Fault {
    fn from(_: acquire_crypto::Error) -> Self {
        Self::new(Class::KeyManipulationError, "a key cannot be read or used")
    }
}
