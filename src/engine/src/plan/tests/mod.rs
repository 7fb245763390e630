//! What a plan says.

use super::*;
use crate::apply::tests::fixture::{Bench, address, literal, marker, plain, reference, services, spec};
use acquire_model::spec::Spec;
use proptest::prelude::*;
use proptest::sample::Index;

mod lifecycle;
mod moves;
mod refresh;
mod rollback;
mod scope;

/// A plan as text: one line for each step that people are shown, one for each change.
fn text(plan: &Plan) -> String {
    let shown = |value: &Shown| match value {
        Shown::Absent => "∅".to_owned(),
        Shown::Known(value) => value.to_string(),
        Shown::AfterApply => "known after apply".to_owned(),
        Shown::Sensitive => "sensitive".to_owned(),
    };
    let change = |change: &AttributeChange| {
        format!("\n    {}: {} → {}", change.name, shown(&change.before), shown(&change.after))
    };
    let changes = |changes: &[AttributeChange]| changes.iter().map(change).collect::<String>();
    let line = |origin: &Option<Span>| origin.as_ref().map_or(String::new(), |span| format!(" (line {})", span.line));
    let drift = plan.drift.iter().map(|drift| {
        let what = if drift.gone { "gone" } else { "changed" };
        format!("drift {} {what}{}{}", drift.address, line(&drift.origin), changes(&drift.changes))
    });
    let steps = plan.shown().map(|step| {
        let head = format!("{} {}: {}", step.action.sign(), step.address, step.reason);
        format!("{head}{}{}", line(&step.origin), changes(&step.changes))
    });
    let kept = plan.kept.iter().map(|kept| format!("kept {kept}"));
    drift.chain(steps).chain(kept).collect::<Vec<_>>().join("\n")
}

/// The steps in order, as `call address`.
fn order(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{:?} {}", step.call, step.address).to_lowercase()).collect()
}

fn pair(input: i32, fixed: i32) -> Spec {
    spec(&[
        ("a", marker(&[("input", literal(input)), ("fixed", literal(fixed))], &[])),
        ("b", marker(&[("input", reference("a/marker.id"))], &[])),
    ])
}

#[test]
fn what_is_not_there_is_made() {
    let plan = Bench::new().plan(&pair(1, 1));
    assert_eq!(
        text(&plan),
        "\
+ a/marker: not there yet (line 1)
    fixed: ∅ → 1
    input: ∅ → 1
+ b/marker: not there yet (line 2)
    input: ∅ → known after apply"
    );
    assert_eq!(plan.summary(), Summary { add: 2, change: 0, destroy: 0 });
}

#[test]
fn a_change_names_the_attribute_and_its_line() {
    let mut bench = Bench::new();
    bench.converge(&pair(1, 1));
    let mut changed = pair(2, 1);
    changed.origins.insert("resources.a.input".to_owned(), crate::apply::tests::fixture::span(7));
    let plan = bench.plan(&changed);
    assert_eq!(text(&plan), "~ a/marker: input changed in the spec (line 7)\n    input: 1 → 2");
    assert_eq!(plan.summary(), Summary { add: 0, change: 1, destroy: 0 });
    assert_eq!(plan.unchanged, 1);
}

#[test]
fn a_replacement_says_why_and_reaches_what_depends_on_it() {
    let mut bench = Bench::new();
    bench.converge(&pair(1, 1));
    let plan = bench.plan(&pair(1, 2));
    assert_eq!(
        text(&plan),
        format!(
            "\
-/+ a/marker: fixed changed in the spec; it cannot change in place (line 1)
    fixed: 1 → 2
~ b/marker: depends on a/marker which is replaced (line 2)
    input: {} → known after apply",
            bench.world.things()[&address("a/marker")]["id"]
        )
    );
    assert_eq!(order(&plan), ["delete a/marker", "create a/marker", "update b/marker"]);
    assert_eq!(plan.summary(), Summary { add: 1, change: 1, destroy: 1 });
    assert_ne!(plan.steps[0].token, plan.steps[1].token);
    bench.converge(&pair(1, 2));
}

#[test]
fn dependants_that_are_replaced_too_go_first_and_come_last() {
    let mut bench = Bench::new();
    let chain = |fixed: i32| {
        spec(&[
            ("a", marker(&[("fixed", literal(fixed))], &[])),
            ("b", marker(&[("fixed", reference("a/marker.id"))], &[])),
            ("c", marker(&[("fixed", reference("b/marker.id"))], &[])),
        ])
    };
    bench.converge(&chain(1));
    let expected = [
        "delete c/marker",
        "delete b/marker",
        "delete a/marker",
        "create a/marker",
        "create b/marker",
        "create c/marker",
    ];
    assert_eq!(order(&bench.plan(&chain(2))), expected);
    bench.converge(&chain(2));
}

#[test]
fn a_replacement_deletes_only_when_all_is_there_that_the_new_thing_needs() {
    let mut bench = Bench::new();
    bench.converge(&spec(&[("b", marker(&[("fixed", literal(1))], &[]))]));
    let next = spec(&[("b", marker(&[("fixed", reference("a/marker.id"))], &[])), ("a", marker(&[], &[]))]);
    assert_eq!(order(&bench.plan(&next)), ["create a/marker", "delete b/marker", "create b/marker"]);
    bench.faults.add("a/marker:create=fail".parse().unwrap());
    let outcome = bench.apply(&next);
    assert_eq!((outcome.failed.len(), outcome.skipped), (1, vec![address("b/marker")]));
    assert!(bench.world.things().contains_key(&address("b/marker")), "the old one stays");
    bench.converge(&next);
}

#[test]
fn a_removal_waits_until_nothing_uses_it() {
    let mut bench = Bench::new();
    bench.converge(&pair(1, 1));
    let alone = spec(&[("b", marker(&[("input", literal(9))], &[]))]);
    let plan = bench.plan(&alone);
    assert_eq!(order(&plan), ["update b/marker", "delete a/marker"]);
    assert!(text(&plan).contains("- a/marker: no longer in the spec"));
    bench.converge(&alone);
}

#[test]
fn needs_alone_are_written_down_without_a_call() {
    let mut bench = Bench::new();
    let with = |needs: &[&str]| spec(&[("a", marker(&[], &[])), ("b", marker(&[], needs))]);
    bench.converge(&with(&[]));
    let plan = bench.plan(&with(&["a"]));
    assert_eq!(text(&plan), "<= b/marker: what it needs changed in the spec (line 2)");
    assert_eq!(plan.summary(), Summary::default());
    let effects = bench.world.effects().len();
    bench.converge(&with(&["a"]));
    assert_eq!(bench.world.effects().len(), effects);
    let plan = destroy(bench.state(), Data::Keep, &Scope::default(), "").unwrap();
    assert_eq!(order(&plan), ["delete b/marker", "delete a/marker"]);
    assert_eq!(plan.steps[0].reason, "destroy was asked for");
}

#[test]
fn a_service_has_its_settings_under_the_names_of_the_spec() {
    let mut bench = Bench::new();
    let with = |memory: u64, reuse: &str| {
        let mut spec = services(&[ServiceType::Registry]);
        let registry = spec.services.get_mut(&ServiceType::Registry).unwrap();
        registry.memory_bytes = memory;
        registry.settings =
            BTreeMap::from([("otp_reuse".to_owned(), literal(reuse)), ("other".to_owned(), literal(1))]);
        spec
    };
    bench.converge(&with(1 << 29, "reject"));
    let plan = bench.plan(&with(1 << 30, "allow"));
    assert_eq!(plan.steps[0].reason, "memory and otp_reuse changed in the spec");
}

#[test]
fn a_function_that_runs_nothing_is_started_because_it_is_not_running() {
    let mut bench = Bench::new();
    bench.converge(&services(&[ServiceType::Registry]));
    bench.world.tamper(&address("registry/function"), "binary", Value::Null);
    assert_eq!(bench.plan(&services(&[ServiceType::Registry])).steps[0].reason, "it is not running");
}

#[test]
fn drift_stands_apart_from_the_way_back() {
    let mut bench = Bench::new();
    bench.converge(&pair(1, 1));
    bench.world.tamper(&address("a/marker"), "input", 5.into());
    bench.world.lose(&address("b/marker"));
    let plan = bench.plan(&pair(1, 1));
    assert!(text(&plan).starts_with(
        "\
drift a/marker changed (line 1)
    input: 1 → 5
drift b/marker gone (line 2)
~ a/marker: somebody changed it outside (line 1)
    input: 5 → 1
+ b/marker: somebody deleted it outside (line 2)"
    ));
    bench.converge(&pair(1, 1));
}

#[test]
fn what_was_changed_outside_to_what_the_spec_says_now_is_written_down() {
    let mut bench = Bench::new();
    bench.converge(&pair(1, 1));
    bench.world.tamper(&address("a/marker"), "input", 2.into());
    bench.world.tamper(&address("a/marker"), "output", 2.into());
    let plan = bench.plan(&pair(2, 1));
    assert!(text(&plan).ends_with("<= a/marker: what changed outside is written down (line 1)"));
    bench.converge(&pair(2, 1));
}

#[test]
fn a_dependant_of_what_changed_outside_follows_it() {
    let mut bench = Bench::new();
    bench.converge(&pair(1, 1));
    bench.world.tamper(&address("a/marker"), "id", "moved".into());
    let plan = bench.plan(&pair(1, 1));
    assert!(text(&plan).contains("~ b/marker: depends on a/marker which was changed outside"), "{}", text(&plan));
    bench.converge(&pair(1, 1));
}

#[test]
fn a_dependant_that_was_left_behind_follows_what_it_refers_to() {
    let mut bench = Bench::new();
    bench
        .converge(&spec(&[("a", marker(&[("input", literal(2))], &[])), ("b", marker(&[("input", literal(1))], &[]))]));
    let next = spec(&[
        ("a", marker(&[("input", literal(2))], &[])),
        ("b", marker(&[("input", reference("a/marker.output"))], &[])),
    ]);
    let plan = bench.plan(&next);
    assert_eq!(text(&plan), "~ b/marker: input follows a/marker.output (line 2)\n    input: 1 → 2");
}

#[test]
fn a_new_binary_updates_every_function_and_nothing_else() {
    let mut bench = Bench::new();
    let all = services(&[ServiceType::Registry, ServiceType::Identity]);
    bench.converge(&all);
    bench.expand.binary_sha256 = "c0".repeat(32);
    let plan = bench.plan(&all);
    let lines: Vec<String> = text(&plan).lines().filter(|line| !line.starts_with(' ')).map(str::to_owned).collect();
    assert_eq!(lines, ["~ registry/function: binary changed (line 1)", "~ identity/function: binary changed (line 2)"]);
}

#[test]
fn a_move_to_another_provider_is_a_replacement() {
    let mut bench = Bench::new();
    let at = |provider: &str| {
        let mut resource = marker(&[], &[]);
        resource.provider = provider.parse().unwrap();
        spec(&[("a", resource)])
    };
    bench.converge(&at("one"));
    let plan = bench.plan(&at("two"));
    assert_eq!(
        text(&plan),
        "-/+ a/marker: provider changed in the spec; it cannot change in place (line 1)\n    provider: \"one\" → \"two\""
    );
    assert_eq!((plan.steps[0].provider.as_str(), plan.steps[1].provider.as_str()), ("one", "two"));
    bench.converge(&at("two"));
}

#[test]
fn data_stays_when_it_leaves_the_spec_and_is_never_replaced_unasked() {
    let mut bench = Bench::new();
    let with =
        |name: &str| spec(&[("m", marker(&[], &[])), ("b", plain("bucket", &[("name", literal(name))], &["m"]))]);
    bench.converge(&with("x"));
    bench.options.data = Data::Keep;
    let plan = bench.plan(&spec(&[]));
    assert_eq!(text(&plan), "kept b/bucket\nkept m/marker", "what kept data needs is kept too");
    assert!(plan.is_empty());
    let [refused] = &bench.try_plan(&with("y")).unwrap_err()[..] else { panic!() };
    assert_eq!((refused.code, refused.span.as_ref().map(|span| span.line)), (codes::DATA_WOULD_GO, Some(2)));
    bench.options.data = Data::Delete;
    assert_eq!(order(&bench.plan(&spec(&[]))), ["delete b/bucket", "delete m/marker"]);
    bench.converge(&with("y"));
}

#[test]
fn sensitive_values_are_never_shown() {
    let mut bench = Bench::new();
    bench.expand.sensitive.insert("resources.a.input".to_owned());
    let with = |input: &str| spec(&[("a", marker(&[("input", literal(input))], &[]))]);
    assert!(text(&bench.plan(&with("canary"))).contains("input: ∅ → sensitive"));
    bench.converge(&with("canary"));
    assert!(text(&bench.plan(&with("canary 2"))).ends_with("input: sensitive → sensitive"));
    bench.world.tamper(&address("a/marker"), "input", "canary 3".into());
    assert!(!text(&bench.plan(&with("canary"))).contains("canary"));
}

#[test]
fn a_provider_or_kind_that_is_not_built_in_is_refused() {
    let bench = Bench::new();
    let mut elsewhere = marker(&[], &[]);
    elsewhere.provider = "aws".parse().unwrap();
    let wanted = spec(&[("a", elsewhere), ("b", plain("volcano", &[], &[]))]);
    let codes: Vec<_> = bench.try_plan(&wanted).unwrap_err().into_iter().map(|of| of.code).collect();
    assert_eq!(codes, [codes::NO_PROVIDER, codes::NO_KIND]);
}

#[test]
fn needs_that_were_recorded_as_a_circle_do_not_stop_a_destroy() {
    let mut bench = Bench::new();
    bench.converge(&spec(&[("a", marker(&[], &[])), ("b", marker(&[], &["a"]))]));
    let mut state = bench.state().clone();
    state.resources.get_mut(&address("a/marker")).unwrap().needs.insert(address("b/marker"));
    assert_eq!(destroy(&state, Data::Delete, &Scope::default(), "").unwrap().steps.len(), 2);
}

#[test]
fn closing_counts_leave_out_what_is_only_written_down() {
    let plan = Bench::new().plan(&spec(&[]));
    assert!(plan.is_empty());
    assert_eq!(plan.summary(), Summary::default());
    assert_eq!(plan.format, FORMAT);
}

proptest! {
    #[test]
    fn a_plan_does_not_depend_on_the_order_of_the_input(links in proptest::collection::vec(any::<Index>(), 1..12), turn: usize) {
        let names: Vec<String> = (0..links.len()).map(|n| format!("m{n}")).collect();
        let resource = |n: usize| {
            let need = if n == 0 { Vec::new() } else { vec![names[links[n].index(n)].as_str()] };
            (names[n].as_str(), marker(&[("input", literal(n))], &need))
        };
        let forward: Vec<_> = (0..names.len()).map(resource).collect();
        let mut turned = forward.clone();
        turned.rotate_left(turn % names.len());
        turned.reverse();
        let bench = Bench::new();
        let origins = spec(&forward).origins;
        let turned = Spec { origins, ..spec(&turned) };
        prop_assert_eq!(bench.plan(&spec(&forward)), bench.plan(&turned));
    }
}
