use acquire_engine::state::{self, Repair};
use acquire_model::Diagnostic;

use crate::cli::commands::apply::must_answer;
use crate::cli::operation::counted;
use crate::cli::project::Project;
use crate::cli::terminal::{ask, tell};
use crate::cli::{World, exit::Exit};

/// Says what a repair would do, asks, and does it.
pub async fn run(world: &World, yes: bool) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let location = project.location(world)?;
    let announced = state::inspect(&location).await.map_err(|error| vec![error])?;
    tell(&format!("{}\n", words(&announced)));
    if matches!(announced, Repair::Nothing { .. }) {
        return Ok(Exit::Done);
    }
    must_answer(world, yes)?;
    if !yes && ask("Repair? Only 'yes' goes on: ")? != "yes" {
        tell("Nothing was changed.\n");
        return Ok(Exit::Error);
    }
    let _ = state::repair(&location, &world.clock, &world.entropy).await.map_err(|error| vec![error])?;
    tell(&format!("Repaired.\nNext: {}\n", project.command("plan")));
    Ok(Exit::Done)
}

fn words(repair: &Repair) -> String {
    match repair {
        Repair::Nothing { serial } => format!("The state is good, at serial {serial}: there is nothing to repair."),
        Repair::GoOn { serial, seen, resources } => {
            let seen = seen.map(|seen| format!(" Seen here last was serial {seen}.")).unwrap_or_default();
            format!(
                "The state is good up to serial {serial}, with {}.{seen} Repairing goes on from there; damaged files are kept.",
                counted(*resources, "resource")
            )
        }
        Repair::BeginAnew { lineage, resources } => {
            let lost = match (lineage, resources) {
                (Some(lineage), Some(resources)) => {
                    let resources = counted(*resources, "resource");
                    format!(" Lineage {lineage} with {resources} is forgotten; what it made may still exist.")
                }
                _ => String::new(),
            };
            format!(
                "Nothing of the state is good.{lost} Repairing lets the next apply begin a new one; damaged files are kept."
            )
        }
    }
}
