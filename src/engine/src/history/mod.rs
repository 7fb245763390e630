//! What was done, by whom and why: the story that a journal tells.
//!
//! What this module deliberately does not know: how a journal is read and checked (`state` shows its records), and what
//! the story looks like on a terminal.

/// Codes of this module.
pub mod codes;
/// Taking the story down, record by record.
mod fold;

use crate::state::{self, Binary, Location, Opened, Purpose};
use crate::words::did_you_mean;
use acquire_crypto::signing::VerifyingKey;
use acquire_model::{Action, Address, Diagnostic, Span, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that was done to a state.
#[derive(Clone, Debug)]
#[must_use]
pub struct History {
    /// The state that it led to.
    pub opened: Opened,
    /// The runs, oldest first.
    pub runs: Vec<Run>,
    /// What happened to each resource, oldest first; also to those that are gone. One that was moved has its story from
    /// before.
    pub stories: BTreeMap<Address, Vec<Happening>>,
}

/// One apply, destroy, import or rollback.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// Counted from 1.
    pub number: usize,
    /// The serial of its first record.
    pub serial: u64,
    /// Its lock epoch.
    pub epoch: u64,
    /// What it was for.
    pub purpose: Purpose,
    /// Who ran it, `user@host`, if that was recorded.
    pub by: Option<String>,
    /// The program that ran it, if that was recorded.
    pub binary: Option<Binary>,
    /// SHA-256 of the merged spec that it followed, if it followed one.
    pub spec_digest: Option<String>,
    /// How many steps it set out to do.
    pub steps: u64,
    /// What came of them.
    pub counts: Counts,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` if it was cut off.
    pub ended: Option<Timestamp>,
    /// When everything was proved alive after it, if it was.
    pub verified: Option<Timestamp>,
    /// Who signed it, if anybody did.
    pub signature: Option<Signed>,
}

/// What came of the steps of a run. What a later run found out of one that was cut off counts here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Resources that were made.
    pub added: usize,
    /// Resources that were changed in place.
    pub changed: usize,
    /// Resources that were deleted. A replacement counts as added and destroyed.
    pub destroyed: usize,
    /// Steps that failed.
    pub failed: usize,
}

/// A signature that was met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signed {
    /// Who, `user@host`.
    pub by: String,
    /// The operator's public key.
    pub key: VerifyingKey,
    /// The serial of the record.
    pub serial: u64,
    /// Whether it holds.
    pub holds: bool,
}

/// One thing that happened to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The number of the run in which it happened, or after which; 0 before the first.
    pub run: usize,
    /// When it was recorded.
    pub at: Timestamp,
    /// What.
    pub what: What,
    /// Why, in the words of the plan; empty if that was not recorded.
    pub reason: String,
    /// The place in the spec that asked for it.
    pub origin: Option<Span>,
}

/// What can happen to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It was made.
    Made,
    /// It was changed in place.
    Changed,
    /// It was deleted.
    Deleted,
    /// A step failed and had no effect.
    Failed {
        /// What should have been done.
        action: Action,
        /// What its provider said.
        problem: String,
    },
    /// It was written down as it is.
    Observed,
    /// It was not there any more.
    Missing,
    /// It was left alone from then on.
    Forgotten,
    /// It got this address; it had that one before.
    MovedFrom(Address),
    /// It got another address.
    MovedTo(Address),
}

impl History {
    /// Reads the history of a state; `None` if there is no state yet.
    ///
    /// # Errors
    /// If the state is refused.
    pub async fn read(location: &Location) -> Result<Option<Self>, Diagnostic> {
        let mut fold = fold::Fold::default();
        let opened = state::replay(location, &mut |passage| fold.take(passage)).await?;
        let fold::Fold { runs, stories } = fold;
        Ok(opened.map(|opened| Self { opened, runs, stories }))
    }

    /// Says which signatures do not hold.
    pub fn faults(&self) -> Vec<Diagnostic> {
        let signed = self.runs.iter().filter_map(|run| Some((run.number, run.signature.as_ref()?)));
        let wrong = signed.filter(|(_, signed)| !signed.holds);
        wrong
            .map(|(number, signed)| {
                let Signed { by, key, serial, .. } = signed;
                let summary = format!("the signature at serial {serial} does not hold");
                Diagnostic::error(codes::SIGNATURE, summary)
                    .detail(format!("It says that {by} signed run {number} with key {key}."))
                    .hint("somebody who has the state key wrote it; ask whoever it names, and compare `operator.key`")
            })
            .collect()
    }

    /// Finds the address that somebody means: a whole one, or the name of something that has one resource. What a run that
    /// was cut off began to make is found too.
    ///
    /// # Errors
    /// `UNKNOWN`, with what was probably meant.
    pub fn find(&self, text: &str) -> Result<&Address, Diagnostic> {
        let known: BTreeSet<&Address> = self.stories.keys().chain(self.opened.state.in_doubt.keys()).collect();
        if let Some(address) = known.iter().find(|address| address.to_string() == text) {
            return Ok(address);
        }
        let own: Vec<&Address> = known.iter().copied().filter(|address| address.owner().as_str() == text).collect();
        match own[..] {
            [] => {
                let names: Vec<String> = known.iter().map(ToString::to_string).collect();
                let hint = did_you_mean(text, names.iter().map(String::as_str));
                let hint = hint.unwrap_or_else(|| "`acquire status` shows what is there".to_owned());
                Err(Diagnostic::error(codes::UNKNOWN, format!("there never was a `{text}`")).hint(hint))
            }
            [address] => Ok(address),
            _ => {
                let several: Vec<String> = own.iter().map(|one| format!("`{one}`")).collect();
                let summary = format!("`{text}` has several resources");
                Err(Diagnostic::error(codes::UNKNOWN, summary).hint(format!("name one: {}", several.join(", "))))
            }
        }
    }

    /// The run of that number.
    pub fn run(&self, number: usize) -> Option<&Run> {
        self.runs.get(number.checked_sub(1)?)
    }

    /// What needs a resource that is there.
    pub fn needed_by(&self, address: &Address) -> Vec<&Address> {
        let resources = self.opened.state.resources.iter();
        resources.filter(|(_, recorded)| recorded.needs.contains(address)).map(|(address, _)| address).collect()
    }
}

#[cfg(test)]
mod tests;
