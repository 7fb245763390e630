use crate::apply::codes;
use crate::state::{Event, Lease, Session, State, StateKey};
use acquire_model::ports::draw;
use acquire_model::{Clock, Diagnostic, Entropy, Lineage, SecretBytes};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// Where an apply writes down what it does: a [`Session`], or something in memory in tests.
#[async_trait]
pub trait Journal: Send {
    /// What is written so far, folded.
    fn state(&self) -> &State;

    /// Writes a group of events. On return they are durable and folded.
    ///
    /// # Errors
    /// If the group could not be written; nothing of it counts then.
    async fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic>;

    /// How long until [`Journal::write_head`] is due; `None` if it is not needed.
    fn head_due(&self) -> Option<Duration>;

    /// Writes the second place that says how far the journal is.
    ///
    /// # Errors
    /// If it cannot be written; the journal itself is not concerned.
    async fn write_head(&mut self) -> Result<(), Diagnostic>;

    /// The key that fingerprints are made with.
    fn key(&self) -> &StateKey;

    /// Until when calls may be made; for ever, unless somebody else may take the journal over.
    fn lease(&self) -> Lease {
        Lease::default()
    }

    /// When, by the monotonic clock, the journal was taken from a run that may have died in the middle of a call.
    fn inherited(&self) -> Option<Duration> {
        None
    }
}

#[async_trait]
impl Journal for Session {
    fn state(&self) -> &State {
        Self::state(self)
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        Self::append(self, events).await
    }

    fn head_due(&self) -> Option<Duration> {
        Self::head_due(self)
    }

    async fn write_head(&mut self) -> Result<(), Diagnostic> {
        Self::write_head(self).await
    }

    fn key(&self) -> &StateKey {
        Self::key(self)
    }

    fn lease(&self) -> Lease {
        Self::lease(self).clone()
    }

    fn inherited(&self) -> Option<Duration> {
        Self::inherited(self)
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

#[async_trait]
impl Journal for MemoryJournal {
    fn state(&self) -> &State {
        &self.state
    }

    async fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
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

    async fn write_head(&mut self) -> Result<(), Diagnostic> {
        Ok(())
    }

    fn key(&self) -> &StateKey {
        &self.key
    }
}
