//! `acquire schema`: what editors and programs must know.

use acquire_engine::spec::json_schema;
use acquire_engine::{published, scenario};
use acquire_model::Diagnostic;

use crate::cli::exit::Exit;
use crate::cli::project::declarations;
use crate::cli::render::events;
use crate::cli::terminal::say;

/// Prints the JSON Schema of the spec, a test file, a published plan, or the events of `--json`
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Of what
    #[arg(value_enum, default_value_t = Of::Spec)]
    of: Of,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Of {
    /// The spec, for editors
    Spec,
    /// A test file, for editors
    Test,
    /// A plan as policies and tests see it
    Plan,
    /// One line of `--json` and `--json-into`
    Events,
}

/// Prints it.
pub fn run(args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let schema = match args.of {
        Of::Spec => json_schema(&declarations()?),
        Of::Test => scenario::json_schema(),
        Of::Plan => published::json_schema(),
        Of::Events => events::json_schema(),
    };
    say(&format!("{schema:#}\n"));
    Ok(Exit::Done)
}
