//! Things that are there and become ours.

use super::fixture::{Bench, address, literal, marker, spec};
use crate::apply::{Applier, codes};
use acquire_model::spec::Spec;
use acquire_model::{Attributes, Diagnostic};
use serde_json::json;

fn one() -> Spec {
    spec(&[("a", marker(&[("input", literal(1))], &[]))])
}

fn import(bench: &mut Bench, id: Option<&str>) -> Result<Attributes, Vec<Diagnostic>> {
    let node = bench.graph(&one()).node(&address("a/marker")).unwrap().clone();
    let Bench { clock, cx, providers, told, settings, journal, .. } = bench;
    let applier = Applier { cx, providers: providers.as_ref(), progress: told, settings };
    clock.run(applier.import(&node, id, journal)).unwrap()
}

fn stray(bench: &Bench, input: i32) {
    let attributes = json!({ "input": input, "output": input, "id": "s-1" });
    bench.world.stray("s-1", serde_json::from_value(attributes).unwrap());
}

#[test]
fn a_thing_that_is_as_the_spec_says_is_imported_and_needs_nothing_more() {
    let mut bench = Bench::new();
    stray(&bench, 1);
    assert_eq!(import(&mut bench, Some("s-1")).unwrap()["input"], json!(1));
    bench.check(&one());
    let again = import(&mut bench, Some("s-1")).unwrap_err();
    assert_eq!(again[0].code, codes::ALREADY_THERE);
}

#[test]
fn a_thing_that_is_otherwise_is_imported_and_brought_to_the_spec_by_an_apply() {
    let mut bench = Bench::new();
    stray(&bench, 9);
    import(&mut bench, Some("s-1")).unwrap();
    let plan = bench.plan(&one());
    assert_eq!(plan.summary().change, 1);
    bench.converge(&one());
}

#[test]
fn what_is_not_there_is_not_imported_and_leaves_nothing_in_doubt() {
    let mut bench = Bench::new();
    for id in [Some("s-1"), None] {
        assert_eq!(import(&mut bench, id).unwrap_err()[0].code, codes::NOT_THERE);
        assert!(bench.state().resources.is_empty() && bench.state().in_doubt.is_empty());
    }
    bench.converge(&one());
}

#[test]
fn a_thing_of_ours_that_the_state_forgot_is_found_by_its_mark() {
    let mut bench = Bench::new();
    bench.converge(&one());
    let event = crate::state::Event::Forgotten { address: address("a/marker") };
    bench.clock.run(crate::apply::Journal::append(&mut bench.journal, &[event])).unwrap().unwrap();
    import(&mut bench, None).unwrap();
    assert!(bench.plan(&one()).is_empty());
}

#[test]
fn a_lost_reply_and_a_cut_off_import_are_found_out() {
    let mut bench = Bench::new();
    stray(&bench, 1);
    bench.faults.add("a/marker:create=lost-reply".parse().unwrap());
    import(&mut bench, Some("s-1")).unwrap();
    bench.check(&one());
    // The journal dies after the announcement: the thing is ours, and nothing says so yet.
    let mut bench = Bench::new();
    stray(&bench, 1);
    bench.journal.events_left = 2;
    assert_eq!(import(&mut bench, Some("s-1")).unwrap_err()[0].code, super::fixture::DEAD);
    bench.converge(&one());
}
