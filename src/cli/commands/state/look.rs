use acquire_model::{Address, Diagnostic};
use serde_json::json;

use crate::cli::operation::{counted, tell_if_first};
use crate::cli::project::Project;
use crate::cli::terminal::{say, tell};
use crate::cli::{World, codes, exit::Exit};

/// Lists addresses.
pub async fn list(world: &World, json: bool) -> Result<Exit, Vec<Diagnostic>> {
    let opened = Project::open(world, None)?.applied(world).await?;
    tell_if_first(opened.seen, &opened.state);
    let state = &opened.state;
    if json {
        let document = json!({
            "format": 1, "lineage": state.lineage, "serial": state.serial,
            "resources": state.resources.keys().collect::<Vec<_>>(),
            "in_doubt": state.in_doubt.keys().collect::<Vec<_>>(),
        });
        say(&format!("{document:#}\n"));
        return Ok(Exit::Done);
    }
    state.resources.keys().for_each(|address| say(&format!("{address}\n")));
    let doubts: Vec<String> = state.in_doubt.keys().map(Address::to_string).collect();
    if !doubts.is_empty() {
        tell(&format!("{} in doubt: {}\n", counted(doubts.len(), "step"), doubts.join(", ")));
    }
    Ok(Exit::Done)
}

/// Shows one resource. Secrets are not in the state, only fingerprints.
pub async fn show(world: &World, address: &Address) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let opened = project.applied(world).await?;
    tell_if_first(opened.seen, &opened.state);
    let recorded = opened.state.resources.get(address);
    let doubt = opened.state.in_doubt.get(address);
    if recorded.is_none() && doubt.is_none() {
        return Err(absent(&project, address));
    }
    let doubt = doubt.map(|doubt| json!({ "intent": doubt.intent, "since": doubt.since }));
    let document = json!({ "format": 1, "address": address, "recorded": recorded, "in_doubt": doubt });
    say(&format!("{document:#}\n"));
    Ok(Exit::Done)
}

/// A resource is not in the state.
pub fn absent(project: &Project, address: &Address) -> Vec<Diagnostic> {
    let hint = format!("`{}` lists what is there", project.command("state list"));
    vec![Diagnostic::error(codes::NOT_IN_STATE, format!("the state has no {address}")).hint(hint)]
}
