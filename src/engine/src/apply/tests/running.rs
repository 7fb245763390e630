//! How a run goes: what is written down, tried again, given up and told.

use super::fixture::{Bench, DEAD, address, literal, marker, plain, reference, services, spec};
use crate::apply::progress::What;
use crate::apply::{Journal, Outcome, codes, secrets};
use crate::plan::{self, Call, Data};
use crate::state::Event;
use acquire_model::spec::Spec;
use acquire_model::{Action, Code, Lineage, ServiceType};
use acquire_provider::faults::Faults;
use acquire_provider::memory::Seeded;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// `a` ← `b` ← `c`, and `d` alone.
fn chain() -> Spec {
    spec(&[
        ("a", marker(&[("input", literal(1))], &[])),
        ("b", marker(&[("input", reference("a/marker.output"))], &[])),
        ("c", marker(&[], &["b"])),
        ("d", marker(&[], &[])),
    ])
}

fn fail(bench: &Bench, rules: &str) {
    bench.faults.clear();
    let rules: Vec<&str> = rules.split(',').collect();
    rules.into_iter().for_each(|rule| bench.faults.add(rule.parse().unwrap()));
}

fn code(outcome: &Outcome) -> (String, Code) {
    assert_eq!(outcome.failed.len(), 1, "{outcome:?}");
    (outcome.failed[0].0.to_string(), outcome.failed[0].1.code)
}

/// What was told of one resource, in words.
fn told(bench: &Bench, of: &str) -> Vec<String> {
    let events = bench.told.0.lock().unwrap();
    let about = events.iter().filter(|event| event.address == address(of));
    about
        .map(|event| match &event.what {
            What::Started => "started".to_owned(),
            What::Retrying { attempt, .. } => format!("retrying {attempt}"),
            What::Finished { .. } => "finished".to_owned(),
            What::Failed { diagnostic, .. } => format!("failed {}", diagnostic.code),
            What::Skipped => "skipped".to_owned(),
        })
        .collect()
}

#[test]
fn a_failure_stops_what_depends_on_it_and_nothing_else() {
    let mut bench = Bench::new();
    fail(&bench, "b/marker:create=fail");
    let outcome = bench.apply(&chain());
    assert_eq!(code(&outcome), ("b/marker".to_owned(), codes::REFUSED));
    assert_eq!(outcome.skipped, [address("c/marker")]);
    assert_eq!(outcome.added, 2);
    assert_eq!(told(&bench, "b/marker"), ["started", "failed ACQ0301"]);
    assert_eq!(told(&bench, "c/marker"), ["skipped"]);
    assert_eq!(told(&bench, "d/marker"), ["started", "finished"]);
    assert!(bench.state().in_doubt.is_empty(), "nothing was made, and that was seen");
    // The next run does the rest.
    let outcome = bench.apply(&chain());
    assert_eq!((outcome.added, outcome.is_complete()), (2, true));
    bench.check(&chain());
}

#[test]
fn a_lost_reply_is_tried_again_and_makes_one_thing() {
    let mut bench = Bench::new();
    fail(&bench, "a/marker:create=lost-reply");
    assert!(bench.apply(&chain()).is_complete());
    assert_eq!(told(&bench, "a/marker"), ["started", "retrying 1", "finished"]);
    bench.check(&chain());
}

#[test]
fn throttling_waits_as_long_as_it_is_asked_to() {
    let mut bench = Bench::new();
    fail(&bench, "a/marker:create=throttle x3");
    assert!(bench.apply(&chain()).is_complete());
    assert!(bench.cx.clock.monotonic() >= 3 * acquire_provider::faults::RETRY_AFTER);
    assert_eq!(told(&bench, "a/marker").len(), 5);
}

#[test]
fn a_call_that_never_answers_is_in_doubt_after_its_deadline() {
    let mut bench = Bench::new();
    fail(&bench, "a/marker:create=hang-after x*");
    let outcome = bench.apply(&chain());
    assert_eq!(code(&outcome), ("a/marker".to_owned(), codes::IN_DOUBT));
    let policy = &bench.settings.policy;
    let spent = bench.cx.clock.monotonic();
    assert!(spent >= policy.call_timeout && spent <= policy.step_timeout + policy.call_timeout, "{spent:?}");
    assert!(bench.state().in_doubt.contains_key(&address("a/marker")));
    // It was made; the next run finds it and makes no second one.
    bench.converge(&chain());
}

#[test]
fn what_was_made_by_a_run_that_was_cut_off_is_finished_and_not_doubled() {
    let mut bench = Bench::new();
    // Begun, Started, Started: the outcomes are lost.
    bench.journal.events_left = 3;
    let outcome = bench.apply(&chain());
    assert_eq!(outcome.refused.unwrap().code, DEAD);
    assert!(bench.state().in_doubt.contains_key(&address("a/marker")));
    bench.journal.events_left = usize::MAX;
    let plan = bench.plan(&chain());
    let step = plan.steps.iter().find(|step| step.address == address("a/marker")).unwrap();
    assert_eq!((step.call, step.reason.as_str()), (Call::Create, "a run that was cut off made it; this finishes it"));
    bench.converge(&chain());
}

#[test]
fn what_a_run_that_was_cut_off_made_otherwise_is_brought_to_the_spec() {
    let one = |input| spec(&[("a", marker(&[("input", literal(input)), ("fixed", literal(1))], &[]))]);
    let replaced = spec(&[("a", marker(&[("input", literal(1)), ("fixed", literal(2))], &[]))]);
    for (next, made) in [(one(2), 1), (replaced, 2)] {
        let mut bench = Bench::new();
        bench.journal.events_left = 2;
        let _ = bench.apply(&one(1));
        bench.converge(&next);
        let effects = bench.world.effects();
        let makes = effects.iter().filter(|(effect, _)| *effect == acquire_provider::memory::Effect::Made).count();
        assert_eq!(makes, made);
    }
}

#[test]
fn nothing_is_called_before_it_is_written_down() {
    for events_left in 0..=1 {
        let mut bench = Bench::new();
        bench.journal.events_left = events_left;
        let outcome = bench.apply(&chain());
        assert_eq!(outcome.refused.map(|refused| refused.code), Some(DEAD));
        assert_eq!(outcome.skipped.len(), 4);
        assert!(bench.world.effects().is_empty());
    }
}

#[test]
fn outcomes_and_announcements_share_one_write() {
    let mut bench = Bench::new();
    let names: Vec<String> = (0..80).map(|n| format!("m{n}")).collect();
    let markers: Vec<_> = names.iter().map(|name| (name.as_str(), marker(&[], &[]))).collect();
    bench.converge(&spec(&markers));
    // The announcement of the next ones goes with the outcome of the last.
    assert_eq!(bench.journal.groups.iter().map(Vec::len).collect::<Vec<_>>(), [1 + 32, 32 + 32, 32 + 16, 16 + 1]);
    assert!(matches!(bench.journal.groups[0][0], Event::Begun { steps: 80, .. }));
    assert_eq!(bench.journal.groups.last().unwrap().last(), Some(&Event::Ended));
}

#[test]
fn a_provider_is_not_called_more_often_at_once_than_it_bears() {
    let mut bench = Bench::new();
    bench.world.slow_down(Duration::from_secs(1));
    bench.settings.concurrency = 3;
    let mut markers: Vec<_> = ["a", "b", "c", "d", "e", "f"].into_iter().map(|name| (name, marker(&[], &[]))).collect();
    markers.iter_mut().skip(3).for_each(|(_, marker)| marker.provider = "two".parse().unwrap());
    assert!(bench.apply(&spec(&markers)).is_complete());
    assert_eq!(bench.cx.clock.monotonic(), Duration::from_secs(2), "two providers work at the same time");
    bench.settings.concurrency = 1;
    bench.clock.run(bench.cx.clock.sleep(Duration::from_secs(8))).unwrap();
    let _ = bench.destroy(Data::Delete);
    assert_eq!(bench.cx.clock.monotonic(), Duration::from_secs(10 + 6));
}

#[test]
fn a_stop_lets_running_steps_finish_and_starts_no_other() {
    let mut bench = Bench::new();
    bench.settings.stop.store(true, Ordering::SeqCst);
    let outcome = bench.apply(&chain());
    assert_eq!((outcome.skipped.len(), outcome.is_complete()), (4, false));
    assert!(bench.world.effects().is_empty());
    bench.settings.stop.store(false, Ordering::SeqCst);
    bench.converge(&chain());
}

#[test]
fn a_stale_plan_is_refused_and_does_nothing() {
    let mut bench = Bench::new();
    let plan = bench.plan(&chain());
    bench.converge(&chain());
    let effects = bench.world.effects().len();
    let refused = bench.run(&plan).refused.unwrap();
    assert_eq!(
        (refused.code, refused.summary.as_str()),
        (plan::codes::STALE, "the state has changed since this plan was made")
    );

    let fresh = bench.plan(&spec(&[]));
    bench.settings.spec_digest = Some("another".to_owned());
    assert_eq!(bench.run(&fresh).refused.unwrap().summary, "the spec has changed since this plan was made");
    bench.settings.spec_digest = fresh.spec_digest.clone();
    let other_binary = plan::Plan { binary_sha256: "ff".repeat(32), ..fresh.clone() };
    assert_eq!(bench.run(&other_binary).refused.unwrap().summary, "this plan was made for another binary");
    let other_format = plan::Plan { format: 2, ..fresh.clone() };
    assert_eq!(bench.run(&other_format).refused.unwrap().code, plan::codes::UNKNOWN_FORMAT);
    let foreign = plan::Plan { lineage: Lineage::draw(&Seeded::new(1)), ..fresh.clone() };
    assert_eq!(bench.run(&foreign).refused.unwrap().summary, "this plan was made for another state");
    assert_eq!(bench.world.effects().len(), effects);
    assert!(bench.run(&fresh).is_complete());
}

#[test]
fn a_saved_plan_reads_back_as_it_was_and_runs() {
    let mut bench = Bench::new();
    let plan = bench.plan(&services(&ServiceType::ALL));
    let text = serde_json::to_vec(&plan).unwrap();
    let read: plan::Plan = serde_json::from_slice(&text).unwrap();
    assert_eq!(read, plan);
    assert!(bench.run(&read).is_complete());
    bench.check(&services(&ServiceType::ALL));
}

#[test]
fn all_services_are_made_and_destroyed_and_data_stays_unless_told() {
    let mut bench = Bench::new();
    bench.converge(&services(&ServiceType::ALL));
    assert_eq!(bench.state().resources.len(), 6 * 7 - 1);
    let outcome = bench.destroy(Data::Keep);
    assert!(outcome.is_complete());
    assert_eq!((outcome.destroyed, outcome.kept.len()), (6 * 5 - 1, 12));
    let left: Vec<String> = bench.world.things().keys().map(ToString::to_string).collect();
    assert!(left.iter().all(|left| left.ends_with("/bucket") || left.ends_with("/key")), "{left:?}");
    let outcome = bench.destroy(Data::Delete);
    assert_eq!((outcome.destroyed, outcome.kept.len()), (12, 0));
    assert!(bench.world.things().is_empty());
}

#[test]
fn a_thing_that_is_gone_already_is_destroyed_all_the_same() {
    let mut bench = Bench::new();
    bench.converge(&services(&[ServiceType::Registry, ServiceType::Identity]));
    bench.world.lose(&address("identity/function"));
    bench.world.lose(&address("identity/registration"));
    assert!(bench.destroy(Data::Delete).is_complete());
    assert!(bench.world.things().is_empty() && bench.state().resources.is_empty());
}

#[test]
fn a_reference_is_filled_in_at_the_moment_of_its_step() {
    let mut bench = Bench::new();
    let chained = spec(&[
        ("a", marker(&[], &[])),
        ("b", marker(&[("input", reference("a/marker.id"))], &[])),
        ("c", marker(&[("input", reference("b/marker.output"))], &[])),
    ]);
    bench.converge(&chained);
    let things = bench.world.things();
    assert_eq!(things[&address("c/marker")]["output"], things[&address("a/marker")]["id"]);
}

#[test]
fn a_reference_to_what_its_resource_does_not_give_fails_that_step_alone() {
    let mut bench = Bench::new();
    let wrong = spec(&[
        ("a", marker(&[], &[])),
        ("b", marker(&[("input", reference("a/marker.nothing"))], &[])),
        ("d", marker(&[], &[])),
    ]);
    let outcome = bench.apply(&wrong);
    assert_eq!(code(&outcome), ("b/marker".to_owned(), codes::NO_ATTRIBUTE));
    assert_eq!(outcome.added, 2);
    // From then on the plan itself says so.
    let refused = bench.try_plan(&wrong).unwrap_err();
    assert_eq!(refused[0].code, plan::codes::NO_ATTRIBUTE);
    assert_eq!(refused[0].span.as_ref().map(|span| span.line), Some(2));
}

#[test]
fn an_update_that_is_refused_leaves_the_truth_in_the_state() {
    let mut bench = Bench::new();
    let with = |input| spec(&[("a", marker(&[("input", literal(input))], &[]))]);
    bench.converge(&with(1));
    fail(&bench, "a/marker:update=fail");
    assert_eq!(code(&bench.apply(&with(2))).1, codes::REFUSED);
    assert!(bench.state().in_doubt.is_empty());
    let plan = bench.plan(&with(2));
    assert!(plan.drift.is_empty());
    assert_eq!((plan.steps[0].action, plan.steps[0].reason.as_str()), (Action::Update, "input changed in the spec"));
}

#[test]
fn an_update_in_doubt_is_not_called_drift() {
    let mut bench = Bench::new();
    let with = |input| spec(&[("a", marker(&[("input", literal(input))], &[]))]);
    bench.converge(&with(1));
    fail(&bench, "a/marker:update=hang-after x*");
    assert_eq!(code(&bench.apply(&with(2))).1, codes::IN_DOUBT);
    bench.faults.clear();
    let plan = bench.plan(&with(2));
    assert!(plan.drift.is_empty());
    assert_eq!(
        (plan.steps[0].call, plan.steps[0].reason.as_str()),
        (Call::Record, "a run that was cut off is written down")
    );
    bench.converge(&with(2));
}

#[test]
fn resume_says_what_became_of_each_step_in_doubt() {
    let mut bench = Bench::new();
    fail(&bench, "a/marker:create=hang-after x*, d/marker:create=hang x*");
    let _ = bench.apply(&chain());
    bench.faults.clear();
    let Bench { clock, cx, providers, told, settings, journal, .. } = &mut bench;
    let applier = crate::apply::Applier { cx, providers: providers.as_ref(), progress: told, settings };
    let resumed = clock.run(applier.resume(journal)).unwrap().unwrap();
    assert_eq!((resumed.made, resumed.not_made), (vec![address("a/marker")], vec![address("d/marker")]));
    assert!(!journal.state().in_doubt.contains_key(&address("d/marker")));
}

#[test]
fn secrets_are_revealed_by_the_resource_that_keeps_them() {
    let mut bench = Bench::new();
    bench.converge(&spec(&[("s", plain("secret", &[], &[]))]));
    let vault = secrets(&bench.cx, bench.providers.as_ref(), &bench.state().resources);
    let revealed = bench.clock.run(vault.reveal(&address("s/secret"))).unwrap().unwrap();
    assert!(revealed["proof"].expose().starts_with("proof of "));
    assert!(bench.clock.run(vault.reveal(&address("t/secret"))).unwrap().is_err());
}

#[test]
fn sensitive_values_are_not_in_the_state_and_are_still_compared() {
    let mut bench = Bench::new();
    bench.expand.sensitive.insert("resources.a.input".to_owned());
    let with = |input| spec(&[("a", marker(&[("input", literal(input))], &[]))]);
    bench.converge(&with("canary-1"));
    let text = format!("{:?} {:?}", bench.state(), bench.journal.groups);
    assert!(!text.contains("canary-1") && text.contains("hmac-sha256:"));
    let plan = bench.plan(&with("canary-2"));
    let shown = serde_json::to_string(&(&plan.steps[0].changes, &plan.steps[0].prior, &plan.drift)).unwrap();
    assert!(!shown.contains("canary"), "{shown}");
    bench.converge(&with("canary-2"));
    assert_eq!(bench.world.things()[&address("a/marker")]["input"], "canary-2");
    bench.world.tamper(&address("a/marker"), "input", "canary-3".into());
    assert_eq!(bench.plan(&with("canary-2")).steps[0].reason, "somebody changed it outside");
    assert_eq!(bench.journal.key().fingerprint("x"), bench.journal.key().fingerprint("x"));
}

#[test]
fn a_fingerprint_is_never_taken_for_the_value() {
    let mut bench = Bench::new();
    bench.expand.sensitive.insert("resources.a.input".to_owned());
    let wanted = spec(&[
        ("a", marker(&[("input", literal("canary"))], &[])),
        ("b", marker(&[("input", reference("a/marker.output"))], &[])),
    ]);
    assert_eq!(code(&bench.apply(&wanted)), ("b/marker".to_owned(), codes::SENSITIVE_REFERENCE));
    assert_eq!(bench.try_plan(&wanted).unwrap_err()[0].code, plan::codes::SENSITIVE_REFERENCE);
}

#[test]
fn a_bucket_whose_store_breaks_its_promises_fails_until_it_keeps_them() {
    let mut bench = Bench::new();
    let wanted = services(&[ServiceType::Registry]);
    bench.world.make_buckets_careless(true);
    for _ in 0..2 {
        let outcome = bench.apply(&wanted);
        assert_eq!(code(&outcome), ("registry/bucket".to_owned(), codes::UNSOUND_STORE));
        assert!(outcome.skipped.contains(&address("registry/function")));
    }
    let diagnostic = bench.apply(&wanted).failed.remove(0).1;
    assert_eq!(diagnostic.span.map(|span| span.line), Some(1));
    bench.world.make_buckets_careless(false);
    bench.converge(&wanted);
}

#[test]
fn an_unreachable_provider_leaves_its_reading_to_a_later_plan() {
    let mut bench = Bench::new();
    bench.converge(&chain());
    fail(&bench, "a/marker:read=unavailable x*, b/marker:read=fail");
    let refused = bench.try_plan(&chain()).unwrap_err();
    let codes: Vec<_> = refused.iter().map(|mistake| (mistake.code, mistake.address.clone().unwrap())).collect();
    assert_eq!(codes, [(plan::codes::NOT_READ, "a/marker".to_owned()), (plan::codes::NOT_READ, "b/marker".to_owned())]);
    bench.options.refresh = plan::Refresh::Skip;
    assert!(bench.plan(&chain()).is_empty());
}

#[test]
fn faults_from_text_reach_the_providers() {
    let faults: Faults = "a/marker:create=fail, *:create=twice x*".parse().unwrap();
    let mut bench = Bench::new();
    bench.providers = std::sync::Arc::new(acquire_provider::faults::FaultyProviders::new(
        bench.providers.clone(),
        std::sync::Arc::new(faults),
    ));
    assert_eq!(code(&bench.apply(&chain())).0, "a/marker");
    bench.converge(&chain());
}

#[test]
fn a_stop_in_the_middle_leaves_nothing_in_doubt() {
    let mut bench = Bench::new();
    bench.world.slow_down(Duration::from_secs(1));
    bench.settings.concurrency = 1;
    let names: Vec<String> = (0..9).map(|n| format!("m{n}")).collect();
    let markers = spec(&names.iter().map(|name| (name.as_str(), marker(&[], &[]))).collect::<Vec<_>>());
    let plan = bench.plan(&markers);
    let (clock, stop) = (bench.cx.clock.clone(), bench.settings.stop.clone());
    let outcome = {
        let Bench { clock: time, cx, providers, told, settings, journal, .. } = &mut bench;
        let applier = crate::apply::Applier { cx, providers: providers.as_ref(), progress: told, settings };
        let stopping = async {
            clock.sleep(Duration::from_secs(3)).await;
            stop.store(true, Ordering::SeqCst);
        };
        time.run(futures::future::join(applier.apply(&plan, journal), stopping)).unwrap().0
    };
    assert_eq!((outcome.added, outcome.failed.len(), outcome.skipped.len()), (2, 0, 7), "{outcome:?}");
    assert!(bench.state().in_doubt.is_empty());
    assert_eq!(told(&bench, "m5/marker"), ["skipped"]);
    bench.settings.stop.store(false, Ordering::SeqCst);
    bench.converge(&markers);
}

#[test]
fn nothing_is_told_as_finished_before_it_is_durable() {
    for events in 0..12 {
        let mut bench = Bench::new();
        bench.resume();
        let plan = bench.plan(&chain());
        bench.journal.events_left = events;
        let _ = bench.run(&plan);
        let told = bench.told.0.lock().unwrap();
        let finished = told.iter().filter(|event| matches!(event.what, What::Finished { .. }));
        for event in finished {
            assert!(bench.state().resources.contains_key(&event.address), "{} after {events} events", event.address);
        }
    }
}
