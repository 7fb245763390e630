use crate::apply::progress::{Event as Told, What};
use crate::apply::run::{Finished, Prepared, Run};
use crate::apply::secrets::Held;
use crate::apply::work::{Cause, Work};
use crate::apply::{Applier, trouble};
use crate::plan::call::{Failure, Retry};
use crate::plan::sensitive::is_fingerprint;
use crate::plan::{Call, Step};
use crate::state::{Event, Intent, Lease, Recorded};
use acquire_model::{Action, Attributes, Diagnostic, Reference, Resolved};
use acquire_provider::{Context, Error, Provider, Target};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// A step whose inputs are filled in and which may call.
pub(super) struct Ready<'a> {
    pub(super) place: usize,
    pub(super) step: &'a Step,
    provider: Arc<dyn Provider>,
    desired: Attributes,
    permits: Arc<Semaphore>,
    halted: [Arc<AtomicBool>; 2],
    lease: Lease,
    /// Before then, a call of an earlier run may still change the same thing.
    not_before: Option<Duration>,
}

impl<'a> Run<'a> {
    /// Fills in the inputs of a step from what is there at this moment, and says what has to be written down before it
    /// calls.
    pub(super) fn prepare(&mut self, place: usize, step: &'a Step) -> Prepared<'a> {
        let provider = self.vault.provider(&step.provider).filter(|of| of.resource(step.address.kind()).is_some());
        let Some(provider) = provider else {
            return Prepared::Impossible(trouble::not_provided(step));
        };
        let desired = match self.resolve(step) {
            Ok(desired) => desired,
            Err(missing) => return Prepared::Impossible(missing),
        };
        match self.announce(step) {
            Ok(events) => {
                let permits = Semaphore::new(self.applier.settings.concurrency.max(1));
                let permits = self.permits.entry(step.provider.clone()).or_insert_with(|| Arc::new(permits));
                let halted = [Arc::clone(&self.halted), Arc::clone(&self.applier.settings.stop)];
                let (permits, lease) = (Arc::clone(permits), self.lease.clone());
                let not_before = self.settled_at.filter(|_| self.may_be_overtaken(step));
                let ready = Ready { place, step, provider, desired, permits, halted, lease, not_before };
                Prepared::Calls(ready, events)
            }
            Err(record) => Prepared::Recorded(*record),
        }
    }

    /// Whether a late call of an earlier run could undo what a step does. What is created is created again with the same
    /// token, so the late call makes nothing else.
    fn may_be_overtaken(&self, step: &Step) -> bool {
        let doubt = self.doubts.get(&step.address);
        doubt.is_some_and(|action| (step.call, *action) != (Call::Create, Action::Create))
    }

    fn resolve(&self, step: &Step) -> Result<Attributes, Diagnostic> {
        let look_up = |reference: &Reference| self.vault.attribute(&reference.address, &reference.attribute);
        let mut desired = Attributes::new();
        for (name, expression) in &step.desired {
            for reference in expression.references() {
                match look_up(reference) {
                    None => return Err(trouble::no_attribute(step, name, reference)),
                    Some(value) if is_fingerprint(&value) => {
                        return Err(trouble::sensitive_reference(step, name, reference));
                    }
                    Some(_) => {}
                }
            }
            if let Resolved::Known(value) = expression.resolve(&look_up) {
                desired.insert(name.clone(), value);
            }
        }
        Ok(desired)
    }

    /// The events that announce a call. A step that calls nobody is one event, and that is the `Err`.
    fn announce(&mut self, step: &Step) -> Result<Vec<Event>, Box<Event>> {
        let address = &step.address;
        let prior = || step.prior.clone().unwrap_or_default();
        let mut events = Vec::new();
        let action = match step.call {
            Call::Record => {
                let recorded = recorded(step, prior());
                self.vault.put(address, Held::from(&recorded));
                return Err(Box::new(Event::Observed { address: address.clone(), recorded }));
            }
            Call::Move => {
                let from = step.moved_from.clone().unwrap_or_else(|| address.clone());
                self.vault.rename(&from, address);
                return Err(Box::new(Event::Moved { from, to: address.clone() }));
            }
            Call::Forget => {
                self.vault.remove(address);
                let address = address.clone();
                let is_gone = step.prior.is_none();
                return Err(Box::new(if is_gone { Event::Gone { address } } else { Event::Forgotten { address } }));
            }
            Call::Create => {
                // The plan found out that it is missing.
                if self.vault.holds(address) {
                    self.vault.remove(address);
                    events.push(Event::Gone { address: address.clone() });
                }
                Action::Create
            }
            Call::Update => Action::Update,
            Call::Delete => {
                // What an earlier run made, and could not write down, counts as a thing before it goes: the next one
                // gets another token.
                if self.doubts.contains_key(address) && !self.vault.holds(address) && step.prior.is_some() {
                    events.push(Event::Observed { address: address.clone(), recorded: recorded(step, prior()) });
                }
                Action::Delete
            }
        };
        events.push(Event::Started { address: address.clone(), intent: intent(step, action) });
        Ok(events)
    }
}

impl<'a> Ready<'a> {
    /// Makes the call as soon as its provider bears one more.
    pub(super) async fn perform(self, applier: &'a Applier<'a>, cx: Context, began: Duration) -> Finished<'a> {
        let Self { place, step, provider, desired, permits, halted, lease, not_before } = self;
        if let Some(wait) = not_before.map(|at| at.saturating_sub(cx.clock.monotonic())).filter(|wait| !wait.is_zero())
        {
            cx.clock.sleep(wait).await;
        }
        let _permit = permits.acquire().await;
        let start = cx.clock.monotonic();
        let tell = |what| {
            let at = cx.clock.monotonic().saturating_sub(began);
            let (address, action, call) = (step.address.clone(), step.action, step.call);
            applier.progress.event(&Told { address, action, call, at, what });
        };
        let retrying = |retry: &Retry<'_>| {
            tell(What::Retrying { attempt: retry.attempt, wait: retry.wait, error: retry.error.to_string() });
        };
        let known_as = step.made_as.as_ref().unwrap_or(&step.address);
        let target = Target { address: known_as.clone(), token: step.token.clone() };
        let result = match provider.resource(step.address.kind()) {
            _ if halted.iter().any(|halted| halted.load(Ordering::SeqCst)) || !lease.may_call() => {
                Err(Cause::Halted.unseen())
            }
            Some(resource) => {
                tell(What::Started);
                let policy = &applier.settings.policy;
                Work { cx: &cx, step, target, resource, desired: &desired, policy, lease: &lease }
                    .perform(retrying)
                    .await
            }
            None => {
                let error = Error::Bug(format!("the kind of {} is gone from its provider", step.address));
                Err(Cause::Call(Failure { error, doubtful: false, attempts: 0 }).unseen())
            }
        };
        let took = cx.clock.monotonic().saturating_sub(start);
        Finished { place, step, desired, took, result }
    }
}

/// What the state holds of the thing that a step is about.
pub(super) fn recorded(step: &Step, attributes: Attributes) -> Recorded {
    Recorded {
        provider: step.provider.clone(),
        kind: step.address.kind().clone(),
        attributes,
        needs: step.dependencies.clone(),
        service: step.service,
        holds_data: step.holds_data,
        lifecycle: step.lifecycle.clone(),
        token: step.token.clone(),
        made_as: step.made_as.clone(),
    }
}

fn intent(step: &Step, action: Action) -> Intent {
    Intent {
        action,
        provider: step.provider.clone(),
        needs: step.dependencies.clone(),
        service: step.service,
        holds_data: step.holds_data,
        lifecycle: step.lifecycle.clone(),
        token: step.token.clone(),
        made_as: step.made_as.clone(),
        reason: step.reason.clone(),
        origin: step.origin.clone(),
    }
}
