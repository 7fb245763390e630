use crate::graph::order;
use crate::plan::{Call, Step};
use acquire_model::{Action, ProviderName};
use std::collections::{BTreeMap, BTreeSet};

/// Which steps may start: those whose needs are met, and not too many of one provider.
pub(super) struct Queue<'a> {
    steps: &'a [Step],
    /// How many needs of each step are not met yet.
    open: Vec<usize>,
    dependents: Vec<Vec<usize>>,
    /// Steps that could start, by provider.
    ready: BTreeMap<&'a ProviderName, BTreeSet<usize>>,
    running: BTreeMap<&'a ProviderName, usize>,
    /// Steps that have not started and are not given up.
    waiting: BTreeSet<usize>,
}

impl<'a> Queue<'a> {
    pub(super) fn new(steps: &'a [Step]) -> Self {
        let needs: Vec<Vec<usize>> = steps.iter().map(|step| step.needs.clone()).collect();
        let mut queue = Self {
            steps,
            open: needs.iter().map(Vec::len).collect(),
            dependents: order::invert(&needs),
            ready: BTreeMap::new(),
            running: BTreeMap::new(),
            waiting: (0..steps.len()).collect(),
        };
        for place in (0..steps.len()).filter(|place| needs.get(*place).is_some_and(Vec::is_empty)) {
            queue.make_ready(place);
        }
        queue
    }

    /// Takes the steps that may start now, at most so many of each provider that have not ended.
    pub(super) fn take(&mut self, most: usize) -> Vec<usize> {
        let mut taken = Vec::new();
        for (provider, ready) in &mut self.ready {
            let running = self.running.entry(provider).or_default();
            while *running < most
                && let Some(place) = ready.pop_first()
            {
                *running += 1;
                taken.push(place);
            }
        }
        for place in &taken {
            self.waiting.remove(place);
        }
        taken
    }

    /// Notes that a step has succeeded: others may become ready.
    pub(super) fn succeeded(&mut self, place: usize) {
        self.ended(place);
        for dependent in self.dependents.get(place).cloned().unwrap_or_default() {
            let Some(open) = self.open.get_mut(dependent) else { continue };
            *open -= 1;
            if *open == 0 && self.waiting.contains(&dependent) {
                self.make_ready(dependent);
            }
        }
    }

    /// Notes that a step has failed: gives up everything that depends on it, and returns that. What will not be made
    /// again is not deleted either, if that has not begun.
    pub(super) fn failed(&mut self, place: usize) -> Vec<usize> {
        self.ended(place);
        let mut given_up = BTreeSet::new();
        let mut open = vec![place];
        while let Some(place) = open.pop() {
            let dependents = self.dependents.get(place).into_iter().flatten().copied();
            for place in dependents.chain(self.first_half(place)) {
                if self.waiting.remove(&place) {
                    given_up.insert(place);
                    open.push(place);
                }
            }
        }
        for ready in self.ready.values_mut() {
            ready.retain(|place| !given_up.contains(place));
        }
        given_up.into_iter().collect()
    }

    /// The delete that belongs to the create of a replacement.
    fn first_half(&self, place: usize) -> Option<usize> {
        let step = self.steps.get(place).filter(|step| step.action == Action::Replace && step.call == Call::Create)?;
        let is_half = |need: &&usize| self.steps.get(**need).is_some_and(|other| other.address == step.address);
        step.needs.iter().find(is_half).copied()
    }

    /// Gives up everything that has not started, and returns it.
    pub(super) fn give_up(&mut self) -> Vec<usize> {
        self.ready.clear();
        std::mem::take(&mut self.waiting).into_iter().collect()
    }

    fn ended(&mut self, place: usize) {
        if let Some(running) = self.steps.get(place).and_then(|step| self.running.get_mut(&step.provider)) {
            *running = running.saturating_sub(1);
        }
    }

    fn make_ready(&mut self, place: usize) {
        if let Some(step) = self.steps.get(place) {
            self.ready.entry(&step.provider).or_default().insert(place);
        }
    }
}
