//! `acquire destroy`: takes it away.

use acquire_engine::plan::{self, Data, Plan};
use acquire_engine::state::Session;
use acquire_model::Diagnostic;
use acquire_provider::{Found, Providers};
use std::path::PathBuf;

use super::apply::{self, Run};
use crate::cli::flags::{Aim, Expected, Show};
use crate::cli::operation::{Operation, failed};
use crate::cli::project::declarations;
use crate::cli::render::events::Events;
use crate::cli::render::plan::render;
use crate::cli::render::{self, Paint, report};
use crate::cli::terminal::{ask, tell};
use crate::cli::{World, codes, exit::Exit, user};
use crate::providers::place;

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
    #[command(flatten)]
    aim: Aim,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    show: Show,
}

/// Plans from the state alone, asks, destroys, and looks whether something is left.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = args.show.events()?;
    events.end(destroyed(world, args, &events).await)
}

async fn destroyed(world: &World, args: &Args, events: &Events) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, args.spec.as_deref())?;
    let name = operation.project.decoded.spec.name.as_str();
    let Some(opened) = operation.project.state(world).await? else {
        events.begin("destroy", name, None);
        tell(&format!("Nothing of {name} is there to destroy: it was not applied.\n"));
        return Ok(Exit::Done);
    };
    if opened.state.resource_count() == 0 {
        events.begin("destroy", name, Some(&opened.state));
        let cx = operation.context(world, &opened.state)?;
        let nothing = format!("Nothing of {name} is there to destroy.\n");
        return look(&Run { world, operation: &operation, cx: &cx, events }, &nothing).await;
    }
    apply::must_answer(world, args.yes)?;
    let session = apply::open(world, &operation).await?;
    apply::with(session, async |session| {
        args.expected.check(Some(session.state()))?;
        events.begin("destroy", name, Some(session.state()));
        let cx = operation.context(world, session.state())?;
        let data = if args.data { Data::Delete } else { Data::Keep };
        let plan = plan::destroy(session.state(), data, &args.aim.scope(), &operation.binary.sha256)?;
        events.plan(&plan);
        if !events.is_on() {
            let paint = Paint { colour: world.terminal.colour_err };
            let heading = operation.heading(Some(session.state()));
            tell(&format!("{heading}{}", render(&plan, args.show.detail(), paint)));
        }
        if !args.yes && !plan.is_empty() && !agreed(args.data, name)? {
            tell("Nothing was changed.\n");
            return Ok(Exit::Error);
        }
        finish(&Run { world, operation: &operation, cx: &cx, events }, &plan, session).await
    })
    .await
}

fn agreed(data: bool, name: &str) -> Result<bool, Vec<Diagnostic>> {
    if data {
        Ok(ask(&format!("Destroy {name} and all its data? Only its name goes on: "))? == name)
    } else {
        Ok(ask("Destroy? Only 'yes' goes on: ")? == "yes")
    }
}

async fn finish(run: &Run<'_>, plan: &Plan, session: &mut Session) -> Result<Exit, Vec<Diagnostic>> {
    let project = &run.operation.project;
    let outcome = run.apply(plan, session).await?;
    let is_empty = session.state().resource_count() == 0;
    if !plan.is_empty() {
        apply::tell_outcome(run.world, run.events, report::Command::Destroy, &outcome);
    }
    if let Some(refused) = outcome.refused {
        return Err(vec![refused]);
    }
    if !outcome.is_complete() {
        let has_data = plan.steps.iter().any(|step| step.holds_data);
        let again = if has_data { "destroy --data" } else { "destroy" };
        tell(&report::go_on(project, again, &outcome));
        return Ok(Exit::Partial);
    }
    user::forget(run.world, session.state());
    let holds_data = |kept| session.state().resources.get(kept).is_some_and(|recorded| recorded.holds_data);
    match (is_empty, plan.kept.is_empty()) {
        // What is left is the record that there was something: journal, key and head.
        (true, _) => look(run, "Nothing is left but the journal, the state key and its head.\n").await,
        // Only a part was meant.
        (false, true) => {
            tell(&format!("Next: `{}` shows what is still there\n", project.command("status")));
            Ok(Exit::Done)
        }
        (false, false) if !plan.kept.iter().any(holds_data) => {
            let [apply, destroy] = ["apply", "destroy"].map(|words| project.command(words));
            tell(&format!("Next: take `protect` off in the spec and `{apply}`; then `{destroy}` removes the rest\n"));
            Ok(Exit::Partial)
        }
        (false, false) => {
            let (apply, destroy) = (project.command("apply"), project.command("destroy --data"));
            tell(&format!("Next: `{apply}` brings it back with its data; `{destroy}` removes that too\n"));
            Ok(Exit::Partial)
        }
    }
}

/// Looks whether something is left, and says so.
async fn look(run: &Run<'_>, nothing: &str) -> Result<Exit, Vec<Diagnostic>> {
    let left = left(run).await?;
    run.events.diagnostics(&left);
    tell(&render::diagnostics(&left, run.world.terminal.colour_err));
    if !left.is_empty() {
        return Ok(Exit::Partial);
    }
    remove_ignore_file(run.operation);
    tell(nothing);
    Ok(Exit::Done)
}

/// Lists by ownership tag whatever is still there, of every kind of every provider that a spec can name. Those of which
/// the state knows nothing matter most: nobody else would find them.
async fn left(run: &Run<'_>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
    let mut left = Vec::new();
    for declaration in declarations()? {
        let name = &declaration.name;
        let Some(provider) = run.operation.providers.provider(name) else { continue };
        for kind in declaration.kinds.keys() {
            let Some(resource) = provider.resource(kind) else { continue };
            match resource.list(run.cx).await {
                Ok(found) => left.extend(found.into_iter().map(|found| still_there(place(name), found))),
                Err(error) => {
                    left.extend(failed(&format!("cannot tell whether a {kind} is left on {}", place(name)), &error));
                }
            }
        }
    }
    Ok(left)
}

fn still_there(place: &str, found: Found) -> Diagnostic {
    Diagnostic::error(codes::LEFT_OVER, format!("still there on {place}: {}", found.description))
        .address(found.address)
        .hint("the state does not know it: remove it by hand")
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
