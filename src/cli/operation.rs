//! What the commands that plan have in common: spec, binary, providers, and the state they start from.

use acquire_engine::graph::Graph;
use acquire_engine::plan::{self, Plan, Scope, Selector};
use acquire_engine::policy;
use acquire_engine::state::{Purpose, Seen, State, StateKey};
use acquire_model::{Address, Attributes, Diagnostic, Part};
use acquire_provider::{Binary, Context};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::flags::Planning;
use super::project::Project;
use super::render;
use super::render::events::Events;
use super::terminal::tell;
use super::{World, codes};
use crate::providers::{BuiltIn, place};
use crate::system;

/// A spec, the binary that its functions run, and the providers that make it so.
pub struct Operation {
    /// The spec and its places.
    pub project: Project,
    /// What functions run.
    pub binary: Binary,
    /// Who makes things.
    pub providers: BuiltIn,
}

impl Operation {
    /// Opens the spec that is meant, and says what in it a person should look at.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn open(world: &World, positional: Option<&Path>) -> Result<Self, Vec<Diagnostic>> {
        let project = Project::open(world, positional)?;
        tell(&render::diagnostics(&project.decoded.warnings, world.terminal.colour_err));
        let binary = system::running_binary().map_err(|error| vec![error])?;
        let providers = project.providers(world)?;
        Ok(Self { project, binary, providers })
    }

    /// What calls to providers are given while the state is this.
    ///
    /// # Errors
    /// If a place for files is not known.
    pub fn context(&self, world: &World, state: &State) -> Result<Context, Vec<Diagnostic>> {
        self.project.context(world, self.binary.clone(), state, &self.providers)
    }

    /// Plans the way from a state to the spec.
    ///
    /// # Errors
    /// If the spec does not fit together or a provider cannot be read.
    pub async fn plan(
        &self,
        cx: &Context,
        state: &State,
        key: Option<&StateKey>,
        planning: &Planning,
    ) -> Result<Plan, Vec<Diagnostic>> {
        let options = plan::Options {
            spec_digest: self.project.decoded.digest.clone(),
            binary_sha256: self.binary.sha256.clone(),
            key: key.cloned(),
            scope: planning.scope(),
            refresh: planning.refresh(),
            ..plan::Options::default()
        };
        let graph = self.project.graph(&self.binary.sha256)?;
        plan::plan(cx, &graph, state, &self.providers, &options).await
    }

    /// Plans that the functions which are there run another program again, of that digest, and nothing else. `None` if the
    /// spec has none of them.
    ///
    /// # Errors
    /// As [`Operation::plan`].
    pub async fn plan_rollback(
        &self,
        cx: &Context,
        state: &State,
        key: &StateKey,
        binary_sha256: &str,
    ) -> Result<Option<Plan>, Vec<Diagnostic>> {
        let graph = self.project.graph(binary_sha256)?;
        let targets = functions(&graph, state);
        if targets.is_empty() {
            return Ok(None);
        }
        let options = plan::Options {
            spec_digest: self.project.decoded.digest.clone(),
            binary_sha256: self.binary.sha256.clone(),
            purpose: Purpose::Rollback,
            key: Some(key.clone()),
            scope: Scope { targets, ..Scope::default() },
            ..plan::Options::default()
        };
        plan::plan(cx, &graph, state, &self.providers, &options).await.map(Some)
    }

    /// Asks the policies and preconditions of the spec what they say of a plan, and tells their warnings. A plan that only
    /// writes down what was changed outside is not asked about.
    ///
    /// # Errors
    /// Why the plan is refused.
    pub fn judge(
        &self,
        world: &World,
        events: &Events,
        plan: &Plan,
        planning: &Planning,
    ) -> Result<(), Vec<Diagnostic>> {
        let decoded = &self.project.decoded;
        if decoded.policies.is_empty() || planning.refresh() == plan::Refresh::Only {
            return Ok(());
        }
        let judgement = policy::judge(&decoded.policies, &policy::publish(&decoded.spec, plan));
        events.diagnostics(&judgement.warned);
        tell(&render::diagnostics(&judgement.warned, world.terminal.colour_err));
        if judgement.denied.is_empty() { Ok(()) } else { Err(judgement.denied) }
    }

    /// The first line of what every such command says. `lineage` is absent before there is a state.
    pub fn heading(&self, state: Option<&State>) -> String {
        let spec = &self.project.decoded.spec;
        let environment = spec.environment.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let providers: BTreeSet<&str> = spec.services.values().map(|service| place(&service.provider)).collect();
        let mut parts = vec![format!("{}{environment}", spec.name)];
        if !providers.is_empty() {
            let providers = providers.into_iter().collect::<Vec<_>>().join(", ");
            parts.push(format!("{} on {providers}", counted(spec.services.len(), "service")));
        }
        if !spec.resources.is_empty() {
            parts.push(counted(spec.resources.len(), "plain resource"));
        }
        let lineage = match state {
            None => "new".to_owned(),
            Some(state) if state.serial == 0 => format!("new lineage {}…", state.lineage.short()),
            Some(state) => format!("{}…", state.lineage.short()),
        };
        parts.push(format!("state {} ({lineage})", self.project.home));
        format!("{}\n", parts.join(" · "))
    }
}

/// The functions of services that are both wanted and there.
fn functions(graph: &Graph, state: &State) -> Vec<Selector> {
    let nodes = graph.nodes().iter().filter(|node| node.service.is_some());
    let addresses =
        nodes.map(|node| &node.address).filter(|address| address.kind().as_str() == Part::Function.as_str());
    addresses.filter(|address| state.resources.contains_key(*address)).cloned().map(Selector::Address).collect()
}

/// `1 service`, `2 services`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Says that an old copy could not be told from the newest, where that is so.
pub fn tell_if_first(seen: Seen, state: &State) {
    if let Seen::FirstTime { serial } = seen {
        tell(&format!(
            "First time seen here: lineage {}…, serial {serial}. This machine cannot tell whether it is the newest copy.\n",
            state.lineage.short()
        ));
    }
}

/// The attributes of everything that is there.
pub fn attributes(state: &State) -> BTreeMap<Address, Attributes> {
    state.resources.iter().map(|(address, recorded)| (address.clone(), recorded.attributes.clone())).collect()
}

/// What a provider says, as a diagnostic.
pub fn failed(what: &str, error: &acquire_provider::Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error(codes::PROVIDER, format!("{what}: {error}"))]
}
