//! The command line: parse, run one command, render, exit.

/// One file per command.
mod commands;
/// The codes of what the command line itself finds wrong.
pub mod codes;
/// How the process ends.
pub mod exit;
/// Text and JSON for people and programs.
mod render;

use crate::system::{SystemClock, SystemEntropy};
use acquire_model::{Clock, Diagnostic, Entropy, Environment};
use clap::Parser;
use exit::Exit;
use std::process::ExitCode;
use std::sync::Arc;

/// The world outside, as every command is given it.
pub struct World {
    /// The environment variables.
    pub environment: Arc<Environment>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// Brings up Acquire's services from one YAML file, and uses them.
#[derive(Parser, Debug)]
#[command(name = "acquire", version, about, max_term_width = 120)]
struct Arguments {
    #[command(subcommand)]
    command: commands::Command,
}

/// Runs the command line and says how the process ends.
pub fn run(arguments: Vec<String>, environment: Environment) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    };
    let world =
        World { environment: Arc::new(environment), clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&[Diagnostic::error(codes::FILE, format!("cannot start: {error}"))]),
    };
    match runtime.block_on(commands::run(&world, arguments.command)) {
        Ok(exit) => exit.into(),
        Err(diagnostics) => fail(&diagnostics),
    }
}

#[expect(clippy::print_stderr, reason = "the root crate talks to people")]
fn fail(diagnostics: &[Diagnostic]) -> ExitCode {
    for diagnostic in diagnostics {
        eprintln!("{diagnostic}");
    }
    Exit::Error.into()
}
