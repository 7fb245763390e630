//! `acquire status`: how things are.

use acquire_engine::plan::{Drift, Plan, Shown};
use acquire_engine::state::{Run, State};
use acquire_model::{Diagnostic, Name};
use serde_json::{Value, json};
use std::collections::BTreeSet;

use crate::cli::operation::{Operation, tell_if_first};
use crate::cli::render::plan::closing;
use crate::cli::render::report::places;
use crate::cli::terminal::{say, tell};
use crate::cli::{World, exit::Exit};

/// Shows what was applied, and whether it is still so
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Prints one JSON document
    #[arg(long)]
    json: bool,
}

/// Reads how things are and compares them with the state.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, None)?;
    let opened = operation.project.applied(world)?;
    tell_if_first(opened.seen, &opened.state);
    let state = &opened.state;
    let cx = operation.context(world, state)?;
    let plan = operation.plan(&cx, state, Some(&opened.key)).await?;
    let owners: Vec<Value> = owners(state).iter().map(|owner| status(owner, state, &plan)).collect();
    if args.json {
        let ended = state.run.as_ref().and_then(|run| run.ended);
        let summary = plan.summary();
        let document = json!({
            "format": 1, "name": operation.project.decoded.spec.name, "lineage": state.lineage, "serial": state.serial,
            "applied": ended, "in_doubt": state.in_doubt.keys().collect::<Vec<_>>(), "owners": owners,
            "plan": { "add": summary.add, "change": summary.change, "destroy": summary.destroy },
        });
        say(&format!("{document:#}\n"));
        return Ok(Exit::Done);
    }
    say(&format!("{}{}\n", operation.heading(Some(state)), last_run(state.run.as_ref(), state.serial)));
    say(&table(&owners));
    if !plan.is_empty() {
        say(&format!("\n{}", closing(&plan)));
        tell("Next: `acquire plan` shows what differs, `acquire apply` brings it right\n");
    }
    Ok(Exit::Done)
}

fn last_run(run: Option<&Run>, serial: u64) -> String {
    let when = match run {
        None => "never applied".to_owned(),
        Some(Run { ended: Some(ended), verified: Some(verified), .. }) => {
            format!("last changed {ended} UTC, verified {verified} UTC")
        }
        Some(Run { ended: Some(ended), .. }) => format!("last changed {ended} UTC"),
        Some(run) => format!("cut off after {} of {} steps, begun {} UTC", run.done, run.steps, run.began),
    };
    format!("serial {serial}, {when}\n")
}

/// The services in the order in which they are set up, then the plain resources.
fn owners(state: &State) -> Vec<Name> {
    let services = places(state).into_iter().filter_map(|place| place.service.as_str().parse().ok());
    let mut owners: Vec<Name> = services.collect();
    let others: BTreeSet<&Name> = state.resources.keys().map(|address| address.owner()).collect();
    owners.extend(others.into_iter().filter(|owner| !owners.contains(owner)).cloned().collect::<Vec<_>>());
    owners
}

fn status(owner: &Name, state: &State, plan: &Plan) -> Value {
    let place = places(state).into_iter().find(|place| place.service.as_str() == owner.as_str());
    let differing: Vec<String> =
        plan.drift.iter().filter(|drift| drift.address.owner() == owner).map(difference).collect();
    let words = if differing.is_empty() { "as applied".to_owned() } else { differing.join(", ") };
    json!({
        "name": owner,
        "uid": place.as_ref().and_then(|place| place.uid.clone()),
        "url": place.as_ref().map(|place| place.url.clone()),
        "resources": state.resources.keys().filter(|address| address.owner() == owner).count(),
        "status": words,
    })
}

/// What differs, in words. A function that runs no binary does not run.
fn difference(drift: &Drift) -> String {
    let kind = drift.address.kind();
    let is_down = kind.as_str() == "function"
        && drift.changes.iter().any(|change| change.name == "binary" && change.after == Shown::Known(Value::Null));
    if is_down {
        return "down".to_owned();
    }
    if drift.gone {
        return format!("{kind} is gone");
    }
    let names: Vec<&str> = drift.changes.iter().map(|change| change.name.as_str()).collect();
    format!("{kind} has another {}", names.join(", "))
}

fn table(owners: &[Value]) -> String {
    let field = |owner: &Value, name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let width = |name: &str| owners.iter().map(|owner| field(owner, name).chars().count()).max().unwrap_or_default();
    let (name, uid, url) = (width("name"), width("uid"), width("url"));
    let line = |owner: &Value| {
        format!(
            "  {:<name$}  {:<uid$}  {:<url$}  {}\n",
            field(owner, "name"),
            field(owner, "uid"),
            field(owner, "url"),
            field(owner, "status")
        )
    };
    owners.iter().map(line).collect()
}
