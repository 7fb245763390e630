//! `acquire destroy`: takes it away.

use acquire_engine::plan::{self, Data, Plan};
use acquire_engine::state::{Session, State};
use acquire_model::{Diagnostic, Kind, ProviderName};
use acquire_provider::{Context, Providers};
use std::collections::BTreeSet;
use std::path::PathBuf;

use super::apply::{self, Run};
use crate::cli::operation::{Operation, failed};
use crate::cli::render::events::Events;
use crate::cli::render::plan::{Detail, render};
use crate::cli::render::{self, Paint, report};
use crate::cli::terminal::{ask, tell};
use crate::cli::{World, codes, exit::Exit};

/// Takes away what was made
///
/// What holds people's data is kept and listed, unless `--data` is given. Afterwards it lists by ownership tag what is left.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    /// Takes away data and keys too; asks for the name of the deployment
    #[arg(long)]
    data: bool,
    /// Does not ask (also -auto-approve)
    #[arg(short, long)]
    yes: bool,
    /// Prints events, one JSON object a line, instead
    #[arg(long)]
    json: bool,
}

/// Plans from the state alone, asks, destroys, and looks whether something is left.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = Events::new(args.json);
    events.end(destroyed(world, args, events).await)
}

async fn destroyed(world: &World, args: &Args, events: Events) -> Result<Exit, Vec<Diagnostic>> {
    apply::must_answer(world, args.yes)?;
    let operation = Operation::open(world, args.spec.as_deref())?;
    let name = operation.project.decoded.spec.name.clone();
    if operation.project.state(world)?.is_none() {
        tell(&format!("{name} was not applied: there is nothing to destroy.\n"));
        return Ok(Exit::Done);
    }
    let mut session = apply::open(world, &operation)?;
    events.begin("destroy", name.as_str(), Some(session.state()));
    let cx = operation.context(world, session.state())?;
    apply::resume(&operation, &cx, &mut session, events).await?;
    let kinds = kinds(session.state());
    let data = if args.data { Data::Delete } else { Data::Keep };
    let plan = plan::destroy(session.state(), data, &operation.binary.sha256).map_err(|error| vec![error])?;
    events.plan(&plan);
    if !events.is_on() {
        let paint = Paint { colour: world.terminal.colour_err };
        tell(&format!("{}{}", operation.heading(Some(session.state())), render(&plan, Detail::Brief, paint)));
    }
    if !args.yes && !plan.is_empty() && !agreed(args.data, name.as_str())? {
        tell("Nothing was changed.\n");
        return Ok(Exit::Error);
    }
    let run = Run { world, operation: &operation, cx: &cx, events };
    finish(&run, &plan, session, &kinds).await
}

fn agreed(data: bool, name: &str) -> Result<bool, Vec<Diagnostic>> {
    if data {
        Ok(ask(&format!("Destroy {name} and all its data? Only its name goes on: "))? == name)
    } else {
        Ok(ask("Destroy? Only 'yes' goes on: ")? == "yes")
    }
}

async fn finish(
    run: &Run<'_>,
    plan: &Plan,
    mut session: Session,
    kinds: &BTreeSet<(ProviderName, Kind)>,
) -> Result<Exit, Vec<Diagnostic>> {
    let outcome = run.apply(plan, &mut session).await?;
    let is_empty = session.state().resource_count() == 0;
    session.close().map_err(|error| vec![error])?;
    apply::tell_outcome(run.world, run.events, report::Command::Destroy, &outcome);
    if let Some(refused) = outcome.refused {
        return Err(vec![refused]);
    }
    if !outcome.is_complete() {
        tell(&report::go_on(report::Command::Destroy, &outcome));
        return Ok(Exit::Partial);
    }
    if !is_empty {
        tell("Next: `acquire apply` brings it back with its data; `acquire destroy --data` removes that too\n");
        return Ok(Exit::Partial);
    }
    let left = left(run.cx, &run.operation.providers, kinds).await?;
    run.events.diagnostics(&left);
    tell(&render::diagnostics(&left, run.world.terminal.colour_err));
    if !left.is_empty() {
        return Ok(Exit::Partial);
    }
    // What is left is the record that there was something: journal, key and head.
    remove_ignore_file(run.operation);
    tell("Nothing is left but the journal, the state key and its head.\n");
    Ok(Exit::Done)
}

/// The kinds that were made, with who made them.
fn kinds(state: &State) -> BTreeSet<(ProviderName, Kind)> {
    state.resources.values().map(|recorded| (recorded.provider.clone(), recorded.kind.clone())).collect()
}

/// Lists by ownership tag whatever is still there.
async fn left(
    cx: &Context,
    providers: &dyn Providers,
    kinds: &BTreeSet<(ProviderName, Kind)>,
) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let mut left = Vec::new();
    for (name, kind) in kinds {
        let Some(provider) = providers.provider(name) else { continue };
        let Some(resource) = provider.resource(kind) else { continue };
        let found =
            resource.list(cx).await.map_err(|error| failed(&format!("listing each {kind} of {name}"), &error))?;
        left.extend(found.into_iter().map(|found| {
            Diagnostic::error(codes::LEFT_OVER, format!("still there on {name}: {}", found.description))
                .address(found.address)
                .hint("`acquire destroy --data` tries again; else remove it by hand")
        }));
    }
    Ok(left)
}

/// An ignore file without anything to ignore is in the way. That it cannot be removed harms nobody.
fn remove_ignore_file(operation: &Operation) {
    let ignore = operation.project.ignore_file();
    let deployments = ignore.parent().and_then(|directory| std::fs::read_dir(directory).ok());
    let directories = deployments.into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()).count();
    if directories <= 1 {
        let _ = std::fs::remove_file(ignore);
    }
}
