//! This machine, narrowed to what is used.

/// The record file of each resource.
pub(crate) mod record;
/// The key that seals keys and secrets for the host.
pub(crate) mod host_key;
/// The host process, seen from outside.
pub(crate) mod process;
/// Files written so that a crash leaves the old or the new one.
pub(crate) mod files;
