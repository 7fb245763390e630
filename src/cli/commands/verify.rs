//! `acquire verify`: whether what was made is alive and is what it should be.

use acquire_engine::state::State;
use acquire_model::{Diagnostic, ServiceType};
use std::path::PathBuf;

use crate::cli::operation::{Operation, attributes, failed, tell_if_first};
use crate::cli::render::events::Events;
use crate::cli::render::{self, report};
use crate::cli::terminal::tell;
use crate::cli::{World, exit::Exit};

/// Proves that every service is alive and is what it should be
///
/// Sends each a fresh challenge, checks key, binary and endpoint, then registers, logs in and signs once. Exits with 4 if
/// something does not hold.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    /// Prints events, one JSON object a line, instead
    #[arg(long)]
    json: bool,
}

/// Verifies what is in the state.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = Events::new(args.json);
    events.end(verified(world, args, events).await)
}

async fn verified(world: &World, args: &Args, events: Events) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, args.spec.as_deref())?;
    let opened = operation.project.applied(world)?;
    tell_if_first(opened.seen, &opened.state);
    events.begin("verify", operation.project.decoded.spec.name.as_str(), Some(&opened.state));
    if services(&opened.state) == 0 {
        tell("There is no service to verify.\n");
        return Ok(Exit::Done);
    }
    prove(world, &operation, &opened.state, events).await
}

/// Proves what is in a state, and says so.
pub async fn prove(
    world: &World,
    operation: &Operation,
    state: &State,
    events: Events,
) -> Result<Exit, Vec<Diagnostic>> {
    let asked = services(state);
    let cx = operation.context(world, state)?;
    let report = operation.providers.verify().verify(&cx, &attributes(state)).await;
    let report = report.map_err(|error| failed("verification could not start", &error))?;
    events.report(&report);
    tell(&render::diagnostics(&report.failures, world.terminal.colour_err));
    if !events.is_on() {
        tell(&report::verified(&report, asked, &operation.binary.sha256));
    }
    Ok(if report.failures.is_empty() && report.services.len() == asked { Exit::Done } else { Exit::NotVerified })
}

/// How many services have a function.
pub fn services(state: &State) -> usize {
    let functions = state.resources.keys().filter(|address| address.kind().as_str() == "function");
    functions.filter(|address| address.owner().as_str().parse::<ServiceType>().is_ok()).count()
}
