//! `kill -9` of the host while people register: nothing that was acknowledged is lost.

use crate::sandbox::{LEAST, Sandbox, is_alive};
use std::process::Command;

/// Rounds in CI; by hand `ACQUIRE_KILL_ROUNDS=50`.
const ROUNDS: u32 = 8;

#[test]
fn every_acknowledged_registration_survives_a_killed_host() {
    let rounds = std::env::var("ACQUIRE_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    // A fixed port: the host must come back where the services are registered.
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    let mut acknowledged = Vec::new();
    for round in 0..rounds {
        let pid = sandbox.host_pid().expect("the host runs");
        let name = format!("user-{round}");
        let mut register = sandbox.command(&["register", &name, "--password-stdin"]);
        let child = spawn_with_input(&mut register, "Correct-Horse-1\n");
        // Somewhere in the middle: another point in each round.
        std::thread::sleep(std::time::Duration::from_millis(u64::from(round * 37 % 300)));
        let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        while is_alive(pid) {
            std::thread::yield_now();
        }
        if child.wait_with_output().unwrap().status.success() {
            acknowledged.push(name);
        }
        let applied = sandbox.good(&["apply", "--yes"]);
        assert!(format!("{applied}").contains("6 of 6"), "round {round}: {applied}");
    }
    for name in &acknowledged {
        // The name is taken: the account is there.
        let mut register = sandbox.command(&["register", name, "--password-stdin"]);
        let output = spawn_with_input(&mut register, "Correct-Horse-1\n").wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("taken"), "{name}: {said}");
    }
    sandbox.good(&["destroy", "--data", "--yes"]);
}

fn spawn_with_input(command: &mut Command, input: &str) -> std::process::Child {
    use std::io::Write;
    use std::process::Stdio;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child
}
