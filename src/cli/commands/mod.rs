//! One file per command: its help (the doc comment of `Args`), its `Args`, one function.

mod serve;

use super::World;
use super::exit::Exit;
use acquire_model::Diagnostic;
use clap::Subcommand;

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Runs services: what a provider starts, not a person.
    Serve(serve::Args),
}

/// Runs a command.
pub async fn run(world: &World, command: Command) -> Result<Exit, Vec<Diagnostic>> {
    match command {
        Command::Serve(args) => serve::run(world, &args).await,
    }
}
