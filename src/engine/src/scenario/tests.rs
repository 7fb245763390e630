use super::*;
use crate::condition::CONDITION_BYTES_MAX;
use crate::spec::{Options, Source};
use acquire_model::spec::{ProviderDeclaration, Setting, SettingType};
use acquire_model::{Diagnostic, Environment};
use std::fmt::Write as _;

const SPEC: &str = "
version: 1
name: demo
services: {}
variables:
  input: { default: one }
  secret: { default: canary-5eed, sensitive: true }
  keep: { type: boolean, default: true }
policy:
  - name: no-loss
    deny: change.action == 'delete' && change.kind == 'bucket'
    message: data stays
resources:
  a: { kind: marker, input: '${var.input}' }
  b: { kind: marker, input: '${resources.a.output}' }
  s: { kind: marker, input: '${var.secret}' }
environments:
  big: { resources: { c: { kind: bucket, name: c } } }
";

fn source(file: &str, text: &str) -> Source {
    Source { file: file.to_owned(), text: text.to_owned() }
}

fn options() -> Options {
    let setting =
        |name, holds| Setting { name, holds, words: &[], required: false, sensitive: false, description: "A setting." };
    let kind = |name: &str, settings: Vec<Setting>| (name.parse().unwrap(), settings);
    let kinds = [
        kind("marker", vec![Setting { sensitive: true, ..setting("input", SettingType::Any) }]),
        kind("bucket", vec![setting("name", SettingType::Text)]),
    ];
    let name: acquire_model::ProviderName = "local".parse().unwrap();
    let declaration = ProviderDeclaration { name: name.clone(), settings: Vec::new(), kinds: kinds.into() };
    Options { declarations: vec![declaration], default_provider: Some(name), ..Options::default() }
}

fn said(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        let span = diagnostic.span.as_ref();
        span.iter()
            .for_each(|span| write!(text, "{}:{}:{}+{} ", span.file, span.line, span.column, span.length).unwrap());
        write!(text, "{diagnostic}").unwrap();
        diagnostic.label.iter().for_each(|label| write!(text, " ^ {label}").unwrap());
        diagnostic.detail.iter().for_each(|detail| write!(text, " | {}", detail.replace('\n', " | ")).unwrap());
        text.push('\n');
    }
    text
}

/// Does all runs of a test file of [`SPEC`], and returns what is said of each.
fn done(test: &str) -> Vec<String> {
    let file = decode(&source("a.test.yaml", test)).unwrap_or_else(|wrong| panic!("{}", said(&wrong)));
    let (spec, environment) = (source("acquire.yaml", SPEC), Environment::default());
    let mut stage = Stage::new(&spec, options(), &environment);
    file.runs.iter().map(|run| said(&stage.run(run))).collect()
}

fn wrong(test: &str) -> String {
    said(&decode(&source("a.test.yaml", test)).expect_err("it is wrong"))
}

#[test]
fn a_plan_and_an_apply_are_asserted_on() {
    let said = done(
        "
runs:
  - name: it is small
    assert:
      - plan.summary.add == 3
      - plan.changes.exists(c, c.address == 'a/marker' && c.after.input == 'one')
  - name: what is made is called
    command: apply
    set: { input: two }
    assert:
      - resources['a/marker'].attributes.output == 'two' && outputs.resources.b.attributes.output == 'two'
      - size(outputs.services) == 0
  - name: what was made is there
    command: apply
    set: { input: three }
    assert: [plan.summary.change == 2, plan.summary.add == 0]
  - name: and for a plan too
    command: plan
    set: { input: three }
    assert: [size(plan.changes) == 0, plan.summary.unchanged == 3]
  - name: but not in another environment
    environment: big
    assert: [plan.summary.add == 4, plan.environment == 'big']
",
    );
    assert!(said.iter().all(String::is_empty), "{said:#?}");
}

#[test]
fn a_false_assertion_says_where_it_stands_and_what_it_saw() {
    let said = done("runs:\n  - name: x\n    assert:\n      - plan.summary.add == 3\n      - plan.summary.add == 4\n");
    assert_eq!(
        said,
        ["a.test.yaml:5:9+21 error[ACQ0150]: an assertion is not true ^ this is false | plan.summary.add = 3\n"]
    );
    let said = done(
        "
runs:
  - name: x
    assert:
      - >-
        plan.changes.all(c,
          c.owner == 'a')
",
    );
    let expected = "a.test.yaml:6:9+19 error[ACQ0150]: an assertion is not true ^ this is false \
                    | plan.changes, where it is not true = [\"b/marker\",\"s/marker\"] | c.owner = \"b\"\n";
    assert_eq!(said, [expected]);
}

#[test]
fn an_assertion_on_what_is_not_there_fails() {
    let said = done("runs:\n  - name: x\n    assert: [\"plan.changes[1].after.input == 'one'\"]\n");
    let expected = "a.test.yaml:3:15+36 error[ACQ0150]: an assertion is not true ^ there is no `input`\n";
    assert_eq!(said, [expected]);
}

#[test]
fn an_expected_error_is_a_success_and_its_absence_is_none() {
    let said = done(
        "
runs:
  - { name: denied after all was made, command: apply, environment: big }
  - { name: a spec that is wrong, expect_error: ACQ0033, set: { keep: 7 } }
  - { name: nothing wrong, expect_error: ACQ0033 }
  - { name: something else, expect_error: ACQ0145, set: { kept: 7 } }
",
    );
    assert_eq!(said[..2], ["", ""]);
    assert_eq!(
        said[2],
        "a.test.yaml:5:42+7 error[ACQ0151]: `nothing wrong` did not come to ACQ0033 alone ^ it did not fail\n"
    );
    let lines: Vec<&str> = said[3].lines().collect();
    assert!(
        lines[0].contains("ACQ0151")
            && lines[1].starts_with("a.test.yaml:6:65+1 error[ACQ0031]: the test gives variable `kept`"),
        "{lines:#?}"
    );
}

#[test]
fn a_policy_denies_what_a_test_applies() {
    let spec = source("acquire.yaml", &SPEC.replace("change.action == 'delete'", "change.action == 'create'"));
    let environment = Environment::default();
    let file = decode(&source(
        "a.test.yaml",
        "runs: [{ name: x, environment: big, command: apply, expect_error: ACQ0145 }, { name: y, environment: big, command: apply }]",
    ));
    let mut stage = Stage::new(&spec, options(), &environment);
    let said: Vec<String> = file.unwrap().runs.iter().map(|run| said(&stage.run(run))).collect();
    assert_eq!(said[0], "");
    assert!(
        said[1].starts_with("acquire.yaml:11:11+52 error[ACQ0145]: policy `no-loss` denies this plan: data stays"),
        "{said:?}"
    );
}

#[test]
fn nothing_that_is_sensitive_is_told() {
    let said = done(
        "
runs:
  - name: x
    command: apply
    assert:
      - size(resources['s/marker'].attributes) > 50
      - resources['s/marker'].attributes.input == 'y'
      - plan.changes.filter(c, c.owner == 's') == []
      - resources.all(r, false)
      - outputs == null
",
    );
    assert!(said[0].lines().count() == 5 && !said[0].contains("5eed") && !said[0].contains("hmac"), "{said:#?}");
}

#[test]
fn everything_that_is_wrong_with_a_test_file_is_told_at_once() {
    let test = "
spec: [x]
run: []
runs:
  - nam: x
    command: aply
    expect_error: E1
    set: { Input: 1 }
    assert: [plan.sumary.add == 1, 'plan.summary.add']
  - name: '${var.x}'
    assert: plan.summary.add == 1
";
    assert_eq!(
        wrong(test),
        "a.test.yaml:2:7+1 error[ACQ0013]: `spec` must be text, not a list
a.test.yaml:3:1+3 error[ACQ0012]: unknown field `run` in the test file ^ did you mean `runs`?
a.test.yaml:5:5+3 error[ACQ0012]: unknown field `nam` in a run ^ did you mean `name`?
a.test.yaml:5:5+1 error[ACQ0011]: a run lacks `name` ^ add `name: …`
a.test.yaml:6:14+4 error[ACQ0014]: `runs.0.command` cannot be `aply` ^ did you mean `apply`?
a.test.yaml:7:19+2 error[ACQ0014]: `E1` is not an error code ^ `ACQ` and four digits
a.test.yaml:8:12+5 error[ACQ0018]: `Input` is not the name of a variable ^ did you mean `input`?
a.test.yaml:9:19+6 error[ACQ0141]: `plan` has no field `sumary` ^ did you mean `summary`?
a.test.yaml:9:37+16 error[ACQ0142]: `plan.summary.add` is a number, and must be `true` or `false`
a.test.yaml:10:11+10 error[ACQ0037]: `runs.1.name` cannot have interpolations ^ write its value out
a.test.yaml:11:13+21 error[ACQ0013]: `runs.1.assert` must be a list, not the text `plan.summary.add == 1` ^ put it in brackets: `[…]`
"
    );
}

#[test]
fn runs_that_contradict_themselves_are_refused() {
    assert_eq!(wrong("runs: []"), "a.test.yaml:1:1+1 error[ACQ0011]: the test file has no runs ^ add one\n");
    assert_eq!(wrong("spec: x"), "a.test.yaml:1:1+1 error[ACQ0011]: the test file lacks `runs` ^ add `runs: …`\n");
    let test = "
runs:
  - { name: x, assert: [size(outputs.services) == 0] }
  - { name: x, expect_error: ACQ0001, assert: ['true'] }
";
    assert_eq!(
        wrong(test),
        "a.test.yaml:3:25+27 error[ACQ0152]: `x` only plans, and there is no `outputs` of a plan ^ give the run `command: apply`
a.test.yaml:4:13+1 error[ACQ0010]: two runs are called `x` ^ first given at a.test.yaml:3:13
a.test.yaml:4:30+7 error[ACQ0038]: `x` has both `expect_error` and `assert` ^ after an error there is nothing to assert
"
    );
    let long = format!("runs:\n  - name: x\n    assert: ['{}']\n", "1".repeat(CONDITION_BYTES_MAX + 1));
    assert!(wrong(&long).contains("ACQ0140]: a condition has at most"));
}
