//! What has to be done to get from what is there to what the spec says, as a saved program.

/// One call to a provider: its deadline, and the one retry policy.
pub mod call;
/// Codes of this module.
pub mod codes;
/// What happens to each resource of the graph.
mod decide;
/// What is deleted, and in which order.
mod destroy;
/// What somebody changed outside.
mod drift;
/// What has another name than it had.
mod moves;
/// Why something happens, in words.
mod reason;
/// What was seen is written down, and nothing else is done.
mod record;
/// How things are now.
pub(crate) mod refresh;
/// Which resources a plan is about.
mod scope;
/// Values that are not shown.
pub(crate) mod sensitive;
/// Whether a plan still fits.
mod stale;
/// The program.
mod steps;

pub use destroy::destroy;
pub(crate) use refresh::{provider, resource};
pub use scope::{Scope, Selector};
pub(crate) use steps::token_of;

use crate::graph::Graph;
use crate::plan::decide::{Facts, Fate};
use crate::state::{Purpose, State, StateKey};
use acquire_model::spec::Lifecycle;
use acquire_model::{Action, Address, Attributes, Diagnostic, Expression, Lineage, ProviderName, ServiceType, Span};
use acquire_provider::{Context, Providers};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The version of the plan format.
pub const FORMAT: u32 = 1;

/// A program: ordered steps, and everything it was made for. `apply` runs it or refuses it as stale.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[must_use]
pub struct Plan {
    /// The version of this format.
    pub format: u32,
    /// The state it was made for.
    pub lineage: Lineage,
    /// How far that state was.
    pub serial: u64,
    /// Digest of the merged spec; `None` for a destroy plan, which needs no spec.
    pub spec_digest: Option<String>,
    /// SHA-256 of the program that functions run.
    pub binary_sha256: String,
    /// What it is for.
    #[serde(default)]
    pub purpose: Purpose,
    /// What to do, each step after those it needs.
    pub steps: Vec<Step>,
    /// What somebody changed outside.
    pub drift: Vec<Drift>,
    /// What is not in the spec, or should be destroyed, and stays because it holds people's data.
    pub kept: Vec<Address>,
    /// How many resources need nothing.
    pub unchanged: usize,
    /// How many resources are outside its scope and left as they are, unseen.
    pub left: usize,
}

/// One call to a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which resource.
    pub address: Address,
    /// What the plan does to it. A replacement is two steps, both called `Replace`: a delete, then a create; or three,
    /// if the new thing is made first: the old one moves aside, and is deleted when nothing uses it any more.
    pub action: Action,
    /// What this step calls.
    pub call: Call,
    /// Whom it calls.
    pub provider: ProviderName,
    /// The address that it has in the state, if that is another; for a move.
    pub moved_from: Option<Address>,
    /// The address by which its provider knows it, if that is another.
    pub made_as: Option<Address>,
    /// Idempotency token: 32 hex digits, the same for all calls about one thing, another for one made later in its place.
    pub token: String,
    /// The inputs it should have; empty for a delete.
    pub desired: BTreeMap<String, Expression>,
    /// Inputs whose values are never shown, and of which the state holds only a fingerprint.
    pub sensitive: BTreeSet<String>,
    /// What it is now.
    pub prior: Option<Attributes>,
    /// What a person is shown of the difference.
    pub changes: Vec<AttributeChange>,
    /// Why, in words.
    pub reason: String,
    /// The place in the spec that asks for it.
    pub origin: Option<Span>,
    /// Earlier steps, by their place in the plan, which must have succeeded before this one starts.
    pub needs: Vec<usize>,
    /// The resources it needs, which the state records for a later destroy.
    pub dependencies: BTreeSet<Address>,
    /// The service it is a part of.
    pub service: Option<ServiceType>,
    /// Whether it holds people's data.
    pub holds_data: bool,
    /// What may happen to it.
    pub lifecycle: Lifecycle,
}

/// The provider's function that a step calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Call {
    /// Writes down what the plan saw; calls nobody.
    Record,
    /// Takes it out of the state; calls nobody.
    Forget,
    /// Gives it another address in the state; calls nobody.
    Move,
    /// Makes it.
    Create,
    /// Changes it in place.
    Update,
    /// Deletes it.
    Delete,
}

/// One attribute that differs, as people may see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AttributeChange {
    /// Its name.
    pub name: String,
    /// What it is.
    pub before: Shown,
    /// What it will be.
    pub after: Shown,
}

/// A value as people may see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shown {
    /// There is none.
    Absent,
    /// The value.
    Known(Value),
    /// It is known only after other steps.
    AfterApply,
    /// It is known but must not be seen.
    Sensitive,
}

/// Something that somebody changed outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Which resource.
    pub address: Address,
    /// Who provides it.
    pub provider: ProviderName,
    /// Whether it is not there any more.
    pub gone: bool,
    /// What differs from the state; empty if it is gone.
    pub changes: Vec<AttributeChange>,
    /// The place in the spec that asks for it.
    pub origin: Option<Span>,
}

/// How many resources a plan makes, changes and deletes; a replacement counts as both made and deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// To add.
    pub add: usize,
    /// To change in place.
    pub change: usize,
    /// To destroy.
    pub destroy: usize,
}

/// What to do with things that hold people's data and are to be removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Data {
    /// They stay and are listed.
    #[default]
    Keep,
    /// They are deleted too.
    Delete,
}

/// Whether providers are asked how things are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refresh {
    /// They are.
    #[default]
    Read,
    /// The state is believed.
    Skip,
    /// They are, and only what they say is written down: nothing is made, changed or deleted.
    Only,
}

/// How to plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Digest of the merged spec.
    pub spec_digest: String,
    /// SHA-256 of the program that functions run.
    pub binary_sha256: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Whether providers are asked.
    pub refresh: Refresh,
    /// What happens to data that is no longer in the spec.
    pub data: Data,
    /// Which resources it is about.
    pub scope: Scope,
    /// The key of the state, if there is one: sensitive values are compared by their fingerprints.
    pub key: Option<StateKey>,
    /// How providers are called.
    pub policy: call::Policy,
}

impl Step {
    /// Whether people are shown it: of the steps of a replacement only the one that makes the new thing is.
    pub fn is_shown(&self) -> bool {
        self.action != Action::Replace || self.call == Call::Create
    }
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The steps that a person is shown: one for each resource.
    pub fn shown(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.is_shown())
    }

    /// Counts for the closing line.
    pub fn summary(&self) -> Summary {
        self.shown().fold(Summary::default(), |mut summary, step| {
            match step.action {
                Action::Create => summary.add += 1,
                Action::Update => summary.change += 1,
                Action::Delete => summary.destroy += 1,
                Action::Replace => {
                    summary.add += 1;
                    summary.destroy += 1;
                }
                Action::NoOp | Action::Read | Action::Forget | Action::Move => {}
            }
            summary
        })
    }
}

/// Plans the way from what is there to the graph.
///
/// # Errors
/// If a provider is not built in or cannot be read, if a reference can never be filled in, or if data would have to be
/// deleted against `options.data`; all that was found, in a fixed order.
pub async fn plan(
    cx: &Context,
    graph: &Graph,
    state: &State,
    providers: &dyn Providers,
    options: &Options,
) -> Result<Plan, Vec<Diagnostic>> {
    let (moves, moved) = moves::of(graph, state);
    let state = moved.as_ref().unwrap_or(state);
    let chosen = options.scope.choose(Some(graph), state)?;
    let observed = refresh::refresh(cx, state, providers, options, &chosen.left).await?;
    let drift = drift::drift(graph, state, &observed);
    if options.refresh == Refresh::Only {
        return Ok(record::plan(
            Facts { graph, state, observed: &observed, chosen: &chosen, providers, options },
            moves,
            drift,
        ));
    }
    let decisions = decide::decide(Facts { graph, state, observed: &observed, chosen: &chosen, providers, options })?;
    let stays = |address: &Address| graph.node(address).is_some() || chosen.left.contains(address);
    let (removed, kept) = destroy::spare(destroy::removed(state, stays, &observed), options.data);
    Ok(Plan {
        format: FORMAT,
        lineage: state.lineage.clone(),
        serial: state.serial,
        spec_digest: Some(options.spec_digest.clone()),
        binary_sha256: options.binary_sha256.clone(),
        purpose: options.purpose,
        steps: steps::steps(&moves, &decisions, &removed, state).map_err(|mistake| vec![mistake])?,
        drift,
        kept,
        left: chosen.left.len(),
        unchanged: decisions.iter().filter(|decided| decided.fate == Fate::Stays).count(),
    })
}

#[cfg(test)]
mod tests;
