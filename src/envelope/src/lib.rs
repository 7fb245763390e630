//! The wire: calls and replies as bytes, the closed table of exceptions, and the signed and encrypted things that travel
//! inside calls (service records, authorisations, credentials, challenges). Protocol 01 §1–§4, protocol 02 §1.4 and §2.
//!
//! What this crate deliberately does not know: sockets, HTTP, stores, the present time, which functions there are, and
//! whom to trust. Whatever it opens may come from anybody: nothing here panics, and everything is bounded.

/// A user's approval of one thing.
pub mod authorisation;
/// Proof that somebody holds a key.
pub mod challenge;
/// What a login sends.
pub mod credentials;
/// Signed and encrypted data between services.
pub mod data;
/// The closed table of exceptions.
pub mod exception;
/// JSON from strangers.
pub mod json;
/// Answers.
pub mod reply;
/// Calls.
pub mod request;
/// What a service says of itself.
pub mod service;
/// Addresses of services.
pub mod url;

use acquire_crypto::{Fingerprint, PrivateKey};

pub use exception::{Class, Exception};

/// How large a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest message, bytes; also the longest after decryption.
    pub bytes_max: usize,
    /// Deepest nesting of arrays and objects.
    pub depth_max: usize,
}

impl Default for Limits {
    /// 6 MiB and 64 levels.
    fn default() -> Self {
        Self { bytes_max: 6 << 20, depth_max: 64 }
    }
}

/// The private keys of whoever answers.
pub trait Keys {
    /// The key that messages are encrypted to: that of the fingerprint, or without one the current key.
    fn private_key(&self, fingerprint: Option<&Fingerprint>) -> Option<PrivateKey>;

    /// The certificate of that fingerprint, to sign an answer.
    fn certificate(&self, fingerprint: &Fingerprint) -> Option<PrivateKey>;
}

#[cfg(test)]
mod decoders;
#[cfg(test)]
mod testing;
