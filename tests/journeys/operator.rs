//! What an operator's fingers and scripts count on: saved plans, exit codes, events, pipes, repair.

use crate::sandbox::Sandbox;
use serde_json::Value;
use std::fs;

const MARKERS: &str = "version: 1
name: demo
services: {}
resources:
  a: { kind: marker, input: one }
  b: { kind: marker, input: two, needs: [a] }
";

fn write_spec(sandbox: &Sandbox, from: &str, to: &str) {
    fs::write(sandbox.path().join("acquire.yaml"), MARKERS.replace(from, to)).unwrap();
}

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_spec_written_by_init_is_right_and_never_overwritten() {
    let sandbox = Sandbox::new("");
    sandbox.bad(&["init"], "acquire.yaml is there already");
    fs::remove_file(sandbox.path().join("acquire.yaml")).unwrap();
    sandbox.good(&["init"]);
    assert!(sandbox.good(&["validate"]).stdout.contains("Nothing was contacted."));
    assert!(sandbox.good(&["spec"]).stdout.contains("  # "), "every value has its origin");
}

#[test]
fn a_saved_plan_runs_once_and_only_as_it_was_saved() {
    let sandbox = Sandbox::new(MARKERS);
    let saved = sandbox.run(&["plan", "-out=first", "-detailed-exitcode"]);
    assert_eq!(saved.code, 2, "{saved}");
    let file = sandbox.path().join("first");
    let good = fs::read(&file).unwrap();
    assert!(!String::from_utf8_lossy(&good).contains("marker"), "a saved plan is sealed");
    let mut edited = good.clone();
    *edited.last_mut().unwrap() ^= 1;
    fs::write(sandbox.path().join("edited"), edited).unwrap();
    sandbox.bad(&["apply", "edited"], "ACQ0220");
    assert!(sandbox.good(&["apply", "first"]).stderr.contains("2 added"));
    sandbox.bad(&["apply", "first"], "ACQ0221");
    assert_eq!(sandbox.run(&["plan", "-detailed-exitcode"]).code, 0);

    write_spec(&sandbox, "two", "three");
    sandbox.good(&["plan", "--out", "second"]);
    write_spec(&sandbox, "two", "four");
    sandbox.bad(&["apply", "second"], "the spec has changed");
}

#[test]
fn a_plan_of_another_deployment_is_refused() {
    let (one, other) = (Sandbox::new(MARKERS), Sandbox::new(MARKERS));
    one.good(&["plan", "-out", "plan"]);
    fs::copy(one.path().join("plan"), other.path().join("plan")).unwrap();
    other.bad(&["apply", "plan"], "ACQ0219");
}

#[test]
fn events_are_one_object_a_line_from_begin_to_end() {
    let sandbox = Sandbox::new(MARKERS);
    let planned = events(&sandbox.good(&["plan", "--json"]).stdout);
    let names: Vec<&str> = planned.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["begin", "change", "change", "planned", "end"]);
    assert_eq!(planned[0]["format"], 1);
    let applied = events(&sandbox.good(&["apply", "-auto-approve", "--json"]).stdout);
    let finished = applied.iter().filter(|event| event["what"] == "finished").count();
    assert_eq!(finished, 2, "{applied:?}");
    assert_eq!(applied.last().unwrap()["exit"], 0);

    write_spec(&sandbox, "kind: marker, input: one", "kind: marker, inptu: one");
    let run = sandbox.run(&["plan", "--json"]);
    let failed = events(&run.stdout);
    assert_eq!((run.code, &failed[0]["event"]), (1, &"diagnostic".into()), "{run}");
    assert!(run.stderr.contains("inptu"), "{run}");
}

#[test]
fn nothing_but_text_goes_into_pipes() {
    let sandbox = Sandbox::new(MARKERS);
    for arguments in
        [&["plan"][..], &["apply", "--yes"], &["status"], &["output"], &["plan", "nowhere.yaml"], &["--help"]]
    {
        let run = sandbox.run_with(arguments, &[("TERM", "xterm-256color")]);
        assert!(!format!("{run}").contains('\u{1b}'), "{arguments:?}: {run}");
    }
}

#[test]
fn one_output_is_printed_bare() {
    let sandbox = Sandbox::new(MARKERS);
    sandbox.bad(&["output"], "was not applied yet");
    sandbox.good(&["apply", "--yes"]);
    assert_eq!(sandbox.good(&["output", "resources.a.attributes.output"]).stdout, "one\n");
    sandbox.bad(&["output", "resources.c"], "no output `resources.c`");
}

#[test]
fn a_refused_state_is_repaired_only_when_a_person_says_so() {
    let sandbox = Sandbox::new(MARKERS);
    sandbox.good(&["apply", "--yes"]);
    fs::remove_dir_all(sandbox.state()).unwrap();
    let refused = sandbox.bad(&["apply", "--yes"], "ACQ0207");
    assert!(refused.stderr.contains("acquire state repair"), "{refused}");
    sandbox.bad(&["state", "repair"], "--yes");
    sandbox.good(&["state", "repair", "--yes"]);
    assert!(sandbox.good(&["apply", "--yes"]).stderr.contains("complete"));
    assert!(sandbox.good(&["state", "repair"]).stderr.contains("nothing to repair"));
}

#[test]
fn environments_keep_apart() {
    let spec = format!("{MARKERS}environments:\n  staging: {{ resources: {{ a: {{ input: staged }} }} }}\n");
    let sandbox = Sandbox::new(&spec);
    sandbox.good(&["apply", "--yes"]);
    sandbox.good(&["apply", "--yes", "-e", "staging"]);
    assert_eq!(sandbox.good(&["output", "resources.a.attributes.input"]).stdout, "one\n");
    assert_eq!(sandbox.good(&["output", "resources.a.attributes.input", "-e", "staging"]).stdout, "staged\n");
    sandbox.good(&["destroy", "--yes", "-e", "staging"]);
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
}
