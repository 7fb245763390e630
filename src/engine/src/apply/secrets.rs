use crate::state::Recorded;
use acquire_model::{Address, Attributes, ProviderName, SecretText};
use acquire_provider::{Context, Error, Provider, Providers, Secrets, Target};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

/// What is there at the moment: references are filled in from it, and secrets revealed.
pub(super) struct Vault {
    cx: Context,
    providers: BTreeMap<ProviderName, Arc<dyn Provider>>,
    held: RwLock<BTreeMap<Address, Held>>,
}

/// One resource that is there.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) provider: ProviderName,
    pub(super) token: String,
    pub(super) made_as: Option<Address>,
    pub(super) attributes: Attributes,
}

impl Vault {
    /// Begins with what is recorded. `more` names providers of what is still to come.
    pub(super) fn new<'a>(
        cx: &Context,
        providers: &dyn Providers,
        resources: &'a BTreeMap<Address, Recorded>,
        more: impl IntoIterator<Item = &'a ProviderName>,
    ) -> Arc<Self> {
        let recorded = resources.values().map(|recorded| &recorded.provider);
        let names: BTreeSet<ProviderName> = recorded.chain(more).cloned().collect();
        let held = resources.iter().map(|(address, recorded)| (address.clone(), Held::from(recorded)));
        Arc::new(Self {
            // Whoever reveals a secret needs none: this also keeps the vault from holding itself.
            cx: Context { secrets: Arc::new(NoSecrets), ..cx.clone() },
            providers: names.into_iter().filter_map(|name| Some((name.clone(), providers.provider(&name)?))).collect(),
            held: RwLock::new(held.collect()),
        })
    }

    /// Returns a provider that was named at the beginning.
    pub(super) fn provider(&self, name: &ProviderName) -> Option<Arc<dyn Provider>> {
        self.providers.get(name).cloned()
    }

    /// Whether a resource is there.
    pub(super) fn holds(&self, address: &Address) -> bool {
        self.held.read().unwrap_or_else(PoisonError::into_inner).contains_key(address)
    }

    /// Returns one attribute of a resource that is there.
    pub(super) fn attribute(&self, address: &Address, name: &str) -> Option<serde_json::Value> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.get(address)?.attributes.get(name).cloned()
    }

    /// Notes that a resource is there.
    pub(super) fn put(&self, address: &Address, held: Held) {
        self.held.write().unwrap_or_else(PoisonError::into_inner).insert(address.clone(), held);
    }

    /// Notes that a resource has another address.
    pub(super) fn rename(&self, from: &Address, to: &Address) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut moved) = held.remove(from) {
            moved.made_as = Some(moved.made_as.unwrap_or_else(|| from.clone())).filter(|made_as| made_as != to);
            held.insert(to.clone(), moved);
        }
    }

    /// Notes that a resource is not there any more.
    pub(super) fn remove(&self, address: &Address) {
        self.held.write().unwrap_or_else(PoisonError::into_inner).remove(address);
    }
}

impl From<&Recorded> for Held {
    fn from(recorded: &Recorded) -> Self {
        Self {
            provider: recorded.provider.clone(),
            token: recorded.token.clone(),
            made_as: recorded.made_as.clone(),
            attributes: recorded.attributes.clone(),
        }
    }
}

#[async_trait]
impl Secrets for Vault {
    async fn reveal(&self, address: &Address) -> Result<BTreeMap<String, SecretText>, Error> {
        let missing = || Error::NotFound(format!("{address} is not in the state"));
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner).get(address).cloned();
        let held = held.ok_or_else(missing)?;
        let provider = self.provider(&held.provider).ok_or_else(missing)?;
        let resource = provider.resource(address.kind()).ok_or_else(missing)?;
        let target = Target { address: held.made_as.unwrap_or_else(|| address.clone()), token: held.token };
        resource.reveal(&self.cx, &target, &held.attributes).await
    }
}

/// Keeps none.
pub(super) struct NoSecrets;

#[async_trait]
impl Secrets for NoSecrets {
    async fn reveal(&self, address: &Address) -> Result<BTreeMap<String, SecretText>, Error> {
        Err(Error::NotFound(format!("{address} is not in the state")))
    }
}
