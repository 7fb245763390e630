//! Tests of the state as a whole, on a real directory.

mod bucket;
mod crash;
mod golden;
mod lock;
mod migrate;
mod operator;
mod proved;
mod refusals;
mod repair;
mod use_of_it;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures::executor::block_on;
use serde_json::json;

use super::*;
use acquire_model::spec::Lifecycle;
use acquire_model::{Action, Address, Attributes, Clock, Code, Diagnostic, Entropy, SecretText, Span, Timestamp};

/// A session in a directory, which never waits for anything.
struct Session(super::Session);

impl Session {
    fn open(location: &Location, clock: Arc<HandClock>, entropy: Arc<Counter>) -> Result<Self, Diagnostic> {
        block_on(super::Session::open(location, clock, entropy)).map(Self)
    }

    fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        block_on(self.0.append(events))
    }

    fn write_head(&mut self) -> Result<(), Diagnostic> {
        block_on(self.0.write_head())
    }

    fn close(self) -> Result<(), Diagnostic> {
        block_on(self.0.close())
    }
}

impl std::ops::Deref for Session {
    type Target = super::Session;

    fn deref(&self) -> &super::Session {
        &self.0
    }
}

fn read(location: &Location) -> Result<Option<Opened>, Diagnostic> {
    block_on(super::read(location))
}

fn inspect(location: &Location) -> Result<Repair, Diagnostic> {
    block_on(super::inspect(location))
}

fn repair(machine: &Machine) -> Result<Repair, Diagnostic> {
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (machine.clock.clone(), machine.entropy.clone());
    block_on(super::repair(&machine.location(), &clock, &entropy))
}

/// A clock that is set by hand.
#[derive(Default)]
struct HandClock(AtomicU64);

impl HandClock {
    fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration);
    }
}

/// Never the same bytes twice, and the same in every run.
#[derive(Default)]
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let next = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&next.to_be_bytes()[..chunk.len()]);
        }
    }
}

/// One machine with one user and any number of projects.
struct Machine {
    directory: tempfile::TempDir,
    clock: Arc<HandClock>,
    entropy: Arc<Counter>,
    passphrase: Option<SecretText>,
}

impl Machine {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock: Arc::default(),
            entropy: Arc::default(),
            passphrase: None,
        }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap()
    }

    fn home(&self) -> PathBuf {
        self.path().join("project/.acquire/demo/state")
    }

    fn location(&self) -> Location {
        self.location_of(&self.home())
    }

    fn location_of(&self, home: &Path) -> Location {
        let configuration = self.path().join("config/acquire");
        let (home, passphrase) = (Place::Directory(home.to_owned()), self.passphrase.clone());
        Location { home, configuration, passphrase, user: Some("alice".to_owned()), waiting: |_| () }
    }

    fn open(&self) -> Result<Session, Diagnostic> {
        Session::open(&self.location(), self.clock.clone(), self.entropy.clone())
    }

    fn read(&self) -> Result<Opened, Diagnostic> {
        Ok(read(&self.location())?.expect("there is a state"))
    }

    fn journal(&self, epoch: u64) -> PathBuf {
        self.home().join(format!("journal-{epoch:010}"))
    }

    /// Creates markers of these names, each in its own group.
    fn make(&self, names: &[&str]) -> State {
        let mut session = self.open().unwrap();
        for name in names {
            session.append(&made(name)).unwrap();
        }
        let state = session.state().clone();
        session.close().unwrap();
        state
    }

    fn configuration_of(&self, state: &State) -> PathBuf {
        self.path().join("config/acquire").join(state.lineage.as_str())
    }

    /// The code with which both reading and writing are refused.
    fn refusal(&self) -> u16 {
        let on_read = read(&self.location()).expect_err("reading is refused");
        let on_open = self.open().err().expect("writing is refused");
        assert_eq!(on_read, on_open);
        assert!(on_read.hint.is_some(), "{on_read} says what to do next");
        on_read.code.0
    }
}

fn address(name: &str) -> Address {
    format!("{name}/marker").parse().unwrap()
}

fn intent(action: Action) -> Intent {
    Intent {
        action,
        provider: "local".parse().unwrap(),
        needs: BTreeSet::new(),
        service: None,
        holds_data: false,
        lifecycle: Lifecycle::default(),
        made_as: None,
        token: "0123".to_owned(),
        reason: String::new(),
        origin: None,
    }
}

fn begun(steps: u64) -> Event {
    Event::Begun { steps, spec_digest: None, purpose: Purpose::Apply, by: None, binary: None }
}

fn started(name: &str, action: Action) -> Event {
    Event::Started { address: address(name), intent: intent(action) }
}

fn done(name: &str, input: &str) -> Event {
    let attributes = Attributes::from([("input".to_owned(), json!(input))]);
    Event::Done { address: address(name), attributes }
}

fn made(name: &str) -> [Event; 2] {
    [started(name, Action::Create), done(name, "v")]
}

fn copy_directory(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn code(result: Result<impl Sized, Diagnostic>) -> Code {
    result.err().expect("an error").code
}
