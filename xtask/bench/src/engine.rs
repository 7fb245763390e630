use super::deployment::binary;
use anyhow::{Context, Result, ensure};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How many things each thing is needed by.
const FAN_OUT: usize = 10;
/// Markers for which there are goals.
const GOAL: usize = 5_000;
/// Markers that must not take more than 4.5 times as long.
const LARGE: usize = 20_000;
/// What the peer is given: it takes minutes for more, and the square of the number.
const PEER: [usize; 2] = [500, 1_000];
/// Environments of six services each: at least 1 000 services in one spec.
const ENVIRONMENTS: usize = 167;
/// How often the quick commands are run; the median counts.
const ROUNDS: usize = 5;
/// How often the memory of a running command is read.
const LOOK: Duration = Duration::from_millis(2);

/// What a command took.
#[derive(Clone, Copy)]
struct Cost {
    time: Duration,
    peak_mb: f64,
}

/// The four commands whose cost is compared.
#[derive(Clone, Copy)]
struct Costs {
    plan: Cost,
    apply: Cost,
    again: Cost,
}

/// Measures and prints.
pub fn compare() -> Result<()> {
    let acquire = binary()?;
    println!("acquire, markers with fan-out {FAN_OUT}, every step journalled and synced:");
    let goal = ours(&acquire, GOAL)?;
    let large = ours(&acquire, LARGE)?;
    let peak = [goal.plan, goal.apply, goal.again].iter().fold(0.0, |peak: f64, cost| peak.max(cost.peak_mb));
    println!("goals at {GOAL}: plan ≤ 1 s, apply ≤ 5 s, no-op plan ≤ 1 s, peak ≤ 150 MB (is {peak:.0} MB)");
    println!(
        "{LARGE} beside {GOAL} (goal ≤ 4.5): plan {:.1}, apply {:.1}, no-op plan {:.1} times the time",
        ratio(large.plan, goal.plan),
        ratio(large.apply, goal.apply),
        ratio(large.again, goal.again)
    );
    println!(
        "{} services in {ENVIRONMENTS} environments: validate {} (goal ≤ 100 ms)",
        6 * ENVIRONMENTS,
        wide(&acquire)?
    );
    for count in PEER {
        let (ours, peer) = (ours(&acquire, count)?, terraform(count)?);
        println!(
            "{count}: terraform takes {:.0} times as long to plan, {:.0} to apply, {:.0} to plan again",
            ratio(peer.plan, ours.plan),
            ratio(peer.apply, ours.apply),
            ratio(peer.again, ours.again)
        );
    }
    Ok(())
}

fn ratio(of: Cost, to: Cost) -> f64 {
    of.time.as_secs_f64() / to.time.as_secs_f64()
}

fn ours(acquire: &Path, count: usize) -> Result<Costs> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("acquire.yaml"), acquire_markers(count)?)?;
    let cost = |arguments: &[&str]| measure(command(acquire, arguments), directory.path());
    let plan = median(|| cost(&["plan"]))?;
    let apply = cost(&["apply", "--yes"])?;
    let costs = Costs { plan, apply, again: median(|| cost(&["plan"]))? };
    show("acquire", count, &costs);
    Ok(costs)
}

fn terraform(count: usize) -> Result<Costs> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join("main.tf"), terraform_markers(count)?)?;
    let cost = |arguments: &[&str]| measure(command("terraform", arguments), directory.path());
    cost(&["init", "-no-color"])?;
    let plan = cost(&["plan", "-no-color"])?;
    let apply = cost(&["apply", "-auto-approve", "-no-color"])?;
    let costs = Costs { plan, apply, again: cost(&["plan", "-no-color"])? };
    show("terraform", count, &costs);
    Ok(costs)
}

/// A spec of so many markers.
pub fn acquire_markers(count: usize) -> Result<String> {
    let mut spec = "version: 1\nname: bench\nservices: {}\nresources:\n".to_owned();
    for place in 0..count {
        let needs = needed(place).map(|needed| format!(", needs: [m{needed}]")).unwrap_or_default();
        writeln!(spec, "  m{place}: {{ kind: marker, input: v{place}{needs} }}")?;
    }
    Ok(spec)
}

/// The same for Terraform.
pub fn terraform_markers(count: usize) -> Result<String> {
    let mut spec = String::new();
    for place in 0..count {
        let needs = needed(place).map(|needed| format!("\n  depends_on = [terraform_data.m{needed}]"));
        let needs = needs.unwrap_or_default();
        writeln!(spec, "resource \"terraform_data\" \"m{place}\" {{\n  input = \"v{place}\"{needs}\n}}")?;
    }
    Ok(spec)
}

fn needed(place: usize) -> Option<usize> {
    place.checked_sub(1).map(|before| before / FAN_OUT)
}

fn show(who: &str, count: usize, costs: &Costs) {
    let Costs { plan, apply, again } = costs;
    let cell = |cost: &Cost| format!("{:>8.3} s {:>4.0} MB", cost.time.as_secs_f64(), cost.peak_mb);
    println!("  {who:<9} {count:>6}  plan {}  apply {}  no-op plan {}", cell(plan), cell(apply), cell(again));
}

/// Validates a spec of very many services.
fn wide(acquire: &Path) -> Result<String> {
    let directory = tempfile::tempdir()?;
    let mut spec = "version: 1\nname: bench\nservices: {}\nenvironments:\n".to_owned();
    for place in 0..ENVIRONMENTS {
        writeln!(
            spec,
            "  e{place}: {{ services: {{ registry: {{}}, identity: {{}}, accounting: {{}}, access: {{}}, storage: {{}}, compute: {{}} }} }}"
        )?;
    }
    fs::write(directory.path().join("acquire.yaml"), spec)?;
    let cost = median(|| measure(command(acquire, &["validate"]), directory.path()))?;
    Ok(format!("{:.0} ms", cost.time.as_secs_f64() * 1e3))
}

fn median(mut run: impl FnMut() -> Result<Cost>) -> Result<Cost> {
    let mut costs = (0..ROUNDS).map(|_| run()).collect::<Result<Vec<_>>>()?;
    costs.sort_by_key(|cost| cost.time);
    costs.get(ROUNDS / 2).copied().context("there are rounds")
}

/// A command that knows nothing of whoever runs the benchmark.
pub fn command(program: impl AsRef<Path>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.args(arguments).env_remove("XDG_CONFIG_HOME").env("CHECKPOINT_DISABLE", "1").stdin(Stdio::null());
    command
}

/// Runs a command at home in a directory, and returns what it printed.
pub fn run(mut command: Command, directory: &Path) -> Result<String> {
    let output = command.current_dir(directory).env("HOME", directory).output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a command and watches its memory; its peak is the kernel's own, read until shortly before the end.
fn measure(mut command: Command, directory: &Path) -> Result<Cost> {
    let began = Instant::now();
    let log = fs::File::create(directory.join("output"))?;
    let running = command.current_dir(directory).env("HOME", directory).stdout(log.try_clone()?).stderr(log).spawn();
    let mut child = running.with_context(|| format!("cannot run {command:?}"))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak_kb = 0.0_f64;
    let ended = loop {
        if let Some(ended) = child.try_wait()? {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        peak_kb = peak_kb.max(kb.unwrap_or_default());
        std::thread::sleep(LOOK);
    };
    let cost = Cost { time: began.elapsed(), peak_mb: peak_kb * 1024.0 / 1e6 };
    ensure!(ended.success(), "{command:?}: {}", fs::read_to_string(directory.join("output"))?);
    Ok(cost)
}
