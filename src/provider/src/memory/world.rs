use crate::Target;
use crate::memory::careless::Careless;
use acquire_model::{Address, Attributes, Clock};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Everything that an in-memory provider has made.
#[derive(Default)]
pub struct World(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    things: BTreeMap<Address, Thing>,
    made: BTreeMap<String, u32>,
    effects: Vec<(Effect, Address)>,
    buckets: BTreeMap<String, Arc<InMemory>>,
    strays: BTreeMap<String, Attributes>,
    latency: Duration,
    is_careless: bool,
}

/// Something that is there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thing {
    pub(super) token: String,
    pub(super) attributes: Attributes,
}

/// What a call did to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It made something.
    Made,
    /// It changed something.
    Changed,
    /// It deleted something.
    Deleted,
}

impl World {
    /// What is there, with all attributes.
    pub fn things(&self) -> BTreeMap<Address, Attributes> {
        let inner = self.inner();
        inner.things.iter().map(|(address, thing)| (address.clone(), thing.attributes.clone())).collect()
    }

    /// What was done, in order.
    pub fn effects(&self) -> Vec<(Effect, Address)> {
        self.inner().effects.clone()
    }

    /// Tokens for which more than one thing was made.
    pub fn made_twice(&self) -> Vec<String> {
        let inner = self.inner();
        inner.made.iter().filter(|(_, count)| **count > 1).map(|(token, _)| token.clone()).collect()
    }

    /// Makes every call take this long before its effect, and again before its answer.
    pub fn slow_down(&self, latency: Duration) {
        self.inner().latency = latency;
    }

    /// Makes buckets forget, from now on or no longer, to look whether an object exists already.
    pub fn make_buckets_careless(&self, careless: bool) {
        self.inner().is_careless = careless;
    }

    /// Changes an attribute behind everybody's back.
    pub fn tamper(&self, address: &Address, attribute: &str, value: Value) {
        if let Some(thing) = self.inner().things.get_mut(address) {
            thing.attributes.insert(attribute.to_owned(), value);
        }
    }

    /// Makes something that is nobody's, known by a name.
    pub fn stray(&self, id: &str, attributes: Attributes) {
        self.inner().strays.insert(id.to_owned(), attributes);
    }

    /// Deletes something behind everybody's back. Making it again is not making it twice.
    pub fn lose(&self, address: &Address) {
        let mut inner = self.inner();
        if let Some(thing) = inner.things.remove(address) {
            inner.made.remove(&thing.token);
        }
    }

    /// Makes a call take its time around its effect.
    pub(super) async fn take_time<T>(&self, clock: &dyn Clock, effect: impl FnOnce() -> T + Send) -> T
    where
        T: Send,
    {
        let latency = self.inner().latency;
        if latency.is_zero() {
            return effect();
        }
        clock.sleep(latency).await;
        let value = effect();
        clock.sleep(latency).await;
        value
    }

    pub(super) fn thing(&self, address: &Address) -> Option<Thing> {
        self.inner().things.get(address).cloned()
    }

    /// Puts a thing, or another in its place.
    pub(super) fn put(&self, address: &Address, thing: Thing) {
        let mut inner = self.inner();
        let token = thing.token.clone();
        let effect = match inner.things.insert(address.clone(), thing) {
            Some(_) => Effect::Changed,
            None => {
                *inner.made.entry(token).or_default() += 1;
                Effect::Made
            }
        };
        inner.effects.push((effect, address.clone()));
    }

    /// Makes a stray thing, if there is one, that of an owner.
    pub(super) fn adopt(&self, id: &str, target: &Target) -> Option<Attributes> {
        let mut inner = self.inner();
        let attributes = match inner.strays.remove(id) {
            Some(attributes) => attributes,
            None => return inner.things.get(&target.address).map(|thing| thing.attributes.clone()),
        };
        let thing = Thing { token: target.token.clone(), attributes: attributes.clone() };
        inner.things.insert(target.address.clone(), thing);
        Some(attributes)
    }

    pub(super) fn delete(&self, address: &Address) {
        let mut inner = self.inner();
        if inner.things.remove(address).is_some() {
            inner.effects.push((Effect::Deleted, address.clone()));
        }
    }

    pub(super) fn bucket(&self, location: &str) -> Arc<dyn ObjectStore> {
        let mut inner = self.inner();
        let objects = Arc::clone(inner.buckets.entry(location.to_owned()).or_default());
        if inner.is_careless { Arc::new(Careless(objects)) } else { objects }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
