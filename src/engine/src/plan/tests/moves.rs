//! What has another name than it had.

use super::{order, text};
use crate::apply::tests::fixture::{Bench, address, literal, marker, reference, spec};
use crate::plan::Data;
use acquire_model::spec::{Moved, Spec};

fn named(name: &str, moved: &[(&str, &str)], input: i32, fixed: i32) -> Spec {
    let thing = marker(&[("input", literal(input)), ("fixed", literal(fixed))], &[]);
    let user = marker(&[("input", reference(&format!("{name}/marker.id")))], &[]);
    let moved = moved.iter().map(|(from, to)| Moved { from: from.parse().unwrap(), to: to.parse().unwrap() });
    Spec { moved: moved.collect(), ..spec(&[(name, thing), ("user", user)]) }
}

#[test]
fn a_renamed_thing_is_moved_and_nothing_is_made_or_deleted() {
    let mut bench = Bench::new();
    bench.converge(&named("a", &[], 1, 1));
    let effects = bench.world.effects().len();
    let plan = bench.plan(&named("b", &[("a", "b")], 1, 1));
    assert_eq!(order(&plan), ["move b/marker"]);
    assert!(text(&plan).contains("→ b/marker: the spec calls it so now; it was a/marker"), "{}", text(&plan));
    assert!(bench.run(&plan).is_complete());
    assert_eq!(bench.world.effects().len(), effects);
    assert!(bench.plan(&named("b", &[("a", "b")], 1, 1)).is_empty(), "a move is done once");
    assert!(bench.plan(&named("b", &[], 1, 1)).is_empty(), "and may leave the spec");
    // Its provider still knows it by the name that it was made under.
    assert!(bench.apply(&named("b", &[], 2, 1)).is_complete());
    assert_eq!(bench.world.things()[&address("a/marker")]["input"], 2);
    assert!(bench.destroy(Data::Delete).is_complete());
    assert!(bench.world.things().is_empty());
}

#[test]
fn a_thing_can_be_moved_and_changed_or_replaced_in_one_plan() {
    let mut bench = Bench::new();
    bench.converge(&named("a", &[], 1, 1));
    let plan = bench.plan(&named("b", &[("a", "b")], 2, 1));
    assert_eq!(order(&plan), ["move b/marker", "update b/marker"]);
    assert!(bench.run(&plan).is_complete());
    let plan = bench.plan(&named("c", &[("a", "b"), ("b", "c")], 2, 2));
    assert_eq!(order(&plan), ["move c/marker", "delete c/marker", "create c/marker", "update user/marker"]);
    assert!(bench.run(&plan).is_complete());
    // What is made anew goes by its new name.
    bench.check(&named("c", &[], 2, 2));
}

#[test]
fn moves_along_a_chain_and_in_a_circle_of_names_are_followed_in_order() {
    let mut bench = Bench::new();
    bench.converge(&named("a", &[], 1, 1));
    assert!(bench.apply(&named("c", &[("a", "b"), ("b", "c")], 1, 1)).is_complete());
    // There and back: it is what it was.
    assert!(bench.apply(&named("a", &[("c", "a")], 1, 1)).is_complete());
    bench.check(&named("a", &[], 1, 1));
}

#[test]
fn a_move_of_what_is_not_there_does_nothing() {
    let mut bench = Bench::new();
    bench.converge(&named("b", &[("a", "b")], 1, 1));
    bench.converge(&named("b", &[("x", "b")], 1, 1));
}

#[test]
fn a_crash_anywhere_in_a_move_converges() {
    for events in 0..10 {
        let mut bench = Bench::new();
        bench.converge(&named("a", &[], 1, 1));
        let next = named("b", &[("a", "b")], 2, 1);
        let plan = bench.plan(&next);
        bench.journal.events_left = events;
        let _ = bench.run(&plan);
        bench.journal.events_left = usize::MAX;
        assert!(bench.apply(&next).is_complete());
        assert!(bench.plan(&next).is_empty());
        assert_eq!(bench.world.things().len(), 2, "after {events} events");
        assert_eq!(bench.world.made_twice(), Vec::<String>::new());
    }
}
