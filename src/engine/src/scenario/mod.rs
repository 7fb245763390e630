//! Tests of a spec: files of runs, each of which plans the spec, or applies it to a cloud in memory, and asserts.
//!
//! Nothing is contacted and nothing is written. The cloud keeps every kind of resource as data: what it makes has every
//! input and an output for everything that others refer to, but no service answers there.

/// The cloud that tests run on.
mod cloud;
/// Codes of this module.
pub mod codes;
/// A test file.
mod file;
/// The runs of a file, one after another.
mod stage;

pub use file::{Command, File, Run, decode, json_schema};
pub use stage::Stage;

#[cfg(test)]
mod tests;
