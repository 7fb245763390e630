//! The one test binary: what is tried through the real binary, across crates, or on the repository itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "tests fail by panicking, and stand where the binary's own environment, clock and processes are"
)]

/// The rules of the repository.
mod architecture;
/// The contract of providers.
mod conformance;
/// The event stream.
mod events;
/// The contract of homes of state.
mod homes;
/// One user story per file.
mod journeys;
/// The Python client that nobody here wrote.
mod peers;
/// A hermetic directory and the real binary in it.
mod sandbox;
/// What happens to a deployment, step by step, word for word.
mod scenarios;
/// The samples of specs, and the JSON Schema.
mod schema;
/// Seeded stories of the engine with faults and kills.
mod simulation;
