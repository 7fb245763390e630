use super::*;
use crate::apply::tests::fixture::{Bench, address, literal, marker, plain, reference, spec};
use crate::condition::Condition;
use crate::published::policy_vocabulary;
use acquire_model::{Severity, Span};
use serde_json::json;
use std::collections::BTreeSet;

fn condition(text: &str, line: u32) -> Condition {
    let place = Span { file: "acquire.yaml".to_owned(), line, column: 11, length: 4 };
    Condition::new(text, place, policy_vocabulary()).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

fn policy(name: &str, effect: Effect, when: Option<&str>, text: &str) -> Policy {
    Policy {
        rule: Rule::Policy(name.to_owned()),
        when: when.map(|when| condition(when, 1)),
        condition: condition(text, 2),
        effect,
        message: "mind this".to_owned(),
    }
}

fn deny(text: &str) -> Policy {
    policy("p", Effect::Deny, None, text)
}

/// A bench with two markers on it, the second of which takes an output of the first; the published plan of both.
fn two_markers() -> (Bench, Plan) {
    let bench = Bench::new();
    let spec = spec(&[
        ("a", marker(&[("input", literal("one"))], &[])),
        ("b", marker(&[("input", reference("a/marker.id"))], &[])),
    ]);
    let plan = publish(&spec, &bench.plan(&spec));
    (bench, plan)
}

fn said(diagnostic: &Diagnostic) -> String {
    let label = diagnostic.label.as_deref().unwrap_or_default();
    format!("{} ^ {label} ! {}", diagnostic.summary, diagnostic.hint.as_deref().unwrap_or_default())
}

#[test]
fn a_plan_that_is_denied_says_by_what_and_for_which_changes() {
    let (_, plan) = two_markers();
    let judgement = judge(&[deny("change.kind == 'marker'"), deny("plan.summary.add > 5")], &plan);
    let [denied] = judgement.denied.as_slice() else { panic!("{judgement:?}") };
    assert_eq!((denied.code, denied.severity), (codes::DENIED, Severity::Error));
    let expected = "policy `p` denies this plan: mind this ^ this is true for 2 changes ! nothing was changed; change the spec, or the rule";
    assert_eq!(said(denied), expected);
    assert_eq!(denied.span.as_ref().unwrap().line, 2);
    assert_eq!(denied.detail.as_deref(), Some("a/marker  create: not there yet\nb/marker  create: not there yet"));
    assert!(judgement.warned.is_empty());
}

#[test]
fn a_rule_of_the_whole_plan_is_asked_once() {
    let (_, plan) = two_markers();
    let judgement = judge(&[deny("plan.summary.add == 2")], &plan);
    assert_eq!(judgement.denied.len(), 1);
    assert_eq!(judgement.denied[0].label.as_deref(), Some("this is true"));
    assert_eq!(judgement.denied[0].detail, None);
}

#[test]
fn a_warning_lets_the_plan_go_on() {
    let (_, plan) = two_markers();
    let judgement = judge(&[policy("many", Effect::Warn, None, "plan.summary.add > 1")], &plan);
    assert!(judgement.denied.is_empty());
    assert_eq!(judgement.warned[0].code, codes::WARNED);
    assert_eq!(judgement.warned[0].severity, Severity::Warning);
    assert_eq!(judgement.warned[0].summary, "policy `many` warns: mind this");
}

#[test]
fn when_says_of_which_changes_a_rule_speaks() {
    let (_, plan) = two_markers();
    let rule = |when| policy("p", Effect::Deny, Some(when), "change.action == 'create'");
    let denied = judge(&[rule("change.address == 'b/marker'")], &plan).denied;
    assert_eq!(denied[0].label.as_deref(), Some("this is true for `b/marker`"));
    assert!(judge(&[rule("change.kind == 'bucket'")], &plan).denied.is_empty());
    // What is not known of a change of which the rule does not speak is not asked.
    let rule = policy("p", Effect::Deny, Some("has(change.after.input)"), "change.after.input == 'two'");
    assert_eq!(judge(&[rule], &plan), Judgement::default());
}

#[test]
fn what_is_known_only_after_apply_is_named_but_not_there() {
    let (_, plan) = two_markers();
    let [a, b] = plan.changes.as_slice() else { panic!("{plan:?}") };
    assert_eq!((&a.after["input"], a.unknown.len()), (&json!("one"), 0));
    assert_eq!((b.after.len(), b.unknown.as_slice()), (0, ["input".to_owned()].as_slice()));
    let judgement = judge(&[deny("change.after.input == 'two'")], &plan);
    let [denied] = judgement.denied.as_slice() else { panic!("{judgement:?}") };
    assert_eq!(denied.code, codes::UNDECIDED);
    let expected = "policy `p` cannot be decided for `b/marker`: there is no `input` ^ this is neither true nor false ! \
                    `input` is known only after apply; ask `has(change.after.input) && …` or `\"input\" in change.unknown`";
    assert_eq!(said(denied), expected);
    let judgement = judge(&[policy("p", Effect::Warn, None, "change.after.input == 'two'")], &plan);
    assert!(judgement.denied.is_empty() && judgement.warned[0].severity == Severity::Warning, "{judgement:?}");
}

#[test]
fn a_precondition_is_asked_of_its_owner_before_that_is_made_or_changed() {
    let (mut bench, plan) = two_markers();
    let rule = Policy {
        rule: Rule::Precondition("a".parse().unwrap()),
        effect: Effect::Require,
        ..deny("change.after.input == 'two'")
    };
    let denied = judge(std::slice::from_ref(&rule), &plan).denied;
    assert_eq!(denied[0].summary, "a precondition of `a` is not met: mind this");
    assert_eq!(denied[0].label.as_deref(), Some("this is false for `a/marker`"));
    let only_b = Policy { rule: Rule::Precondition("b".parse().unwrap()), ..rule.clone() };
    assert_eq!(judge(&[only_b], &plan).denied[0].code, codes::UNDECIDED);
    let whole = Policy { condition: condition("plan.summary.add == 2", 2), ..rule.clone() };
    assert!(judge(&[whole], &plan).denied.is_empty());
    // When it goes, nothing is asked any more.
    bench.converge(&spec(&[("a", marker(&[("input", literal("one"))], &[]))]));
    let nothing = spec(&[]);
    assert!(judge(&[rule], &publish(&nothing, &bench.plan(&nothing))).denied.is_empty());
}

#[test]
fn a_published_change_has_what_was_and_what_will_be() {
    let mut bench = Bench::new();
    let marked = |input: &str, fixed: &str| {
        let inputs = [("input", literal(input)), ("fixed", literal(fixed)), ("same", literal(7))];
        spec(&[("a", marker(&inputs, &[])), ("c", plain("bucket", &[], &[]))])
    };
    bench.converge(&marked("one", "x"));
    let wanted = marked("two", "x");
    let plan = publish(&wanted, &bench.plan(&wanted));
    let [update] = plan.changes.as_slice() else { panic!("{plan:?}") };
    assert_eq!((update.action, update.owner.as_str(), update.service), (Action::Update, "a", None));
    assert_eq!((&update.before["input"], &update.after["input"]), (&json!("one"), &json!("two")));
    assert_eq!((&update.before["output"], &update.after["same"]), (&json!("one"), &json!(7)));
    assert_eq!(plan.summary, crate::published::Summary { add: 0, change: 1, destroy: 0, unchanged: 1 });
    let wanted = marked("one", "y");
    let plan = publish(&wanted, &bench.plan(&wanted));
    let [replace] = plan.changes.as_slice() else { panic!("{plan:?}") };
    assert_eq!(
        (replace.action, &replace.after["fixed"], &replace.after["input"]),
        (Action::Replace, &json!("y"), &json!("one"))
    );
    let nothing = spec(&[]);
    let plan = publish(&nothing, &bench.plan(&nothing));
    let gone: Vec<(String, Action, bool, bool)> = plan
        .changes
        .iter()
        .map(|it| (it.address.to_string(), it.action, it.holds_data, it.after.is_empty() && it.unknown.is_empty()))
        .collect();
    let expected = [("a/marker", Action::Delete, false, true), ("c/bucket", Action::Delete, true, true)];
    let mut sorted = gone.clone();
    sorted.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(sorted, expected.map(|(address, action, data, empty)| (address.to_owned(), action, data, empty)));
}

#[test]
fn drift_is_published_by_name() {
    let mut bench = Bench::new();
    let spec = spec(&[("a", marker(&[("input", literal("one"))], &[]))]);
    bench.converge(&spec);
    bench.world.tamper(&address("a/marker"), "input", json!("else"));
    let plan = publish(&spec, &bench.plan(&spec));
    assert_eq!((plan.drift.len(), plan.drift[0].attributes.as_slice()), (1, ["input".to_owned()].as_slice()));
}

#[test]
fn no_condition_sees_what_is_sensitive() {
    const CANARY: &str = "canary-5eed";
    let mut bench = Bench::new();
    bench.expand.sensitive = BTreeSet::from(["resources.a.input".to_owned()]);
    let with = |input: &str, other: &str| {
        let inputs = [("input", literal(input)), ("other", literal(other))];
        spec(&[("a", marker(&inputs, &[]))])
    };
    let mut texts = Vec::new();
    let mut look = |bench: &Bench, spec: &acquire_model::spec::Spec| {
        let plan = publish(spec, &bench.plan(spec));
        for rule in ["change.after.input == 'x'", "change.before.input == 'x'", "change.before.output == 'x'"] {
            texts.push(format!("{:?}", judge(&[deny(rule)], &plan)));
        }
        texts.push(json(&plan).to_string());
        plan
    };
    let plan = look(&bench, &with(CANARY, "1"));
    assert_eq!(
        (plan.changes[0].sensitive.as_slice(), plan.changes[0].after.len()),
        (["input".to_owned()].as_slice(), 1)
    );
    let hint = judge(&[deny("change.after.input == 'x'")], &plan).denied[0].hint.clone().unwrap();
    assert_eq!(hint, "`input` is sensitive and no condition sees it; ask `\"input\" in change.sensitive`");
    bench.converge(&with(CANARY, "1"));
    let plan = look(&bench, &with("another-5eed", "1"));
    assert!(plan.changes[0].sensitive.contains(&"input".to_owned()), "{plan:?}");
    let plan = look(&bench, &with(CANARY, "2"));
    assert_eq!(plan.changes[0].after["other"], json!("2"));
    look(&bench, &spec(&[]));
    // It was not sensitive when it was made, and is now.
    let mut bench = Bench::new();
    bench.converge(&with(CANARY, "1"));
    bench.expand.sensitive = BTreeSet::from(["resources.a.input".to_owned()]);
    look(&bench, &with(CANARY, "2"));
    let told: Vec<&String> =
        texts.iter().filter(|text| text.contains("5eed") || text.contains("hmac-sha256")).collect();
    assert!(told.is_empty(), "{told:#?}");
}
