//! What an operator's fingers and scripts count on: saved plans, exit codes, events, pipes, repair.

use crate::sandbox::{LEAST, Run, Sandbox};
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
    let text = fs::read_to_string(sandbox.path().join("acquire.yaml")).unwrap();
    assert!(text.contains("`acquire schema > acquire.schema.json`") && text.contains("$schema=acquire.schema.json"));
    assert!(serde_json::from_str::<Value>(&sandbox.good(&["schema"]).stdout).unwrap().is_object());
}

/// The last line that a person is told.
fn last(run: &Run) -> &str {
    run.stderr.lines().last().unwrap_or_default()
}

#[test]
fn what_to_do_next_names_the_spec_and_the_environment() {
    let sandbox = Sandbox::new(MARKERS);
    let spec = MARKERS.replace("demo", "other").replace("two, needs: [a]", "two") + "  c: { kind: bucket }\n";
    let folder = sandbox.path().join("my specs");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("other.yaml"), spec + "environments: { staging: {} }\n").unwrap();

    assert_eq!(last(&sandbox.good(&["plan"])), "Next: acquire apply");
    let path = sandbox.path().join("acquire.yaml");
    let mut below = sandbox.command(&["plan", path.to_str().unwrap()]);
    let below = Run::from(below.current_dir(&folder).output().unwrap());
    assert_eq!(last(&below), "Next: acquire apply", "this one is found without being named");

    let other = ["my specs/other.yaml", "-e", "staging"];
    let with = |arguments: &[&'static str]| sandbox.good_or_partial(&[arguments, &other].concat());
    let named = "-f 'my specs/other.yaml' -e staging";
    assert_eq!(last(&with(&["plan"])), format!("Next: acquire apply {named}"));
    let early = sandbox.bad(&["status", "my specs/other.yaml"], "ACQ0506");
    assert!(early.stderr.contains("`acquire apply -f 'my specs/other.yaml'` brings it up"), "{early}");
    assert_eq!(last(&with(&["plan", "-out", "saved"])), format!("Next: acquire apply saved {named}"));
    assert_eq!(last(&with(&["apply", "--yes"])), format!("Next: acquire status {named}"));
    let destroyed = with(&["destroy", "--yes"]);
    let expected = format!(
        "Next: `acquire apply {named}` brings it back with its data; `acquire destroy --data {named}` removes that too"
    );
    assert_eq!((destroyed.code, last(&destroyed)), (3, &*expected), "{destroyed}");
    let expected = format!("Next: `acquire plan {named}` shows what differs, `acquire apply {named}` brings it right");
    assert_eq!(last(&with(&["status"])), expected);
    with(&["destroy", "--data", "--yes"]);
}

#[test]
fn the_first_apply_says_once_what_to_back_up() {
    let sandbox = Sandbox::new(MARKERS);
    let first = sandbox.good(&["apply", "--yes"]).stderr;
    let advice: Vec<&str> = first.lines().filter(|line| line.starts_with("Back up ")).collect();
    let [advice] = &advice[..] else { panic!("{first}") };
    assert!(advice.ends_with("without the state key and other keys there neither state nor data opens again."));
    let directory = advice.trim_start_matches("Back up ").split(',').next().unwrap();
    assert!(std::path::Path::new(directory).join("state.key").is_file(), "{advice}");
    write_spec(&sandbox, "two", "three");
    assert!(!sandbox.good(&["apply", "--yes"]).stderr.contains("state key"));
}

#[test]
fn a_destroy_looks_for_what_the_state_does_not_know_and_says_when_there_is_nothing() {
    let nothing = "Nothing of demo is there to destroy";
    let sandbox = Sandbox::new("version: 1\nname: demo\nservices: {}\nresources: { c: { kind: bucket } }\n");
    assert_eq!(sandbox.good(&["destroy"]).stderr, format!("{nothing}: it was not applied.\n"));
    sandbox.good(&["apply", "--yes"]);
    let saved = sandbox.path().join("saved");
    assert!(std::process::Command::new("cp").arg("-r").arg(sandbox.data()).arg(&saved).status().unwrap().success());
    let plan = sandbox.good(&["destroy", "--data", "--yes"]).stderr;
    assert!(plan.contains("    -   bucket  destroy was asked for, with the data\n"), "{plan}");

    let journal = Sandbox::files(&sandbox.state());
    assert_eq!(sandbox.good(&["destroy", "--data"]).stderr, format!("{nothing}.\n"));
    assert_eq!(sandbox.good(&["destroy"]).stderr, format!("{nothing}.\n"));
    assert_eq!(Sandbox::files(&sandbox.state()), journal, "nothing to do writes nothing");

    fs::rename(&saved, sandbox.data()).unwrap();
    let left = sandbox.run(&["destroy", "--data"]);
    assert!(left.code == 3 && left.stderr.contains("ACQ0512") && left.stderr.contains("c/bucket"), "{left}");
    assert!(!left.stderr.contains("Nothing"), "{left}");
}

#[test]
fn what_a_cut_off_run_began_is_shown_and_destroyed_without_being_resumed() {
    let sandbox = Sandbox::new("version: 1\nname: demo\nservices: {}\nresources: { c: { kind: bucket } }\n");
    let mut apply = sandbox.command(&["apply", "--yes"]);
    let mut apply = apply.env("ACQUIRE_FAULTS", "c/bucket:create=hang").spawn().unwrap();
    while !sandbox.run(&["status"]).stdout.contains("In doubt") {
        assert!(apply.try_wait().unwrap().is_none(), "it hangs");
    }
    apply.kill().unwrap();
    apply.wait().unwrap();
    let status = sandbox.good(&["status"]);
    assert!(status.stdout.contains("cut off after 0 of 1 steps"), "{status}");
    assert!(
        status.stdout.contains("  c  not there\n") && status.stdout.contains("  ? c/bucket  create begun "),
        "{status}"
    );
    assert!(last(&status).starts_with("Next: `acquire apply` finds out"), "{status}");
    let destroyed = sandbox.good(&["destroy", "--data", "--yes"]).stderr;
    assert!(!destroyed.contains("Resuming"), "{destroyed}");
    assert!(destroyed.contains("    -   bucket  a run that was cut off may have made it\n"), "{destroyed}");
    assert!(destroyed.ends_with("Nothing is left but the journal, the state key and its head.\n"), "{destroyed}");
}

#[test]
fn only_a_spec_without_services_has_nothing_to_verify() {
    let sandbox = Sandbox::new(MARKERS);
    assert!(sandbox.good(&["verify"]).stderr.contains("nothing to verify"));
    fs::write(sandbox.path().join("acquire.yaml"), LEAST).unwrap();
    let run = sandbox.run(&["verify"]);
    assert!(run.code == 4 && run.stderr.contains("ACQ0511") && run.stderr.contains("registry, identity"), "{run}");
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
