use super::{Counts, Happening, Run, Signed, What};
use crate::state::{Event, Passage};
use acquire_model::{Action, Address};
use std::collections::BTreeMap;

/// The story so far.
#[derive(Default)]
pub(super) struct Fold {
    pub(super) runs: Vec<Run>,
    pub(super) stories: BTreeMap<Address, Vec<Happening>>,
}

impl Fold {
    /// Takes the next record down.
    pub(super) fn take(&mut self, passage: &Passage<'_>) {
        match passage.event {
            Event::Begun { .. } => self.runs.extend(begun(passage, self.runs.len())),
            Event::Started { .. } => {}
            Event::Done { address, .. } => {
                let is_new = self.action(passage, address) == Some(Action::Create);
                self.count(|counts| *(if is_new { &mut counts.added } else { &mut counts.changed }) += 1);
                self.happened(passage, address, if is_new { What::Made } else { What::Changed });
            }
            Event::Gone { address } => self.gone(passage, address),
            Event::Failed { address, reason } => {
                self.count(|counts| counts.failed += 1);
                let action = self.action(passage, address).unwrap_or(Action::NoOp);
                self.happened(passage, address, What::Failed { action, problem: reason.clone() });
            }
            Event::Observed { address, .. } => self.happened(passage, address, What::Observed),
            Event::Forgotten { address } => self.happened(passage, address, What::Forgotten),
            Event::Moved { from, to } => {
                let before = self.stories.get(from).cloned().unwrap_or_default();
                self.happened(passage, from, What::MovedTo(to.clone()));
                let story = self.stories.entry(to.clone()).or_default();
                story.extend(before);
                // Something else may have been at this address, at the same time.
                story.sort_by_key(|happening| happening.run);
                self.happened(passage, to, What::MovedFrom(from.clone()));
            }
            Event::Ended => self.newest(|run| run.ended = Some(passage.at)),
            Event::Verified => self.newest(|run| run.verified = Some(passage.at)),
            Event::Signed { by, key, signature } => {
                let holds = passage.is_signed(by, key, signature);
                let serial = passage.state.serial.saturating_add(1);
                self.newest(|run| run.signature = Some(Signed { by: by.clone(), key: *key, serial, holds }));
            }
        }
    }

    /// A delete that was done; or something that was not there, whatever should have been done to it. That a create in
    /// doubt never happened is no story.
    fn gone(&mut self, passage: &Passage<'_>, address: &Address) {
        match self.action(passage, address) {
            Some(Action::Delete) => {
                self.count(|counts| counts.destroyed += 1);
                self.happened(passage, address, What::Deleted);
            }
            Some(Action::Create) => {}
            _ => self.happened(passage, address, What::Missing),
        }
    }

    /// What was about to be done to a resource, if anything was.
    fn action(&self, passage: &Passage<'_>, address: &Address) -> Option<Action> {
        passage.state.in_doubt.get(address).map(|doubt| doubt.intent.action)
    }

    fn happened(&mut self, passage: &Passage<'_>, address: &Address, what: What) {
        let intent = passage.state.in_doubt.get(address).map(|doubt| &doubt.intent);
        let reason = intent.map(|intent| intent.reason.clone()).unwrap_or_default();
        let origin = intent.and_then(|intent| intent.origin.clone());
        let happening = Happening { run: self.runs.len(), at: passage.at, what, reason, origin };
        self.stories.entry(address.clone()).or_default().push(happening);
    }

    fn count(&mut self, count: impl FnOnce(&mut Counts)) {
        self.newest(|run| count(&mut run.counts));
    }

    fn newest(&mut self, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.last_mut() {
            change(run);
        }
    }
}

fn begun(passage: &Passage<'_>, before: usize) -> Option<Run> {
    let Event::Begun { steps, spec_digest, purpose, by, binary } = passage.event else { return None };
    Some(Run {
        number: before + 1,
        serial: passage.state.serial.saturating_add(1),
        epoch: passage.epoch(),
        purpose: *purpose,
        by: by.clone(),
        binary: binary.clone(),
        spec_digest: spec_digest.clone(),
        steps: *steps,
        counts: Counts::default(),
        began: passage.at,
        ended: None,
        verified: None,
        signature: None,
    })
}
