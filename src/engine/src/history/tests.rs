//! What a history tells of runs on a real journal.

use super::*;
use crate::apply::tests::fixture::{Bench, address, literal, marker, reference, services, spec};
use crate::apply::{Applier, Outcome, Settings};
use crate::plan::{self, Data, Options, Plan, Scope};
use crate::state::{Event, Operator, Place, Session};
use acquire_crypto::signing::SigningKey;
use acquire_model::spec::{Moved, Spec};
use acquire_model::{Code, ServiceType};
use tempfile::TempDir;

const BY: &str = "alice@build-3";

/// A deployment in memory whose journal is in a directory.
struct Project {
    bench: Bench,
    directory: TempDir,
}

impl Project {
    fn new() -> Self {
        Self { bench: Bench::new(), directory: tempfile::tempdir().unwrap() }
    }

    fn location(&self) -> Location {
        Location {
            home: Place::Directory(self.directory.path().join("state")),
            configuration: self.directory.path().join("configuration"),
            passphrase: None,
            user: None,
            waiting: |_| (),
        }
    }

    fn session(&self) -> Session {
        let (cx, location) = (&self.bench.cx, self.location());
        let opening = Session::open(&location, cx.clock.clone(), cx.entropy.clone());
        self.bench.clock.run(opening).unwrap().unwrap()
    }

    fn run(&self, plan: impl FnOnce(&Session) -> Plan) -> Outcome {
        let mut session = self.session();
        let Bench { cx, providers, told, .. } = &self.bench;
        let settings = Settings { by: Some(BY.to_owned()), ..Settings::default() };
        let applier = Applier { cx, providers: providers.as_ref(), progress: told, settings: &settings };
        self.bench.clock.run(applier.resume(&mut session)).unwrap().unwrap();
        let plan = plan(&session);
        let outcome = self.bench.clock.run(applier.apply(&plan, &mut session)).unwrap();
        let operator = Operator::open(&self.location(), BY.to_owned()).unwrap();
        self.bench.clock.run(session.sign(&operator)).unwrap().unwrap();
        self.bench.clock.run(session.close()).unwrap().unwrap();
        outcome
    }

    fn apply(&self, spec: &Spec, options: &Options) -> Outcome {
        let Bench { cx, providers, clock, .. } = &self.bench;
        let options = Options { spec_digest: "5e".repeat(32), ..options.clone() };
        let options =
            |session: &Session| Options { binary_sha256: self.binary(), key: Some(session.key().clone()), ..options };
        let graph = self.bench.graph(spec);
        self.run(|session| {
            let options = options(session);
            clock.run(plan::plan(cx, &graph, session.state(), providers.as_ref(), &options)).unwrap().unwrap()
        })
    }

    fn binary(&self) -> String {
        self.bench.cx.deployment.binary.sha256.clone()
    }

    fn append(&self, events: &[Event]) {
        let mut session = self.session();
        self.bench.clock.run(session.append(events)).unwrap().unwrap();
        self.bench.clock.run(session.close()).unwrap().unwrap();
    }

    fn history(&self) -> History {
        let location = self.location();
        self.bench.clock.run(History::read(&location)).unwrap().unwrap().unwrap()
    }
}

/// A story as text, one line for each thing that happened.
fn told(history: &History, of: &str) -> Vec<String> {
    let line = |happening: &Happening| {
        let what = match &happening.what {
            What::Failed { action, problem } => format!("failed to {action} ({problem})"),
            What::MovedFrom(from) => format!("moved from {from}"),
            What::MovedTo(to) => format!("moved to {to}"),
            other => format!("{other:?}").to_lowercase(),
        };
        let place = happening.origin.as_ref().map(|span| format!(" (line {})", span.line)).unwrap_or_default();
        format!("{} {what}: {}{place}", happening.run, happening.reason)
    };
    history.stories[&address(of)].iter().map(line).collect()
}

fn pair(input: i32, fixed: i32) -> Spec {
    spec(&[
        ("a", marker(&[("input", literal(input)), ("fixed", literal(fixed))], &[])),
        ("b", marker(&[("input", reference("a/marker.id"))], &[])),
    ])
}

#[test]
fn every_run_has_who_when_what_and_why() {
    let project = Project::new();
    assert!(project.apply(&pair(1, 1), &Options::default()).is_complete());
    assert!(project.apply(&pair(2, 1), &Options::default()).is_complete());
    project.bench.faults.add("b/marker:update=fail".parse().unwrap());
    assert!(!project.apply(&pair(2, 2), &Options::default()).is_complete());
    assert!(project.apply(&spec(&[]), &Options { data: Data::Delete, ..Options::default() }).is_complete());
    let history = project.history();
    let counts = |run: &Run| (run.counts.added, run.counts.changed, run.counts.destroyed, run.counts.failed);
    assert_eq!(
        history.runs.iter().map(counts).collect::<Vec<_>>(),
        [(2, 0, 0, 0), (0, 1, 0, 0), (1, 0, 1, 1), (0, 0, 2, 0)]
    );
    for (place, run) in history.runs.iter().enumerate() {
        let binary = Binary { version: env!("CARGO_PKG_VERSION").to_owned(), sha256: project.binary() };
        assert_eq!((run.number, run.by.as_deref(), run.binary.as_ref()), (place + 1, Some(BY), Some(&binary)));
        assert_eq!((run.purpose, run.spec_digest.clone()), (Purpose::Apply, Some("5e".repeat(32))));
        assert!(run.ended.is_some() && run.verified.is_none());
        assert!(run.signature.as_ref().is_some_and(|signed| signed.holds && signed.by == BY), "{run:?}");
    }
    assert_eq!(history.faults(), []);
    assert_eq!(
        told(&history, "a/marker"),
        [
            "1 made: not there yet (line 1)",
            "2 changed: input changed in the spec (line 1)",
            "3 deleted: fixed changed in the spec; it cannot change in place (line 1)",
            "3 made: fixed changed in the spec; it cannot change in place (line 1)",
            "4 deleted: no longer in the spec",
        ]
    );
    assert_eq!(
        told(&history, "b/marker")[1],
        "3 failed to update (cannot update `b/marker`: refused (injected fault)): depends on a/marker which is replaced (line 2)"
    );
}

#[test]
fn a_run_that_was_cut_off_says_so_and_what_became_of_it_is_told_by_the_next() {
    let project = Project::new();
    project.append(&[Event::Begun { steps: 2, spec_digest: None, purpose: Purpose::Apply, by: None, binary: None }]);
    let cut_off = &project.history().runs[0];
    assert_eq!((cut_off.ended, cut_off.steps, &cut_off.signature, &cut_off.by), (None, 2, &None, &None));
    assert!(project.apply(&pair(1, 1), &Options::default()).is_complete());
    let runs = project.history().runs;
    assert_eq!((runs.len(), runs[0].ended, runs[1].counts.added), (2, None, 2));
}

#[test]
fn what_a_run_is_for_is_recorded() {
    let project = Project::new();
    assert!(project.apply(&pair(1, 1), &Options::default()).is_complete());
    project.bench.world.tamper(&address("a/marker"), "input", serde_json::json!(7));
    let only = Options { refresh: plan::Refresh::Only, ..Options::default() };
    assert!(project.apply(&pair(1, 1), &only).is_complete());
    let back = Options { purpose: Purpose::Rollback, ..Options::default() };
    assert!(project.apply(&pair(1, 1), &back).is_complete());
    let destroy =
        |session: &Session| plan::destroy(session.state(), Data::Delete, &Scope::default(), &project.binary());
    assert!(project.run(|session| destroy(session).unwrap()).is_complete());
    let history = project.history();
    let purposes: Vec<&str> = history.runs.iter().map(|run| run.purpose.as_str()).collect();
    assert_eq!(purposes, ["apply", "refresh", "rollback", "destroy"]);
    assert_eq!(told(&history, "a/marker")[1], "2 observed: ");
    assert_eq!(told(&history, "a/marker")[3], "4 deleted: destroy was asked for");
}

#[test]
fn a_thing_that_was_moved_has_its_story_from_before() {
    let project = Project::new();
    assert!(project.apply(&pair(1, 1), &Options::default()).is_complete());
    let mut moved = spec(&[("c", marker(&[("input", literal(1)), ("fixed", literal(1))], &[]))]);
    moved.moved = vec![Moved { from: "a".parse().unwrap(), to: "c".parse().unwrap() }];
    assert!(project.apply(&moved, &Options::default()).is_complete());
    let history = project.history();
    assert_eq!(told(&history, "c/marker"), ["1 made: not there yet (line 1)", "2 moved from a/marker: "]);
    assert_eq!(told(&history, "a/marker"), ["1 made: not there yet (line 1)", "2 moved to c/marker: "]);
}

#[test]
fn a_resource_is_found_by_address_or_by_the_name_of_what_has_only_one() {
    let project = Project::new();
    assert!(project.apply(&services(&[ServiceType::Registry]), &Options::default()).is_complete());
    assert!(project.apply(&pair(1, 1), &Options { data: Data::Delete, ..Options::default() }).is_complete());
    let history = project.history();
    assert_eq!(history.find("a").unwrap(), &address("a/marker"));
    assert_eq!(history.find("registry/function").unwrap(), &address("registry/function"), "it is gone");
    assert_eq!(history.needed_by(&address("a/marker")), [&address("b/marker")]);
    let several = history.find("registry").unwrap_err();
    assert!(several.code == codes::UNKNOWN && several.hint.unwrap().contains("`registry/bucket`"));
    let unknown = history.find("registry/functoin").unwrap_err();
    assert_eq!(unknown.hint.as_deref(), Some("did you mean `registry/function`?"));
    assert!(history.find("").is_err());
}

#[test]
fn a_signature_that_does_not_hold_is_named_by_its_serial() {
    let project = Project::new();
    assert!(project.apply(&pair(1, 1), &Options::default()).is_complete());
    let serial = project.history().opened.state.serial;
    let key = SigningKey::generate().unwrap();
    let signature = key.sign(b"something else").unwrap();
    project.append(&[Event::Signed { by: "mallory@elsewhere".to_owned(), key: key.public(), signature }]);
    let history = project.history();
    let faults = history.faults();
    assert_eq!((faults.len(), faults[0].code), (1, Code(260)));
    assert_eq!(faults[0].summary, format!("the signature at serial {} does not hold", serial + 1));
    assert!(faults[0].detail.as_ref().unwrap().contains("mallory@elsewhere"));
}
