//! `acquire history`: what was done, and by whom.

use acquire_engine::history::{History, Run};
use acquire_engine::state::Purpose;
use acquire_model::Diagnostic;
use serde_json::json;

use crate::cli::operation::tell_if_first;
use crate::cli::project::Project;
use crate::cli::render::diagnostic::printable;
use crate::cli::render::report::{moment, short};
use crate::cli::terminal::{say, tell};
use crate::cli::{World, exit::Exit};

/// Shows every apply, destroy, import and rollback: when, what came of it, by whom
///
/// One line each, oldest first. Every signature that an operator put under a run is checked; one that does not hold is an
/// error.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Prints one JSON document
    #[arg(long)]
    json: bool,
}

/// Reads the journal and tells what it says.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let history = read(world, &project).await?;
    if args.json {
        let state = &history.opened.state;
        let document = json!({
            "format": 1, "name": project.decoded.spec.name, "lineage": state.lineage, "serial": state.serial,
            "runs": history.runs,
        });
        say(&format!("{document:#}\n"));
    } else {
        say(&table(history.runs.iter().map(cells).collect()));
        tell(&format!("Next: `{}` tells the story of one resource\n", project.command("why ADDRESS")));
    }
    let faults = history.faults();
    if faults.is_empty() { Ok(Exit::Done) } else { Err(faults) }
}

/// Reads the history of a deployment that must be there.
///
/// # Errors
/// If its state is refused, or nothing was applied yet.
pub async fn read(world: &World, project: &Project) -> Result<History, Vec<Diagnostic>> {
    let history = History::read(&project.location(world)?).await.map_err(|error| vec![error])?;
    let history = history.ok_or_else(|| project.not_applied())?;
    tell_if_first(history.opened.seen, &history.opened.state);
    Ok(history)
}

/// Rows in columns; the last cell of a row is not padded.
pub fn table<const N: usize>(rows: Vec<[String; N]>) -> String {
    let widths: Vec<usize> =
        (0..N).map(|column| rows.iter().map(|row| width(row.get(column))).max().unwrap_or_default()).collect();
    let line = |row: &[String; N]| {
        let used = row.iter().zip(&widths).filter(|(_, width)| **width > 0);
        let cells: Vec<String> = used.map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("  {}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn width(cell: Option<&String>) -> usize {
    cell.map(|cell| cell.chars().count()).unwrap_or_default()
}

fn cells(run: &Run) -> [String; 7] {
    let binary = run.binary.as_ref().map(|binary| format!("acquire {} {}", binary.version, short(&binary.sha256)));
    [
        format!("{:>3}", run.number),
        moment(run.began),
        run.purpose.as_str().to_owned(),
        outcome(run),
        binary.unwrap_or_default(),
        run.spec_digest.as_deref().map(|digest| format!("spec {}", short(digest))).unwrap_or_default(),
        printable(&signature(run)),
    ]
}

/// What came of a run: the counts, whether it was verified, or that it was cut off.
fn outcome(run: &Run) -> String {
    let counts = run.counts;
    let sums = format!("+{} ~{} -{}", counts.added, counts.changed, counts.destroyed);
    let failed = if counts.failed == 0 { String::new() } else { format!(", {} failed", counts.failed) };
    let end = match (run.ended, run.verified, run.purpose) {
        (None, _, _) => {
            format!(", cut off after {} of {} steps", counts.added + counts.changed + counts.destroyed, run.steps)
        }
        (_, Some(_), _) => ", verified".to_owned(),
        (_, None, Purpose::Apply | Purpose::Rollback) => ", not verified".to_owned(),
        _ => String::new(),
    };
    format!("{sums}{failed}{end}")
}

fn signature(run: &Run) -> String {
    match (&run.signature, &run.by) {
        (Some(signed), _) if !signed.holds => format!("WRONG signature of {}", signed.by),
        (Some(signed), _) => format!("signed by {}, key {}", signed.by, short(&signed.key.to_string())),
        (None, Some(by)) => format!("by {by}, not signed"),
        (None, None) => "not signed".to_owned(),
    }
}
