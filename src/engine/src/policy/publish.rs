use std::collections::BTreeSet;

use acquire_model::spec::Spec;
use acquire_model::{Action, Attributes, Expression, Resolved};
use serde_json::Value;

use crate::plan::sensitive::is_fingerprint;
use crate::plan::{self, Shown, Step};
use crate::published::{Change, Drift, FORMAT, Plan, Summary};

/// Publishes a plan of a spec: what policies, tests and programs see of it.
pub fn publish(spec: &Spec, plan: &plan::Plan) -> Plan {
    let summary = plan.summary();
    Plan {
        format: FORMAT,
        name: spec.name.clone(),
        environment: spec.environment.clone(),
        changes: plan.shown().map(change).collect(),
        drift: plan.drift.iter().map(drift).collect(),
        summary: Summary {
            add: summary.add,
            change: summary.change,
            destroy: summary.destroy,
            unchanged: plan.unchanged,
        },
    }
}

fn drift(drift: &plan::Drift) -> Drift {
    Drift {
        address: drift.address.clone(),
        owner: drift.address.owner().clone(),
        kind: drift.address.kind().clone(),
        provider: drift.provider.clone(),
        gone: drift.gone,
        attributes: drift.changes.iter().map(|change| change.name.clone()).collect(),
    }
}

fn change(step: &Step) -> Change {
    let mut values = Values::new(step);
    let (before, after) = match step.action {
        Action::Create => (false, true),
        Action::Delete | Action::Forget => (true, false),
        // It has another address, and nothing else happens to it.
        Action::Move | Action::NoOp => (false, false),
        Action::Read | Action::Update | Action::Replace => (true, true),
    };
    if before {
        values.take_before();
    }
    if after {
        values.take_after();
    }
    Change {
        address: step.address.clone(),
        owner: step.address.owner().clone(),
        kind: step.address.kind().clone(),
        moved_from: step.moved_from.clone(),
        action: step.action,
        provider: step.provider.clone(),
        service: step.service,
        holds_data: step.holds_data,
        reason: step.reason.clone(),
        before: values.before,
        after: values.after,
        unknown: values.unknown.into_iter().collect(),
        sensitive: values.sensitive.into_iter().collect(),
    }
}

/// What may be seen of the values of a step.
struct Values<'s> {
    step: &'s Step,
    before: Attributes,
    after: Attributes,
    unknown: BTreeSet<String>,
    sensitive: BTreeSet<String>,
}

impl<'s> Values<'s> {
    fn new(step: &'s Step) -> Self {
        let (unknown, sensitive) = (BTreeSet::new(), BTreeSet::new());
        Self { step, before: Attributes::new(), after: Attributes::new(), unknown, sensitive }
    }

    /// Takes what is there. An output that gives away a sensitive input is sensitive too.
    fn take_before(&mut self) {
        let Some(prior) = &self.step.prior else { return };
        let is_secret = |name: &String| self.step.sensitive.contains(name);
        let secrets: Vec<&Value> = prior.iter().filter(|(name, _)| is_secret(name)).map(|(_, value)| value).collect();
        for (name, value) in prior {
            if is_secret(name) || is_fingerprint(value) || secrets.contains(&value) {
                self.sensitive.insert(name.clone());
            } else {
                self.before.insert(name.clone(), value.clone());
            }
        }
    }

    /// Takes the inputs that it will have.
    fn take_after(&mut self) {
        for (name, expression) in &self.step.desired {
            let value = match self.step.changes.iter().find(|change| change.name == *name).map(|change| &change.after) {
                _ if self.step.sensitive.contains(name) => Shown::Sensitive,
                Some(after) => after.clone(),
                None => self.unchanged(name, expression),
            };
            match value {
                Shown::Known(value) if !is_fingerprint(&value) => drop(self.after.insert(name.clone(), value)),
                Shown::Known(_) | Shown::Sensitive => drop(self.sensitive.insert(name.clone())),
                Shown::AfterApply | Shown::Absent => drop(self.unknown.insert(name.clone())),
            }
        }
    }

    /// What an input will be of which the plan lists no change: what is written, else what is there.
    fn unchanged(&self, name: &String, expression: &Expression) -> Shown {
        let step = self.step;
        let is_made_anew = matches!(step.action, Action::Create | Action::Replace);
        let is_ignored = !is_made_anew && step.lifecycle.ignore.contains(name);
        // A replacement that was asked for, or for another provider, does not list which inputs change beside.
        let is_compared =
            step.action != Action::Replace || step.changes.iter().any(|it| step.desired.contains_key(&it.name));
        match (expression.resolve(&|_| None), step.prior.as_ref().and_then(|prior| prior.get(name))) {
            (Resolved::Known(value), _) if !is_ignored => Shown::Known(value),
            (_, Some(value)) if is_compared => Shown::Known(value.clone()),
            _ => Shown::AfterApply,
        }
    }
}
