//! `acquire drift`: what was changed outside.

use acquire_engine::plan::Plan;
use acquire_model::Diagnostic;
use std::path::PathBuf;

use crate::cli::flags::{Planning, Show};
use crate::cli::operation::{Operation, tell_if_first};
use crate::cli::project::Project;
use crate::cli::render::Paint;
use crate::cli::render::plan::drift;
use crate::cli::terminal::{say, tell};
use crate::cli::{World, exit::Exit};

/// Shows what was changed outside since the last apply
///
/// Asks the providers, compares with the state, and changes nothing. Exits with 2 if something differs, 0 if nothing does.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    #[command(flatten)]
    show: Show,
}

/// Asks, compares, shows.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = args.show.events()?;
    let shown = async {
        let operation = Operation::open(world, args.spec.as_deref())?;
        let opened = operation.project.applied(world).await?;
        tell_if_first(opened.seen, &opened.state);
        events.begin("drift", operation.project.decoded.spec.name.as_str(), Some(&opened.state));
        let cx = operation.context(world, &opened.state)?;
        let plan = operation.plan(&cx, &opened.state, Some(&opened.key), &Planning::refresh_only()).await?;
        events.plan(&plan);
        if !events.is_on() {
            tell_drift(world, &operation.project, &plan);
        }
        Ok(if plan.drift.is_empty() { Exit::Done } else { Exit::Changes })
    };
    events.end(shown.await)
}

fn tell_drift(world: &World, project: &Project, plan: &Plan) {
    if plan.drift.is_empty() {
        return say("No drift: everything is as the last apply left it.\n");
    }
    say(&drift(plan, Paint { colour: world.terminal.colour_out }));
    let (back, accept) = (project.command("apply"), project.command("apply -refresh-only"));
    tell(&format!("Next: `{back}` brings it back to the spec; `{accept}` only writes it down\n"));
}
