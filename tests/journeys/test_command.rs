//! A spec is tested, offline.

use crate::sandbox::{Run, Sandbox};
use serde_json::Value;
use std::fs;

const SPEC: &str = "version: 1
name: demo
services: {}
variables: { input: { default: one }, token: { default: canary-5eed, sensitive: true } }
policy:
  - { name: no-two, deny: has(change.after.input) && change.after.input == 'two', message: not two }
resources:
  a: { kind: marker, input: '${var.input}' }
  s: { kind: marker, input: '${var.token}' }
environments: { big: { resources: { c: { kind: bucket } } } }
";
const GOOD: &str = "runs:
  - name: small
    assert: [plan.summary.add == 2]
  - name: two is refused
    set: { input: two }
    expect_error: ACQ0145
  - name: made
    command: apply
    environment: big
    assert:
      - resources['a/marker'].attributes.output == 'one'
      - size(resources) == 3
";
const BAD: &str = "runs:
  - name: good
    assert: [plan.summary.add == 2]
  - name: bad & <worse>
    command: apply
    assert:
      - plan.summary.add == 3
      - outputs.resources.all(r, r != 's')
";

fn with(tests: &[(&str, &str)]) -> Sandbox {
    let sandbox = Sandbox::new(SPEC);
    for (name, text) in tests {
        let path = sandbox.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    sandbox
}

/// What a run wrote, with all times made alike.
fn timeless(text: &str) -> String {
    regex::Regex::new(r"\d+\.\d+ s\b").unwrap().replace_all(text, "0.00 s").into_owned()
}

fn failed(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    let run = sandbox.run(arguments);
    assert_eq!(run.code, 1, "{run}");
    run
}

#[test]
fn every_test_beside_the_spec_and_in_its_folder_is_run() {
    let sandbox = with(&[("b.test.yaml", GOOD), ("tests/a.test.yaml", GOOD), ("notes.yaml", "x: y")]);
    let expected = "b.test.yaml · acquire.yaml
  ✓ small           plan   0.00 s
  ✓ two is refused  plan   0.00 s
  ✓ made            apply  0.00 s
tests/a.test.yaml · acquire.yaml
  ✓ small           plan   0.00 s
  ✓ two is refused  plan   0.00 s
  ✓ made            apply  0.00 s
6 passed, 0 failed
";
    assert_eq!(timeless(&sandbox.good(&["test"]).stdout), expected);
    let named = sandbox.good(&["test", "tests/a.test.yaml"]).stdout;
    assert!(
        named.starts_with("tests/a.test.yaml · acquire.yaml\n") && named.ends_with("3 passed, 0 failed\n"),
        "{named}"
    );
    assert_eq!(Sandbox::files(sandbox.path()).len(), 4, "nothing is written");
}

#[test]
fn a_failing_assertion_is_shown_with_its_line_and_what_it_saw() {
    let sandbox = with(&[("a.test.yaml", BAD)]);
    let run = failed(&sandbox, &["test"]);
    let expected = "a.test.yaml · acquire.yaml
  ✓ good           plan   0.00 s
  ✗ bad & <worse>  apply  0.00 s
      error[ACQ0150]: an assertion is not true
        ┌─ a.test.yaml:7:9
      7 │       - plan.summary.add == 3
        │         ^^^^^^^^^^^^^^^^^^^^^ this is false
        plan.summary.add = 2

      error[ACQ0150]: an assertion is not true
        ┌─ a.test.yaml:8:9
      8 │       - outputs.resources.all(r, r != 's')
        │         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this is false
        outputs.resources, where it is not true = [\"s\"]
        r = \"s\"

1 passed, 1 failed
";
    assert_eq!(timeless(&run.stdout), expected);
    assert_eq!(run.stderr, "");
}

#[test]
fn the_results_can_be_had_as_junit_and_as_events() {
    let sandbox = with(&[("a.test.yaml", BAD)]);
    let run = failed(&sandbox, &["test", "--junit", "results.xml", "--json"]);
    let xml = fs::read_to_string(sandbox.path().join("results.xml")).unwrap();
    assert!(xml.contains("<testsuites name=\"acquire\" tests=\"2\" failures=\"1\" errors=\"0\""), "{xml}");
    assert!(xml.contains("<testcase name=\"bad &amp; &lt;worse&gt;\" classname=\"a.test.yaml\""), "{xml}");
    assert!(xml.contains("<failure message=\"an assertion is not true\" type=\"ACQ0150\">"), "{xml}");
    let events: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["begin", "run", "run", "tested", "end"]);
    assert_eq!((&events[1]["passed"], &events[2]["passed"]), (&true.into(), &false.into()));
    assert_eq!(events[2]["failures"][0]["span"]["line"], 7);
    assert_eq!((&events[3]["passed"], &events[3]["failed"], &events[4]["exit"]), (&1.into(), &1.into(), &1.into()));
    let schema: Value = serde_json::from_str(&sandbox.good(&["schema", "events"]).stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    assert!(events.iter().all(|event| schema.is_valid(event)), "{events:#?}");
}

#[test]
fn a_bad_test_file_is_refused_whole_with_what_was_meant() {
    let bad = "runs:\n  - name: x\n    asert: [plan.summary.add == 2]\n  - { name: x, command: aply }\n";
    let sandbox = with(&[("a.test.yaml", GOOD), ("b.test.yaml", bad)]);
    let run = failed(&sandbox, &["test"]);
    let expected = "error[ACQ0012]: unknown field `asert` in a run
  ┌─ b.test.yaml:3:5
3 │     asert: [plan.summary.add == 2]
  │     ^^^^^ did you mean `assert`?

error[ACQ0014]: `runs.1.command` cannot be `aply`
  ┌─ b.test.yaml:4:25
4 │   - { name: x, command: aply }
  │                         ^^^^ did you mean `apply`?

";
    assert_eq!((run.stderr.as_str(), run.stdout.as_str()), (expected, ""));
}

#[test]
fn a_spec_that_is_wrong_fails_the_runs_that_do_not_expect_it() {
    let test =
        "spec: other.yaml\nruns: [{ name: x, set: { inptu: 1 } }, { name: y, expect_error: ACQ0012 }, { name: z }]\n";
    let spec = format!("{SPEC}more: x\n");
    let sandbox = with(&[("a.test.yaml", test), ("other.yaml", &spec)]);
    let run = failed(&sandbox, &["test"]);
    assert!(run.stdout.ends_with("1 passed, 2 failed\n"), "{run}");
    assert!(
        run.stdout.contains("error[ACQ0031]: the test gives variable `inptu`, which the spec does not declare"),
        "{run}"
    );
    assert!(run.stdout.contains("┌─ a.test.yaml:2:33") && run.stdout.contains("┌─ other.yaml:11:1"), "{run}");
    fs::remove_file(sandbox.path().join("other.yaml")).unwrap();
    sandbox.bad(&["test"], "other.yaml is not there\n  ┌─ a.test.yaml:1:7");
}

#[test]
fn the_schema_of_a_test_file_accepts_what_is_right_and_refuses_what_is_wrong() {
    let schema = with(&[]).good(&["schema", "test"]).stdout;
    let committed = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/test.schema.json")).unwrap();
    assert_eq!(schema, committed, "run `cargo xtask codegen`");
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let is_right = |text: &str| schema.is_valid(&serde_saphyr::from_str::<Value>(text).unwrap());
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/policy/acquire.test.yaml");
    assert!(is_right(GOOD) && is_right(BAD) && is_right(&fs::read_to_string(example).unwrap()));
    for wrong in
        ["x: y", "runs: [{ asert: [] }]", "runs: [{ name: x, command: aply }]", "runs: [{ name: x, expect_error: E1 }]"]
    {
        assert!(!is_right(wrong), "{wrong}");
    }
}

#[test]
fn without_tests_it_says_how_to_write_one() {
    let sandbox = with(&[]);
    let run = sandbox.bad(&["test"], "error[ACQ0520]: there are no tests of acquire.yaml");
    assert!(run.stderr.contains("hint: write a file `NAME.test.yaml` beside it, or name one"), "{run}");
}

#[test]
fn nothing_that_is_sensitive_is_printed() {
    let test = "runs:
  - name: x
    command: apply
    assert:
      - resources['s/marker'].attributes.input == 'x'
      - resources['s/marker'] == outputs.resources.a
      - plan.changes == []
      - outputs == {}
";
    let sandbox = with(&[("a.test.yaml", test)]);
    let run = failed(&sandbox, &["test", "--junit", "results.xml", "--json-into", "events"]);
    let files = ["results.xml", "events"].map(|name| fs::read_to_string(sandbox.path().join(name)).unwrap());
    for text in [run.stdout, run.stderr].iter().chain(&files) {
        assert!(!text.contains("5eed") && !text.contains("hmac"), "{text}");
    }
}

#[test]
fn services_are_planned_and_made_too() {
    let sandbox = Sandbox::new(crate::sandbox::LEAST);
    let test = "runs:
  - name: all six
    command: apply
    assert:
      - size(outputs.services) == 6
      - outputs.services.all(s, outputs.services[s].url != null && outputs.services[s].uid != null)
      - plan.changes.filter(c, c.kind == 'function').all(c, c.after.memory_bytes == 536870912)
  - name: nothing to do
    command: apply
    assert: ['plan.changes == []']
";
    fs::write(sandbox.path().join("a.test.yaml"), test).unwrap();
    assert!(sandbox.good(&["test"]).stdout.ends_with("2 passed, 0 failed\n"));
}
