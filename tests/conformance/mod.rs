//! The contract of `acquire_provider::conformance`, tried on each provider.

mod local;
