//! `acquire spec`: the merged spec.

use acquire_model::Diagnostic;
use serde_json::{Value, json};
use std::path::PathBuf;

use crate::cli::project::Project;
use crate::cli::terminal::say;
use crate::cli::{World, exit::Exit};

/// Prints the merged spec, each value with its origin
///
/// The environment is merged in and variables are filled in; sensitive values are not shown.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    /// Prints one JSON object a line instead
    #[arg(long)]
    json: bool,
}

/// Prints it.
pub fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let merged = Project::open(world, args.spec.as_deref())?.decoded.merged;
    if args.json {
        for value in &merged {
            // What is not JSON is not the value but says why it is not shown.
            let shown: Value = serde_json::from_str(&value.value).unwrap_or_else(|_| value.value.clone().into());
            say(&format!("{}\n", json!({ "path": value.path, "value": shown, "origin": value.origin.to_string() })));
        }
        return Ok(Exit::Done);
    }
    let lines: Vec<String> = merged.iter().map(|value| format!("{} = {}", value.path, value.value)).collect();
    let width = lines.iter().map(|line| line.chars().count()).filter(|width| *width <= 80).max().unwrap_or_default();
    for (line, value) in lines.iter().zip(&merged) {
        say(&format!("{line:<width$}  # {}\n", value.origin));
    }
    Ok(Exit::Done)
}
