//! A journal that somebody else may take over, and one that was taken over.

use super::fixture::{Bench, MortalJournal, address, literal, marker, spec};
use crate::apply::{Applier, Journal, Outcome, Resumed};
use crate::plan::Data;
use crate::state::{Event, Lease, State, StateKey};
use acquire_model::Diagnostic;
use acquire_model::spec::Spec;
use async_trait::async_trait;
use std::time::Duration;

struct Leased<'a> {
    inner: &'a mut MortalJournal,
    lease: Lease,
    inherited: Option<Duration>,
}

#[async_trait]
impl Journal for Leased<'_> {
    fn state(&self) -> &State {
        self.inner.state()
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        self.inner.append(events).await
    }

    fn head_due(&self) -> Option<Duration> {
        None
    }

    async fn write_head(&mut self) -> Result<(), Diagnostic> {
        Ok(())
    }

    fn key(&self) -> &StateKey {
        self.inner.key()
    }

    fn lease(&self) -> Lease {
        self.lease.clone()
    }

    fn inherited(&self) -> Option<Duration> {
        self.inherited
    }
}

fn one(input: u64) -> Spec {
    spec(&[("a", marker(&[("input", literal(input))], &[]))])
}

/// Runs a plan on a journal whose lease ends after that time.
fn run(bench: &mut Bench, wanted: &Spec, lease: Duration) -> Outcome {
    let plan = bench.plan(wanted);
    let Bench { clock, cx, providers, told, settings, journal, .. } = bench;
    let applier = Applier { cx, providers: providers.as_ref(), progress: told, settings };
    let lease = Lease::until(&cx.clock, cx.clock.monotonic() + lease);
    let mut journal = Leased { inner: journal, lease, inherited: None };
    clock.run(applier.apply(&plan, &mut journal)).unwrap()
}

/// Finds out what is in doubt, with the lock of a run that died this moment; returns what it found and how long it took.
fn inherit(bench: &mut Bench) -> (Resumed, Duration) {
    let Bench { clock, cx, providers, told, settings, journal, .. } = bench;
    let applier = Applier { cx, providers: providers.as_ref(), progress: told, settings };
    let began = cx.clock.monotonic();
    let mut journal = Leased { inner: journal, lease: Lease::default(), inherited: Some(began) };
    let resumed = clock.run(applier.resume(&mut journal)).unwrap().unwrap();
    (resumed, cx.clock.monotonic().saturating_sub(began))
}

#[test]
fn when_the_lease_has_ended_nobody_is_called() {
    let mut bench = Bench::new();
    let outcome = run(&mut bench, &one(1), Duration::ZERO);
    assert_eq!((outcome.added, outcome.skipped.as_slice()), (0, [address("a/marker")].as_slice()));
    assert!(bench.world.effects().is_empty());
}

#[test]
fn a_call_is_not_tried_again_when_the_lease_has_ended_meanwhile() {
    let mut bench = Bench::new();
    bench.faults.add("a/marker:create=unavailable".parse().unwrap());
    let outcome = run(&mut bench, &one(1), Duration::from_millis(100));
    assert_eq!(outcome.failed.len(), 1, "{outcome:?}");
    assert!(bench.world.effects().is_empty());
    bench.converge(&one(1));
}

#[test]
fn an_update_of_a_dead_run_is_looked_at_when_its_call_can_have_no_effect_any_more() {
    let mut bench = Bench::new();
    bench.converge(&one(1));
    bench.faults.add("a/marker:update=hang".parse().unwrap());
    let plan = bench.plan(&one(2));
    assert!(bench.run_until(&plan, Duration::from_secs(1)).is_none());
    let (resumed, took) = inherit(&mut bench);
    assert_eq!(resumed.made, [address("a/marker")]);
    assert_eq!(took, bench.settings.policy.call_timeout);
    bench.converge(&one(2));
}

#[test]
fn a_create_of_a_dead_run_is_not_waited_for_since_it_is_made_again_with_its_token() {
    let mut bench = Bench::new();
    bench.faults.add("a/marker:create=hang-after".parse().unwrap());
    let plan = bench.plan(&one(1));
    assert!(bench.run_until(&plan, Duration::from_secs(1)).is_none());
    let (resumed, took) = inherit(&mut bench);
    assert_eq!((resumed.made.as_slice(), took), ([address("a/marker")].as_slice(), Duration::ZERO));
    bench.converge(&one(1));
}

#[test]
fn a_create_of_a_dead_run_that_nobody_wants_any_more_is_waited_for_before_it_is_deleted() {
    for destroys in [false, true] {
        let mut bench = Bench::new();
        bench.faults.add("a/marker:create=hang".parse().unwrap());
        let plan = bench.plan(&one(1));
        assert!(bench.run_until(&plan, Duration::from_secs(1)).is_none());
        let (resumed, took) = inherit(&mut bench);
        assert_eq!((resumed.not_made.as_slice(), took), ([address("a/marker")].as_slice(), Duration::ZERO));
        assert!(bench.state().in_doubt.contains_key(&address("a/marker")), "its call may still arrive");
        let plan = match destroys {
            true => {
                let binary = &bench.expand.binary_sha256;
                crate::plan::destroy(bench.state(), Data::Delete, &bench.options.scope, binary).unwrap()
            }
            false => bench.plan(&spec(&[])),
        };
        let Bench { clock, cx, providers, told, settings, journal, .. } = &mut bench;
        let applier = Applier { cx, providers: providers.as_ref(), progress: told, settings };
        let began = cx.clock.monotonic();
        let mut journal = Leased { inner: journal, lease: Lease::default(), inherited: Some(began) };
        let outcome = clock.run(applier.apply(&plan, &mut journal)).unwrap();
        assert!(outcome.is_complete(), "{outcome:?}");
        assert_eq!(cx.clock.monotonic().saturating_sub(began), settings.policy.call_timeout);
        assert!(bench.state().in_doubt.is_empty() && bench.world.things().is_empty());
    }
}
