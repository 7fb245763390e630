//! `acquire completions`: what the shell completes.

use acquire_model::Diagnostic;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::exit::Exit;
use crate::cli::terminal::say;

/// Prints the completions of a shell
///
/// For example: acquire completions bash > ~/.local/share/bash-completion/completions/acquire
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The shell
    shell: Shell,
}

/// Prints them.
pub fn run(args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::Arguments::command(), "acquire", &mut script);
    say(&String::from_utf8_lossy(&script));
    Ok(Exit::Done)
}
