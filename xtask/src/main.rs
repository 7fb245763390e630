//! Every developer task: `cargo xtask TASK`.
//!
//! What this crate deliberately does not know: how anything works. It runs Cargo, Python and the built binary.

/// Everything that CI checks.
mod check;
/// What is generated from the code.
mod codegen;
/// The static release binary.
mod dist;
/// Third-party clients, as the peer tests need them.
mod peers;
/// Commands of other programs.
mod tool;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "cargo xtask TASK
  check              everything that CI checks
  codegen [--check]  write what is generated (or fail if it is out of date)
  bless              accept changed snapshots
  peers              make the Python environments of the peer tests
  sim [--seed N]     run the simulations (with one seed)
  bench call|engine|start|kills ROUNDS [PEER'S ROUNDS]
                     measure, and print ratios
  dist               build the static release binary";

#[expect(clippy::print_stderr, reason = "a developer reads it")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["check"] => check::check(),
        ["codegen"] => codegen::write(),
        ["codegen", "--check"] => codegen::check(),
        ["bless"] => tool::run(tool::cargo(&["test", "--workspace"]).env("INSTA_UPDATE", "always")),
        ["peers"] => peers::peers(),
        ["sim"] => simulate(None),
        ["sim", "--seed", seed] => simulate(Some(seed)),
        ["bench", rest @ ..] => {
            tool::run(tool::cargo(&["run", "--release", "--package", "acquire-bench", "--"]).args(rest))
        }
        ["dist"] => dist::dist(),
        _ => bail!("{USAGE}"),
    }
}

fn simulate(seed: Option<&str>) -> Result<()> {
    let mut command = tool::cargo(&["test", "--workspace", "simulation", "--", "--nocapture"]);
    tool::run(command.envs(seed.map(|seed| ("ACQUIRE_SIM_SEED", seed))))
}
