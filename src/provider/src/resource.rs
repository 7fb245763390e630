use crate::{Context, Error};
use acquire_model::spec::{ProviderDeclaration, Setting};
use acquire_model::{Address, Attributes, Kind, ProviderName, SecretText, Timestamp};
use async_trait::async_trait;
use object_store::ObjectStore;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The providers of this binary, by name.
pub trait Providers: Send + Sync {
    /// Returns the provider of that name, if it is built in.
    fn provider(&self, name: &ProviderName) -> Option<Arc<dyn Provider>>;
}

/// Somebody who provides resources: a cloud, this machine, or the services themselves (`trust`).
pub trait Provider: Send + Sync {
    /// Its name in the spec.
    fn name(&self) -> &ProviderName;

    /// What it accepts in the spec.
    fn declaration(&self) -> ProviderDeclaration;

    /// The kind of resource, if it provides it.
    fn resource(&self, kind: &Kind) -> Option<&dyn Resource>;
}

/// One kind of resource of one provider.
///
/// `compare` is pure. `read`, `create`, `update` and `delete` are idempotent: creating twice for one target makes
/// one thing and returns it; deleting nothing succeeds. None of them retries: the engine does, once for all.
/// Everything made carries its owner (lineage and address) where the provider lets it, so that `read` and `list` find
/// a thing whose `create` lost its answer.
#[async_trait]
pub trait Resource: Send + Sync {
    /// What it accepts and what it is like.
    fn declaration(&self) -> &Declaration;

    /// Says what it takes to get from `observed` to `desired`. Only attributes that are in `desired` are looked at.
    /// The default compares them one by one and replaces when one differs that the declaration calls fixed.
    fn compare(&self, desired: &Attributes, observed: &Attributes) -> Change {
        let differing: Vec<String> = desired
            .iter()
            .filter(|(name, value)| observed.get(*name) != Some(value))
            .map(|(name, _)| name.clone())
            .collect();
        if differing.is_empty() {
            Change::None
        } else if differing.iter().any(|name| self.declaration().fixed.contains(&name.as_str())) {
            Change::Replace(differing)
        } else {
            Change::Update(differing)
        }
    }

    /// Names the outputs that may be others after a change in place of these inputs; a plan shows what depends on them as
    /// known after apply. The default says that outputs last as long as the thing does.
    fn unsettled(&self, _changed: &[String]) -> Vec<String> {
        Vec::new()
    }

    /// Reads it by its deterministic name and owner: its inputs as they are now, and its outputs. `None` if it is
    /// not there. `prior` is what the state holds of it, if anything.
    async fn read(
        &self,
        cx: &Context,
        target: &Target,
        prior: Option<&Attributes>,
    ) -> Result<Option<Attributes>, Error>;

    /// Makes it; returns inputs and outputs as `read` would.
    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error>;

    /// Brings it from `prior` to `desired` in place; returns inputs and outputs as `read` would.
    async fn update(
        &self,
        cx: &Context,
        target: &Target,
        prior: &Attributes,
        desired: &Attributes,
    ) -> Result<Attributes, Error>;

    /// Deletes it.
    async fn delete(&self, cx: &Context, target: &Target, prior: &Attributes) -> Result<Deleted, Error>;

    /// Takes over a thing that somebody else made, marks it as ours so that `read` finds it, and returns it as `read`
    /// would; `None` if there is no such thing. The id is what its kind is known by: a path, a name, an ARN. Idempotent.
    /// The default takes nothing over.
    async fn adopt(&self, _cx: &Context, _target: &Target, _id: &str) -> Result<Option<Attributes>, Error> {
        Err(Error::Invalid(format!("a {} cannot be imported", self.declaration().kind)))
    }

    /// Lists everything of this kind that carries this deployment's lineage.
    async fn list(&self, cx: &Context) -> Result<Vec<Found>, Error>;

    /// Opens a bucket's objects. The default is no bucket.
    fn open_bucket(&self, _cx: &Context, _observed: &Attributes) -> Result<Arc<dyn ObjectStore>, Error> {
        Err(Error::Invalid(format!("a {} is not a bucket", self.declaration().kind)))
    }

    /// Returns the last lines that it logged, oldest first. The default logs nothing.
    async fn logs(
        &self,
        _cx: &Context,
        target: &Target,
        _prior: &Attributes,
        _most: usize,
    ) -> Result<Vec<String>, Error> {
        Err(Error::Invalid(format!("{} has no log", target.address)))
    }

    /// Reveals what it keeps secret. The default has no secrets.
    async fn reveal(
        &self,
        _cx: &Context,
        target: &Target,
        _prior: &Attributes,
    ) -> Result<BTreeMap<String, SecretText>, Error> {
        Err(Error::Invalid(format!("{} keeps no secret", target.address)))
    }
}

/// What a kind of resource is like.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The kind.
    pub kind: Kind,
    /// What it accepts.
    pub inputs: Vec<Setting>,
    /// Inputs that cannot change in place.
    pub fixed: Vec<&'static str>,
    /// Whether it holds people's data: `destroy` stops before it unless told otherwise.
    pub holds_data: bool,
    /// Whether `list` tells the attributes of everything, so that a refresh makes one call for the kind.
    pub listed: bool,
}

/// Which resource a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its place in the graph.
    pub address: Address,
    /// Idempotency token: the same for every try of one step, 32 hex digits.
    pub token: String,
}

/// What it takes to get from one set of attributes to another. The names are those of the attributes that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Change {
    /// Nothing.
    None,
    /// A change in place.
    Update(Vec<String>),
    /// Deleting it and making it again.
    Replace(Vec<String>),
}

/// What a delete came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Gone,
    /// The vendor deletes it then; it counts as gone.
    Scheduled(Timestamp),
}

/// Something that carries our lineage.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Whose it is, as its tag says.
    pub address: Address,
    /// The words a person would look for it by.
    pub description: String,
    /// Inputs and outputs as `read` would return them, if the kind is `listed`.
    pub attributes: Option<Attributes>,
}
