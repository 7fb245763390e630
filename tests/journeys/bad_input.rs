//! Bad input: a clear message, and nothing is lost.

use crate::sandbox::{LEAST, Sandbox};
use std::fs;

const MARKERS: &str = "version: 1
name: demo
services: {}
resources:
  a: { kind: marker, input: one }
  b: { kind: marker, input: two, needs: [a] }
";

fn journal(sandbox: &Sandbox) -> std::path::PathBuf {
    let newest = fs::read_dir(sandbox.state())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("journal-"))
        .max();
    newest.expect("there is a journal")
}

#[test]
fn without_a_terminal_apply_asks_for_the_flag() {
    let sandbox = Sandbox::new(MARKERS);
    sandbox.bad(&["apply"], "--yes");
    assert!(!sandbox.state().exists() || Sandbox::files(&sandbox.state()).iter().all(|file| file == "lock"));
}

#[test]
fn what_is_not_yaml_and_what_is_not_there_are_told_apart() {
    let sandbox = Sandbox::new("version: [1\n");
    sandbox.bad(&["validate"], "acquire.yaml");
    let sandbox = Sandbox::new("version: 1\nname: demo\nproviders: { mars: {} }\nservices: {}\n");
    sandbox.bad(&["plan"], "mars");
    sandbox.bad(&["plan", "nowhere.yaml"], "nowhere.yaml");
}

#[test]
fn a_flipped_byte_in_the_journal_is_refused_by_name() {
    let sandbox = Sandbox::new(MARKERS);
    sandbox.good(&["apply", "--yes"]);
    let path = journal(&sandbox);
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(&path, &bad).unwrap();
    let run = sandbox.bad(&["plan"], "ACQ02");
    assert!(run.stderr.contains("journal"), "{run}");
    fs::write(&path, &good).unwrap();
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."), "nothing was lost");
}

#[test]
fn an_old_copy_of_the_state_is_refused() {
    let sandbox = Sandbox::new(MARKERS);
    sandbox.good(&["apply", "--yes"]);
    let old = sandbox.path().join("old");
    copy(&sandbox.state(), &old);
    fs::write(sandbox.path().join("acquire.yaml"), MARKERS.replace("two", "three")).unwrap();
    sandbox.good(&["apply", "--yes"]);
    fs::remove_dir_all(sandbox.state()).unwrap();
    copy(&old, &sandbox.state());
    sandbox.bad(&["plan"], "older");
}

#[test]
fn a_state_of_another_lineage_is_refused() {
    let one = Sandbox::new(LEAST);
    one.good(&["apply", "--yes"]);
    let other = Sandbox::new(MARKERS);
    other.good(&["apply", "--yes"]);
    // The other's state in front of this one's data: whose is it?
    fs::remove_dir_all(one.state()).unwrap();
    copy(&other.state(), &one.state());
    let run = one.run(&["apply", "--yes"]);
    assert_ne!(run.code, 0, "{run}");
    assert!(run.stderr.contains("lineage") || run.stderr.contains("key"), "{run}");
}

#[test]
fn a_wrong_passphrase_is_told() {
    let sandbox = Sandbox::new(MARKERS);
    let right = sandbox.run_with(&["apply", "--yes"], &[("ACQUIRE_STATE_PASSPHRASE", "Correct-Horse-Battery-1")]);
    assert_eq!(right.code, 0, "{right}");
    let wrong = sandbox.run_with(&["plan"], &[("ACQUIRE_STATE_PASSPHRASE", "Wrong-Horse-Battery-1")]);
    assert_ne!(wrong.code, 0, "{wrong}");
    assert!(wrong.stderr.contains("passphrase"), "{wrong}");
    let right = sandbox.run_with(&["plan"], &[("ACQUIRE_STATE_PASSPHRASE", "Correct-Horse-Battery-1")]);
    assert!(right.stdout.contains("No changes."), "{right}");
}

#[test]
fn a_failed_step_stops_what_needs_it_keeps_the_rest_and_is_resumed() {
    let sandbox = Sandbox::new(MARKERS);
    let run = sandbox.run_with(&["apply", "--yes"], &[("ACQUIRE_FAULTS", "b/marker:create=fail")]);
    assert_eq!(run.code, 3, "{run}");
    assert!(run.stderr.contains("b/marker") && run.stderr.contains("1 added"), "{run}");
    let plan = sandbox.good(&["plan"]).stdout;
    assert!(plan.contains("Plan: 1 to add"), "what was made is kept: {plan}");
    sandbox.good(&["apply", "--yes"]);
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
}

#[test]
fn a_lost_reply_makes_nothing_twice() {
    let sandbox = Sandbox::new("version: 1\nname: demo\nservices: {}\nresources: { b: { kind: bucket } }\n");
    let run = sandbox.run_with(&["apply", "--yes"], &[("ACQUIRE_FAULTS", "b/bucket:create=lost-reply")]);
    assert_eq!(run.code, 0, "{run}");
    let buckets: Vec<_> = fs::read_dir(sandbox.data().join("buckets")).unwrap().collect();
    assert_eq!(buckets.len(), 1);
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for file in Sandbox::files(from) {
        fs::create_dir_all(to.join(&file).parent().unwrap()).unwrap();
        fs::copy(from.join(&file), to.join(&file)).unwrap();
    }
}
