//! Sealed records, numbered-version documents and claims, on any object store, by create-if-absent alone.
//!
//! Nothing here needs a conditional update, a lock or a lease: whatever must not race is decided by who creates an
//! object first. Every object carries a random id, so that a writer whose answer was lost knows its own object again.
//!
//! What this crate deliberately does not know: what the records mean, who may read them, where the objects live, and
//! how the key that wraps the data keys is kept.

/// The stores of this machine.
pub mod backend;
/// The store that a URL names.
pub mod bucket;
/// What can go wrong.
pub mod error;
/// Names of records, documents and claims.
pub mod key;
/// Whether an object store keeps its promises.
pub mod probe;

/// Claims: single use.
mod claim;
/// Documents: numbered versions.
mod document;
/// Data keys by generation, and the key that wraps them.
mod keyring;
/// Objects under their names: create-if-absent, own lost replies, listing.
mod objects;
/// A new generation of data keys, and the sweep that follows it.
mod rotation;
/// The stored format: what is sealed, and what it is bound to.
mod seal;
/// The store and its records.
mod store;

pub use backend::{local, memory};
pub use claim::Claim;
pub use document::{Decision, Document, Written};
pub use error::Error;
pub use key::Key;
pub use keyring::KeyWrap;
pub use objects::{Placed, fetch, place};
pub use store::{Created, Store};

/// Clock, dice, wrapping key and unreliable object stores for the tests of this crate.
#[cfg(test)]
mod testing;

/// The stored format is the one that was released.
#[cfg(test)]
mod golden;
