//! `acquire schema`: the spec for editors.

use acquire_engine::spec::json_schema;
use acquire_model::Diagnostic;

use crate::cli::exit::Exit;
use crate::cli::project::declarations;
use crate::cli::terminal::say;

/// Prints the JSON Schema of the spec
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Prints it.
pub fn run(_args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    say(&format!("{:#}\n", json_schema(&declarations()?)));
    Ok(Exit::Done)
}
