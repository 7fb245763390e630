//! A spec says what no plan may do.

use crate::sandbox::Sandbox;
use serde_json::Value;
use std::fs;

const SPEC: &str = "version: 1
name: demo
services: {}
variables: { token: { default: canary-5eed, sensitive: true } }
policy:
  - name: keep-data
    when: change.holds_data
    deny: change.action in ['delete', 'replace']
    message: data stays
  - { name: many, warn: plan.summary.add > 2, message: look at this twice }
resources:
  a: { kind: marker, input: one }
  b: { kind: marker, input: '${resources.a.output}' }
  c: { kind: bucket }
  s: { kind: marker, input: '${var.token}' }
";

fn with(more: &str) -> Sandbox {
    Sandbox::new(&format!("{SPEC}{more}"))
}

fn write(sandbox: &Sandbox, spec: &str) {
    fs::write(sandbox.path().join("acquire.yaml"), spec).unwrap();
}

#[test]
fn a_warning_is_told_and_the_plan_goes_on() {
    let sandbox = with("");
    let run = sandbox.good(&["plan"]);
    let expected = "warning[ACQ0146]: policy `many` warns: look at this twice
   ┌─ acquire.yaml:10:25
10 │   - { name: many, warn: plan.summary.add > 2, message: look at this twice }
   │                         ^^^^^^^^^^^^^^^^^^^^ this is true
";
    assert!(run.stderr.starts_with(expected), "{run}");
    assert!(run.stdout.contains("Plan: 4 to add"), "{run}");
    assert!(sandbox.good(&["apply", "--yes"]).stderr.contains("warning[ACQ0146]"));
    assert!(!sandbox.good(&["plan"]).stderr.contains("ACQ0146"), "it is no longer true");
}

#[test]
fn a_denied_plan_is_shown_and_refused_with_the_line_of_the_policy() {
    let sandbox = with("");
    sandbox.good(&["apply", "--yes"]);
    write(&sandbox, &SPEC.replace("  c: { kind: bucket }\n", ""));
    // Data is kept without being asked for; a policy also stops what is asked for.
    sandbox.good(&["plan"]);
    write(&sandbox, &SPEC.replace("when: change.holds_data", "when: change.owner == 'b'"));
    let replace = ["-replace", "b"];
    let run = sandbox.run(&[&["plan", "-out", "saved"], &replace[..]].concat());
    let expected = "error[ACQ0145]: policy `keep-data` denies this plan: data stays
  ┌─ acquire.yaml:8:11
8 │     deny: change.action in ['delete', 'replace']
  │           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ this is true for `b/marker`
  b/marker  replace: asked for with -replace
hint: nothing was changed; change the spec, or the rule
";
    assert!(run.code == 1 && run.stderr.contains(expected) && run.stdout.contains("1 to add"), "{run}");
    assert!(!sandbox.path().join("saved").exists(), "a plan that is denied is not saved");
    let run = sandbox.run(&[&["apply", "--yes"], &replace[..]].concat());
    assert!(run.code == 1 && run.stderr.contains(expected), "{run}");
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."), "nothing was done");
    let run = sandbox.run(&[&["plan", "--json"], &replace[..]].concat());
    let denied: Vec<Value> = run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let denied = denied.iter().find(|event| event["event"] == "diagnostic").unwrap();
    assert_eq!((&denied["diagnostic"]["code"], run.code), (&Value::from("ACQ0145"), 1));
    // Destroy needs no spec, and so asks no policy.
    sandbox.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn a_precondition_is_asked_before_its_resource_is_made() {
    let precondition =
        "lifecycle: { preconditions: [{ condition: change.after.input != 'one', message: one is taken }] }";
    let spec = SPEC.replace("input: one }", &format!("input: one, {precondition} }}"));
    let sandbox = Sandbox::new(&spec);
    let run = sandbox.bad(&["apply", "--yes"], "error[ACQ0145]: a precondition of `a` is not met: one is taken\n");
    assert!(run.stderr.contains("^^^^^^^^^^^^^^^^^^^^^^^^^^^ this is false for `a/marker`"), "{run}");
    write(&sandbox, &spec.replace("input: one,", "input: two,"));
    sandbox.good(&["apply", "--yes"]);
}

#[test]
fn what_is_known_only_after_apply_cannot_be_decided_before() {
    let rule = "  - { name: early, deny: change.after.input == 'x', message: no }\n";
    let sandbox = Sandbox::new(&SPEC.replace("resources:\n", &format!("{rule}resources:\n")));
    let run = sandbox
        .bad(&["plan"], "error[ACQ0147]: policy `early` cannot be decided for `b/marker`: there is no `input`\n");
    assert!(
        run.stderr.contains("hint: `input` is known only after apply; ask `has(change.after.input) && …`"),
        "{run}"
    );
    let spec = SPEC.replace(
        "resources:\n",
        &format!("{}resources:\n", rule.replace("deny: ", "deny: has(change.after.input) && ")),
    );
    write(&sandbox, &spec);
    sandbox.good(&["plan"]);
}

#[test]
fn the_published_plan_keeps_its_schema_and_no_secret_is_in_it() {
    let sandbox = with("");
    let schema: Value = serde_json::from_str(&sandbox.good(&["schema", "plan"]).stdout).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut plans = vec![sandbox.good(&["plan", "--published"]).stdout];
    sandbox.good(&["apply", "--yes"]);
    write(&sandbox, &SPEC.replace("input: one", "input: two"));
    plans.push(sandbox.good(&["plan", "--published", "--set", "token=another-5eed"]).stdout);
    write(&sandbox, "version: 1\nname: demo\nservices: {}\n");
    plans.push(sandbox.good(&["plan", "--published"]).stdout);
    for text in &plans {
        let plan: Value = serde_json::from_str(text).unwrap();
        let errors: Vec<String> = schema.iter_errors(&plan).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{text}");
        assert!(!text.contains("5eed") && !text.contains("hmac"), "{text}");
    }
    let plan: Value = serde_json::from_str(&plans[1]).unwrap();
    let of = |owner: &str| plan["changes"].as_array().unwrap().iter().find(|it| it["owner"] == owner).unwrap();
    assert_eq!((&of("a")["before"]["input"], &of("a")["after"]["input"]), (&"one".into(), &"two".into()));
    assert_eq!(of("b")["unknown"], serde_json::json!(["input"]));
    assert!(of("s")["sensitive"].as_array().unwrap().contains(&"input".into()) && of("s")["after"]["input"].is_null());
    assert_eq!(plan["summary"], serde_json::json!({ "add": 0, "change": 3, "destroy": 0, "unchanged": 1 }));
}

#[test]
fn the_schema_of_the_published_plan_is_the_committed_one() {
    let committed = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/plan.schema.json")).unwrap();
    assert_eq!(with("").good(&["schema", "plan"]).stdout, committed, "run `cargo xtask codegen`");
}

#[test]
fn an_environment_has_policies_of_its_own() {
    let environments = "environments:
  strict: { policy: [{ name: nothing, deny: plan.environment == 'strict' && plan.summary.add > 0, message: not here }] }
  free: { policy: [] }
";
    let sandbox = with(environments);
    sandbox.bad(&["plan", "-e", "strict"], "policy `nothing` denies this plan: not here");
    assert!(!sandbox.good(&["plan", "-e", "free"]).stderr.contains("ACQ0146"));
}
