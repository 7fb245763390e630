use crate::apply::codes;
use crate::state::{Event, Session, State, StateKey};
use acquire_model::ports::draw;
use acquire_model::{Clock, Diagnostic, Entropy, Lineage, SecretBytes};
use std::sync::Arc;
use std::time::Duration;

/// Where an apply writes down what it does: a [`Session`], or something in memory in tests.
pub trait Journal: Send {
    /// What is written so far, folded.
    fn state(&self) -> &State;

    /// Writes a group of events. On return they are durable and folded.
    ///
    /// # Errors
    /// If the group could not be written; nothing of it counts then.
    fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic>;

    /// How long until [`Journal::write_head`] is due; `None` if it is not needed.
    fn head_due(&self) -> Option<Duration>;

    /// Writes the second place that says how far the journal is.
    ///
    /// # Errors
    /// If it cannot be written; the journal itself is not concerned.
    fn write_head(&mut self) -> Result<(), Diagnostic>;

    /// The key that fingerprints are made with.
    fn key(&self) -> &StateKey;
}

impl Journal for Session {
    fn state(&self) -> &State {
        Self::state(self)
    }

    fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        Self::append(self, events)
    }

    fn head_due(&self) -> Option<Duration> {
        Self::head_due(self)
    }

    fn write_head(&mut self) -> Result<(), Diagnostic> {
        Self::write_head(self)
    }

    fn key(&self) -> &StateKey {
        Self::key(self)
    }
}

/// A journal in memory: every rule of the real one holds, but nothing is durable. For tests and simulation.
pub struct MemoryJournal {
    state: State,
    key: StateKey,
    clock: Arc<dyn Clock>,
}

impl MemoryJournal {
    /// Begins an empty state.
    pub fn new(lineage: Lineage, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        let root = SecretBytes::new(draw::<32>(entropy).to_vec());
        Self { state: State::new(lineage), key: StateKey::from_root(root), clock }
    }
}

impl Journal for MemoryJournal {
    fn state(&self) -> &State {
        &self.state
    }

    fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        let mut done = Vec::new();
        for event in events {
            match self.state.fold(1, self.clock.now(), event) {
                Ok(undo) => done.push(undo),
                Err(illegal) => {
                    done.into_iter().rev().for_each(|undo| self.state.undo(undo));
                    return Err(Diagnostic::error(codes::BUG, illegal.to_string()));
                }
            }
        }
        Ok(())
    }

    fn head_due(&self) -> Option<Duration> {
        None
    }

    fn write_head(&mut self) -> Result<(), Diagnostic> {
        Ok(())
    }

    fn key(&self) -> &StateKey {
        &self.key
    }
}
