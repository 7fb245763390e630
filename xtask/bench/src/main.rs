//! Benchmarks: programs that run us and the peer side by side in one run and print ratios. Nothing is asserted.
//!
//! What this crate deliberately does not know: what is fast enough. Goals are printed beside figures, for people.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, and measures with the machine's own clock"
)]

/// A signed call that does nothing, beside the two bare RSA operations in it; and a login.
mod call;
/// A deployment of the release binary in a directory of its own.
mod deployment;
/// Apply, idle memory, and a cold start.
mod start;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("call") => call::run(),
        Some("start") => start::run(),
        _ => bail!("cargo xtask bench call|start"),
    }
}
