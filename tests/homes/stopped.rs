//! Real processes on a real server: a holder that is stopped and goes on, and one that is killed.

use super::servers::{self, Server};
use crate::sandbox::{Run, Sandbox};
use std::process::{Child, Command, Stdio};

const SPEC: &str = "version: 1
name: demo
state: { home: \"s3://stopped/prod\" }
services: {}
resources:
  m1: { kind: marker, input: one }
  m2: { kind: marker, input: two, needs: [m1] }
";

/// Every call that makes `m1` fails, so that a run tries again and again.
const FAILING: (&str, &str) = ("ACQUIRE_FAULTS", "m1/marker:create=unavailable x*");

struct Case<'a> {
    sandbox: Sandbox,
    server: &'a Server,
}

impl Case<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command.envs(self.server.variables()).env("USER", "alice");
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.command(arguments).output().unwrap().into()
    }

    fn good(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments:?}\n{run}");
        run
    }

    /// Starts an apply that cannot make `m1`, and waits until it is at that.
    fn trying(&self) -> Child {
        let mut command = self.command(&["apply", "--yes"]);
        command.env(FAILING.0, FAILING.1).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        while !self.run(&["state", "list"]).stderr.contains("1 step in doubt: m1/marker") {
            std::thread::yield_now();
        }
        child
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_holder_that_goes_on_after_its_lease_is_refused_and_a_killed_one_expires() {
    let Some(server) = servers::seaweedfs().await else { return };
    server.open("s3://stopped").await;
    let case = Case { sandbox: Sandbox::new(SPEC), server: &server };

    let stopped = case.trying();
    let refused = case.run(&["state", "rm", "m1/marker", "--yes"]);
    assert!(refused.stderr.contains("ACQ0201") && refused.stderr.contains("alice, process "), "{refused}");
    signal(&stopped, "-STOP");
    let heir = case.good(&["apply", "--yes"]);
    assert!(heir.stderr.contains("s3://stopped/prod is locked by alice, process "), "{heir}");
    assert!(heir.stderr.contains("; wait 20 s: its last beat was "), "{heir}");
    assert!(heir.stderr.contains("2 added"), "{heir}");
    signal(&stopped, "-CONT");
    let late = Run::from(stopped.wait_with_output().unwrap());
    assert_eq!(late.code, 1, "{late}");
    assert!(late.stderr.contains("ACQ0225") || late.stderr.contains("ACQ0226"), "{late}");
    assert!(case.good(&["plan"]).stdout.contains("No changes."));

    case.good(&["state", "rm", "m1/marker", "--yes"]);
    let mut killed = case.trying();
    signal(&killed, "-KILL");
    killed.wait().unwrap();
    let unlocked = case.good(&["state", "unlock", "--yes"]);
    assert!(unlocked.stderr.contains("is locked by alice, process "), "{unlocked}");
    let resumed = case.good(&["apply", "--yes"]);
    assert!(resumed.stderr.contains("Resuming") && !resumed.stderr.contains("is locked"), "{resumed}");
    assert!(case.good(&["plan"]).stdout.contains("No changes."));
    assert!(case.good(&["state", "unlock"]).stderr.contains("Nobody holds the lock"));
}
