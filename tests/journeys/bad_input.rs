//! Bad input: a clear message, and nothing is lost.

use crate::sandbox::Sandbox;
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
    let sandbox = Sandbox::new(MARKERS);
    sandbox.good(&["apply", "--yes"]);
    let directory = sandbox.path();
    fs::create_dir(directory.join("other")).unwrap();
    fs::write(directory.join("other/acquire.yaml"), MARKERS.replace("name: demo", "name: other")).unwrap();
    sandbox.good(&["apply", "other/acquire.yaml", "--yes"]);
    // The other's state in the place of this one's, both of one person: whose is it?
    let own = directory.join("own");
    fs::rename(sandbox.state(), &own).unwrap();
    copy(&directory.join("other/.acquire/other/state"), &sandbox.state());
    for command in [&["plan"][..], &["apply", "--yes"], &["destroy", "--yes"]] {
        let run = sandbox.bad(command, "ACQ0202");
        assert!(run.stderr.contains("lineage"), "{run}");
    }
    fs::remove_dir_all(sandbox.state()).unwrap();
    fs::rename(&own, sandbox.state()).unwrap();
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."), "nothing is lost");
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
fn a_failure_says_once_what_was_wrong_and_how_much_was_not_started() {
    let sandbox = Sandbox::new(MARKERS);
    let run = sandbox.run_with(&["apply", "--yes"], &[("ACQUIRE_FAULTS", "a/marker:create=fail")]);
    let (progress, rest) = run.stderr.split_once("error[").unwrap();
    assert!(progress.contains("  ! a/marker  failed  ") && !progress.contains("not started"), "{run}");
    let expected = "ACQ0301]: cannot create `a/marker`: refused (injected fault)
  ┌─ acquire.yaml:5:3
5 │   a: { kind: marker, input: one }
  │   ^ asked for here
hint: correct what was refused, then apply again

Apply stopped in part: 0 added, 0 changed, 0 destroyed; 1 failed, 1 not started because of that.
";
    assert!(rest.starts_with(expected), "{run}");
    assert!(rest.ends_with("Next: put right what failed, then `acquire apply` goes on from here\n"), "{run}");
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
