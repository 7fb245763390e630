//! Somebody who can write to the buckets puts one user's record in the place of another's.

use super::person::Person;
use crate::sandbox::{LEAST, Sandbox, is_alive};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The account records of the identity service.
fn accounts(sandbox: &Sandbox) -> BTreeSet<PathBuf> {
    let directory = sandbox.data().join("buckets/identity.bucket/users/accounts");
    Sandbox::files(&directory).into_iter().map(|file| directory.join(file)).collect()
}

/// Registers somebody, and finds the record that came of it.
fn registered(sandbox: &Sandbox, name: &str) -> (Person, PathBuf) {
    let before = accounts(sandbox);
    let person = Person::register(sandbox, name.to_owned()).unwrap();
    let mut new = accounts(sandbox).into_iter().filter(|file| !before.contains(file));
    (person, new.next().unwrap())
}

/// Ends the host and has it started again, with nothing of the buckets in its memory.
fn restart(sandbox: &Sandbox) {
    let pid = sandbox.host_pid().unwrap();
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    while is_alive(pid) {
        std::thread::yield_now();
    }
    assert!(sandbox.good(&["apply", "--yes"]).stderr.contains("6 of 6"));
}

#[test]
fn a_record_copied_over_another_opens_nothing_and_is_harmless_once_it_is_put_back() {
    let sandbox = Sandbox::new(&LEAST.replace("identity: {}", "identity: { otp_reuse: allow }"));
    sandbox.good(&["apply", "--yes"]);
    let registry = sandbox.output(&[])["services"]["registry"]["url"].as_str().unwrap().to_owned();
    let (mallory, hers) = registered(&sandbox, "mallory");
    let (alice, own) = registered(&sandbox, "alice");
    let login = |person: &Person| person.logging_in(&sandbox, &registry).wait_with_output().unwrap();

    let good = fs::read(&own).unwrap();
    fs::copy(&hers, &own).unwrap();
    restart(&sandbox);
    let refused = login(&alice);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && said.contains("ACQ04"), "{said}");
    assert!(login(&mallory).status.success(), "everybody else is served");
    let log = sandbox.good(&["logs"]).stdout;
    assert!(log.contains("users/accounts/"), "the operator is told which record: {log}");

    fs::write(&own, good).unwrap();
    restart(&sandbox);
    assert!(login(&alice).status.success(), "nothing was lost");
    sandbox.good(&["destroy", "--data", "--yes"]);
}
