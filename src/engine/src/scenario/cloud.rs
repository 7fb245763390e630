use std::collections::BTreeMap;
use std::sync::Arc;

use acquire_model::{Address, Attributes, DeploymentName, Diagnostic, ProviderName, ServiceType, attributes};
use acquire_provider::Context;
use acquire_provider::memory::{MemoryProviders, VirtualClock, World, context};

use crate::apply::{Applier, Journal, MemoryJournal, Outcome, Progress, Settings, progress};
use crate::graph::{self, ExpandOptions};
use crate::plan::sensitive::is_fingerprint;
use crate::plan::{self, Plan};
use crate::published::{Made, Outputs, ServiceOutputs};
use crate::spec::Decoded;
use crate::state::{Recorded, State};

/// The seed of everything that is drawn: a test gives the same whenever it runs.
const SEED: u64 = 1;

/// A cloud in memory that stands for every provider, and the state of one deployment on it. It ends with the test.
pub(super) struct Cloud {
    clock: VirtualClock,
    providers: MemoryProviders,
    cx: Context,
    journal: MemoryJournal,
}

impl Cloud {
    /// Makes an empty one, with providers of these names.
    ///
    /// # Errors
    /// `Bug` if a name is not one.
    pub(super) fn new(name: DeploymentName, providers: &[ProviderName]) -> Result<Self, Vec<Diagnostic>> {
        let trust = ProviderName::trust();
        let names: Vec<&str> = providers.iter().chain([&trust]).map(ProviderName::as_str).collect();
        let (clock, world) = (VirtualClock::default(), Arc::new(World::default()));
        let providers = MemoryProviders::new(&names, &world).map_err(|error| bug(&error.to_string()))?;
        let cx = context(name, &clock, SEED);
        let journal = MemoryJournal::new(cx.deployment.lineage.clone(), cx.clock.clone(), cx.entropy.as_ref());
        Ok(Self { clock, providers, cx, journal })
    }

    /// Plans the way from what is there to a spec.
    ///
    /// # Errors
    /// What planning says.
    pub(super) fn plan(&self, decoded: &Decoded) -> Result<Plan, Vec<Diagnostic>> {
        let binary_sha256 = self.cx.deployment.binary.sha256.clone();
        let expand = ExpandOptions { binary_sha256: binary_sha256.clone(), sensitive: decoded.sensitive.clone() };
        let graph = graph::expand(&decoded.spec, &expand)?;
        let options = plan::Options {
            spec_digest: decoded.digest.clone(),
            binary_sha256,
            key: Some(self.journal.key().clone()),
            ..plan::Options::default()
        };
        let planning = plan::plan(&self.cx, &graph, self.journal.state(), &self.providers, &options);
        self.clock.run(planning).unwrap_or_else(|| Err(bug("planning never ends")))
    }

    /// Runs a plan.
    ///
    /// # Errors
    /// What failed.
    pub(super) fn apply(&mut self, plan: &Plan) -> Result<(), Vec<Diagnostic>> {
        let settings = Settings { spec_digest: plan.spec_digest.clone(), ..Settings::default() };
        let applier = Applier { cx: &self.cx, providers: &self.providers, progress: &Unseen, settings: &settings };
        let applying = applier.apply(plan, &mut self.journal);
        let Outcome { failed, refused, .. } = self.clock.run(applying).ok_or_else(|| bug("the apply never ends"))?;
        let failures: Vec<Diagnostic> = refused.into_iter().chain(failed.into_iter().map(|(_, why)| why)).collect();
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }

    /// What was made, as `acquire output` says it.
    pub(super) fn outputs(&self) -> Outputs {
        let state = self.journal.state();
        let plain = state.resources.iter().filter(|(_, recorded)| recorded.service.is_none());
        Outputs {
            services: ServiceType::ALL
                .into_iter()
                .filter_map(|of| Some((of.to_string(), service(state, of)?)))
                .collect(),
            resources: plain.map(|(address, recorded)| (address.owner().to_string(), made(recorded))).collect(),
        }
    }

    /// Everything that is there, by address.
    pub(super) fn resources(&self) -> BTreeMap<String, Made> {
        let resources = self.journal.state().resources.iter();
        resources.map(|(address, recorded)| (address.to_string(), made(recorded))).collect()
    }
}

fn bug(problem: &str) -> Vec<Diagnostic> {
    let hint = "please report this together with the spec and the test";
    vec![Diagnostic::error(plan::codes::BUG, format!("the cloud of the test: {problem}")).hint(hint)]
}

/// Watches nothing.
struct Unseen;

impl Progress for Unseen {
    fn event(&self, _: &progress::Event) {}
}

fn service(state: &State, of: ServiceType) -> Option<ServiceOutputs> {
    let text = |kind: &str, name: &str| {
        let address: Address = format!("{of}/{kind}").parse().ok()?;
        attributes::text(&state.resources.get(&address)?.attributes, name).map(str::to_owned)
    };
    let url = text("function", "url");
    url.is_some().then(|| ServiceOutputs {
        uid: text("registration", "uid"),
        url,
        canonical_url: text("function", "canonical_url"),
    })
}

fn made(recorded: &Recorded) -> Made {
    let attributes = recorded.attributes.iter().filter(|(_, value)| !is_fingerprint(value));
    Made {
        kind: recorded.kind.clone(),
        provider: recorded.provider.clone(),
        service: recorded.service,
        attributes: attributes.map(|(name, value)| (name.clone(), value.clone())).collect::<Attributes>(),
    }
}
