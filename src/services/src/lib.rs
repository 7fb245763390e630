//! The six bundled services, behind one frame: open a call, authorise it, handle it, seal the answer.
//!
//! What this crate deliberately does not know: where it runs (a host hands it requests), which cloud keeps its
//! objects (it is given an object store and something that wraps data keys), how it was provisioned, and how to
//! print. It asks nobody for the time or for randomness but the clock and entropy it is given.

/// What every service shares: context, functions, dispatch, HTTP.
mod frame;

/// A service's own record and its key pairs.
mod keys;

/// Services that this one knows and trusts, and calls to them.
mod trusted;

/// Who may do what: authorisations, claims, grants.
mod authorise;

/// Access-control lists.
pub mod acl;

/// The functions that every service has.
mod common;

/// Users and their sessions, on every service.
mod users;

/// Finds services and their keys.
mod registry;

/// Registers users.
mod identity;

/// Accounts and payments.
mod accounting;

/// Requests for paid work.
mod access;

/// Drives and files.
mod storage;

/// Jobs on a cluster.
mod compute;

pub use frame::open::Services;
