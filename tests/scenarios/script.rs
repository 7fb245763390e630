//! What a scenario says, and playing it.

use super::steady;
use crate::events;
use crate::sandbox::{Sandbox, is_alive};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest run of one command.
const COMMAND_MAX: Duration = Duration::from_secs(60);
/// The pause between two looks at a process.
const LOOK: Duration = Duration::from_millis(10);
/// Stands in a scenario for a port that another program has.
const PORT: &str = "TAKEN_PORT";

/// A scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The spec that there is at first, in `acquire.yaml`.
    #[serde(default)]
    spec: String,
    /// Whether steps run beside each other, so that their lines come in any order.
    #[serde(default)]
    unordered: bool,
    /// What happens.
    steps: Vec<Step>,
}

/// One thing that happens. Files are named from the directory of the spec; `*` in the last part of a name stands for the
/// last one that fits.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Step {
    /// Runs the binary with these arguments, and these environment variables.
    Run {
        run: String,
        #[serde(default)]
        env: BTreeMap<String, String>,
    },
    /// Starts it, and goes on once `acquire status` shows the text.
    Start {
        start: String,
        #[serde(default)]
        env: BTreeMap<String, String>,
        until: String,
    },
    /// Ends what was started: kills it, or interrupts it twice as Ctrl-C does.
    End { end: Ending },
    /// Kills the host of the deployment.
    Host { host: Ending },
    /// Writes a file.
    Write { write: String, text: String },
    /// Writes another text in the place of one that a file must have.
    Replace { replace: String, with: String, file: String },
    /// Removes a file or directory.
    Remove { remove: String },
    /// Copies a file or directory over another.
    Copy { copy: String, to: String },
    /// Changes one bit in the middle of a file.
    Flip { flip: String },
    /// Leaves so many bytes of a file, from its beginning.
    Cut { cut: String, to: u64 },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ending {
    Kill,
    Interrupt,
}

impl Scenario {
    /// Reads the file of a scenario.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

/// Where a scenario is played, and what was said so far.
pub struct Stage {
    sandbox: Sandbox,
    /// Where output goes; not seen by the binary.
    beside: TempDir,
    /// Another program's port.
    taken: TcpListener,
    running: Option<Running>,
    /// How many commands were started.
    started: usize,
    unordered: bool,
    said: String,
}

/// A command that runs, and the file that each of its streams goes to.
struct Running {
    child: Child,
    streams: Vec<(&'static str, PathBuf)>,
}

impl Stage {
    /// Plays a scenario and returns all that was said, without what differs from run to run.
    pub fn play(scenario: &Scenario) -> String {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stage = Self {
            sandbox: Sandbox::new(""),
            beside: tempfile::tempdir().unwrap(),
            running: None,
            started: 0,
            unordered: scenario.unordered,
            said: String::new(),
            taken,
        };
        if !scenario.spec.is_empty() {
            stage.write("acquire.yaml", &scenario.spec);
        }
        for step in &scenario.steps {
            stage.step(step);
        }
        assert!(stage.running.is_none(), "what was started must be ended");
        stage.said
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Run { run, env } => {
                let running = self.start(run, env);
                self.wait(running);
            }
            Step::Start { start, env, until } => {
                let running = self.start(start, env);
                self.running = Some(running);
                self.until(until);
                self.say("(it runs)");
            }
            Step::End { end } => {
                let running = self.running.take().expect("something was started");
                self.say(&format!("# {end:?} it"));
                match end {
                    Ending::Kill => signal(running.child.id(), "-KILL"),
                    Ending::Interrupt => {
                        signal(running.child.id(), "-INT");
                        self.stopping(&running);
                        signal(running.child.id(), "-INT");
                    }
                }
                self.wait(running);
            }
            Step::Host { host } => {
                self.say(&format!("# {host:?} the host"));
                let pid = self.sandbox.host_pid().expect("the host runs");
                signal(pid, if matches!(host, Ending::Kill) { "-KILL" } else { "-INT" });
                let began = Instant::now();
                while is_alive(pid) {
                    assert!(began.elapsed() < COMMAND_MAX, "the host does not end");
                    std::thread::sleep(LOOK);
                }
            }
            Step::Write { write, text } => {
                self.say(&format!("# write {write}"));
                self.write(write, text);
            }
            Step::Replace { replace, with, file } => {
                self.say(&format!("# in {file}: {replace:?} → {with:?}"));
                let path = self.path(file);
                let text = fs::read_to_string(&path).unwrap();
                assert!(text.contains(replace), "{file} has no `{replace}`:\n{text}");
                fs::write(path, text.replace(replace, with)).unwrap();
            }
            Step::Remove { remove } => {
                self.say(&format!("# remove {remove}"));
                delete(&self.path(remove));
            }
            Step::Copy { copy: from, to } => {
                self.say(&format!("# copy {from} to {to}"));
                let to = self.sandbox.path().join(to);
                delete(&to);
                copy(&self.path(from), &to);
            }
            Step::Flip { flip } => {
                self.say(&format!("# flip one bit of {flip}"));
                let path = self.path(flip);
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                fs::write(path, bytes).unwrap();
            }
            Step::Cut { cut, to } => {
                self.say(&format!("# cut {cut} to {to} bytes"));
                File::options().write(true).open(self.path(cut)).unwrap().set_len(*to).unwrap();
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.said.push_str(line);
        self.said.push('\n');
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.sandbox.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.replace(PORT, &self.port().to_string())).unwrap();
    }

    /// The file of that name; of several, the last.
    fn path(&self, name: &str) -> PathBuf {
        let path = self.sandbox.path().join(name);
        let Some((head, tail)) = name.split_once('*') else { return path };
        let head = self.sandbox.path().join(head);
        let (folder, head) = (head.parent().unwrap(), head.file_name().unwrap().to_string_lossy().into_owned());
        let fits = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with(&head) && name.ends_with(tail)
        };
        let found = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(fits).max();
        found.unwrap_or_else(|| panic!("nothing is called {name}"))
    }

    fn start(&mut self, arguments: &str, env: &BTreeMap<String, String>) -> Running {
        let variables: String = env.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        self.say(&format!("$ {variables}acquire {arguments}"));
        let mut words: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
        self.started += 1;
        let file = |stream: &str| self.beside.path().join(format!("{}.{stream}", self.started));
        let streams = ["stdout", "stderr", "events"].map(|stream| (stream, file(stream))).to_vec();
        if events::is_stream(&words) && !words.iter().any(|word| word.ends_with("-json")) {
            words.extend(["--json-into".to_owned(), file("events").to_str().unwrap().to_owned()]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let mut command = self.sandbox.command(&words);
        command.envs(env).stdout(File::create(file("stdout")).unwrap());
        let child = command.stderr(File::create(file("stderr")).unwrap()).spawn().unwrap();
        Running { child, streams }
    }

    /// Waits until the command has ended, and notes what it said.
    fn wait(&mut self, mut running: Running) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = running.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > COMMAND_MAX {
                running.child.kill().unwrap();
                panic!("it does not end:\n{}", self.said);
            }
            std::thread::sleep(LOOK);
        };
        self.say(&status.code().map_or("killed".to_owned(), |code| format!("exit {code}")));
        for (stream, file) in &running.streams {
            let text = fs::read_to_string(file).unwrap_or_default();
            if text.starts_with("{\"event\"") {
                events::check(&text);
            }
            self.note(stream, &text);
        }
        self.said.push('\n');
    }

    fn note(&mut self, stream: &str, text: &str) {
        if !text.is_empty() {
            let text = text.replace(&format!(":{}", self.port()), &format!(":{PORT}"));
            let text = steady::text(&text, self.sandbox.path());
            let text = if self.unordered { steady::sorted(&text) } else { text };
            self.said.push_str(&format!("--- {stream}\n{text}"));
        }
    }

    fn port(&self) -> u16 {
        self.taken.local_addr().unwrap().port()
    }

    /// Waits until the command says that it stops.
    fn stopping(&self, running: &Running) {
        let began = Instant::now();
        let has_said = |(_, file): &(&str, PathBuf)| fs::read_to_string(file).is_ok_and(|it| it.contains("Stopping"));
        while !running.streams.iter().any(has_said) {
            assert!(began.elapsed() < COMMAND_MAX, "it does not stop:\n{}", self.said);
            std::thread::sleep(LOOK);
        }
    }

    fn until(&mut self, text: &str) {
        let began = Instant::now();
        while !self.sandbox.run(&["status"]).stdout.contains(text) {
            let ended = self.running.as_mut().and_then(|running| running.child.try_wait().unwrap());
            assert!(ended.is_none() && began.elapsed() < COMMAND_MAX, "status never shows `{text}`:\n{}", self.said);
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ended already, unless the scenario failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn delete(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        copy(&path, &to.join(path.file_name().unwrap()));
    }
}
