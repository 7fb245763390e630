//! `acquire status`: how things are.

use acquire_engine::plan::{Drift, Plan};
use acquire_engine::state::{Run, State};
use acquire_model::{Action, Address, Diagnostic, Name, ServiceType};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::cli::flags::{Expected, Planning};
use crate::cli::operation::{Operation, tell_if_first};
use crate::cli::render::plan::{closing, is_down};
use crate::cli::render::report::{doubts, moment, places};
use crate::cli::terminal::{say, tell};
use crate::cli::{World, exit::Exit};

/// Shows what was applied, and whether it is still so
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    #[command(flatten)]
    expected: Expected,
    /// Prints one JSON document
    #[arg(long)]
    json: bool,
}

/// Reads how things are and compares them with the state.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, args.spec.as_deref())?;
    let opened = operation.project.applied(world).await?;
    tell_if_first(opened.seen, &opened.state);
    args.expected.check(Some(&opened.state))?;
    let state = &opened.state;
    let cx = operation.context(world, state)?;
    let plan = operation.plan(&cx, state, Some(&opened.key), &Planning::default()).await?;
    let owners: Vec<Value> = owners(state, &plan).iter().map(|owner| status(owner, state, &plan)).collect();
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
    say(&format!("{}{}", operation.heading(Some(state)), last_run(state.run.as_ref(), state.serial)));
    let sections = [table(&owners), doubts(state), if plan.is_empty() { String::new() } else { closing(&plan) }];
    for section in sections.iter().filter(|section| !section.is_empty()) {
        say(&format!("\n{section}"));
    }
    let (show, apply) = (operation.project.command("plan"), operation.project.command("apply"));
    if !state.in_doubt.is_empty() {
        tell(&format!("Next: `{apply}` finds out what became of what is in doubt, and goes on\n"));
    } else if !plan.is_empty() {
        tell(&format!("Next: `{show}` shows what differs, `{apply}` brings it right\n"));
    }
    Ok(Exit::Done)
}

fn last_run(run: Option<&Run>, serial: u64) -> String {
    let when = match run {
        None => "never applied".to_owned(),
        Some(Run { ended: Some(ended), verified: Some(verified), .. }) => {
            format!("last changed {}, verified {}", moment(*ended), moment(*verified))
        }
        Some(Run { ended: Some(ended), .. }) => format!("last changed {}", moment(*ended)),
        Some(run) => format!("cut off after {} of {} steps, begun {}", run.done, run.steps, moment(run.began)),
    };
    format!("serial {serial}, {when}\n")
}

/// Whatever has a resource or should have one: services in the order in which they are set up, then plain resources.
fn owners<'a>(state: &'a State, plan: &'a Plan) -> Vec<&'a Name> {
    let planned = plan.steps.iter().map(|step| &step.address);
    let all = state.resources.keys().chain(planned).chain(state.in_doubt.keys()).map(Address::owner);
    let mut owners: Vec<&Name> = all.collect::<BTreeSet<_>>().into_iter().collect();
    owners.sort_by_key(|owner| (service(owner).is_none(), service(owner)));
    owners
}

fn service(owner: &Name) -> Option<ServiceType> {
    owner.as_str().parse().ok()
}

fn status(owner: &Name, state: &State, plan: &Plan) -> Value {
    let place = places(state).into_iter().find(|place| Some(place.service) == service(owner));
    json!({
        "name": owner,
        "uid": place.as_ref().and_then(|place| place.uid.clone()),
        "url": place.as_ref().map(|place| place.url.clone()),
        "resources": state.resources.keys().filter(|address| address.owner() == owner).count(),
        "status": words(owner, state, plan),
    })
}

/// How an owner is, in words: what is not there, what does not run, what is otherwise than it was applied.
fn words(owner: &Name, state: &State, plan: &Plan) -> String {
    let planned = |action: Action| {
        let steps = plan.steps.iter().filter(move |step| step.action == action);
        steps.map(|step| &step.address).filter(|address| address.owner() == owner).collect::<BTreeSet<_>>()
    };
    let absent = planned(Action::Create);
    let all = state.resources.keys().filter(|address| address.owner() == owner).chain(absent.iter().copied());
    let all: BTreeSet<&Address> = all.collect();
    if absent.len() == all.len() {
        return "not there".to_owned();
    }
    let drift = || plan.drift.iter().filter(|drift| drift.address.owner() == owner);
    let is_function = |address: &Address| service(owner).is_some() && address.kind().as_str() == "function";
    let mut words = Vec::new();
    if absent.iter().any(|address| is_function(address)) || drift().any(is_down) {
        words.push("not running".to_owned());
    }
    if !absent.is_empty() {
        words.push(format!("{} of {} not there", absent.len(), all.len()));
    }
    words.extend(drift().filter(|drift| !drift.gone && !is_down(drift)).map(difference));
    if [Action::Delete, Action::Forget].into_iter().any(|action| !planned(action).is_empty()) {
        words.push("no longer in the spec".to_owned());
    }
    if words.is_empty() { "as applied".to_owned() } else { words.join(", ") }
}

fn difference(drift: &Drift) -> String {
    let names: Vec<&str> = drift.changes.iter().map(|change| change.name.as_str()).collect();
    format!("{} has another {}", drift.address.kind(), names.join(", "))
}

/// The owners in columns; a column that nobody has is left out.
fn table(owners: &[Value]) -> String {
    let field = |owner: &Value, name: &str| owner.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let width = |name: &str| owners.iter().map(|owner| field(owner, name).chars().count()).max().unwrap_or_default();
    let columns = ["name", "uid", "url", "status"].map(|name| (name, width(name)));
    let line = |owner: &Value| {
        let cells = columns.iter().filter(|(_, width)| *width > 0);
        let cells: Vec<String> = cells.map(|(name, width)| format!("{:<width$}", field(owner, name))).collect();
        format!("  {}\n", cells.join("  ").trim_end())
    };
    owners.iter().map(line).collect()
}
