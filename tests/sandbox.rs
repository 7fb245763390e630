//! A hermetic directory with a spec in it, and the real binary to run there.

use acquire_model::Timestamp;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::SystemTime;
use tempfile::TempDir;

use crate::events;

/// The real binary.
pub const BINARY: &str = env!("CARGO_BIN_EXE_acquire");

/// The least spec, on a free port.
pub const LEAST: &str = "version: 1
name: demo
providers: { local: { listen: auto } }
services: { registry: {}, identity: {}, accounting: {}, access: {}, storage: {}, compute: {} }
";

/// A directory with a spec, a home of its own, and nothing of the machine's environment but the search path.
pub struct Sandbox {
    directory: TempDir,
}

/// What a run of the binary came to.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new(spec: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("acquire-").tempdir().unwrap();
        fs::write(directory.path().join("acquire.yaml"), spec).unwrap();
        fs::create_dir(directory.path().join("home")).unwrap();
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    pub fn configuration(&self) -> PathBuf {
        self.home().join(".config/acquire")
    }

    pub fn data(&self) -> PathBuf {
        self.path().join(".acquire/demo/data")
    }

    pub fn state(&self) -> PathBuf {
        self.path().join(".acquire/demo/state")
    }

    /// A command of the real binary, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(Path::new(BINARY), arguments)
    }

    /// A command of another binary, not yet started.
    pub fn command_of(&self, binary: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.home())
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        let run = Run::from(command.output().unwrap());
        if events::is_stream(arguments) && arguments.contains(&"--json") {
            events::check(&run.stdout);
        }
        run
    }

    /// Runs and insists on success.
    pub fn good(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}\n{run}");
        run
    }

    /// Runs and insists on success, or on the code for work that was done in part.
    pub fn good_or_partial(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert!([0, 3].contains(&run.code), "{arguments:?}\n{run}");
        run
    }

    /// Runs and insists on failure with that text in what is said.
    pub fn bad(&self, arguments: &[&str], text: &str) -> Run {
        let run = self.run(arguments);
        assert_ne!(run.code, 0, "{arguments:?}\n{run}");
        assert!(run.stderr.contains(text), "{arguments:?} should say `{text}`\n{run}");
        run
    }

    /// Starts to register a user.
    pub fn registering(&self, name: &str) -> Child {
        self.with_password(&mut self.command(&["register", name, "--password-stdin"]))
    }

    /// Starts a command that reads a password.
    pub fn with_password(&self, command: &mut Command) -> Child {
        self.typing(command, "Correct-Horse-1")
    }

    /// Starts a command that reads a line.
    pub fn typing(&self, command: &mut Command, line: &str) -> Child {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
        child
    }

    /// Registers a user.
    pub fn register(&self, name: &str) -> Output {
        self.registering(name).wait_with_output().unwrap()
    }

    /// The pid of the host, as the host wrote it; `None` if it runs no more.
    pub fn host_pid(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data().join("host/running.json")).ok()?;
        let running: serde_json::Value = serde_json::from_str(&text).ok()?;
        let pid = u32::try_from(running["pid"].as_u64()?).ok()?;
        is_alive(pid).then_some(pid)
    }

    /// What `output --json` says.
    pub fn output(&self, more: &[&str]) -> serde_json::Value {
        let mut arguments = vec!["output", "--json"];
        arguments.extend(more);
        serde_json::from_str(&self.good(&arguments).stdout).unwrap()
    }

    /// Every file below a directory, relative, sorted.
    pub fn files(below: &Path) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![below.to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(&directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path.strip_prefix(below).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Ended by pid, so that a failing test leaves no host behind.
        if let Some(pid) = self.host_pid() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

/// The present instant.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
}

/// Whether a process is there and is not a zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}
