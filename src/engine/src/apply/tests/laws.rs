//! Laws that hold for any spec, any fault and any crash.

use super::fixture::{Bench, spec};
use super::sketch::{self, Sketch};
use crate::plan::{Call, Data};
use acquire_model::Address;
use acquire_model::spec::Spec;
use acquire_provider::faults::{self, Fault, Rule};
use acquire_provider::memory::Effect;
use proptest::prelude::*;
use proptest::sample::Index;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most resources of a random spec.
const RESOURCES_MAX: usize = 10;

fn sketch() -> impl Strategy<Value = Sketch> {
    let needs = proptest::collection::vec(any::<usize>(), 0..3);
    let graph = (any::<u8>(), proptest::option::of(any::<usize>()), needs);
    (any::<bool>(), prop::bool::weighted(0.2), 0..3u8, 0..2u8, graph).prop_map(
        |(is_there, elsewhere, input, fixed, (rank, refers, needs))| Sketch {
            is_there,
            elsewhere,
            rank,
            input,
            fixed,
            refers,
            needs,
        },
    )
}

fn any_spec() -> impl Strategy<Value = Spec> {
    proptest::collection::vec(sketch(), 0..RESOURCES_MAX).prop_map(|sketches| {
        let resources = sketch::resources(&sketches);
        let named: Vec<_> = resources.iter().map(|(name, resource)| (name.as_str(), resource.clone())).collect();
        spec(&named)
    })
}

/// The same, where every other resource makes its replacement first.
fn create_first(mut spec: Spec) -> Spec {
    spec.resources.values_mut().step_by(2).for_each(|resource| resource.lifecycle.create_first = true);
    spec
}

fn two_specs() -> impl Strategy<Value = (Spec, Spec)> {
    (any_spec(), any_spec())
}

fn needs(bench: &Bench, spec: &Spec) -> BTreeMap<Address, BTreeSet<Address>> {
    bench.graph(spec).nodes().iter().map(|node| (node.address.clone(), node.needs.clone())).collect()
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![
        Fault::Fail,
        Fault::Unavailable,
        Fault::Hang,
        Fault::LostReply,
        Fault::HangAfter,
        Fault::Throttle,
        Fault::Twice,
    ])
}

fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
    let call = prop::sample::select(vec![faults::Call::Create, faults::Call::Update, faults::Call::Delete]);
    let address = (0..RESOURCES_MAX).prop_map(|n| format!("r{n}/marker").parse().ok());
    let rule = (address, call, any_fault(), proptest::option::of(1..3u32))
        .prop_map(|(address, call, fault, times)| Rule { address, call: Some(call), fault, times });
    proptest::collection::vec(rule, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_plan_of_an_applied_spec_is_empty((before, after) in two_specs()) {
        let mut bench = Bench::new();
        bench.converge(&before);
        bench.converge(&after);
    }

    #[test]
    fn what_a_plan_shows_is_what_apply_does((before, after) in two_specs()) {
        let mut bench = Bench::new();
        bench.converge(&before);
        let plan = bench.plan(&after);
        let done = bench.world.effects().len();
        let outcome = bench.run(&plan);
        prop_assert!(outcome.is_complete());
        let summary = plan.summary();
        prop_assert_eq!((outcome.added, outcome.changed, outcome.destroyed), (summary.add, summary.change, summary.destroy));
        let planned: BTreeSet<String> = plan.steps.iter().filter_map(|step| match step.call {
            Call::Create => Some(format!("{:?} {}", Effect::Made, step.address)),
            Call::Update => Some(format!("{:?} {}", Effect::Changed, step.address)),
            Call::Delete => Some(format!("{:?} {}", Effect::Deleted, step.address)),
            Call::Record | Call::Forget | Call::Move => None,
        }).collect();
        let effects = bench.world.effects().split_off(done);
        let effects: BTreeSet<String> = effects.iter().map(|(effect, address)| format!("{effect:?} {address}")).collect();
        prop_assert_eq!(planned, effects);
    }

    #[test]
    fn a_thing_is_made_after_what_it_needs_and_deleted_before((first, second) in two_specs()) {
        let mut bench = Bench::new();
        let mut there = BTreeSet::new();
        for wanted in [&first, &second] {
            let done = bench.world.effects().len();
            bench.converge(wanted);
            let needs = needs(&bench, wanted);
            for (effect, address) in bench.world.effects().split_off(done) {
                match effect {
                    Effect::Made => {
                        prop_assert!(needs[&address].is_subset(&there), "{address} was made too early");
                        there.insert(address);
                    }
                    Effect::Deleted => prop_assert!(there.remove(&address)),
                    Effect::Changed => prop_assert!(needs[&address].is_subset(&there), "{address} was changed too early"),
                }
            }
        }
        let done = bench.world.effects().len();
        let outcome = bench.destroy(Data::Delete);
        prop_assert!(outcome.is_complete());
        let needs = needs(&bench, &second);
        for (_, address) in bench.world.effects().split_off(done) {
            there.remove(&address);
            prop_assert!(there.iter().all(|other| !needs[other].contains(&address)), "{address} was deleted too early");
        }
        prop_assert!(there.is_empty());
    }

    #[test]
    fn a_crash_after_any_event_converges_with_nothing_made_twice((before, after) in two_specs(), one_by_one: bool) {
        for events_left in 0.. {
            let mut bench = Bench::new();
            bench.converge(&before);
            bench.settings.concurrency = if one_by_one { 1 } else { 8 };
            bench.journal.events_left = events_left;
            bench.journal.groups.clear();
            let done = bench.world.effects().len();
            let is_complete = bench.apply(&after).is_complete();
            let announced = bench.journal.announced();
            for (effect, address) in bench.world.effects().split_off(done) {
                prop_assert!(announced.contains(&address), "{effect:?} {address} before it was written down");
            }
            bench.converge(&after);
            if is_complete {
                break;
            }
        }
    }

    #[test]
    fn a_crash_at_any_instant_converges_even_if_the_spec_changes_again(
        (before, after) in two_specs(),
        last in any_spec(),
        tenths in 0..60u64,
    ) {
        let mut bench = Bench::new();
        bench.converge(&before);
        bench.world.slow_down(Duration::from_secs(1));
        bench.settings.concurrency = 2;
        let plan = bench.plan(&after);
        let outcome = bench.run_until(&plan, Duration::from_millis(100 * tenths));
        prop_assert!(outcome.is_none_or(|outcome| outcome.is_complete()));
        bench.world.slow_down(Duration::ZERO);
        bench.converge(&last);
    }

    #[test]
    fn a_crash_converges_where_the_new_thing_is_made_first(
        (before, after) in two_specs(),
        last in any_spec(),
        events_left in 0..30usize,
        rules in any_rules(),
    ) {
        let [before, after, last] = [before, after, last].map(create_first);
        let mut bench = Bench::new();
        bench.converge(&before);
        rules.into_iter().for_each(|rule| bench.faults.add(rule));
        bench.journal.events_left = events_left;
        let _ = bench.apply(&after);
        bench.converge(&last);
        prop_assert!(bench.destroy(Data::Delete).is_complete());
        prop_assert!(bench.world.things().is_empty(), "{:?}", bench.world.things());
    }

    #[test]
    fn a_saved_plan_handles_what_is_in_doubt((before, after) in two_specs(), last in any_spec(), events_left in 0..20usize) {
        let mut bench = Bench::new();
        bench.converge(&before);
        bench.journal.events_left = events_left;
        let _ = bench.apply(&after);
        bench.journal.events_left = usize::MAX;
        // Not resumed: the plan sees the doubts itself.
        let plan = bench.plan(&last);
        let outcome = bench.run(&plan);
        prop_assert!(outcome.is_complete(), "{:?}", outcome);
        bench.converge(&last);
    }

    #[test]
    fn every_fault_converges((before, after) in two_specs(), rules in any_rules()) {
        let mut bench = Bench::new();
        bench.converge(&before);
        rules.into_iter().for_each(|rule| bench.faults.add(rule));
        let outcome = bench.apply(&after);
        let mut told: Vec<_> = outcome.failed.iter().map(|(address, _)| address).chain(&outcome.skipped).collect();
        told.sort();
        prop_assert!(told.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", told);
        bench.converge(&after);
    }

    #[test]
    fn destroy_leaves_nothing_whatever_happened_before((before, after) in two_specs(), events_left in 0..20usize, rules in any_rules()) {
        let mut bench = Bench::new();
        bench.converge(&before);
        bench.journal.events_left = events_left;
        let _ = bench.apply(&after);
        bench.journal.events_left = usize::MAX;
        rules.into_iter().for_each(|rule| bench.faults.add(rule));
        let _ = bench.destroy(Data::Delete);
        bench.faults.clear();
        let outcome = bench.destroy(Data::Delete);
        prop_assert!(outcome.is_complete(), "{:?}", outcome);
        prop_assert!(bench.world.things().is_empty());
        prop_assert!(bench.state().resources.is_empty() && bench.state().in_doubt.is_empty());
    }

    #[test]
    fn changes_outside_are_drift_and_are_brought_back(
        wanted in any_spec(),
        tampered in any::<Index>(),
        lost in any::<Index>(),
        attribute in prop::sample::select(vec!["input", "fixed", "output", "id", "other"]),
    ) {
        let mut bench = Bench::new();
        bench.converge(&wanted);
        let addresses: Vec<Address> = bench.world.things().into_keys().collect();
        if addresses.is_empty() {
            return Ok(());
        }
        let (tampered, lost) = (tampered.get(&addresses), lost.get(&addresses));
        bench.world.tamper(tampered, attribute, "tampered".into());
        bench.world.lose(lost);
        let plan = bench.plan(&wanted);
        let drifted: BTreeSet<_> = plan.drift.iter().map(|drift| &drift.address).collect();
        prop_assert_eq!(drifted, BTreeSet::from([tampered, lost]));
        bench.converge(&wanted);
    }
}
