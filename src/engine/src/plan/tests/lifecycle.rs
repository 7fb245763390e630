//! What is protected, retained or ignored.

use super::{order, text};
use crate::apply::tests::fixture::{Bench, address, literal, marker, reference, spec};
use crate::plan::{Data, Scope, codes};
use acquire_model::spec::{Lifecycle, Spec};
use serde_json::json;

/// `a`, with a lifecycle, and `b` that refers to it.
fn pair(lifecycle: &Lifecycle, input: i32, fixed: i32) -> Spec {
    let mut a = marker(&[("input", literal(input)), ("fixed", literal(fixed))], &[]);
    a.lifecycle = lifecycle.clone();
    spec(&[("a", a), ("b", marker(&[("input", reference("a/marker.id"))], &[]))])
}

fn protect() -> Lifecycle {
    Lifecycle { protect: true, ..Lifecycle::default() }
}

fn retain() -> Lifecycle {
    Lifecycle { retain: true, ..Lifecycle::default() }
}

#[test]
fn a_protected_thing_is_changed_but_never_replaced_not_even_when_the_spec_stops_protecting_it() {
    let mut bench = Bench::new();
    bench.converge(&pair(&protect(), 1, 1));
    assert_eq!(order(&bench.plan(&pair(&protect(), 2, 1))), ["update a/marker"]);
    for next in [protect(), Lifecycle::default()] {
        let mistakes = bench.try_plan(&pair(&next, 1, 2)).unwrap_err();
        assert_eq!((mistakes.len(), mistakes[0].code), (1, codes::PROTECTED));
    }
    bench.options.scope = Scope { replaced: vec!["a".parse().unwrap()], ..Scope::default() };
    assert_eq!(bench.try_plan(&pair(&protect(), 1, 1)).unwrap_err()[0].code, codes::PROTECTED);
    bench.options.scope = Scope::default();
    // The protection is taken away by an apply of its own.
    let freed = bench.plan(&pair(&Lifecycle::default(), 1, 1));
    assert_eq!(order(&freed), ["record a/marker"]);
    assert!(bench.run(&freed).is_complete());
    bench.converge(&pair(&Lifecycle::default(), 1, 2));
}

#[test]
fn a_protected_thing_outlives_its_place_in_the_spec_and_a_destroy_with_all_data() {
    let mut bench = Bench::new();
    bench.converge(&pair(&protect(), 1, 1));
    let plan = bench.plan(&spec(&[]));
    assert_eq!((order(&plan), plan.kept), (vec!["delete b/marker".to_owned()], vec![address("a/marker")]));
    let outcome = bench.destroy(Data::Delete);
    assert_eq!(outcome.kept, [address("a/marker")]);
    assert_eq!(bench.world.things().into_keys().collect::<Vec<_>>(), [address("a/marker")]);
}

#[test]
fn a_retained_thing_is_forgotten_and_left_where_it_is() {
    let mut bench = Bench::new();
    bench.converge(&pair(&retain(), 1, 1));
    let plan = bench.plan(&spec(&[]));
    assert!(text(&plan).contains(". a/marker: no longer in the spec; it is left where it is"), "{}", text(&plan));
    assert!(bench.run(&plan).is_complete());
    assert_eq!(bench.world.things().into_keys().collect::<Vec<_>>(), [address("a/marker")]);
    assert!(bench.state().resources.is_empty());
    let mut bench = Bench::new();
    bench.converge(&pair(&retain(), 1, 1));
    assert!(bench.destroy(Data::Keep).is_complete());
    assert_eq!(bench.world.things().into_keys().collect::<Vec<_>>(), [address("a/marker")]);
}

#[test]
fn an_ignored_input_counts_when_the_thing_is_made_and_never_again() {
    let mut bench = Bench::new();
    let ignore = Lifecycle { ignore: ["input".to_owned()].into(), ..Lifecycle::default() };
    bench.converge(&pair(&ignore, 1, 1));
    assert_eq!(bench.world.things()[&address("a/marker")]["input"], json!(1));
    assert!(bench.plan(&pair(&ignore, 2, 1)).is_empty());
    bench.world.tamper(&address("a/marker"), "input", json!(7));
    let plan = bench.plan(&pair(&ignore, 2, 1));
    assert_eq!(order(&plan), ["record a/marker"]);
    assert!(bench.run(&plan).is_complete());
    // Another change must not bring the spec's value along.
    let mut changed = pair(&ignore, 2, 1);
    changed.resources.get_mut(&"a".parse().unwrap()).unwrap().inputs.insert("more".to_owned(), literal(1));
    assert!(bench.apply(&changed).is_complete());
    assert_eq!(bench.world.things()[&address("a/marker")]["input"], json!(7));
    assert_eq!(bench.world.things()[&address("a/marker")]["more"], json!(1));
}

fn create_first() -> Lifecycle {
    Lifecycle { create_first: true, ..Lifecycle::default() }
}

#[test]
fn a_new_thing_can_be_made_before_the_old_one_goes() {
    let mut bench = Bench::new();
    bench.converge(&pair(&create_first(), 1, 1));
    let plan = bench.plan(&pair(&create_first(), 1, 2));
    assert_eq!(order(&plan), ["move a/marker/g1", "create a/marker", "update b/marker", "delete a/marker/g1"]);
    assert_eq!(text(&plan).lines().filter(|line| !line.starts_with(' ')).count(), 2, "{}", text(&plan));
    let summary = plan.summary();
    assert_eq!((summary.add, summary.change, summary.destroy), (1, 1, 1));
    let outcome = bench.run(&plan);
    assert!(outcome.is_complete() && (outcome.added, outcome.destroyed) == (1, 1), "{outcome:?}");
    assert!(bench.plan(&pair(&create_first(), 1, 2)).is_empty());
    // And again, with the names swapped back.
    for fixed in [3, 4, 5] {
        assert!(bench.apply(&pair(&create_first(), 1, fixed)).is_complete());
        assert!(bench.plan(&pair(&create_first(), 1, fixed)).is_empty());
        assert_eq!(bench.world.things().len(), 2);
    }
    assert_eq!(bench.world.made_twice(), Vec::<String>::new());
    assert!(bench.destroy(Data::Delete).is_complete());
    assert!(bench.world.things().is_empty());
}

#[test]
fn a_crash_anywhere_in_a_replacement_that_makes_the_new_thing_first_converges() {
    for events in 0..16 {
        let mut bench = Bench::new();
        bench.converge(&pair(&create_first(), 1, 1));
        let next = pair(&create_first(), 1, 2);
        let plan = bench.plan(&next);
        bench.journal.events_left = events;
        let _ = bench.run(&plan);
        bench.journal.events_left = usize::MAX;
        let outcome = bench.apply(&next);
        assert!(outcome.is_complete(), "after {events} events: {outcome:?}");
        assert!(bench.plan(&next).is_empty(), "after {events} events");
        assert_eq!(bench.world.things().len(), 2, "after {events} events: {:?}", bench.world.things());
        assert_eq!(bench.world.made_twice(), Vec::<String>::new());
    }
}
