//! The provisioning engine: from the YAML that a person wrote to the state of what was made.
//!
//! The modules stand in the order of the flow; each uses only those above it, and `state`, which uses none of them.
//!
//! What this crate deliberately does not know: any provider by name (they come as `Provider`s and
//! `ProviderDeclaration`s), terminals, argument parsing, exit codes, the environment, the clock and randomness (they
//! come as values). It calls services only through `Verify`.

/// From YAML to a checked `Spec`, with every mistake reported at once.
pub mod spec;

/// From a `Spec` to a graph of resources.
pub mod graph;

/// From a graph and a state to the steps that bring one to the other.
pub mod plan;

/// Runs the steps, writing each down before and after.
pub mod apply;

/// What was made: a sealed journal, and the fold of it.
pub mod state;
