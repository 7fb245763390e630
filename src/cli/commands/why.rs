//! `acquire why`: the story of one resource.

use acquire_engine::history::{Happening, History, What};
use acquire_model::{Address, Diagnostic};
use std::collections::BTreeSet;

use super::history::{read, table};
use crate::cli::project::Project;
use crate::cli::render::diagnostic::printable;
use crate::cli::render::report::moment;
use crate::cli::terminal::{say, tell};
use crate::cli::{World, exit::Exit};
use crate::providers::place;

/// Tells why a resource is there and is as it is
///
/// What it is, which apply made it or changed it last, why, what it needs and what needs it, and all that ever happened to
/// it. Also tells of what is gone.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Its address, such as `identity/function`; or the name of a plain resource
    #[arg(value_name = "ADDRESS")]
    address: String,
}

/// Reads the journal and tells what it says of one resource.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let history = read(world, &project).await?;
    let address = history.find(&args.address).map_err(|error| vec![error])?;
    let story = history.stories.get(address).map(Vec::as_slice).unwrap_or_default();
    say(&format!("{}{}", head(&history, address, story), table(needs(&history, address))));
    if !story.is_empty() {
        say(&format!("\nStory\n{}", table(story.iter().map(line).collect())));
    }
    tell(&format!("Next: `{}` shows every run\n", project.command("history")));
    Ok(Exit::Done)
}

/// What it is, and what made it so.
fn head(history: &History, address: &Address, story: &[Happening]) -> String {
    let state = &history.opened.state;
    let what = match (state.resources.get(address), state.in_doubt.get(address)) {
        (_, Some(doubt)) => {
            format!("in doubt: a run that was cut off began to {} it {}", doubt.intent.action, moment(doubt.since))
        }
        (Some(recorded), None) => {
            let of = recorded.service.map(|service| format!(" of the service {service}")).unwrap_or_default();
            format!("{}{of}, on {}", recorded.kind, place(&recorded.provider))
        }
        (None, None) => format!("{}, not there any more", address.kind()),
    };
    let newest = |wanted: fn(&What) -> bool| story.iter().rev().find(|happening| wanted(&happening.what));
    let made = newest(|what| *what == What::Made);
    let changed =
        newest(|what| *what == What::Changed).filter(|changed| made.is_none_or(|made| made.run < changed.run));
    let ends = |what: &What| matches!(what, What::Deleted | What::Missing | What::Forgotten | What::MovedTo(_));
    let ended = story.last().filter(|last| !state.resources.contains_key(address) && ends(&last.what));
    let cells = [("made by", made), ("changed last by", changed), ("gone since", ended)];
    let rows = cells.into_iter().filter_map(|(word, happening)| Some([word.to_owned(), cause(history, happening?)]));
    format!("{address}  {what}\n{}", table(rows.collect()))
}

/// The run in which something happened, and why it did.
fn cause(history: &History, happening: &Happening) -> String {
    let by = history.run(happening.run).and_then(|run| run.by.as_deref());
    let by = by.map(|by| format!(", {}", printable(by))).unwrap_or_default();
    let why = why(happening);
    let why = if why.is_empty() { why } else { format!(": {why}") };
    format!("run {} ({}{by}){why}", happening.run, moment(happening.at))
}

/// Why, in the words of the plan, and the line of the spec.
fn why(happening: &Happening) -> String {
    let place = happening.origin.as_ref().map(|span| format!("{}:{}", printable(&span.file), span.line));
    let reason = printable(&happening.reason);
    [Some(reason).filter(|reason| !reason.is_empty()), place].into_iter().flatten().collect::<Vec<_>>().join("  ")
}

fn needs(history: &History, address: &Address) -> Vec<[String; 2]> {
    let needs: Option<&BTreeSet<Address>> = history.opened.state.resources.get(address).map(|recorded| &recorded.needs);
    let listed = |word: &str, addresses: Vec<&Address>| {
        let names: Vec<String> = addresses.into_iter().map(Address::to_string).collect();
        (!names.is_empty()).then(|| [word.to_owned(), names.join(", ")])
    };
    let rows =
        [listed("needs", needs.into_iter().flatten().collect()), listed("needed by", history.needed_by(address))];
    rows.into_iter().flatten().collect()
}

/// One line of a story: the run, when, what, why.
fn line(happening: &Happening) -> [String; 4] {
    let what = match &happening.what {
        What::Made => "made".to_owned(),
        What::Changed => "changed".to_owned(),
        What::Deleted => "deleted".to_owned(),
        What::Failed { action, .. } => format!("{action} failed"),
        What::Observed => "written down as it was".to_owned(),
        What::Missing => "was not there any more".to_owned(),
        What::Forgotten => "forgotten".to_owned(),
        What::MovedFrom(from) => format!("moved here from {from}"),
        What::MovedTo(to) => format!("moved to {to}"),
    };
    let why = match &happening.what {
        What::Failed { problem, .. } => printable(problem),
        _ => why(happening),
    };
    [format!("{:>3}", happening.run), moment(happening.at), what, why]
}
