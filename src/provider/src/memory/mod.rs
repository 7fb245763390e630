//! A provider that keeps everything in memory and counts what it makes: for simulation, our tests,
//! and people's tests of their specs.

mod careless;
mod clock;
mod resource;
mod world;

pub use clock::{Seeded, VirtualClock};
pub use world::{Effect, World};

use crate::memory::resource::MemoryResource;
use crate::{Binary, Context, Deployment, Error, Provider, Providers, Resource, Secrets};
use acquire_model::name::Invalid;
use acquire_model::spec::ProviderDeclaration;
use acquire_model::{Address, DeploymentName, Kind, Lineage, ProviderName, SecretText};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A provider of every kind of resource, in a [`World`].
pub struct Memory {
    name: ProviderName,
    resources: BTreeMap<Kind, MemoryResource>,
}

impl Memory {
    /// Makes a provider of that name.
    ///
    /// # Errors
    /// If the name is not one.
    pub fn new(name: &str, world: &Arc<World>) -> Result<Self, Invalid> {
        Ok(Self { name: name.parse()?, resources: MemoryResource::all(world)? })
    }
}

impl Provider for Memory {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn declaration(&self) -> ProviderDeclaration {
        let kinds = self.resources.iter().map(|(kind, resource)| (kind.clone(), resource.declaration().inputs.clone()));
        ProviderDeclaration { name: self.name.clone(), settings: Vec::new(), kinds: kinds.collect() }
    }

    fn resource(&self, kind: &Kind) -> Option<&dyn Resource> {
        self.resources.get(kind).map(|resource| resource as &dyn Resource)
    }
}

/// Several providers over one world, by name.
pub struct MemoryProviders(Vec<Arc<dyn Provider>>);

impl MemoryProviders {
    /// Makes providers of these names.
    ///
    /// # Errors
    /// If a name is not one.
    pub fn new(names: &[&str], world: &Arc<World>) -> Result<Self, Invalid> {
        let made = names.iter().map(|name| Ok(Arc::new(Memory::new(name, world)?) as Arc<dyn Provider>));
        Ok(Self(made.collect::<Result<_, Invalid>>()?))
    }
}

impl Providers for MemoryProviders {
    fn provider(&self, name: &ProviderName) -> Option<Arc<dyn Provider>> {
        self.0.iter().find(|provider| provider.name() == name).cloned()
    }
}

/// A context for a deployment that has no files: virtual time, drawn numbers that follow from a seed, no secrets.
pub fn context(name: DeploymentName, clock: &VirtualClock, seed: u64) -> Context {
    let entropy = Arc::new(Seeded::new(seed));
    Context {
        environment: Arc::default(),
        clock: Arc::new(clock.clone()),
        deployment: Arc::new(Deployment {
            name,
            environment: None,
            lineage: Lineage::draw(entropy.as_ref()),
            data: "memory/data".into(),
            configuration: "memory/configuration".into(),
            binary: Binary { path: "memory/acquire".into(), sha256: "b0".repeat(32) },
            proved: Vec::new(),
        }),
        entropy,
        secrets: Arc::new(NoSecrets),
    }
}

struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn reveal(&self, address: &Address) -> Result<BTreeMap<String, SecretText>, Error> {
        Err(Error::NotFound(format!("{address} is not there")))
    }
}
