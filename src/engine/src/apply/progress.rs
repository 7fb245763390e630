use crate::plan::Call;
use acquire_model::{Action, Address, Diagnostic};
use std::time::Duration;

/// Watches an apply. Called from the task that applies: must not block.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// To which resource.
    pub address: Address,
    /// What the plan does to it.
    pub action: Action,
    /// What the step calls.
    pub call: Call,
    /// Time since the run began.
    pub at: Duration,
    /// What happened.
    pub what: What,
}

/// What can happen to a step.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// Its call is made.
    Started,
    /// Its call is made again after a pause.
    Retrying {
        /// Which try failed, from 1.
        attempt: u32,
        /// The pause before the next.
        wait: Duration,
        /// Why it failed.
        error: String,
    },
    /// It succeeded.
    Finished {
        /// How long it took, with all tries.
        took: Duration,
    },
    /// It failed for good.
    Failed {
        /// How long it took, with all tries.
        took: Duration,
        /// What to tell people.
        diagnostic: Diagnostic,
    },
    /// It is not started, because something it depends on failed.
    Skipped,
}
