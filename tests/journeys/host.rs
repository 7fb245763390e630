//! The host of this machine: gone, changed, in somebody's way.

use crate::sandbox::{LEAST, Sandbox, is_alive};
use std::net::TcpListener;
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
