//! Introductions: the kinds `registration` and `trust`, which are made by calling the services themselves, and the live
//! challenge that proves a deployment.
//!
//! What this crate deliberately does not know: any cloud, how plans are made, how state is kept, and how a service does
//! its work. It sees services only through the wire.

/// What all calls of one run share: the directory and the admins that are logged in.
mod admins;
/// The codes of what may be wrong.
pub mod codes;
/// A service and the peers that it trusts.
mod introduction;
/// The provider named `trust`.
mod provider;
/// A service and its place in its registry.
mod registration;
/// The live challenge.
mod verify;
/// From attributes to the wire, and from its errors back.
mod wire;

pub use provider::Trust;

#[cfg(test)]
mod tests;
