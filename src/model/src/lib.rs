//! The nouns of Acquire: names, addresses, attributes, actions, diagnostics, the spec, and the three things that
//! the outside world gives us (environment, clock, entropy).
//!
//! What this crate deliberately does not know: files, networks, clouds, cryptography, YAML. It does no I/O and has
//! no async code of its own.

/// What a plan does to a resource.
pub mod action;
/// The place of a resource in the graph.
pub mod address;
/// What a resource is made of.
pub mod attributes;
/// What a person reads when something is wrong.
pub mod diagnostic;
/// The identity of a state.
pub mod lineage;
/// Names that cannot hold a bad value.
pub mod name;
/// Environment, clock and entropy, passed in as values.
pub mod ports;
/// Values that must not be printed.
pub mod secret;
/// The decoded spec.
pub mod spec;
/// Instants, as the wire and the stores write them.
pub mod time;
/// Identifiers of people, sessions and services.
pub mod uid;

pub use action::Action;
pub use address::Address;
pub use attributes::Attributes;
pub use attributes::{Expression, Reference, Resolved};
pub use diagnostic::{Code, Diagnostic, Severity, Span};
pub use lineage::Lineage;
pub use name::{DeploymentName, Kind, Name, Part, ProviderName, ServiceType};
pub use ports::{Clock, Entropy, Environment};
pub use secret::{SecretBytes, SecretText, ServiceSecret};
pub use time::Timestamp;
pub use uid::{DatedUid, ServiceUid, Uid};
