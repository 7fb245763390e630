//! `acquire state`: works on the state itself.

use acquire_engine::state::{self, Repair};
use acquire_model::Diagnostic;

use super::apply::must_answer;
use crate::cli::project::Project;
use crate::cli::terminal::{ask, tell};
use crate::cli::{World, exit::Exit};

/// Works on the state itself
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Goes on with what is good of a state that was refused: an old copy, a damaged or foreign one, or none
    Repair {
        /// Does not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// Runs the subcommand.
pub fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let Command::Repair { yes } = &args.command;
    let location = Project::open(world, None)?.location(world)?;
    let announced = state::inspect(&location).map_err(|error| vec![error])?;
    tell(&format!("{}\n", words(&announced)));
    if matches!(announced, Repair::Nothing { .. }) {
        return Ok(Exit::Done);
    }
    must_answer(world, *yes)?;
    if !yes && ask("Repair? Only 'yes' goes on: ")? != "yes" {
        tell("Nothing was changed.\n");
        return Ok(Exit::Error);
    }
    let _ = state::repair(&location, &*world.clock).map_err(|error| vec![error])?;
    tell("Repaired. Next: acquire plan\n");
    Ok(Exit::Done)
}

fn words(repair: &Repair) -> String {
    match repair {
        Repair::Nothing { serial } => format!("The state is good, at serial {serial}: there is nothing to repair."),
        Repair::GoOn { serial, seen, resources } => {
            let seen = seen.map(|seen| format!(" Seen here last was serial {seen}.")).unwrap_or_default();
            format!(
                "The state is good up to serial {serial}, with {resources} resources.{seen} Repairing goes on from there; damaged files are kept."
            )
        }
        Repair::BeginAnew { lineage, resources } => {
            let lost = match (lineage, resources) {
                (Some(lineage), Some(resources)) => {
                    format!(" Lineage {lineage} with {resources} resources is forgotten; they may still exist.")
                }
                _ => String::new(),
            };
            format!(
                "Nothing of the state is good.{lost} Repairing lets the next apply begin a new one; damaged files are kept."
            )
        }
    }
}
