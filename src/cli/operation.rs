//! What the commands that plan have in common: spec, binary, providers, and the state they start from.

use acquire_engine::plan::{self, Plan};
use acquire_engine::state::{Seen, State, StateKey};
use acquire_model::{Address, Attributes, Diagnostic};
use acquire_provider::{Binary, Context};
use std::collections::BTreeMap;
use std::path::Path;

use super::project::Project;
use super::render;
use super::terminal::tell;
use super::{World, codes};
use crate::providers::BuiltIn;
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
    pub async fn plan(&self, cx: &Context, state: &State, key: Option<&StateKey>) -> Result<Plan, Vec<Diagnostic>> {
        let options = plan::Options {
            spec_digest: self.project.decoded.digest.clone(),
            binary_sha256: self.binary.sha256.clone(),
            key: key.cloned(),
            ..plan::Options::default()
        };
        let graph = self.project.graph(&self.binary.sha256)?;
        plan::plan(cx, &graph, state, &self.providers, &options).await
    }

    /// The first line of what every such command says. `lineage` is absent before there is a state.
    pub fn heading(&self, state: Option<&State>) -> String {
        let spec = &self.project.decoded.spec;
        let environment = spec.environment.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let providers: std::collections::BTreeSet<&str> =
            spec.services.values().map(|service| service.provider.as_str()).collect();
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
        parts.push(format!("state {} ({lineage})", self.project.home.display()));
        format!("{}\n", parts.join(" · "))
    }
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
