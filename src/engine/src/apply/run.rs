use crate::apply::progress::{Event as Told, What};
use crate::apply::queue::Queue;
use crate::apply::ready::{Ready, recorded};
use crate::apply::secrets::{Held, Vault};
use crate::apply::work::{Broken, Cause, Effect, Seen};
use crate::apply::{Applier, Journal, Outcome, settle, trouble};
use crate::plan::{Call, Plan, Step, sensitive};
use crate::state::{Event, Lease, StateKey};
use acquire_model::{Action, Address, Attributes, Diagnostic, ProviderName};
use acquire_provider::{Context, Secrets};
use futures::future::{Either, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many steps are written down as started for each that may call at once: quick calls then share one sync of the
/// journal, and a crash leaves a few steps in doubt that had not called yet.
const AHEAD: usize = 4;

/// One run of a plan.
pub(super) struct Run<'a> {
    pub(super) applier: &'a Applier<'a>,
    pub(super) plan: &'a Plan,
    pub(super) cx: Context,
    pub(super) vault: Arc<Vault>,
    /// What earlier runs left in doubt, and what they were about to do.
    pub(super) doubts: BTreeMap<Address, Action>,
    /// When no call of theirs can have its effect any more, if one may be on its way.
    pub(super) settled_at: Option<Duration>,
    /// What happened and is not written down yet.
    pub(super) pending: Vec<Event>,
    /// Steps that succeeded, which people are told once that is written down.
    succeeded: Vec<(&'a Step, Duration)>,
    /// Who may call, by provider.
    pub(super) permits: BTreeMap<ProviderName, Arc<Semaphore>>,
    /// Set when no further call may be made.
    pub(super) halted: Arc<AtomicBool>,
    /// Until when calls may be made at all.
    pub(super) lease: Lease,
    queue: Queue<'a>,
    outcome: Outcome,
    began: Duration,
    /// Whether the head could be written so far.
    heads: bool,
}

/// A step that has called.
pub(super) struct Finished<'a> {
    pub(super) place: usize,
    pub(super) step: &'a Step,
    pub(super) desired: Attributes,
    pub(super) took: Duration,
    pub(super) result: Result<Effect, Broken>,
}

/// What becomes of a step before any call.
pub(super) enum Prepared<'a> {
    /// It calls once these events are durable.
    Calls(Ready<'a>, Vec<Event>),
    /// It is done without a call; this is to be written down.
    Recorded(Event),
    /// It cannot be done.
    Impossible(Diagnostic),
}

impl<'a> Run<'a> {
    pub(super) fn new(applier: &'a Applier<'a>, plan: &'a Plan, journal: &dyn Journal) -> Self {
        let named = plan.steps.iter().map(|step| &step.provider);
        let vault = Vault::new(applier.cx, applier.providers, &journal.state().resources, named);
        let of_doubts = journal.state().in_doubt.iter();
        Self {
            applier,
            plan,
            cx: Context { secrets: Arc::clone(&vault) as Arc<dyn Secrets>, ..applier.cx.clone() },
            vault,
            doubts: of_doubts.map(|(address, doubt)| (address.clone(), doubt.intent.action)).collect(),
            settled_at: settle::settled_at(applier, journal),
            pending: Vec::new(),
            succeeded: Vec::new(),
            permits: BTreeMap::new(),
            halted: Arc::default(),
            lease: journal.lease(),
            queue: Queue::new(&plan.steps),
            outcome: Outcome { kept: plan.kept.clone(), ..Outcome::default() },
            began: applier.cx.clock.monotonic(),
            heads: true,
        }
    }

    /// Runs every step whose needs are met, until none is left.
    pub(super) async fn run(mut self, journal: &mut dyn Journal) -> Outcome {
        let steps = u64::try_from(self.plan.steps.len()).unwrap_or(u64::MAX);
        self.pending.push(self.applier.begun(steps, self.plan.spec_digest.clone(), self.plan.purpose));
        let (mut running, mut finished) = (FuturesUnordered::new(), Vec::new());
        loop {
            let start = self.start(journal, running.is_empty());
            for ready in meanwhile(&mut running, &mut finished, start).await {
                running.push(ready.perform(self.applier, self.cx.clone(), self.began));
            }
            if running.is_empty() && finished.is_empty() {
                return self.end(journal).await;
            }
            self.next(&mut running, &mut finished, journal).await;
            for finished in finished.drain(..) {
                self.finish(finished, journal);
            }
        }
    }

    /// Prepares the steps that may start, and makes durable, as one group, what happened so far and what is about to
    /// happen. If nothing can start and nothing is running, the end of the run writes what happened.
    async fn start(&mut self, journal: &mut dyn Journal, is_idle: bool) -> Vec<Ready<'a>> {
        if self.outcome.refused.is_some() || self.applier.settings.stop.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let (mut starting, mut intents) = (Vec::new(), Vec::new());
        loop {
            let taken = self.queue.take(self.applier.settings.concurrency.max(1).saturating_mul(AHEAD));
            if taken.is_empty() {
                break;
            }
            for (place, step) in taken.into_iter().filter_map(|place| Some((place, self.plan.steps.get(place)?))) {
                match self.prepare(place, step) {
                    Prepared::Calls(ready, events) => {
                        starting.push(ready);
                        intents.extend(events);
                    }
                    Prepared::Recorded(event) => {
                        self.pending.push(event);
                        self.queue.succeeded(place);
                        self.succeeded.push((step, Duration::ZERO));
                    }
                    Prepared::Impossible(diagnostic) => self.fail(place, step, Duration::ZERO, diagnostic),
                }
            }
        }
        let outcomes = self.pending.len();
        self.pending.append(&mut intents);
        if (starting.is_empty() && is_idle) || self.write(journal).await {
            return starting;
        }
        // What could not be announced is not done. The outcomes are kept for another try at the end.
        self.pending.truncate(outcomes);
        self.skip(starting.iter().map(|ready| ready.place).collect(), None);
        Vec::new()
    }

    async fn write(&mut self, journal: &mut dyn Journal) -> bool {
        if self.pending.is_empty() {
            return true;
        }
        match journal.append(&self.pending).await {
            Ok(()) => {
                self.pending.clear();
                for (step, took) in std::mem::take(&mut self.succeeded) {
                    self.tell(step, What::Finished { took });
                }
                true
            }
            Err(failure) => {
                self.halted.store(true, Ordering::SeqCst);
                self.outcome.refused.get_or_insert(failure);
                false
            }
        }
    }

    /// Waits until something finishes, and takes with it whatever else has finished by then.
    async fn next<F: Future<Output = Finished<'a>>>(
        &mut self,
        running: &mut FuturesUnordered<F>,
        group: &mut Vec<Finished<'a>>,
        journal: &mut dyn Journal,
    ) {
        match journal.head_due().filter(|_| self.heads) {
            _ if !group.is_empty() => {}
            None => group.extend(running.next().await),
            Some(due) => match select(running.next(), pin!(self.cx.clock.sleep(due))).await {
                Either::Left((finished, _)) => group.extend(finished),
                Either::Right(((), _)) => {}
            },
        }
        if self.heads && journal.head_due() == Some(Duration::ZERO) {
            // A head that cannot be written is not this run's concern: closing the journal tries again and says so.
            self.heads = journal.write_head().await.is_ok();
        }
        while let Some(Some(finished)) = running.next().now_or_never() {
            group.push(finished);
        }
    }

    /// Takes in what a step came to.
    fn finish(&mut self, finished: Finished<'a>, journal: &dyn Journal) {
        let Finished { place, step, desired, took, result } = finished;
        let address = &step.address;
        match result {
            Ok(Effect::Present(attributes)) => {
                let attributes = masked(step, attributes, &desired, journal.key());
                self.vault.put(address, Held::from(&recorded(step, attributes.clone())));
                self.pending.push(Event::Done { address: address.clone(), attributes });
            }
            Ok(Effect::Gone) => self.gone(address),
            Ok(Effect::Scheduled(at)) => {
                self.gone(address);
                self.outcome.scheduled.push((address.clone(), at));
            }
            Err(Broken { cause: Cause::Halted, .. }) => {
                // An earlier doubt is still one.
                if !self.doubts.contains_key(address) {
                    let reason = "the run was stopped before its call".to_owned();
                    self.pending.push(Event::Failed { address: address.clone(), reason });
                }
                return self.skip(vec![place], None);
            }
            Err(broken) => {
                let diagnostic = trouble::of(step, &broken);
                self.look(step, broken.seen, &diagnostic, journal);
                return self.fail(place, step, took, diagnostic);
            }
        }
        match step.call {
            Call::Create => self.outcome.added += 1,
            Call::Update => self.outcome.changed += 1,
            Call::Delete => self.outcome.destroyed += 1,
            Call::Record | Call::Forget | Call::Move => {}
        }
        self.queue.succeeded(place);
        self.succeeded.push((step, took));
    }

    /// Writes down what was seen after a failure; if nothing was, the step stays in doubt.
    fn look(&mut self, step: &Step, seen: Seen, diagnostic: &Diagnostic, journal: &dyn Journal) {
        let failed = Event::Failed { address: step.address.clone(), reason: diagnostic.summary.clone() };
        match (seen, journal.state().resources.get(&step.address)) {
            (Seen::Missing, None) => self.pending.push(failed),
            (Seen::Missing, Some(_)) => {
                self.pending.push(failed);
                self.gone(&step.address);
            }
            (Seen::There(mut attributes), Some(before)) => {
                self.pending.push(failed);
                sensitive::mask(&mut attributes, &step.sensitive, journal.key());
                let now = settle::seen(before, attributes, journal.key());
                self.vault.put(&step.address, Held::from(&now));
                self.pending.push(Event::Observed { address: step.address.clone(), recorded: now });
            }
            (Seen::There(_), None) | (Seen::Nothing, _) => {}
        }
    }

    fn gone(&mut self, address: &Address) {
        self.vault.remove(address);
        self.pending.push(Event::Gone { address: address.clone() });
    }

    /// Gives up a step and everything that depends on it; the rest goes on.
    fn fail(&mut self, place: usize, step: &Step, took: Duration, diagnostic: Diagnostic) {
        self.tell(step, What::Failed { took, diagnostic: diagnostic.clone() });
        if step.action == Action::Replace {
            // One half may have been given up before the other failed.
            self.outcome.skipped.retain(|skipped| *skipped != step.address);
        }
        self.outcome.failed.push((step.address.clone(), diagnostic));
        let given_up = self.queue.failed(place);
        self.skip(given_up, Some(&step.address));
    }

    /// Tells of steps that are not started, once for each resource, and not for the one that failed.
    fn skip(&mut self, places: Vec<usize>, failed: Option<&Address>) {
        let steps = places.into_iter().filter_map(|place| self.plan.steps.get(place));
        for step in steps.filter(|step| step.is_shown() && Some(&step.address) != failed) {
            self.tell(step, What::Skipped);
            self.outcome.skipped.push(step.address.clone());
        }
    }

    /// Writes down that the run is over.
    async fn end(mut self, journal: &mut dyn Journal) -> Outcome {
        let left = self.queue.give_up();
        self.skip(left, None);
        self.pending.push(Event::Ended);
        self.write(journal).await;
        self.outcome
    }

    fn tell(&self, step: &Step, what: What) {
        let at = self.cx.clock.monotonic().saturating_sub(self.began);
        self.applier.progress.event(&Told {
            address: step.address.clone(),
            action: step.action,
            call: step.call,
            at,
            what,
        });
    }
}

/// Waits for the journal while what runs goes on: a bucket takes its time.
async fn meanwhile<F: Future, T>(
    running: &mut FuturesUnordered<F>,
    finished: &mut Vec<F::Output>,
    writing: impl Future<Output = T>,
) -> T {
    let mut writing = pin!(writing);
    while !running.is_empty() {
        // The journal is asked first: a directory answers at once.
        match select(writing.as_mut(), running.next()).await {
            Either::Left((written, _)) => return written,
            Either::Right((done, _)) => finished.extend(done),
        }
    }
    writing.await
}

/// What may stand in the state of what a step made.
fn masked(step: &Step, mut attributes: Attributes, desired: &Attributes, key: &StateKey) -> Attributes {
    sensitive::mask_everywhere(&mut attributes, &step.sensitive, desired, key);
    sensitive::mask(&mut attributes, &step.sensitive, key);
    attributes
}
