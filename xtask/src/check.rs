use crate::{codegen, peers, tool};
use anyhow::{Context, Result};

/// What came of a step that did not fail.
enum Outcome {
    Passed,
    /// Could not be done here, for that reason.
    Skipped(&'static str),
}

type Step = fn() -> Result<Outcome>;

/// Cheap ones first.
const STEPS: [(&str, Step); 9] = [
    ("format", format),
    ("lints", lints),
    ("fuzz targets", fuzz_targets),
    ("documents", documents),
    ("generated files", generated),
    ("dependencies", dependencies),
    ("advisories", advisories),
    ("peers", peers),
    ("tests", tests),
];

/// Runs all steps, stops at the first that fails, and ends with one line that says how many passed.
#[expect(clippy::print_stdout, reason = "a developer reads it")]
pub fn check() -> Result<()> {
    let mut skipped = Vec::new();
    for (name, step) in STEPS {
        println!("\n== {name}");
        match step().with_context(|| format!("{name}: fix it, then run `cargo xtask check` again"))? {
            Outcome::Passed => {}
            Outcome::Skipped(reason) => skipped.push(format!("{name}: {reason}")),
        }
    }
    println!();
    for reason in &skipped {
        println!("skipped {reason}");
    }
    println!("check: {} passed, 0 failed, {} skipped", STEPS.len() - skipped.len(), skipped.len());
    Ok(())
}

fn format() -> Result<Outcome> {
    tool::run(&mut tool::cargo(&["fmt", "--all", "--check"])).map(|()| Outcome::Passed)
}

fn lints() -> Result<Outcome> {
    let arguments = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    tool::run(&mut tool::cargo(&arguments)).map(|()| Outcome::Passed)
}

/// Without libFuzzer, which needs a nightly Rust. In the same folder, where all that they use was just checked.
fn fuzz_targets() -> Result<Outcome> {
    let target = tool::target();
    let arguments = ["check", "--locked", "--manifest-path", "fuzz/Cargo.toml", "--no-default-features", "--bins"];
    tool::run(tool::cargo(&arguments).arg("--target-dir").arg(target)).map(|()| Outcome::Passed)
}

fn documents() -> Result<Outcome> {
    let mut command = tool::cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
    tool::run(command.env("RUSTDOCFLAGS", "-D warnings")).map(|()| Outcome::Passed)
}

fn generated() -> Result<Outcome> {
    codegen::check().map(|()| Outcome::Passed)
}

/// Licences, sources and banned packages. CI has no excuse; a developer may lack the tool.
fn dependencies() -> Result<Outcome> {
    if !has_deny() {
        if tool::variable("CI").is_none() {
            return Ok(Outcome::Skipped("no cargo-deny here; `cargo install cargo-deny --locked` brings it"));
        }
        tool::run(&mut tool::cargo(&["install", "cargo-deny", "--locked"]))?;
    }
    tool::run(&mut tool::cargo(&["deny", "check", "bans", "licenses", "sources"])).map(|()| Outcome::Passed)
}

fn advisories() -> Result<Outcome> {
    if !has_deny() {
        return Ok(Outcome::Skipped("no cargo-deny here"));
    }
    if !tool::succeeds(&mut tool::cargo(&["deny", "fetch", "db"])) {
        return Ok(Outcome::Skipped("their database cannot be had from here"));
    }
    tool::run(&mut tool::cargo(&["deny", "check", "advisories"])).map(|()| Outcome::Passed)
}

fn has_deny() -> bool {
    tool::succeeds(&mut tool::cargo(&["deny", "--version"]))
}

fn peers() -> Result<Outcome> {
    peers::peers().map(|()| Outcome::Passed)
}

/// More at once than there are cores: the journeys mostly wait, for a lease to expire or the next one-time code.
fn tests() -> Result<Outcome> {
    let mut tests = tool::cargo(&["test", "--locked", "--workspace", "--no-fail-fast"]);
    tool::run(tests.env("RUST_TEST_THREADS", "4")).map(|()| Outcome::Passed)
}
