//! The ports: what the engine asks of a provider, what a function host offers to a service, and how a deployment is
//! proved alive. Everything that crosses a provider's border is defined here, in model types.
//!
//! What this crate deliberately does not know: any cloud, any service, how plans are made, how state is kept, and
//! the wire protocol. Retry, backoff and concurrency are the engine's.

/// What every call to a provider is given.
pub mod context;
/// What went wrong, not in which cloud.
pub mod error;
/// Services and the hosts they run in.
pub mod host;
/// HTTP as a service sees it.
pub mod http;
/// Resources and the providers that have them.
pub mod resource;
/// The live challenge.
pub mod verify;

/// The suite that every provider passes.
pub mod conformance;

/// Calls that go wrong as planned.
pub mod faults;

/// A provider in memory.
pub mod memory;

pub use context::{Binary, Context, Deployment, Secrets};
pub use error::Error;
pub use host::{Host, OpenService, Provision, Service, Siblings, Wrap};
pub use resource::{Change, Declaration, Deleted, Found, Provider, Providers, Resource, Target};
pub use verify::Verify;
