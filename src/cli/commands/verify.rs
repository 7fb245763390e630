//! `acquire verify`: whether what was made is alive and is what it should be.

use acquire_engine::state::State;
use acquire_model::{Address, Diagnostic, Part, ServiceType};
use std::path::PathBuf;

use crate::cli::flags::Stream;
use crate::cli::operation::{Operation, attributes, failed, tell_if_first};
use crate::cli::render::events::Events;
use crate::cli::render::{self, report};
use crate::cli::terminal::tell;
use crate::cli::{World, codes, exit::Exit};

/// Proves that every service is alive and is what it should be
///
/// Sends each a fresh challenge, checks key, binary and endpoint, then registers, logs in and signs once. Exits with 4 if
/// something does not hold.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    #[command(flatten)]
    stream: Stream,
}

/// Verifies what is in the state.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = args.stream.open()?;
    events.end(verified(world, args, &events).await)
}

async fn verified(world: &World, args: &Args, events: &Events) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, args.spec.as_deref())?;
    let project = &operation.project;
    let opened = project.state(world).await?;
    if let Some(opened) = &opened {
        tell_if_first(opened.seen, &opened.state);
    }
    let state = opened.as_ref().map(|opened| &opened.state);
    events.begin("verify", project.decoded.spec.name.as_str(), state);
    let is_there = |service: &ServiceType| {
        state.is_some_and(|state| state.resources.contains_key(&Address::part(*service, Part::Function)))
    };
    let absent: Vec<&str> = project
        .decoded
        .spec
        .services
        .keys()
        .filter(|service| !is_there(service))
        .map(|service| service.as_str())
        .collect();
    let exit = match state.filter(|state| services(state) > 0) {
        Some(state) => prove(world, &operation, state, events).await?,
        None if absent.is_empty() => {
            tell("There is nothing to verify: the spec has no services.\n");
            Exit::Done
        }
        None => Exit::NotVerified,
    };
    if absent.is_empty() {
        return Ok(exit);
    }
    let summary = format!("not verified, because not there: {}", absent.join(", "));
    let hint = format!("`{}` makes and verifies what the spec has", project.command("apply"));
    let absent = [Diagnostic::error(codes::NOT_IN_STATE, summary).hint(hint)];
    events.diagnostics(&absent);
    tell(&render::diagnostics(&absent, world.terminal.colour_err));
    Ok(Exit::NotVerified)
}

/// Proves what is in a state, and says so.
pub async fn prove(
    world: &World,
    operation: &Operation,
    state: &State,
    events: &Events,
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
