//! This machine, narrowed to what is used.

/// Files written so that a crash leaves the old or the new one.
pub(crate) mod files;
/// The key that seals keys, secrets and records for the host.
pub(crate) mod host_key;
/// The host process, seen from outside.
pub(crate) mod process;
/// The record file of each resource.
pub(crate) mod record;
/// The programs that the host ran.
pub(crate) mod versions;
