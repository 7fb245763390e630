//! The providers and hosts of this binary: the only file that names them.

use acquire_client::{Http, Reach, Transport};
use acquire_model::lineage::Lineage;
use acquire_model::spec::ProviderDeclaration;
use acquire_model::{Attributes, Clock, Entropy, Environment, ProviderName};
use acquire_provider::faults::{Faults, Faulty, FaultyVerify};
use acquire_provider::{Error, Host, OpenService, Provider, Providers, Verify};
use acquire_services::Services;
use acquire_trust::Trust;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::cli::variables;
use crate::system;

/// What the spec says of the providers.
pub type Settings = BTreeMap<ProviderName, Attributes>;

/// The providers that were built in, with their settings.
pub struct BuiltIn {
    providers: BTreeMap<ProviderName, Arc<dyn Provider>>,
    verify: Arc<dyn Verify>,
}

impl BuiltIn {
    /// Makes them for one run. `faults` (the variable `ACQUIRE_FAULTS`, for tests) makes calls to clouds go wrong.
    ///
    /// # Errors
    /// If the settings of one cannot work.
    pub fn new(settings: &Settings, faults: Option<&str>) -> Result<Self, Error> {
        // The URLs come from the operator's own spec and providers, so they may lie in the operator's own network.
        let trust = Arc::new(Trust::new(transport(Reach::Private)?)?);
        let mut verify: Arc<dyn Verify> = trust.clone();
        let mut providers = clouds(settings)?;
        if let Some(text) = faults {
            let faults: Arc<Faults> = Arc::new(
                text.parse().map_err(|error| Error::Invalid(format!("{}: {error}", variables::FAULTS.name())))?,
            );
            verify = Arc::new(FaultyVerify::new(verify, faults.clone(), acquire_trust::codes::SILENT));
            let faulty = |provider| Arc::new(Faulty::new(provider, faults.clone())) as Arc<dyn Provider>;
            providers = providers.into_iter().map(faulty).collect();
        }
        providers.push(trust);
        let providers = providers.into_iter().map(|provider| (provider.name().clone(), provider)).collect();
        Ok(Self { providers, verify })
    }

    /// What proves the deployment alive.
    pub fn verify(&self) -> Arc<dyn Verify> {
        self.verify.clone()
    }
}

impl Providers for BuiltIn {
    fn provider(&self, name: &ProviderName) -> Option<Arc<dyn Provider>> {
        self.providers.get(name).cloned()
    }
}

/// What the providers accept in a spec.
///
/// # Errors
/// `Bug` if one cannot be made without settings.
pub fn declarations() -> Result<Vec<ProviderDeclaration>, Error> {
    Ok(clouds(&Settings::new())?.iter().map(|provider| provider.declaration()).collect())
}

/// Where a provider makes things, as people say it.
pub fn place(provider: &ProviderName) -> &str {
    match provider.as_str() {
        "local" => "this machine",
        name => name,
    }
}

/// The provider of whatever names none in the spec.
pub fn default_provider() -> Option<ProviderName> {
    cfg!(feature = "local").then(|| "local".parse().ok()).flatten()
}

/// The providers that a spec can name.
fn clouds(settings: &Settings) -> Result<Vec<Arc<dyn Provider>>, Error> {
    let none = Attributes::new();
    let of = |name: &str| settings.iter().find(|(key, _)| key.as_str() == name).map_or(&none, |(_, value)| value);
    Ok(vec![
        #[cfg(feature = "local")]
        Arc::new(acquire_local::LocalProvider::new(of("local"))?),
    ])
}

/// The hosts that may have started this process.
pub fn hosts(
    environment: &Arc<Environment>,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
    program: &Path,
) -> Vec<Box<dyn Host>> {
    vec![
        #[cfg(feature = "local")]
        Box::new(acquire_local::LocalHost::new(
            environment.clone(),
            clock.clone(),
            entropy.clone(),
            acquire_local::Program { path: program.to_owned(), digest },
        )),
    ]
}

fn digest(program: &Path) -> Result<String, Error> {
    Ok(system::binary(program).map_err(|error| Error::Unavailable(error.summary))?.sha256)
}

/// The environment in which a process is the local host of a deployment.
pub fn foreground(environment: &Environment, data: &Path, configuration: &Path, lineage: &Lineage) -> Environment {
    let given = environment.variables().map(|(name, value)| (name.to_owned(), value.to_owned()));
    #[cfg(feature = "local")]
    let given = given.chain(acquire_local::LocalHost::variables(data, configuration, lineage));
    Environment::new(given)
}

/// The services that this binary can run.
pub fn services() -> Arc<dyn OpenService> {
    Arc::new(Services::new(transport))
}

/// The way to services in other processes.
fn transport(reach: Reach) -> Result<Arc<dyn Transport>, Error> {
    let settings = acquire_client::Settings { reach, ..acquire_client::Settings::default() };
    let http = Http::new(settings).map_err(|error| Error::Bug(error.to_string()))?;
    Ok(Arc::new(http))
}
