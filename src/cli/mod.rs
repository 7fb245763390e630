//! The command line: parse, run one command, render, exit.

/// The codes of what the command line itself finds wrong.
pub mod codes;
/// One file per command.
mod commands;
/// How the process ends.
pub mod exit;
/// Flags as fingers know them.
mod flags;
/// The manual page.
#[cfg(test)]
mod man;
/// What the commands that plan have in common.
mod operation;
/// Which spec is meant, and where its deployment keeps things.
pub mod project;
/// Text and JSON for people and programs.
mod render;
/// The two streams.
pub mod terminal;
/// What the commands of a user share.
pub mod user;
/// The environment variables.
pub mod variables;

use crate::system::{SystemClock, SystemEntropy};
use acquire_model::{Clock, Diagnostic, Entropy, Environment};
use clap::Parser;
use exit::Exit;
use project::Selection;
use std::process::ExitCode;
use std::sync::Arc;
use terminal::{Terminal, tell};

/// The world outside, as every command is given it.
pub struct World {
    /// The environment variables.
    pub environment: Arc<Environment>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The terminal.
    pub terminal: Terminal,
    /// Which spec is meant.
    pub selection: Selection,
}

/// Brings up Acquire's services from one YAML file, and uses them.
#[derive(Parser, Debug)]
#[command(name = "acquire", version, about, max_term_width = 120, after_long_help = tables())]
pub struct Arguments {
    #[command(flatten)]
    selection: Selection,
    #[command(subcommand)]
    command: commands::Command,
}

/// What the help ends with.
fn tables() -> String {
    format!("{}\n{}", exit::table(), variables::table())
}

/// Runs the command line and says how the process ends.
pub fn run(arguments: Vec<String>, environment: Environment) -> ExitCode {
    let arguments = match Arguments::try_parse_from(flags::rewrite(arguments)) {
        Ok(arguments) => arguments,
        // Not clap's own exit: its code for wrong usage, 2, means changes here.
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { Exit::Error.into() } else { Exit::Done.into() };
        }
    };
    let world = World {
        terminal: Terminal::new(&environment),
        environment: Arc::new(environment),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        selection: arguments.selection,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&world, &[Diagnostic::error(codes::FILE, format!("cannot start: {error}"))]),
    };
    match runtime.block_on(commands::run(&world, arguments.command)) {
        Ok(exit) => exit.into(),
        Err(diagnostics) => fail(&world, &diagnostics),
    }
}

fn fail(world: &World, diagnostics: &[Diagnostic]) -> ExitCode {
    tell(&render::diagnostics(diagnostics, world.terminal.colour_err));
    Exit::Error.into()
}
