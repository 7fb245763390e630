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

use anyhow::{Context, Result, bail};
use std::process::ExitCode;

const USAGE: &str = "cargo xtask TASK
  check              everything that CI checks
  codegen [--check]  write what is generated (or fail if it is out of date)
  bless              accept changed snapshots
  peers              make the Python environments of the peer tests
  sim [engine] [--seed N | --seeds COUNT]
                     run the simulations (with one seed, or with so many)
  bench call|engine|start|kills ROUNDS [PEER'S ROUNDS]
                     measure, and print ratios
  dist               build the static release binary";

#[expect(clippy::print_stderr, reason = "a developer reads it")]
fn main() -> ExitCode {
    let arguments = tool::arguments();
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
        ["bless"] => {
            let accept = [("INSTA_UPDATE", "always"), ("ACQUIRE_BLESS", "1")];
            tool::run(tool::cargo(&["test", "--workspace"]).envs(accept))
        }
        ["peers"] => peers::peers(),
        ["sim", "engine", which @ ..] | ["sim", which @ ..] => simulate(which),
        ["bench", rest @ ..] => {
            tool::run(tool::cargo(&["run", "--release", "--package", "acquire-bench", "--"]).args(rest))
        }
        ["dist"] => dist::dist(),
        _ => bail!("{USAGE}"),
    }
}

/// Runs the simulations with the seeds of CI, with one seed, or with so many from 0.
fn simulate(which: &[&str]) -> Result<()> {
    let mut command =
        tool::cargo(&["test", "--package", "acquire", "--test", "main", "simulation", "--", "--nocapture"]);
    let variable = match which {
        [] => None,
        ["--seed", seed] => Some(("ACQUIRE_SIM_SEED", seed)),
        ["--seeds", count] => Some(("ACQUIRE_SIM_SEEDS", count)),
        _ => bail!("{USAGE}"),
    };
    if let Some((name, number)) = variable {
        number.parse::<u64>().with_context(|| format!("`{number}` is not a number"))?;
        command.env(name, number);
    }
    tool::run(&mut command)
}
