//! Runs a plan: journal first, in dependency order, and so that any crash can be resumed.

/// Codes of this module.
pub mod codes;
/// What is there and becomes ours.
mod import;
/// Where an apply writes down what it does.
mod journal;
/// What can be seen of an apply while it runs.
pub mod progress;
/// Which steps may start.
mod queue;
/// A step on its way to its call.
mod ready;
/// The run of a plan.
mod run;
/// What is there at the moment, and its secrets.
mod secrets;
/// What became of steps in doubt.
mod settle;
/// What to tell people of a step that failed.
mod trouble;
/// The call of a step.
mod work;

pub use journal::{Journal, MemoryJournal};
pub use progress::Progress;

use crate::apply::run::Run;
use crate::apply::secrets::{NoSecrets, Vault};
use crate::graph::Node;
use crate::plan::{Plan, call};
use crate::state::{Binary, Event, Purpose, Recorded};
use acquire_model::{Address, Attributes, Diagnostic, Timestamp};
use acquire_provider::{Context, Providers, Secrets};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// What an apply came to.
#[derive(Debug, Default)]
#[must_use]
pub struct Outcome {
    /// How many resources were made.
    pub added: usize,
    /// How many resources were changed in place.
    pub changed: usize,
    /// How many resources were deleted. A replacement counts as added and destroyed.
    pub destroyed: usize,
    /// Resources whose step failed, with what to tell people.
    pub failed: Vec<(Address, Diagnostic)>,
    /// Resources whose step was not started, because something they depend on failed, or the run had to end early.
    pub skipped: Vec<Address>,
    /// What stays because it holds people's data.
    pub kept: Vec<Address>,
    /// Deletions that the vendor does later; they count as done.
    pub scheduled: Vec<(Address, Timestamp)>,
    /// Why the run could not start, or had to end early: a stale plan, a journal that cannot be written.
    pub refused: Option<Diagnostic>,
}

impl Outcome {
    /// Whether every step succeeded.
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty() && self.refused.is_none()
    }
}

/// How to apply.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Calls at once to one provider.
    pub concurrency: usize,
    /// How long a call may take, and how it is tried again.
    pub policy: call::Policy,
    /// Digest of the merged spec as it is now; `None` if there is none at hand.
    pub spec_digest: Option<String>,
    /// Who applies, `user@host`, for the history; `None` if that is nobody's business.
    pub by: Option<String>,
    /// Set to have no further step started; those that run are finished and written down.
    pub stop: Arc<AtomicBool>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { concurrency: 8, policy: call::Policy::default(), spec_digest: None, by: None, stop: Arc::default() }
    }
}

/// Everything an apply works with.
#[derive(Clone, Copy)]
pub struct Applier<'a> {
    /// What every call is given. Its `secrets` are replaced by those of the state.
    pub cx: &'a Context,
    /// Whom to call.
    pub providers: &'a dyn Providers,
    /// Who watches.
    pub progress: &'a dyn Progress,
    /// How to apply.
    pub settings: &'a Settings,
}

impl Applier<'_> {
    /// Finds out what became of the steps that an earlier run started and did not finish, and writes it down. To be
    /// called before planning. What was made and not written down stays in doubt: the plan creates it again with the
    /// same token, which makes nothing twice and finishes what is half made.
    ///
    /// # Errors
    /// If the journal cannot be written, or a provider cannot be read.
    pub async fn resume(&self, journal: &mut dyn Journal) -> Result<Resumed, Vec<Diagnostic>> {
        settle::resume(self, journal).await
    }

    /// How long [`Applier::resume`] waits before it looks: until no call of a run whose lock was taken over can have its
    /// effect any more.
    pub fn until_settled(&self, journal: &dyn Journal) -> Duration {
        settle::until_settled(self, journal)
    }

    /// Takes a thing into the state that is there already: with an id, one that somebody else made; without, one that
    /// carries our mark and that the state does not know. Returns its inputs and outputs.
    ///
    /// # Errors
    /// If it is in the state already, is not there, or cannot be taken over; if the journal cannot be written.
    pub async fn import(
        &self,
        node: &Node,
        id: Option<&str>,
        journal: &mut dyn Journal,
    ) -> Result<Attributes, Vec<Diagnostic>> {
        import::import(self, node, id, journal).await
    }

    /// What a run begins with in the journal.
    fn begun(&self, steps: u64, spec_digest: Option<String>, purpose: Purpose) -> Event {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let binary = Some(Binary { version, sha256: self.cx.deployment.binary.sha256.clone() });
        Event::Begun { steps, spec_digest, purpose, by: self.settings.by.clone(), binary }
    }

    /// Runs a plan, or refuses it as stale. It never plans anew. A plan without steps writes nothing.
    ///
    /// Dropping the future at any instant, or losing the process, loses nothing: what was started is in the journal,
    /// and the next run finds out.
    pub async fn apply(&self, plan: &Plan, journal: &mut dyn Journal) -> Outcome {
        let binary = &self.cx.deployment.binary.sha256;
        if let Err(stale) = plan.check(journal.state(), self.settings.spec_digest.as_deref(), binary) {
            return Outcome { refused: Some(stale), ..Outcome::default() };
        }
        if plan.is_empty() {
            return Outcome { kept: plan.kept.clone(), ..Outcome::default() };
        }
        Run::new(self, plan, journal).run(journal).await
    }
}

/// What became of the steps in doubt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Things that are there: made or changed by the run that was cut off, or not deleted by it.
    pub made: Vec<Address>,
    /// Things that are not there: not made, or deleted by the run that was cut off.
    pub not_made: Vec<Address>,
}

/// Reveals secrets of the resources in a state, by asking their providers.
pub fn secrets(cx: &Context, providers: &dyn Providers, resources: &BTreeMap<Address, Recorded>) -> Arc<dyn Secrets> {
    Vault::new(cx, providers, resources, [])
}

/// Keeps no secrets: for a context before there is a state.
pub fn no_secrets() -> Arc<dyn Secrets> {
    Arc::new(NoSecrets)
}

#[cfg(test)]
pub(crate) mod tests;
