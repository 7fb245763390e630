//! A deployment in memory: specs, a journal that can die, providers that can fail, and a clock that costs nothing.

use crate::apply::{Applier, Journal, MemoryJournal, Outcome, Progress, Settings, progress};
use crate::graph::{ExpandOptions, Graph, expand};
use crate::plan::{Data, Options, Plan, plan};
use crate::state::{Event, State, StateKey};
use acquire_model::spec::{Defaults, Lifecycle, PlainResource, Service, Spec};
use acquire_model::{Address, Attributes, Code, Diagnostic, Expression, Name, Reference, ServiceType, Span};
use acquire_provider::Context;
use acquire_provider::Providers;
use acquire_provider::faults::{Faults, FaultyProviders};
use acquire_provider::memory::{MemoryProviders, VirtualClock, World, context};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The code that a dead journal answers with.
pub(crate) const DEAD: Code = Code(9999);

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A reference such as `a/marker.output`.
pub(crate) fn reference(text: &str) -> Expression {
    let (of, attribute) = text.split_once('.').unwrap();
    Expression::Reference(Reference { address: address(of), attribute: attribute.to_owned() })
}

pub(crate) fn literal(value: impl Into<Value>) -> Expression {
    Expression::Literal(value.into())
}

/// A marker of the provider `one`.
pub(crate) fn marker(inputs: &[(&str, Expression)], needs: &[&str]) -> PlainResource {
    plain("marker", inputs, needs)
}

pub(crate) fn plain(kind: &str, inputs: &[(&str, Expression)], needs: &[&str]) -> PlainResource {
    PlainResource {
        kind: kind.parse().unwrap(),
        provider: "one".parse().unwrap(),
        needs: needs.iter().map(|name| name.parse().unwrap()).collect(),
        lifecycle: Lifecycle::default(),
        inputs: inputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    }
}

/// A spec of plain resources; the n-th stands in line n.
pub(crate) fn spec(resources: &[(&str, PlainResource)]) -> Spec {
    let names = resources.iter().enumerate();
    Spec {
        name: "demo".parse().unwrap(),
        environment: None,
        state_home: None,
        providers: BTreeMap::new(),
        defaults: Defaults::default(),
        services: BTreeMap::new(),
        moved: Vec::new(),
        origins: names.map(|(line, (name, _))| (format!("resources.{name}"), span(line + 1))).collect(),
        resources: resources.iter().map(|(name, resource)| (name.parse::<Name>().unwrap(), resource.clone())).collect(),
    }
}

/// A spec of services; the n-th stands in line n.
pub(crate) fn services(of: &[ServiceType]) -> Spec {
    let service = Service {
        provider: "one".parse().unwrap(),
        domain: None,
        placed: BTreeMap::new(),
        memory_bytes: 512 << 20,
        timeout_seconds: 60,
        rotate_seconds: 86_400,
        lifecycle: Lifecycle::default(),
        settings: BTreeMap::new(),
    };
    Spec {
        services: of.iter().map(|service_type| (*service_type, service.clone())).collect(),
        origins: of.iter().enumerate().map(|(line, of)| (format!("services.{of}"), span(line + 1))).collect(),
        ..spec(&[])
    }
}

pub(crate) fn span(line: usize) -> Span {
    Span { file: "acquire.yaml".to_owned(), line: u32::try_from(line).unwrap(), column: 3, length: 1 }
}

/// A journal that dies after so many events: what comes later is refused, and a group may be torn.
pub(crate) struct MortalJournal {
    pub(crate) inner: MemoryJournal,
    pub(crate) events_left: usize,
    /// The groups that were written.
    pub(crate) groups: Vec<Vec<Event>>,
}

impl MortalJournal {
    /// The addresses of everything that was announced.
    pub(crate) fn announced(&self) -> BTreeSet<Address> {
        let events = self.groups.iter().flatten();
        events.filter(|event| matches!(event, Event::Started { .. })).filter_map(Event::address).cloned().collect()
    }
}

#[async_trait]
impl Journal for MortalJournal {
    fn state(&self) -> &State {
        self.inner.state()
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        let durable = events.len().min(self.events_left);
        self.inner.append(&events[..durable]).await?;
        self.events_left -= durable;
        self.groups.push(events[..durable].to_vec());
        if durable == events.len() { Ok(()) } else { Err(Diagnostic::error(DEAD, "the disk is full")) }
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
}

/// Remembers everything that was told.
#[derive(Default)]
pub(crate) struct Told(pub(crate) Mutex<Vec<progress::Event>>);

impl Progress for Told {
    fn event(&self, event: &progress::Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// A deployment in memory.
pub(crate) struct Bench {
    pub(crate) clock: VirtualClock,
    pub(crate) world: Arc<World>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) providers: Arc<dyn Providers>,
    pub(crate) cx: Context,
    pub(crate) journal: MortalJournal,
    pub(crate) told: Told,
    pub(crate) settings: Settings,
    pub(crate) options: Options,
    pub(crate) expand: ExpandOptions,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let (clock, world, faults) = (VirtualClock::default(), Arc::new(World::default()), Arc::new(Faults::default()));
        let providers: Arc<dyn Providers> = Arc::new(MemoryProviders::new(&["one", "two", "trust"], &world).unwrap());
        let cx = context("demo".parse().unwrap(), &clock, 7);
        let inner = MemoryJournal::new(cx.deployment.lineage.clone(), cx.clock.clone(), cx.entropy.as_ref());
        let binary_sha256 = cx.deployment.binary.sha256.clone();
        let options = Options {
            spec_digest: "5e".repeat(32),
            binary_sha256: binary_sha256.clone(),
            key: Some(inner.key().clone()),
            data: Data::Delete,
            ..Options::default()
        };
        Self {
            providers: Arc::new(FaultyProviders::new(providers, faults.clone())),
            journal: MortalJournal { inner, events_left: usize::MAX, groups: Vec::new() },
            expand: ExpandOptions { binary_sha256, sensitive: BTreeSet::new() },
            told: Told::default(),
            settings: Settings::default(),
            options,
            clock,
            world,
            faults,
            cx,
        }
    }

    pub(crate) fn graph(&self, spec: &Spec) -> Graph {
        expand(spec, &self.expand).unwrap()
    }

    pub(crate) fn try_plan(&self, spec: &Spec) -> Result<Plan, Vec<Diagnostic>> {
        let graph = self.graph(spec);
        let planning = plan(&self.cx, &graph, self.state(), self.providers.as_ref(), &self.options);
        self.clock.run(planning).unwrap()
    }

    pub(crate) fn plan(&self, spec: &Spec) -> Plan {
        self.try_plan(spec).unwrap()
    }

    pub(crate) fn state(&self) -> &State {
        self.journal.state()
    }

    /// Finds out what is in doubt, if the journal lives.
    pub(crate) fn resume(&mut self) {
        let Self { clock, cx, providers, told, settings, journal, .. } = self;
        let applier = Applier { cx, providers: providers.as_ref(), progress: told, settings };
        clock.run(applier.resume(journal)).unwrap().unwrap();
    }

    pub(crate) fn run(&mut self, plan: &Plan) -> Outcome {
        self.run_until(plan, Duration::MAX).unwrap()
    }

    /// Runs a plan and drops it in the middle if it is not over by then.
    pub(crate) fn run_until(&mut self, plan: &Plan, limit: Duration) -> Option<Outcome> {
        let Self { clock, cx, providers, told, settings, journal, .. } = self;
        let applier = Applier { cx, providers: providers.as_ref(), progress: told, settings };
        let running = std::pin::pin!(applier.apply(plan, journal));
        if limit == Duration::MAX {
            return clock.run(running);
        }
        let sleeping = cx.clock.sleep(limit);
        match clock.run(futures::future::select(running, sleeping)).unwrap() {
            futures::future::Either::Left((outcome, _)) => Some(outcome),
            futures::future::Either::Right(_) => None,
        }
    }

    /// Finds out what is in doubt, plans, and runs the plan: a whole `acquire apply`.
    pub(crate) fn apply(&mut self, spec: &Spec) -> Outcome {
        self.resume();
        let plan = self.plan(spec);
        self.run(&plan)
    }

    pub(crate) fn destroy(&mut self, data: Data) -> Outcome {
        let plan = crate::plan::destroy(self.state(), data, &self.options.scope, &self.expand.binary_sha256).unwrap();
        self.run(&plan)
    }

    /// Applies without faults and on a live journal, and checks that all is as the spec says and nothing is doubled.
    pub(crate) fn converge(&mut self, spec: &Spec) {
        self.faults.clear();
        self.journal.events_left = usize::MAX;
        let outcome = self.apply(spec);
        assert!(outcome.is_complete(), "{outcome:?}");
        self.check(spec);
    }

    pub(crate) fn check(&self, spec: &Spec) {
        let wanted: Vec<Address> = self.graph(spec).nodes().iter().map(|node| node.address.clone()).collect();
        let (wanted, things): (BTreeSet<_>, BTreeMap<Address, Attributes>) =
            (wanted.into_iter().collect(), self.world.things());
        let known_as = |address: &Address| self.state().resources.get(address).map(|of| of.known_as(address).clone());
        let known_as = wanted.iter().map(|address| known_as(address).unwrap_or_else(|| address.clone()));
        assert_eq!(things.keys().cloned().collect::<BTreeSet<_>>(), known_as.collect());
        assert_eq!(self.state().resources.keys().cloned().collect::<BTreeSet<_>>(), wanted);
        assert_eq!(self.world.made_twice(), Vec::<String>::new());
        assert!(self.state().in_doubt.is_empty());
        let plan = self.plan(spec);
        assert!(plan.is_empty() && plan.drift.is_empty(), "{plan:#?}");
    }
}
