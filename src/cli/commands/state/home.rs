use acquire_engine::state::{self, Place};
use acquire_model::Diagnostic;
use std::path::Path;

use crate::cli::commands::apply::must_answer;
use crate::cli::operation::counted;
use crate::cli::project::Project;
use crate::cli::terminal::{ask, tell};
use crate::cli::{World, exit::Exit};

/// Takes the state from one home to another; where one is not named, it is that of the spec.
pub async fn migrate(world: &World, to: Option<&str>, from: Option<&str>) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let beside = project.file.parent().unwrap_or(Path::new(""));
    let named = |home: Option<&str>| home.map_or_else(|| project.home.clone(), |home| Place::name(home, beside));
    let (old, new) = (project.location_at(world, &named(from))?, project.location_at(world, &named(to))?);
    let migrated = state::migrate(&old, &new, &world.clock, &world.entropy).await.map_err(|error| vec![error])?;
    let Some(migrated) = migrated else {
        tell(&format!("There is no state in {} to take anywhere.\n", old.home));
        return Ok(Exit::Error);
    };
    let what = counted(migrated.resources, "resource");
    tell(&format!(
        "The state is in {} now, at serial {} with {what}; it was read back and is the same.\n\
         {} says so to whoever comes, and keeps what it had.\n",
        new.home, migrated.serial, old.home
    ));
    match to {
        Some(home) => tell(&format!("Next: write `state: {{ home: \"{home}\" }}` into {}\n", project.file.display())),
        None => tell(&format!("Next: {}\n", project.command("plan"))),
    }
    Ok(Exit::Done)
}

/// Shows who holds the lock, asks, and takes it from a holder that sends no more beats.
pub async fn unlock(world: &World, yes: bool) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let location = project.location(world)?;
    let holding = state::holding(&location, &*world.clock).await.map_err(|error| vec![error])?;
    let Some(holding) = holding else {
        tell(&format!("Nobody holds the lock of {}.\n", location.home));
        return Ok(Exit::Done);
    };
    tell(&format!("{} is locked by {holding}.\n", location.home));
    must_answer(world, yes)?;
    if !yes && ask("Take the lock from it, if it sends no beat meanwhile? Only 'yes' goes on: ")? != "yes" {
        tell("Nothing was changed.\n");
        return Ok(Exit::Error);
    }
    state::unlock(&location, &world.clock, &world.entropy).await.map_err(|error| vec![error])?;
    tell(&format!(
        "The lock is free; its holder can write no more.\nNext: `{}` finds out what it was doing\n",
        project.command("apply")
    ));
    Ok(Exit::Done)
}
