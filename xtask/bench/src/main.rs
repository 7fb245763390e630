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
/// Plans and applies of very many things, beside Terraform.
mod engine;
/// Applies that are killed, beside Terraform's.
mod kills;
/// Apply, idle memory, and a cold start.
mod start;

use anyhow::{Result, bail};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["call"] => call::run(),
        ["engine"] => engine::compare(),
        ["kills", rounds] => kills::run_rounds(rounds.parse()?, 0),
        ["kills", rounds, peer] => kills::run_rounds(rounds.parse()?, peer.parse()?),
        ["start"] => start::run(),
        _ => bail!("cargo xtask bench call|engine|start|kills ROUNDS [ROUNDS OF TERRAFORM]"),
    }
}
