//! Planning less than everything, against the spec's own wish, or only what changed outside.

use crate::sandbox::Sandbox;
use std::fs;

const SPEC: &str = "version: 1
name: demo
services: {}
resources:
  a: { kind: bucket }
  b: { kind: marker, input: one, needs: [a] }
  c: { kind: marker, input: one, lifecycle: { ignore: [input] } }
  d: { kind: bucket, lifecycle: { protect: true } }
  e: { kind: bucket, lifecycle: { retain: true } }
";

fn write(sandbox: &Sandbox, spec: &str) {
    fs::write(sandbox.path().join("acquire.yaml"), spec).unwrap();
}

#[test]
fn a_target_brings_what_it_needs_and_the_rest_comes_later() {
    let sandbox = Sandbox::new(SPEC);
    let plan = sandbox.good(&["plan", "-target", "b"]).stdout;
    assert!(plan.contains("Plan: 2 to add") && plan.contains("Left as they are, by -target or -exclude: 3 resources"));
    sandbox.good(&["apply", "--yes", "-target=b"]);
    sandbox.bad(&["plan", "-target", "bb"], "did you mean `b`?");
    sandbox.bad(&["plan", "-target", "A B"], "-target");
    assert!(sandbox.good(&["plan", "-exclude", "c", "-exclude", "d"]).stdout.contains("Plan: 1 to add"));
    sandbox.good(&["apply", "--yes"]);
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
    assert!(sandbox.good(&["plan", "-replace", "b"]).stdout.contains("asked for with -replace"));
    sandbox.bad(&["plan", "-replace", "d"], "`d/bucket` is protected");
    sandbox.bad(&["plan", "-refresh-only", "-replace", "b"], "cannot be used with");
    sandbox.good(&["plan", "-out", "saved"]);
    sandbox.bad(&["apply", "saved", "-target", "b"], "flags that plan do not go with it");
}

#[test]
fn drift_is_seen_without_a_plan_and_can_be_accepted() {
    let sandbox = Sandbox::new(SPEC);
    sandbox.bad(&["drift"], "was not applied yet");
    sandbox.good(&["apply", "--yes"]);
    assert!(sandbox.good(&["drift"]).stdout.contains("No drift"));
    fs::remove_dir_all(sandbox.data().join("buckets/a.bucket")).unwrap();
    let drift = sandbox.run(&["drift"]);
    assert_eq!(drift.code, 2, "{drift}");
    assert!(drift.stdout.contains("a/bucket") && drift.stdout.contains("is gone"), "{drift}");
    assert!(sandbox.good(&["plan", "-refresh=false"]).stdout.contains("No changes."));
    let accepted = sandbox.good(&["apply", "--yes", "-refresh-only"]);
    assert!(accepted.stderr.contains("1 to forget"), "{accepted}");
    assert_eq!(sandbox.run(&["drift"]).code, 0);
    assert!(sandbox.good(&["plan"]).stdout.contains("Plan: 1 to add"));
}

#[test]
fn a_protected_thing_stays_a_retained_one_is_forgotten_and_an_ignored_input_is_left_alone() {
    let sandbox = Sandbox::new(SPEC);
    sandbox.good(&["apply", "--yes"]);
    write(&sandbox, &SPEC.replace("input: one, lifecycle", "input: two, lifecycle"));
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
    let only = "version: 1\nname: demo\nservices: {}\n";
    write(&sandbox, only);
    let plan = sandbox.good(&["plan"]).stdout;
    assert!(plan.contains("it is left where it is") && plan.contains("a/bucket, d/bucket"), "{plan}");
    sandbox.good_or_partial(&["apply", "--yes"]);
    let destroyed = sandbox.run(&["destroy", "--data", "--yes"]);
    assert_eq!(destroyed.code, 3, "{destroyed}");
    assert!(sandbox.data().join("buckets/d.bucket").is_dir() && sandbox.data().join("buckets/e.bucket").is_dir());
}

#[test]
fn a_destroy_can_be_aimed() {
    let sandbox = Sandbox::new(SPEC);
    sandbox.good(&["apply", "--yes"]);
    let destroyed = sandbox.good_or_partial(&["destroy", "--yes", "--data", "-target", "a"]);
    assert!(destroyed.stderr.contains("2 destroyed"), "what needs it goes first: {destroyed}");
    assert!(sandbox.good(&["plan"]).stdout.contains("Plan: 2 to add"));
}

#[test]
fn a_directory_that_is_there_is_imported_and_stays_where_it_is() {
    let sandbox = Sandbox::new(SPEC);
    let outside = sandbox.path().join("precious");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "data").unwrap();
    let id = outside.to_str().unwrap();
    sandbox.bad(&["import", "x/bucket", id], "the spec has no `x/bucket`");
    sandbox.bad(&["import", "a/bucket", "/nowhere/at/all"], "there is no `/nowhere/at/all`");
    sandbox.bad(&["import", "a/bucket", "precious"], "not an absolute path");
    sandbox.good(&["import", "a/bucket", id]);
    sandbox.bad(&["import", "a/bucket", id], "is in the state already");
    sandbox.good(&["apply", "--yes"]);
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
    assert!(!sandbox.data().join("buckets/a.bucket").exists());
    sandbox.good_or_partial(&["destroy", "--yes"]);
    assert_eq!(fs::read_to_string(outside.join("file")).unwrap(), "data");
}

#[test]
fn a_renamed_bucket_keeps_its_data_and_a_new_one_can_be_made_first() {
    let sandbox = Sandbox::new(SPEC);
    sandbox.good(&["apply", "--yes"]);
    fs::write(sandbox.data().join("buckets/a.bucket/file"), "data").unwrap();
    let renamed = SPEC.replace("  a: {", "  z: {").replace("needs: [a]", "needs: [z]");
    write(&sandbox, &format!("{renamed}moved: [{{ from: a, to: y }}]\n"));
    sandbox.bad(&["validate"], "`a` has moved to `y`, which this spec does not have");
    write(&sandbox, &format!("{renamed}moved: [{{ from: a, to: z }}]\n"));
    let plan = sandbox.good(&["plan"]).stdout;
    assert!(
        plan.contains("it was a/bucket") && plan.contains("0 to add, 0 to change, 0 to destroy. 1 to move."),
        "{plan}"
    );
    sandbox.good(&["apply", "--yes"]);
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
    assert_eq!(fs::read_to_string(sandbox.data().join("buckets/a.bucket/file")).unwrap(), "data");

    let first =
        renamed.replace("input: one, needs: [z]", "input: one, needs: [z], lifecycle: { replace: create-first }");
    write(&sandbox, &first);
    sandbox.good(&["apply", "--yes"]);
    let replaced = sandbox.good(&["apply", "--yes", "-replace", "b"]);
    assert!(replaced.stderr.contains("1 added, 0 changed, 1 destroyed"), "{replaced}");
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."));
}
