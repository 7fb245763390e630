//! `kill -9` of the host while people register and log in: nothing that was acknowledged is lost.

use super::person::Person;
use crate::sandbox::{LEAST, Sandbox, is_alive};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command};
use std::time::Duration;

/// Rounds in CI; by hand `ACQUIRE_KILL_ROUNDS=50`.
const ROUNDS: u32 = 8;

fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
    while is_alive(pid) {
        std::thread::yield_now();
    }
}

/// A log-in that has its session and is now sending its credentials.
struct Sending {
    child: Child,
    said: BufReader<ChildStderr>,
}

/// What became of it.
enum Ended {
    /// The client was told that it is logged in.
    Acknowledged,
    /// The request was under way, and its connection broke.
    Cut,
    /// The host was gone before the request was sent.
    TooEarly,
}

impl Sending {
    fn begin(mut child: Child) -> Self {
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("?id=") {
            line.clear();
            assert_ne!(said.read_line(&mut line).unwrap(), 0, "nobody disturbs what comes before the credentials");
        }
        Self { child, said }
    }

    fn end(mut self) -> Ended {
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        if self.child.wait().unwrap().success() {
            return Ended::Acknowledged;
        }
        assert!(said.contains("ACQ0411"), "{said}");
        if said.contains("refused") { Ended::TooEarly } else { Ended::Cut }
    }
}

/// When the next kill comes after the credentials were begun to be sent: later after one that cut, earlier after one
/// that did not, so that the kills gather around the instant in which a log-in is acknowledged.
fn next(wait: Duration, ended: &Ended) -> Duration {
    match ended {
        Ended::Acknowledged => wait / 2,
        Ended::Cut | Ended::TooEarly => wait * 2 + Duration::from_millis(7),
    }
}

#[test]
fn every_acknowledged_registration_and_session_survives_a_killed_host() {
    let rounds = std::env::var("ACQUIRE_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    // Codes may be used twice here: each apply proves itself by a login, and would wait for the next code.
    let sandbox = Sandbox::new(&LEAST.replace("identity: {}", "identity: { otp_reuse: allow }"));
    sandbox.good(&["apply", "--yes"]);
    let registry = sandbox.output(&[])["services"]["registry"]["url"].as_str().unwrap().to_owned();
    let (mut logged_in, mut registered, mut cut) = (Vec::new(), Vec::new(), 0);
    let mut wait = Duration::ZERO;
    // A few more, if chance had all kills on one side.
    for round in 0..rounds * 4 {
        if round >= rounds && !logged_in.is_empty() && cut > 0 {
            break;
        }
        let pid = sandbox.host_pid().expect("the host runs");
        let person = Person::register(&sandbox, format!("person-{round}")).expect("nobody disturbs this");
        let unsure = format!("unsure-{round}");
        let register = sandbox.registering(&unsure);
        let login = Sending::begin(person.logging_in(&sandbox, &registry));
        // Nothing can be waited for: the instants between the request and its answer, when the host computes and
        // writes, show on no outside. So each round cuts after another time, and what it cut is asked afterwards.
        std::thread::sleep(wait);
        kill(pid);
        let ended = login.end();
        wait = next(wait, &ended);
        cut += usize::from(matches!(ended, Ended::Cut));
        if matches!(ended, Ended::Acknowledged) { &mut logged_in } else { &mut registered }.push(person);
        registered.extend(Person::registered(unsure, register.wait_with_output().unwrap()));
        let applied = sandbox.good(&["apply", "--yes"]);
        assert!(format!("{applied}").contains("6 of 6"), "round {round}: {applied}");
    }
    let (sessions, registrations) = (logged_in.len(), logged_in.len() + registered.len());
    eprintln!("{rounds} kills: {registrations} registrations and {sessions} log-ins acknowledged, {cut} log-ins cut");
    assert!(sessions > 0 && cut > 0, "the kills hit both sides of the acknowledgement");
    for person in logged_in {
        assert!(person.is_logged_in(&sandbox, &registry), "{} was logged in", person.name);
    }
    for person in registered {
        let login = person.logging_in(&sandbox, &registry).wait_with_output().unwrap();
        let said = String::from_utf8(login.stderr).unwrap();
        assert!(login.status.success(), "{} is there, and not locked out by what was cut: {said}", person.name);
    }
    sandbox.good(&["destroy", "--data", "--yes"]);
}
