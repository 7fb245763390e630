//! The provider `local`: buckets are directories, keys and secrets sealed files, functions run in one detached host
//! process of the deployment, schedules are its timers.
//!
//! What this crate deliberately does not know: what the services do, how plans are made, how the state is kept. It
//! never asks over the network whether the host is alive: a file lock that the host holds for as long as it lives
//! says so, and dies with it.

/// This machine, narrowed to what is used: record files, the host key, the host process.
mod client;
/// The process that runs the functions.
mod host;
/// The provider and its settings.
mod provider;
/// One file per kind.
mod resources;
/// A directory as an object store.
mod store;
#[cfg(test)]
mod testing;

pub use host::{LocalHost, Program};
pub use provider::LocalProvider;
