use super::*;
use crate::published::{policy_vocabulary, test_vocabulary};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn place() -> Span {
    Span { file: "acquire.yaml".to_owned(), line: 1, column: 1, length: 1 }
}

fn read(text: &str) -> Result<Condition, Vec<Mistake>> {
    Condition::new(text, place(), policy_vocabulary())
}

/// What is wrong with a condition: the part that it is about, the summary, the label.
fn wrong(text: &str) -> Vec<(String, String, String)> {
    let mistakes = read(text).expect_err(text);
    let part = |mistake: &Mistake| text.get(mistake.range.clone()).unwrap().to_owned();
    mistakes.iter().map(|mistake| (part(mistake), mistake.summary.clone(), mistake.label.clone())).collect()
}

fn one(text: &str) -> (String, String, String) {
    let mut wrong = wrong(text);
    assert_eq!(wrong.len(), 1, "{text}: {wrong:?}");
    wrong.remove(0)
}

fn said(part: &str, summary: &str, label: &str) -> (String, String, String) {
    (part.to_owned(), summary.to_owned(), label.to_owned())
}

fn change() -> Json {
    json!({
        "address": "a/marker", "owner": "a", "kind": "marker", "action": "update", "provider": "local",
        "service": null, "moved_from": null, "holds_data": false, "reason": "input changed in the spec",
        "before": { "input": 1, "output": 1 }, "after": { "input": 20_000_000_000_u64, "deep": { "list": [1, 2] } },
        "unknown": ["url"], "sensitive": ["token"],
    })
}

fn plan() -> Json {
    let other = json!({ "address": "b/bucket", "kind": "bucket", "action": "delete", "holds_data": true, "after": {} });
    json!({
        "format": 1, "name": "demo", "environment": null, "changes": [change(), other], "drift": [],
        "summary": { "add": 0, "change": 1, "destroy": 1, "unchanged": 3 },
    })
}

fn decided(text: &str) -> Result<bool, Undecided> {
    let (plan, change) = (plan(), change());
    let condition = read(text).unwrap_or_else(|mistakes| panic!("{text}: {mistakes:?}"));
    condition.holds(&Facts::new([("plan", &plan), ("change", &change)]), 2)
}

#[test]
fn a_condition_is_decided_over_the_published_json() {
    for text in [
        "plan.summary.add + plan.summary.destroy == 1",
        "plan.changes.exists(c, c.action == 'delete' && c.holds_data)",
        "plan.changes.filter(c, c.kind in ['bucket', 'key']).size() == 1",
        "size(plan.changes) == 2 && plan.name.startsWith(\"de\")",
        "change.after.input > 10 && change.before['input'] != change.after.input",
        "change.after.deep.list.map(x, x * 2)[1] == 4",
        "!has(change.after.url) && 'url' in change.unknown",
        "plan.environment == null && plan.environment != \"production\"",
        "change.after.?memory_bytes.orValue(0) == 0",
        "plan.changes.all(c, c.action in ['update', 'delete'])",
        "change.reason.matches('^input .*') ? true : false",
        "plan.changes.exists_one(c, c.kind == 'marker')",
        "type(change.after.input) == int",
        "plan[\"summary\"].unchanged == 3",
    ] {
        assert_eq!(decided(text), Ok(true), "{text}");
    }
    assert_eq!(decided("change.holds_data"), Ok(false));
}

#[test]
fn what_is_not_cel_is_told_at_its_place() {
    assert_eq!(one("plan.summary.add >"), said("", "this is not CEL", "something must follow"));
    assert_eq!(one("plan.summary.add ==== 2"), said("==", "this is not CEL", "this is not expected here"));
    assert_eq!(one("plan.name = 'x'"), said("=", "this is not CEL", "this is not expected here"));
    assert_eq!(one(""), said("", "this is not CEL", "something must follow"));
    assert_eq!(one("'ü' == ö"), said("ö", "this is not CEL", "this is not expected here"));
    assert!(one(&"!".repeat(5000)).1.starts_with("a condition has at most 4096"));
    assert_eq!(one("has(plan)").1, "this is not CEL");
    let (part, _, label) = one("plan.name == ')' && plan.changes.exists(c");
    assert!(part == "(" && label.starts_with("this bracket is not closed"), "{part} {label}");
}

#[test]
fn a_name_that_is_not_there_is_told_with_what_was_meant() {
    let plan = "there is no `plann` here";
    assert_eq!(one("plann.summary.add > 1"), said("plann", plan, "did you mean `plan`?"));
    let field = "`plan.summary` has no field `ad`";
    assert_eq!(one("1 < plan.summary.ad"), said("ad", field, "did you mean `add`?"));
    let field = "`c` has no field `actoin`";
    assert_eq!(one("plan.changes.exists(c, c.actoin == 'x')"), said("actoin", field, "did you mean `action`?"));
    let field = "`change` has no field `servce`";
    assert_eq!(one("has(change.servce)"), said("servce", field, "did you mean `service`?"));
    assert_eq!(one("has( change.servce )").0, "servce");
    let word = "it is never `craete`";
    assert_eq!(one("change.action == 'craete'"), said("'craete'", word, "did you mean `create`?"));
    assert_eq!(one("change.action in ['delete', 'craete']"), said("'craete'", word, "did you mean `create`?"));
    let function = "there is no function `startswith`";
    assert_eq!(one("plan.name.startswith('x')"), said("startswith", function, "did you mean `startsWith`?"));
    let list = "`plan.changes` is a list, and has no field `action`";
    assert_eq!(one("plan.changes.action == 'x'"), said("action", list, "ask `….exists(x, …)` or `….all(x, …)`"));
    assert_eq!(one("plan[\"sumary\"] == null").0, "\"sumary\"");
    assert_eq!(one("Foo{a: 1} == null").1, "there is no type `Foo`");
    assert_eq!(one("plan.changes.exists(c)").1, "`exists` is not called so");
    // Nothing that a loop names is known outside it.
    assert_eq!(one("plan.changes.exists(c, c.holds_data) && c.holds_data").0, "c");
    assert_eq!(wrong("plan.a == plan.b").len(), 2, "everything is said at once");
}

#[test]
fn what_cannot_be_true_or_false_is_told() {
    let number = "`plan.summary.add` is a number, and must be `true` or `false`";
    assert_eq!(one("plan.summary.add"), said("plan.summary.add", number, ""));
    assert_eq!(one("!(plan.summary.add) && true"), said("plan.summary.add", number, ""));
    assert_eq!(one("plan.changes.all(c, c.address)").1, "`c.address` is text, and must be `true` or `false`");
    assert_eq!(
        one("plan.changes.filter(c, true)").1,
        "`plan.changes.filter(c, true)` is a list, and must be `true` or `false`"
    );
    let apart = "`plan.name` is text, and `3` is a number";
    assert_eq!(one("plan.name == 3"), said("plan.name == 3", apart, "these are never alike"));
    assert_eq!(one("plan.summary.add.contains('x')").1, "`plan.summary.add` is a number, and must be text");
    assert_eq!(one("'a' + 1 == 'a1'").1, "text and a number cannot be added");
    assert_eq!(
        one("'x' in plan.name"),
        said("plan.name", "`plan.name` is text, and `in` looks in lists", "text has `….contains(…)`")
    );
    assert_eq!(one("plan.name.all(c, true)").1, "`plan.name` is text, and not a list");
    assert_eq!(
        one("plan.changes.map(c, c.address)[0] == 1").1,
        "`plan.changes.map(c, c.address)[0]` is text, and `1` is a number"
    );
}

#[test]
fn what_is_asked_of_a_value_that_is_not_there_is_undecided() {
    let undecided = |reason: &str, missing: Option<&str>| {
        Err(Undecided { reason: reason.to_owned(), missing: missing.map(str::to_owned) })
    };
    assert_eq!(decided("change.after.memory_bytes > 1"), undecided("there is no `memory_bytes`", Some("memory_bytes")));
    assert_eq!(decided("change.after.input"), undecided("it comes to a number", None));
    assert_eq!(decided("change.after.input > 'x'"), undecided("`>` does not fit a number and text", None));
    assert_eq!(decided("plan.environment.startsWith('p')"), undecided("`startsWith` does not fit null and text", None));
    assert_eq!(decided("1 / plan.summary.add == 1"), undecided("it divides by zero", None));
    assert_eq!(decided("plan.changes[7].holds_data"), undecided("a list is shorter than that", None));
    assert!(
        matches!(decided("plan.name.matches('(')"), Err(Undecided { reason, .. }) if reason.starts_with("`matches` says: "))
    );
    // What is false whatever the other is, is false.
    assert_eq!(decided("change.after.memory_bytes > 1 && change.holds_data"), Ok(false));
}

#[test]
fn loops_inside_loops_over_long_lists_are_refused() {
    let plan = plan();
    let facts = Facts::new([("plan", &plan)]);
    let twice = read("plan.changes.all(a, plan.changes.all(b, a == b))").unwrap();
    assert_eq!(twice.holds(&facts, 1_000), Ok(false));
    let reason = "it would take 400000000 steps, and at most 5000000 are taken".to_owned();
    assert_eq!(twice.holds(&facts, 20_000), Err(Undecided { reason, missing: None }));
    assert_eq!(read("plan.changes.all(a, a.holds_data)").unwrap().holds(&facts, 20_000_000), Ok(false));
}

fn seen(text: &str) -> Vec<(String, Json)> {
    let plan = plan();
    let condition = Condition::new(text, place(), test_vocabulary()).unwrap();
    let facts = Facts::new([("plan", &plan)]);
    assert_eq!(condition.holds(&facts, 2), Ok(false), "{text}");
    condition.seen(&facts)
}

#[test]
fn what_is_false_tells_what_it_saw() {
    let parts = |parts: &[(&str, Json)]| {
        parts.iter().map(|(text, value)| ((*text).to_owned(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(seen("plan.summary.add == 3"), parts(&[("plan.summary.add", json!(0))]));
    assert_eq!(
        seen("plan.summary.unchanged == 3 && plan.name == 'x' && plan.summary.change in [2, 3]"),
        parts(&[("plan.name", json!("demo")), ("plan.summary.change", json!(1))]),
    );
    assert_eq!(seen("plan.name.startsWith('x')"), parts(&[("plan.name", json!("demo"))]));
    assert_eq!(seen("size(plan.changes) > 2"), parts(&[("size(plan.changes)", json!(2))]));
    assert_eq!(seen("plan.changes[1].kind == 'key'"), parts(&[("plan.changes[1].kind", json!("bucket"))]));
    assert_eq!(seen("!(plan.name == 'demo')"), parts(&[("plan.name", json!("demo"))]));
    let all = seen("plan.changes.all(c, c.kind == 'marker')");
    assert_eq!(all[0], ("plan.changes, where it is not true".to_owned(), json!([plan()["changes"][1]])));
    assert_eq!(all[1], ("c.kind".to_owned(), json!("bucket")));
    let none = seen("plan.changes.exists(c, c.kind == 'key')");
    assert_eq!(none, parts(&[("plan.changes", plan()["changes"].clone())]));
    let filtered = seen("plan.changes.filter(c, c.kind == 'key').size() == 1");
    assert_eq!(filtered, parts(&[("plan.changes.filter(c, c.kind == 'key').size()", json!(0))]));
}

#[test]
fn a_condition_says_what_it_names() {
    let condition = read("plan.changes.exists(c, c.address == change.address)").unwrap();
    assert!(condition.names("plan") && condition.names("change") && !condition.names("outputs"));
}

proptest! {
    #[test]
    fn no_text_breaks_the_reader(text in "[a-c.()\\[\\]{}'\"ü?:&|! =<>+*,0-9\n\\\\-]{0,24}") {
        if let Err(mistakes) = read(&text) {
            for mistake in mistakes {
                prop_assert!(text.get(mistake.range.clone()).is_some(), "{text:?}: {mistake:?}");
            }
        }
    }

    #[test]
    fn no_expression_of_known_names_breaks_the_checker(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "plan", "change", ".summary", ".add", ".changes", ".name", "[0]", "['x']", ".all(c, ", ".map(x, ", ")",
                " && ", " == ", " + ", "!", "(", "true", "1", "'t'", " in ", "[", "]", "size(", "has(", ".?x", " ? ", " : ",
                "c", ".kind",
            ]),
            0..14,
        )
    ) {
        let text = parts.concat();
        let (plan, change) = (plan(), change());
        match read(&text) {
            Ok(condition) => {
                let facts = Facts::new([("plan", &plan), ("change", &change)]);
                let _ = condition.holds(&facts, 2);
                let _ = condition.seen(&facts);
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    prop_assert!(text.get(mistake.range.clone()).is_some(), "{text:?}: {mistake:?}");
                }
            }
        }
    }
}
