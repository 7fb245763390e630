use crate::memory::world::{Thing, World};
use crate::{Context, Declaration, Deleted, Error, Found, Resource, Target};
use acquire_model::name::Invalid;
use acquire_model::spec::{Setting, SettingType};
use acquire_model::{Attributes, Kind, SecretText, attributes};
use async_trait::async_trait;
use object_store::ObjectStore;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a kind gives out, beside its inputs.
#[derive(Clone, Copy)]
enum Output {
    /// A word that is another for each thing that is made.
    Fresh(&'static str),
    /// The value of an input.
    Echo(&'static str, &'static str),
}

/// The kind of which `list` tells everything.
const LISTED: &str = "schedule";

/// Every kind: its outputs, what cannot change in place, and whether it holds data.
const KINDS: [(&str, &[Output], &[&str], bool); 8] = [
    ("bucket", &[Output::Fresh("location")], &["name"], true),
    ("key", &[Output::Fresh("handle"), Output::Fresh("fingerprint")], &[], true),
    (
        "secret",
        &[Output::Fresh("handle"), Output::Fresh("public_key"), Output::Fresh("public_certificate")],
        &["service", "admin_username"],
        false,
    ),
    ("function", &[Output::Fresh("url"), Output::Echo("canonical_url", "domain")], &["service"], false),
    ("schedule", &[Output::Fresh("handle")], &[], false),
    ("registration", &[Output::Fresh("uid"), Output::Echo("canonical_url", "url")], &["service"], false),
    ("trust", &[Output::Echo("peers_trusted", "peers")], &["service"], false),
    ("marker", &[Output::Echo("output", "input"), Output::Fresh("id")], &["fixed"], false),
];

const ANY_INPUT: Setting = Setting {
    name: "input",
    holds: SettingType::Any,
    words: &[],
    required: false,
    sensitive: true,
    description: "What it holds.",
};

/// One kind of an in-memory provider.
pub(super) struct MemoryResource {
    declaration: Declaration,
    outputs: &'static [Output],
    world: Arc<World>,
}

impl MemoryResource {
    pub(super) fn all(world: &Arc<World>) -> Result<BTreeMap<Kind, Self>, Invalid> {
        let make = |(kind, outputs, fixed, holds_data): (&str, &'static [Output], &[&'static str], bool)| {
            let (listed, kind): (bool, Kind) = (kind == LISTED, kind.parse()?);
            let fixed = fixed.to_vec();
            let declaration = Declaration { kind: kind.clone(), inputs: vec![ANY_INPUT], fixed, holds_data, listed };
            Ok((kind, Self { declaration, outputs, world: Arc::clone(world) }))
        };
        KINDS.into_iter().map(make).collect()
    }

    fn make(&self, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        match self.world.thing(&target.address) {
            Some(thing) if thing.token == target.token => Ok(thing.attributes),
            Some(_) => Err(Error::Conflict(format!("another {} is there", target.address))),
            None => Ok(self.put(target, desired)),
        }
    }

    fn change(&self, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        match self.world.thing(&target.address) {
            Some(thing) if thing.token == target.token => Ok(self.put(target, desired)),
            Some(_) => Err(Error::Conflict(format!("another {} is there", target.address))),
            None => Err(Error::NotFound(format!("{} is not there", target.address))),
        }
    }

    fn put(&self, target: &Target, inputs: &Attributes) -> Attributes {
        let attributes = self.whole(target, inputs);
        self.world.put(&target.address, Thing { token: target.token.clone(), attributes: attributes.clone() });
        attributes
    }

    /// Inputs and outputs together.
    fn whole(&self, target: &Target, inputs: &Attributes) -> Attributes {
        let mut whole = inputs.clone();
        for output in self.outputs {
            let (name, value) = match output {
                Output::Fresh(name) => (name, json!(format!("memory://{}/{name}/{}", target.address, target.token))),
                Output::Echo(name, input) => (name, inputs.get(*input).cloned().unwrap_or(Value::Null)),
            };
            whole.insert((*name).to_owned(), value);
        }
        whole
    }
}

#[async_trait]
impl Resource for MemoryResource {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    fn unsettled(&self, changed: &[String]) -> Vec<String> {
        let echoes = self.outputs.iter().filter_map(|output| match output {
            Output::Echo(name, input) if changed.iter().any(|changed| changed == input) => Some((*name).to_owned()),
            _ => None,
        });
        echoes.collect()
    }

    async fn read(&self, cx: &Context, target: &Target, _: Option<&Attributes>) -> Result<Option<Attributes>, Error> {
        let read = || self.world.thing(&target.address).map(|thing| thing.attributes);
        Ok(self.world.take_time(cx.clock.as_ref(), read).await)
    }

    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        self.world.take_time(cx.clock.as_ref(), || self.make(target, desired)).await
    }

    async fn update(
        &self,
        cx: &Context,
        target: &Target,
        _prior: &Attributes,
        desired: &Attributes,
    ) -> Result<Attributes, Error> {
        self.world.take_time(cx.clock.as_ref(), || self.change(target, desired)).await
    }

    async fn delete(&self, cx: &Context, target: &Target, _prior: &Attributes) -> Result<Deleted, Error> {
        let delete = || {
            if self.world.thing(&target.address).is_some_and(|thing| thing.token == target.token) {
                self.world.delete(&target.address);
            }
            Ok(Deleted::Gone)
        };
        self.world.take_time(cx.clock.as_ref(), delete).await
    }

    async fn adopt(&self, cx: &Context, target: &Target, id: &str) -> Result<Option<Attributes>, Error> {
        // What is there without an owner is known by its name.
        let adopt = || self.world.adopt(id, target);
        Ok(self.world.take_time(cx.clock.as_ref(), adopt).await)
    }

    async fn list(&self, _: &Context) -> Result<Vec<Found>, Error> {
        let things = self.world.things().into_iter();
        let of_kind = things.filter(|(address, _)| *address.kind() == self.declaration.kind);
        let found = of_kind.map(|(address, attributes)| Found {
            description: address.to_string(),
            address,
            attributes: self.declaration.listed.then_some(attributes),
        });
        Ok(found.collect())
    }

    fn open_bucket(&self, _: &Context, observed: &Attributes) -> Result<Arc<dyn ObjectStore>, Error> {
        let location = attributes::text(observed, "location").filter(|_| self.declaration.kind.as_str() == "bucket");
        let location = location.ok_or_else(|| Error::Invalid("it has no location".to_owned()))?;
        Ok(self.world.bucket(location))
    }

    async fn reveal(
        &self,
        _: &Context,
        target: &Target,
        _prior: &Attributes,
    ) -> Result<BTreeMap<String, SecretText>, Error> {
        let absent = || Error::NotFound(format!("{} is not there", target.address));
        let thing = self.world.thing(&target.address).ok_or_else(absent)?;
        Ok(BTreeMap::from([("proof".to_owned(), SecretText::new(format!("proof of {}", thing.token)))]))
    }
}
