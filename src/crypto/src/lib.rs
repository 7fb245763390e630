//! Cryptography of the wire and of the stores: RSA key pairs (encryption, PSS signatures), Fernet, XChaCha20-Poly1305,
//! hashes, passphrases, and what a service is born with. The only crate that uses OpenSSL.
//!
//! What this crate deliberately does not know: messages, services, files, networks, the time. It decides nothing about
//! trust; it says whether a signature or a seal holds.

/// Authenticated encryption of bytes with associated data.
pub mod aead;
/// Standard base64, lenient when read.
pub mod base64;
/// Symmetric tokens of the wire and of the stores.
pub mod fernet;
/// Hashes and constant-time comparison.
pub mod hash;
/// Keys from passphrases.
pub mod kdf;
/// The passphrase rule, and random passphrases.
pub mod passphrase;
/// Private keys, by OpenSSL.
mod private;
/// What a service is born with.
pub mod provisioned;
/// Public keys and their fingerprints.
mod public;
/// Signatures of people who work on deployments.
pub mod signing;

/// Private keys under a passphrase, before they are unlocked.
mod pbes2;
/// The text form of keys.
mod pem;

mod error;

pub use error::Error;
pub use private::PrivateKey;
pub use public::{Fingerprint, PublicKey};

#[cfg(test)]
mod decoders;
#[cfg(test)]
mod testing;
