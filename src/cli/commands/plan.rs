//! `acquire plan`: what would change.

use acquire_engine::plan::{Data, Plan, destroy};
use acquire_engine::policy::publish;
use acquire_engine::state::{self, Session, State};
use acquire_model::{Diagnostic, Lineage};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::cli::flags::{Expected, Planning, Show};
use crate::cli::operation::{Operation, tell_if_first};
use crate::cli::project::{quoted, unwritable};
use crate::cli::render::Paint;
use crate::cli::render::events::Events;
use crate::cli::render::plan::render;
use crate::cli::terminal::{say, tell};
use crate::cli::{World, codes, exit::Exit};

/// Shows what would change, and why
///
/// Every change names the line of the spec that asks for it. Changes nothing.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    /// Saves the plan, sealed; `acquire apply FILE` runs exactly this one
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exits with 2 if there are changes, 0 if there are none (also -detailed-exitcode)
    #[arg(long)]
    detailed_exitcode: bool,
    /// Shows what `acquire destroy` would take away (also -destroy)
    #[arg(long, conflicts_with_all = ["out", "refresh", "refresh_only", "replace"])]
    destroy: bool,
    /// With --destroy: data and keys too
    #[arg(long, requires = "destroy")]
    data: bool,
    /// Prints the plan as policies see it, as one JSON document, instead
    #[arg(long, conflicts_with = "json")]
    published: bool,
    #[command(flatten)]
    planning: Planning,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    show: Show,
}

/// Plans and shows.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = args.show.events()?;
    events.end(shown(world, args, &events).await)
}

async fn shown(world: &World, args: &Args, events: &Events) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, args.spec.as_deref())?;
    args.expected.check_first(world, &operation.project).await?;
    if args.out.is_some() {
        begin(world, &operation).await?;
    }
    let opened = operation.project.state(world).await?;
    events.begin("plan", operation.project.decoded.spec.name.as_str(), opened.as_ref().map(|opened| &opened.state));
    let key = opened.as_ref().map(|opened| opened.key.clone());
    if let Some(opened) = &opened {
        tell_if_first(opened.seen, &opened.state);
    }
    let heading = operation.heading(opened.as_ref().map(|opened| &opened.state));
    // Before the first apply nothing is anybody's: any lineage will do to ask what is there.
    let state = opened.map_or_else(|| State::new(Lineage::draw(&*world.entropy)), |opened| opened.state);
    let cx = operation.context(world, &state)?;
    let data = if args.data { Data::Delete } else { Data::Keep };
    let plan = if args.destroy {
        destroy(&state, data, &args.planning.scope(), &operation.binary.sha256)?
    } else {
        operation.plan(&cx, &state, key.as_ref(), &args.planning).await?
    };
    events.plan(&plan);
    if args.published {
        let published = publish(&operation.project.decoded.spec, &plan);
        say(&format!("{}\n", serde_json::to_string_pretty(&published).unwrap_or_default()));
    } else if !events.is_on() {
        let paint = Paint { colour: world.terminal.colour_out };
        say(&format!("{heading}{}", render(&plan, args.show.detail(), paint)));
    }
    if !args.destroy {
        operation.judge(world, events, &plan, &args.planning)?;
    }
    if let (Some(file), Some(key)) = (&args.out, &key) {
        let bytes = serde_json::to_vec(&plan).map_err(|error| unwritable(file, &error.into()))?;
        let sealed = state::seal_plan(key, &*world.entropy, &state, &bytes).map_err(|error| vec![error])?;
        save(file, &sealed).map_err(|error| unwritable(file, &error))?;
        let saved = quoted(&file.to_string_lossy());
        tell(&format!("Next: {}\n", operation.project.command(&format!("apply {saved}"))));
    } else if !plan.is_empty() && !events.is_on() && !args.published {
        let words = match (args.destroy, args.data) {
            (false, _) => "apply",
            (true, false) => "destroy",
            (true, true) => "destroy --data",
        };
        tell(&format!("Next: {}\n", operation.project.command(words)));
    }
    Ok(if args.detailed_exitcode && !plan.is_empty() { Exit::Changes } else { Exit::Done })
}

/// Makes the state if there is none: a saved plan is bound to one.
async fn begin(world: &World, operation: &Operation) -> Result<(), Vec<Diagnostic>> {
    if operation.project.state(world).await?.is_some() {
        return Ok(());
    }
    operation.project.prepare()?;
    let location = operation.project.location(world)?;
    let session = Session::open(&location, world.clock.clone(), world.entropy.clone()).await;
    session.map_err(|error| vec![error])?.close().await.map_err(|error| vec![error])
}

fn save(file: &Path, sealed: &[u8]) -> std::io::Result<()> {
    let mut open = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    open.write_all(sealed)
}

/// Reads a saved plan, if the file is one; `None` if it is something else, such as a spec.
///
/// # Errors
/// If the file cannot be read.
pub fn saved(file: &Path) -> Result<Option<Vec<u8>>, Vec<Diagnostic>> {
    let bytes = std::fs::read(file).map_err(|error| crate::cli::project::unreadable(file, &error))?;
    Ok(state::is_plan(&bytes).then_some(bytes))
}

/// Opens what was saved.
///
/// # Errors
/// If it is foreign, edited or stale.
pub fn open(session: &Session, sealed: &[u8]) -> Result<Plan, Vec<Diagnostic>> {
    let bytes = state::open_plan(session.key(), session.state(), sealed).map_err(|error| vec![error])?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let summary = format!("this plan was saved by another version of Acquire: {error}");
        vec![Diagnostic::error(codes::USAGE, summary).hint("plan again with `-out`")]
    })
}
