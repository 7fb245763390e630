//! A deployment in memory that can be killed, and the laws that it must keep.

use acquire_engine::apply::{Applier, Journal, MemoryJournal, Outcome, Progress, Settings, progress};
use acquire_engine::graph::{ExpandOptions, Graph, expand};
use acquire_engine::plan::{Data, Options, Plan, Scope, destroy, plan};
use acquire_engine::state::{Event, State, StateKey};
use acquire_model::spec::Spec;
use acquire_model::{Address, Clock, Code, Diagnostic, Timestamp};
use acquire_provider::faults::{Faults, FaultyProviders, Rule};
use acquire_provider::memory::{MemoryProviders, Seeded, VirtualClock, World, context};
use acquire_provider::{Context, Providers};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const DAY_SECONDS: u64 = 86_400;

/// When a run is cut off.
#[derive(Clone, Copy, Debug)]
pub enum Cut {
    /// Not at all.
    Never,
    /// After so many events: a group may be torn, and nothing is durable after it.
    AfterEvents(usize),
    /// After some time, in the middle of whatever is going on.
    After(Duration),
}

/// A journal that may die.
struct Disk {
    journal: MemoryJournal,
    events_left: usize,
    has_died: bool,
}

#[async_trait]
impl Journal for Disk {
    fn state(&self) -> &State {
        self.journal.state()
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        let durable = events.len().min(self.events_left);
        self.journal.append(&events[..durable]).await?;
        self.events_left -= durable;
        self.has_died |= durable < events.len();
        let dead = || Diagnostic::error(Code(9999), "killed");
        if durable == events.len() { Ok(()) } else { Err(dead()) }
    }

    fn head_due(&self) -> Option<Duration> {
        None
    }

    async fn write_head(&mut self) -> Result<(), Diagnostic> {
        Ok(())
    }

    fn key(&self) -> &StateKey {
        self.journal.key()
    }
}

/// The wall clock of whichever machine runs `acquire` next: it may be days off.
struct WallClock {
    true_clock: VirtualClock,
    off_seconds: AtomicI64,
}

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        self.true_clock.now().plus_seconds(self.off_seconds.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.true_clock.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        self.true_clock.sleep(duration).await;
    }
}

struct Unwatched;

impl Progress for Unwatched {
    fn event(&self, _: &progress::Event) {}
}

/// A deployment in memory.
pub struct Deployment {
    clock: VirtualClock,
    wall_clock: Arc<WallClock>,
    world: Arc<World>,
    faults: Arc<Faults>,
    providers: Arc<dyn Providers>,
    cx: Context,
    disk: Disk,
    settings: Settings,
    kills: Vec<String>,
}

impl Deployment {
    pub fn new(seed: u64) -> Self {
        let (clock, world, faults) = (VirtualClock::default(), Arc::new(World::default()), Arc::new(Faults::default()));
        world.slow_down(Duration::from_millis(100));
        let providers = MemoryProviders::new(&["one", "two", "trust"], &world).unwrap();
        let wall_clock = Arc::new(WallClock { true_clock: clock.clone(), off_seconds: AtomicI64::new(0) });
        let cx = Context { clock: wall_clock.clone(), ..context("demo".parse().unwrap(), &clock, seed) };
        let journal = MemoryJournal::new(cx.deployment.lineage.clone(), cx.clock.clone(), cx.entropy.as_ref());
        Self {
            providers: Arc::new(FaultyProviders::new(Arc::new(providers), faults.clone())),
            disk: Disk { journal, events_left: usize::MAX, has_died: false },
            settings: Settings { concurrency: 2, ..Settings::default() },
            kills: Vec::new(),
            clock,
            wall_clock,
            world,
            faults,
            cx,
        }
    }

    pub fn plan_faults(&self, rules: Vec<Rule>) {
        self.faults.clear();
        rules.into_iter().for_each(|rule| self.faults.add(rule));
    }

    /// Changes or deletes something behind everybody's back.
    pub fn meddle(&self, dice: &Seeded) {
        let things: Vec<Address> = self.world.things().into_keys().collect();
        let Some(thing) = things.get(usize::try_from(dice.below(things.len().max(1) as u64)).unwrap()) else { return };
        match dice.below(4) {
            0 => self.world.lose(thing),
            1 => self.world.tamper(thing, "input", "meddled".into()),
            _ => {}
        }
    }

    /// Sets the wall clock to some time within a day of the true one.
    pub fn set_the_clock(&self, dice: &Seeded) {
        let off = i64::try_from(dice.below(2 * DAY_SECONDS)).unwrap() - i64::try_from(DAY_SECONDS).unwrap();
        self.wall_clock.off_seconds.store(off, Ordering::SeqCst);
    }

    /// Runs `acquire apply`, or `acquire destroy --data` without a spec. Returns whether it came to its end.
    pub fn run(&mut self, spec: Option<&Spec>, cut: Cut) -> Result<bool, String> {
        self.disk.events_left = if let Cut::AfterEvents(events) = cut { events } else { usize::MAX };
        self.disk.has_died = false;
        let limit = if let Cut::After(limit) = cut { limit } else { Duration::from_secs(1 << 30) };
        let Self { clock, cx, providers, settings, disk, .. } = self;
        let applier = Applier { cx, providers: providers.as_ref(), progress: &Unwatched, settings };
        let limited = async {
            tokio::select! {
                biased;
                outcome = whole(applier, disk, spec) => outcome,
                () = cx.clock.sleep(limit) => Ok(None),
            }
        };
        let ended = clock.run(limited).ok_or("it waits for ever")??;
        let was_refused = ended.as_ref().is_some_and(|outcome| outcome.refused.is_some());
        let is_over = ended.is_some() && !was_refused;
        self.disk.events_left = usize::MAX;
        if !is_over {
            self.kills.push(format!("killed {cut:?} at serial {}", self.disk.state().serial));
        }
        Ok(is_over)
    }

    /// Whether the last run was killed by its journal.
    pub fn has_died(&self) -> bool {
        self.disk.has_died
    }

    /// Everything that was made is known to the state, and nothing was made twice.
    pub fn check_nothing_is_lost(&self) -> Result<(), String> {
        let state = self.disk.state();
        let is_known =
            |address: &Address| state.resources.contains_key(address) || state.in_doubt.contains_key(address);
        let orphans: Vec<Address> = self.world.things().into_keys().filter(|address| !is_known(address)).collect();
        match (orphans.as_slice(), self.world.made_twice().as_slice()) {
            ([], []) => Ok(()),
            ([], twice) => Err(format!("made twice: {twice:?}")),
            (orphans, _) => Err(format!("orphaned: {orphans:?}")),
        }
    }

    /// Without faults and kills, the spec holds after one run, and the next plan is empty.
    pub fn converge(&mut self, spec: &Spec) -> Result<(), String> {
        self.faults.clear();
        if !self.run(Some(spec), Cut::Never)? {
            return Err("a run without faults did not come to its end".to_owned());
        }
        self.check_nothing_is_lost()?;
        let wanted: BTreeSet<Address> =
            graph(&self.cx, spec)?.nodes().iter().map(|node| node.address.clone()).collect();
        let things: BTreeSet<Address> = self.world.things().into_keys().collect();
        let applier = self.applier();
        let next = self.clock.run(planned(&applier, &self.disk, spec)).ok_or("it waits for ever")??;
        if wanted != things || !next.is_empty() || !next.drift.is_empty() || !self.disk.state().in_doubt.is_empty() {
            return Err(format!("it did not converge: {next:#?}"));
        }
        Ok(())
    }

    /// A destroy leaves nothing.
    pub fn destroy(&mut self) -> Result<(), String> {
        if !self.run(None, Cut::Never)? || !self.world.things().is_empty() || !self.disk.state().resources.is_empty() {
            return Err(format!("something is left: {:?}", self.world.things().keys()));
        }
        Ok(())
    }

    /// Every effect, then every kill.
    pub fn lines(&self) -> Vec<String> {
        let effects = self.world.effects().into_iter().map(|(effect, address)| format!("{effect:?} {address}"));
        effects.chain(self.kills.iter().cloned()).collect()
    }

    fn applier(&self) -> Applier<'_> {
        let Self { cx, providers, settings, .. } = self;
        Applier { cx, providers: providers.as_ref(), progress: &Unwatched, settings }
    }
}

fn graph(cx: &Context, spec: &Spec) -> Result<Graph, String> {
    let options = ExpandOptions { binary_sha256: cx.deployment.binary.sha256.clone(), ..ExpandOptions::default() };
    expand(spec, &options).map_err(|mistakes| format!("the drawn spec is wrong: {mistakes:?}"))
}

async fn planned(applier: &Applier<'_>, disk: &Disk, spec: &Spec) -> Result<Plan, String> {
    try_plan(applier, disk, spec).await?.ok_or_else(|| "a provider without faults could not be read".to_owned())
}

/// `None` if a provider could not be read.
async fn try_plan(applier: &Applier<'_>, disk: &Disk, spec: &Spec) -> Result<Option<Plan>, String> {
    let graph = graph(applier.cx, spec)?;
    let options = Options {
        binary_sha256: applier.cx.deployment.binary.sha256.clone(),
        data: Data::Delete,
        key: Some(disk.key().clone()),
        ..Options::default()
    };
    Ok(plan(applier.cx, &graph, disk.state(), applier.providers, &options).await.ok())
}

/// A whole run: what is in doubt is found out, then planned, then done. `None` if it was cut off before the end, or a
/// provider could not be read.
async fn whole(applier: Applier<'_>, disk: &mut Disk, spec: Option<&Spec>) -> Result<Option<Outcome>, String> {
    let plan = match spec {
        Some(spec) => {
            if applier.resume(disk).await.is_err() {
                return Ok(None);
            }
            try_plan(&applier, disk, spec).await?
        }
        None => {
            let binary = &applier.cx.deployment.binary.sha256;
            let plan = destroy(disk.state(), Data::Delete, &Scope::default(), binary);
            Some(plan.map_err(|mistakes| format!("{mistakes:?}"))?)
        }
    };
    match plan {
        Some(plan) => Ok(Some(applier.apply(&plan, disk).await)),
        None => Ok(None),
    }
}
