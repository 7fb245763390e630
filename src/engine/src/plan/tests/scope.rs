//! What a plan leaves alone, what it does in any case, and what it only writes down.

use super::{order, text};
use crate::apply::tests::fixture::{Bench, address, literal, marker, reference, spec};
use crate::plan::{Data, Refresh, Scope, codes, destroy};
use acquire_model::spec::Spec;
use serde_json::json;

fn scope(targets: &[&str], excludes: &[&str], replaced: &[&str]) -> Scope {
    let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    Scope { targets: parse(targets), excludes: parse(excludes), replaced: parse(replaced) }
}

/// `a` ← `b` ← `c`, and `d` alone, all with one input.
fn chain(input: i32) -> Spec {
    spec(&[
        ("a", marker(&[("input", literal(input))], &[])),
        ("b", marker(&[("input", literal(input)), ("of", reference("a/marker.id"))], &[])),
        ("c", marker(&[("input", literal(input))], &["b"])),
        ("d", marker(&[("input", literal(input))], &[])),
    ])
}

#[test]
fn a_target_is_planned_with_all_that_it_needs_and_nothing_else() {
    let mut bench = Bench::new();
    bench.options.scope = scope(&["b"], &[], &[]);
    let plan = bench.plan(&chain(1));
    assert_eq!((order(&plan), plan.left), (vec!["create a/marker".to_owned(), "create b/marker".to_owned()], 2));
    assert!(bench.run(&plan).is_complete());
    bench.options.scope = Scope::default();
    assert_eq!(order(&bench.plan(&chain(1))), ["create c/marker", "create d/marker"]);
    bench.converge(&chain(1));
}

#[test]
fn what_is_excluded_stays_together_with_all_that_needs_it() {
    let mut bench = Bench::new();
    bench.converge(&chain(1));
    bench.options.scope = scope(&[], &["b/marker"], &[]);
    assert_eq!(order(&bench.plan(&chain(2))), ["update a/marker", "update d/marker"]);
    bench.options.scope = scope(&["c", "d"], &["b"], &[]);
    assert_eq!(order(&bench.plan(&chain(2))), ["update a/marker", "update d/marker"]);
}

#[test]
fn a_removal_in_scope_takes_with_it_what_needs_it_and_goes_too() {
    let mut bench = Bench::new();
    bench.converge(&chain(1));
    let without = spec(&[("d", marker(&[("input", literal(1))], &[]))]);
    bench.options.scope = scope(&["b"], &[], &[]);
    assert_eq!(order(&bench.plan(&without)), ["delete c/marker", "delete b/marker"]);
    bench.options.scope = scope(&[], &["b"], &[]);
    assert_eq!(order(&bench.plan(&without)), ["delete c/marker"], "what b needs stays too");
}

#[test]
fn a_destroy_has_a_scope_too() {
    let mut bench = Bench::new();
    bench.converge(&chain(1));
    let plan = destroy(bench.state(), Data::Keep, &scope(&["b"], &[], &[]), "").unwrap();
    assert_eq!((order(&plan), plan.left), (vec!["delete c/marker".to_owned(), "delete b/marker".to_owned()], 2));
    let plan = destroy(bench.state(), Data::Keep, &scope(&[], &["c"], &[]), "").unwrap();
    assert_eq!(order(&plan), ["delete d/marker"]);
}

#[test]
fn a_selector_that_selects_nothing_is_refused_with_what_was_meant() {
    let mut bench = Bench::new();
    bench.options.scope = scope(&["dd", "b/markr"], &["nothing-like-it"], &[]);
    let mistakes = bench.try_plan(&chain(1)).unwrap_err();
    let hints: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake.hint.as_deref()).collect();
    assert!(mistakes.iter().all(|mistake| mistake.code == codes::NOT_SELECTED));
    assert_eq!(hints.len(), 3);
    assert_eq!(hints[..2], ["did you mean `d`?", "did you mean `b/marker`?"]);
}

#[test]
fn a_replacement_that_was_asked_for_says_so() {
    let mut bench = Bench::new();
    bench.converge(&chain(1));
    bench.options.scope = scope(&[], &[], &["a"]);
    let plan = bench.plan(&chain(1));
    assert_eq!(order(&plan), ["delete a/marker", "create a/marker", "update b/marker"]);
    assert!(text(&plan).starts_with("-/+ a/marker: asked for with -replace"), "{}", text(&plan));
    assert!(bench.run(&plan).is_complete());
    bench.options.scope = Scope::default();
    bench.check(&chain(1));
    // What is not there yet is made, as it would be without.
    let mut new = Bench::new();
    new.options.scope = scope(&[], &[], &["a"]);
    assert_eq!(order(&new.plan(&chain(1)))[0], "create a/marker");
}

#[test]
fn a_refresh_alone_writes_down_what_changed_and_touches_nothing() {
    let mut bench = Bench::new();
    bench.converge(&chain(1));
    bench.world.tamper(&address("a/marker"), "input", json!(7));
    bench.world.lose(&address("d/marker"));
    bench.options.refresh = Refresh::Only;
    let plan = bench.plan(&chain(2));
    assert_eq!(order(&plan), ["record a/marker", "forget d/marker"]);
    assert!(text(&plan).contains(". d/marker: somebody deleted it outside"), "{}", text(&plan));
    let effects = bench.world.effects().len();
    assert!(bench.run(&plan).is_complete());
    assert_eq!(bench.world.effects().len(), effects);
    assert_eq!(bench.state().resources[&address("a/marker")].attributes["input"], json!(7));
    assert!(!bench.state().resources.contains_key(&address("d/marker")));
    assert!(bench.plan(&chain(2)).is_empty());
    bench.options.refresh = Refresh::Read;
    bench.converge(&chain(2));
}
