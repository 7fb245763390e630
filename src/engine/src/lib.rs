//! The provisioning engine: from the YAML that a person wrote to the state of what was made.
//!
//! The modules stand in the order of the flow; each uses only those above it, and `state`, which uses none of them.
//!
//! What this crate deliberately does not know: any provider by name (they come as `Provider`s and
//! `ProviderDeclaration`s), terminals, argument parsing, exit codes, the environment, the clock and randomness (they
//! come as values). It calls services only through `Verify`.

/// Did-you-mean, and the look of a person's words in messages.
mod words;

/// Conditions that a person writes in CEL.
pub mod condition;

/// What programs, policies and tests see of a plan and of what it made.
pub mod published;

/// From YAML to a checked `Spec`, with every mistake reported at once.
pub mod spec;

/// From a `Spec` to a graph of resources.
pub mod graph;

/// From a graph and a state to the steps that bring one to the other.
pub mod plan;

/// Whether a plan keeps the rules of its spec.
pub mod policy;

/// Runs the steps, writing each down before and after.
pub mod apply;

/// Tests of a spec: what is planned and made, on a cloud in memory.
pub mod scenario;

/// What was done, by whom and why.
pub mod history;

/// What was made: a sealed journal, and the fold of it.
pub mod state;
