//! The host of this machine: gone, changed, in somebody's way.

use crate::sandbox::{BINARY, LEAST, Run, Sandbox, is_alive};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    while is_alive(pid) {
        std::thread::yield_now();
    }
}

#[test]
fn a_host_that_is_gone_is_started_again_by_the_next_apply() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    kill(sandbox.host_pid().unwrap());
    let plan = sandbox.run(&["plan", "-detailed-exitcode"]);
    assert_eq!(plan.code, 2, "{plan}");
    let applied = sandbox.good(&["apply", "--yes"]);
    assert!(format!("{applied}").contains("6 of 6"), "{applied}");
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
    sandbox.good(&["destroy", "--data", "--yes"]);
}

/// The digest of the binary that each service proved to run, as a command of `binary` finds it.
fn proved(sandbox: &Sandbox, binary: &Path) -> Vec<String> {
    let run = Run::from(sandbox.command_of(binary, &["verify", "--json"]).output().unwrap());
    assert_eq!(run.code, 0, "{run}");
    let events = run.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let verified = events.filter_map(|event| event["services"].as_array().cloned()).flatten();
    verified.map(|service| service["binary"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_binary_that_has_changed_takes_the_place_of_the_one_that_runs() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    assert!(sandbox.register("alice").status.success());
    let (services, before) = (sandbox.output(&[])["services"].clone(), proved(&sandbox, Path::new(BINARY)));
    let old = sandbox.host_pid().unwrap();

    let changed = sandbox.path().canonicalize().unwrap().join("changed");
    fs::copy(BINARY, &changed).unwrap();
    fs::OpenOptions::new().append(true).open(&changed).unwrap().write_all(b"\n").unwrap();
    let by_changed = |arguments: &[&str]| Run::from(sandbox.command_of(&changed, arguments).output().unwrap());
    let plan = by_changed(&["plan", "-detailed-exitcode"]);
    assert_eq!(plan.code, 2, "{plan}");
    let applied = by_changed(&["apply", "--yes"]);
    assert!(applied.code == 0 && format!("{applied}").contains("6 of 6"), "{applied}");

    let new = sandbox.host_pid().unwrap();
    assert!(!is_alive(old) && new != old, "the old host is gone");
    assert_eq!(fs::read_link(format!("/proc/{new}/exe")).unwrap(), changed);
    let after = proved(&sandbox, &changed);
    assert_eq!((before.len(), after.len()), (6, 6));
    assert!(before.iter().all(|digest| !after.contains(digest)), "{before:?} {after:?}");
    let plan = by_changed(&["plan"]);
    assert!(plan.stdout.contains("No changes."), "{plan}");
    assert_eq!(sandbox.output(&[])["services"], services, "every service is where and who it was");
    let said = String::from_utf8(sandbox.register("alice").stderr).unwrap();
    assert!(said.contains("taken"), "{said}");
    assert_eq!(by_changed(&["destroy", "--data", "--yes"]).code, 0);
}

#[test]
fn the_host_also_runs_in_the_foreground() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    kill(sandbox.host_pid().unwrap());
    let mut host = sandbox.command(&["serve", "--foreground"]).spawn().unwrap();
    while sandbox.host_pid() != Some(host.id()) {
        assert!(host.try_wait().unwrap().is_none(), "it goes on");
        std::thread::yield_now();
    }
    assert!(sandbox.good(&["verify"]).stderr.contains("6 of 6"));
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."), "apply leaves it alone");
    sandbox.good(&["destroy", "--data", "--yes"]);
    assert!(host.wait().unwrap().success(), "destroy ends it, and it ends well");
}

#[test]
fn destroy_with_data_leaves_no_process_no_port_and_of_the_deployment_only_its_history() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    assert!(sandbox.register("alice").status.success());
    let (pid, url) = (sandbox.host_pid().unwrap(), sandbox.output(&["services.registry.url"]));
    let address = url.as_str().unwrap().split('/').nth(2).unwrap().to_owned();
    assert!(TcpStream::connect(&address).is_ok());
    sandbox.good(&["destroy", "--data", "--yes"]);
    assert!(!is_alive(pid));
    assert!(TcpStream::connect(&address).is_err(), "nothing listens at {address}");
    let left = Sandbox::files(&sandbox.path().join(".acquire/demo"));
    assert!(left.iter().all(|file| file.starts_with("state/journal-") || file == "state/lock"), "{left:?}");
    // The user of the command line is somebody else than the operator: what that one keeps is not the deployment's.
    let kept = Sandbox::files(&sandbox.configuration())
        .into_iter()
        .filter(|file| !file.starts_with("user/") && file != "operator.key");
    let names: Vec<String> = kept.map(|file| file.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(names, ["head", "state.key"]);
}

#[test]
fn a_taken_port_is_an_error_that_names_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let sandbox = Sandbox::new(&LEAST.replace("auto", &format!("\"{address}\"")));
    let run = sandbox.run(&["apply", "--yes"]);
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains(&address.to_string()) && run.stderr.contains("listen: auto"), "{run}");
    drop(taken);
    sandbox.good(&["apply", "--yes"]);
    sandbox.good(&["destroy", "--data", "--yes"]);
}
