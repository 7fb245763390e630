//! `acquire test`: tests of a spec.

use acquire_engine::scenario::{File, Stage, decode};
use acquire_engine::spec::{Options, Source};
use acquire_model::{Action, Diagnostic};
use std::path::{Path, PathBuf};
use unicode_width::UnicodeWidthStr;

use crate::cli::flags::Stream;
use crate::cli::project::{FILE, here_or_above, nowhere, options, source, unreadable, unwritable};
use crate::cli::render::diagnostic::printable;
use crate::cli::render::events::Events;
use crate::cli::render::junit::{Case, Suite, document};
use crate::cli::render::{Paint, diagnostics};
use crate::cli::terminal::say;
use crate::cli::{World, codes, exit::Exit};

/// How the name of a test file ends.
const ENDING: &str = ".test.yaml";
/// The folder of tests beside a spec.
const FOLDER: &str = "tests";

/// Tests the spec, offline
///
/// Each run of a test file plans the spec, or applies it to a cloud in memory, and asserts with conditions in CEL. Contacts nobody and writes nothing but what is asked for.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Test files [default: every *.test.yaml beside the spec, and in the folder `tests` there]
    files: Vec<PathBuf>,
    /// Writes the results into this file too, as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    stream: Stream,
}

/// Does all runs of all files.
pub fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = args.stream.open()?;
    events.end(tested(world, args, &events))
}

fn tested(world: &World, args: &Args, events: &Events) -> Result<Exit, Vec<Diagnostic>> {
    events.begin("test", "", None);
    let files = if args.files.is_empty() { found(world)? } else { args.files.clone() };
    let tests = read(world, &files)?;
    let options = options(world)?;
    let suites: Vec<Suite> = tests.iter().map(|test| suite(world, events, &options, test)).collect();
    let failed: usize = suites.iter().map(Suite::failed).sum();
    let passed = suites.iter().map(|suite| suite.cases.len()).sum::<usize>() - failed;
    events.tested(passed, failed);
    if !events.is_on() {
        say(&format!("{passed} passed, {failed} failed\n"));
    }
    if let Some(file) = &args.junit {
        std::fs::write(file, document(&suites)).map_err(|error| unwritable(file, &error))?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Error })
}

/// A test file, and the spec that it is about.
struct Test {
    file: File,
    spec: Source,
}

/// Reads all test files and their specs before anything is run.
fn read(world: &World, files: &[PathBuf]) -> Result<Vec<Test>, Vec<Diagnostic>> {
    let (mut tests, mut mistakes) = (Vec::new(), Vec::new());
    for path in files {
        let file = source(path).and_then(|source| decode(&source));
        let test = file.and_then(|file| Ok(Test { spec: spec(world, path, &file)?, file }));
        match test {
            Ok(test) => tests.push(test),
            Err(more) => mistakes.extend(more),
        }
    }
    if mistakes.is_empty() { Ok(tests) } else { Err(mistakes) }
}

/// The spec that a test file names, else that of `-f`, else the one beside the test file or above it.
fn spec(world: &World, path: &Path, file: &File) -> Result<Source, Vec<Diagnostic>> {
    if let Some((named, place)) = &file.spec {
        let found = source(&path.parent().unwrap_or(Path::new("")).join(named));
        let here = |mistake: Diagnostic| if mistake.span.is_none() { mistake.at(place.clone(), "") } else { mistake };
        return found.map_err(|mistakes| mistakes.into_iter().map(here).collect());
    }
    let beside = || path.ancestors().skip(1).map(|folder| folder.join(FILE)).find(|spec| spec.is_file());
    match world.selection.file.clone().or_else(beside) {
        Some(spec) => source(&spec),
        None => source(&here_or_above()?.ok_or_else(nowhere)?),
    }
}

/// Every test file of the spec that is meant, in the order of the names.
fn found(world: &World) -> Result<Vec<PathBuf>, Vec<Diagnostic>> {
    let spec = match &world.selection.file {
        Some(spec) => spec.clone(),
        None => here_or_above()?.ok_or_else(nowhere)?,
    };
    let beside = spec.parent().unwrap_or(Path::new(""));
    let mut files = Vec::new();
    for folder in [beside.to_owned(), beside.join(FOLDER)] {
        // The name of the working directory is empty, which no system reads.
        let named = if folder.as_os_str().is_empty() { Path::new(".") } else { &folder };
        let entries = match std::fs::read_dir(named) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.map_err(|error| unreadable(named, &error))?,
        };
        for entry in entries {
            let name = entry.map_err(|error| unreadable(named, &error))?.file_name();
            files.extend(Some(folder.join(&name)).filter(|_| name.to_string_lossy().ends_with(ENDING)));
        }
    }
    files.sort();
    if files.is_empty() {
        let summary = format!("there are no tests of {}", spec.display());
        let hint = format!("write a file `NAME{ENDING}` beside it, or name one");
        return Err(vec![Diagnostic::error(codes::NO_TESTS, summary).hint(hint)]);
    }
    Ok(files)
}

/// Does the runs of one file, and says of each what it came to.
fn suite(world: &World, events: &Events, options: &Options, Test { file, spec }: &Test) -> Suite {
    let paint = Paint { colour: world.terminal.colour_out };
    let width = file.runs.iter().map(|run| printable(&run.name).width()).max().unwrap_or_default();
    if !events.is_on() {
        say(&format!("{} · {}\n", printable(&file.file), printable(&spec.file)));
    }
    let mut stage = Stage::new(spec, options.clone(), &world.environment);
    let mut cases = Vec::new();
    for run in &file.runs {
        let begun = world.clock.monotonic();
        let failures = stage.run(run);
        let took = world.clock.monotonic().saturating_sub(begun);
        let case = Case { name: run.name.clone(), command: run.command, took, failures };
        events.run(&file.file, &case);
        if !events.is_on() {
            say(&line(&case, width, paint));
        }
        cases.push(case);
    }
    Suite { file: file.file.clone(), cases }
}

/// One line for a run, and below it what is wrong.
fn line(case: &Case, width: usize, paint: Paint) -> String {
    let sign = match case.failures.is_empty() {
        true => paint.action(Action::Create, "✓"),
        false => paint.action(Action::Delete, "✗"),
    };
    let name = printable(&case.name);
    let gap = " ".repeat(width.saturating_sub(name.width()));
    let mut text = format!("  {sign} {name}{gap}  {:<5}  {:.2} s\n", case.command.as_str(), case.took.as_secs_f64());
    for line in diagnostics(&case.failures, paint.colour).lines() {
        text.push_str(format!("      {line}").trim_end());
        text.push('\n');
    }
    text
}
