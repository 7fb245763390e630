//! The frame: `bytes → open → route → authorise → run → seal`, the same for all services.
//!
//! A handler is reached only through `dispatch`, and only with a `Grant`, which `authorise` alone can make.

/// What every handler is given.
mod cx;
/// From a request to its answer.
pub(crate) mod dispatch;
/// Errors of other crates as the exceptions of the wire.
mod fault;
/// Functions, their tables and their arguments.
mod function;
/// The HTTP side of a service.
mod http;
/// Counters for Prometheus.
mod metrics;
/// Starts a service.
pub(crate) mod open;
/// Calls that were seen already.
mod replay;
/// A deployment in one process, for tests.
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(crate) use crate::authorise::Grant;
pub(crate) use cx::Cx;
pub(crate) use fault::Fault;
pub(crate) use function::{Arguments, BoxFuture, Function, Outcome, Proof, Resource};
