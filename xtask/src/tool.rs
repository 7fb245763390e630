use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the workspace.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where Cargo builds.
pub fn target() -> PathBuf {
    variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// What this task was called with.
#[expect(clippy::disallowed_methods, reason = "a task is steered by its arguments")]
pub fn arguments() -> Vec<String> {
    std::env::args().skip(1).collect()
}

/// Returns an environment variable, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "tasks are steered by the environment that Cargo and CI give them")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A command of this Cargo, in the root of the workspace.
pub fn cargo(arguments: &[&str]) -> Command {
    command(variable("CARGO").as_deref().unwrap_or("cargo"), arguments)
}

/// A command in the root of the workspace.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Runs a command and fails as it does, naming it.
pub fn run(command: &mut Command) -> Result<()> {
    let text = text(command);
    let status = command.status().with_context(|| format!("cannot run `{text}`"))?;
    if !status.success() {
        bail!("`{text}` failed");
    }
    Ok(())
}

/// Runs a command and returns what it says on stdout; fails as it does, with what it says on stderr.
pub fn output(command: &mut Command) -> Result<String> {
    let text = text(command);
    let output = command.output().with_context(|| format!("cannot run `{text}`"))?;
    if !output.status.success() {
        bail!("`{text}` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{text}` says what is not text"))
}

/// Whether a command runs and succeeds; what it says is not shown.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn text(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}
