//! How the providers are asked.

use crate::apply::tests::fixture::{Bench, address, literal, plain, spec};
use acquire_model::spec::Spec;
use serde_json::json;

fn schedules() -> Spec {
    let every = |seconds: i32| plain("schedule", &[("every", literal(seconds))], &[]);
    spec(&[("a", every(1)), ("b", every(2)), ("c", every(3))])
}

#[test]
fn a_kind_that_is_listed_is_asked_for_once_and_only_what_is_missing_is_read() {
    let mut bench = Bench::new();
    bench.converge(&schedules());
    // With this no schedule can be read, only listed.
    bench.faults.add("*:read=fail x*".parse().unwrap());
    bench.world.tamper(&address("b/schedule"), "every", json!(9));
    let plan = bench.plan(&schedules());
    assert_eq!((plan.steps.len(), plan.unchanged), (1, 2));
    bench.world.lose(&address("c/schedule"));
    let mistakes = bench.try_plan(&schedules()).unwrap_err();
    assert_eq!(mistakes.len(), 1, "a list may be late, so what it lacks is read: {mistakes:?}");
    bench.converge(&schedules());
}
