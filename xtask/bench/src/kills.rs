use super::deployment::binary;
use super::engine::{acquire_markers, command, run, terraform_markers};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Markers in the spec whose apply is killed.
const MARKERS: usize = 2_000;
/// Markers that the peer is given, which needs far longer for each.
const PEER_MARKERS: usize = 500;

/// What became of the state over all rounds.
#[derive(Default)]
struct Tally {
    rounds: usize,
    /// Killed when something was done and something was not.
    amid: usize,
    /// The state could not be read, or nothing was left of it.
    unreadable: usize,
    /// Completions that were told, and were not in the state.
    lost: usize,
    /// Things that were told as made and were made again.
    doubled: usize,
    /// The next apply did not bring it to the spec, or asked something.
    stuck: usize,
}

/// Kills so many applies at random instants, and looks whether anything is lost; then `peer` of Terraform's.
pub fn run_rounds(rounds: usize, peer: usize) -> Result<()> {
    let acquire = binary()?;
    let full = full_run(|directory| {
        fs::write(directory.join("acquire.yaml"), acquire_markers(MARKERS)?)?;
        run(command(&acquire, &["apply", "--yes"]), directory)
    })?;
    let mut ours = Tally::default();
    for _ in 0..rounds {
        kill_acquire(&acquire, full, &mut ours)?;
    }
    head();
    row("acquire", MARKERS, &ours);
    if peer > 0 {
        let mut theirs = Tally::default();
        let full = full_run(|directory| {
            prepare_terraform(directory)?;
            run(command("terraform", &["apply", "-auto-approve", "-no-color"]), directory)
        })?;
        for _ in 0..peer {
            kill_terraform(full, &mut theirs)?;
        }
        row("terraform", PEER_MARKERS, &theirs);
    }
    ensure!(ours.unreadable + ours.lost + ours.doubled + ours.stuck == 0, "something was lost");
    Ok(())
}

fn head() {
    println!(
        "{:<10}{:>8}{:>8}{:>8}{:>12}{:>6}{:>9}{:>7}",
        "", "things", "kills", "amid", "unreadable", "lost", "doubled", "stuck"
    );
}

fn row(who: &str, things: usize, tally: &Tally) {
    let Tally { rounds, amid, unreadable, lost, doubled, stuck } = tally;
    println!("{who:<10}{things:>8}{rounds:>8}{amid:>8}{unreadable:>12}{lost:>6}{doubled:>9}{stuck:>7}");
}

/// How long a run takes that nobody kills.
fn full_run(run: impl Fn(&Path) -> Result<String>) -> Result<Duration> {
    let directory = tempfile::tempdir()?;
    let began = Instant::now();
    run(directory.path())?;
    Ok(began.elapsed())
}

fn kill_acquire(acquire: &Path, full: Duration, tally: &mut Tally) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path();
    fs::write(path.join("acquire.yaml"), acquire_markers(MARKERS)?)?;
    let told = finished(&killed(command(acquire, &["apply", "--yes", "--json"]), path, full)?);
    tally.rounds += 1;
    tally.amid += usize::from(!told.is_empty() && told.len() < MARKERS);
    let Ok(planned) = run(command(acquire, &["plan", "--json"]), path) else {
        tally.unreadable += 1;
        return Ok(());
    };
    tally.lost += events(&planned, "change").filter(|event| told.contains(&address(event))).count();
    let Ok(again) = run(command(acquire, &["apply", "--yes", "--json"]), path) else {
        tally.stuck += 1;
        return Ok(());
    };
    tally.doubled += finished(&again).intersection(&told).count();
    let last = run(command(acquire, &["plan", "--json"]), path)?;
    let planned = events(&last, "planned").next().context("a plan has sums")?;
    let is_there = planned.get("unchanged").and_then(Value::as_u64) == Some(MARKERS as u64);
    tally.stuck += usize::from(!is_there || planned.get("empty") != Some(&Value::Bool(true)));
    Ok(())
}

fn prepare_terraform(directory: &Path) -> Result<()> {
    fs::write(directory.join("main.tf"), terraform_markers(PEER_MARKERS)?)?;
    run(command("terraform", &["init", "-no-color"]), directory).map(drop)
}

fn kill_terraform(full: Duration, tally: &mut Tally) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path();
    prepare_terraform(path)?;
    let output = killed(command("terraform", &["apply", "-auto-approve", "-no-color"]), path, full)?;
    let complete = output.lines().filter(|line| line.contains("Creation complete"));
    let told: BTreeSet<&str> = complete.filter_map(|line| line.split(':').next()).collect();
    tally.rounds += 1;
    tally.amid += usize::from(!told.is_empty() && told.len() < PEER_MARKERS);
    match run(command("terraform", &["state", "list"]), path) {
        Ok(listed) if !listed.trim().is_empty() || told.is_empty() => {
            let listed: BTreeSet<&str> = listed.lines().collect();
            tally.lost += told.difference(&listed).count();
        }
        _ if told.is_empty() => {}
        _ => {
            tally.unreadable += 1;
            tally.lost += told.len();
        }
    }
    Ok(())
}

/// Starts a command, kills it at a random instant of a full run, and returns what it said until then.
fn killed(mut command: Command, directory: &Path, full: Duration) -> Result<String> {
    let output = directory.join("killed");
    let mut child = command.current_dir(directory).env("HOME", directory).stdout(fs::File::create(&output)?).spawn()?;
    let mut random = [0; 4];
    if getrandom::fill(&mut random).is_err() {
        bail!("the machine has no randomness");
    }
    std::thread::sleep(full.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX)));
    // It may be over already.
    let _ = child.kill();
    child.wait()?;
    Ok(fs::read_to_string(output)?)
}

/// The events of a name in a stream whose last line may be cut.
fn events<'a>(stream: &'a str, name: &'a str) -> impl Iterator<Item = Value> + 'a {
    let events = stream.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(move |event| event.get("event").and_then(Value::as_str) == Some(name))
}

fn finished(stream: &str) -> BTreeSet<String> {
    let steps = events(stream, "step");
    steps
        .filter(|event| event.get("what").and_then(Value::as_str) == Some("finished"))
        .map(|event| address(&event))
        .collect()
}

fn address(event: &Value) -> String {
    event.get("address").and_then(Value::as_str).unwrap_or_default().to_owned()
}
