use super::{declare, with};
use acquire_model::Attributes;
use acquire_model::spec::{Setting, SettingType};
use acquire_provider::{Context, Declaration, Deleted, Error, Found, Resource, Target};
use async_trait::async_trait;
use serde_json::Value;

const INPUTS: [Setting; 1] = [Setting {
    name: "input",
    holds: SettingType::Any,
    words: &[],
    required: false,
    sensitive: true,
    description: "Any value; the marker holds it and gives it as `output`.",
}];

/// A resource that does nothing but hold its input, in the state alone.
pub(crate) struct Marker(Declaration);

impl Marker {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(declare("marker", &INPUTS, &[], false)?))
    }
}

#[async_trait]
impl Resource for Marker {
    fn declaration(&self) -> &Declaration {
        &self.0
    }

    fn unsettled(&self, changed: &[String]) -> Vec<String> {
        if changed.iter().any(|name| name == "input") { vec!["output".to_owned()] } else { Vec::new() }
    }

    async fn read(
        &self,
        _cx: &Context,
        _target: &Target,
        prior: Option<&Attributes>,
    ) -> Result<Option<Attributes>, Error> {
        Ok(prior.cloned())
    }

    async fn create(&self, _cx: &Context, _target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        Ok(with(desired, [("output", desired.get("input").cloned().unwrap_or(Value::Null))]))
    }

    async fn update(
        &self,
        cx: &Context,
        target: &Target,
        _prior: &Attributes,
        desired: &Attributes,
    ) -> Result<Attributes, Error> {
        self.create(cx, target, desired).await
    }

    async fn delete(&self, _cx: &Context, _target: &Target, _prior: &Attributes) -> Result<Deleted, Error> {
        Ok(Deleted::Gone)
    }

    /// The id is the input that it holds.
    async fn adopt(&self, cx: &Context, target: &Target, id: &str) -> Result<Option<Attributes>, Error> {
        let input = Attributes::from([("input".to_owned(), id.into())]);
        self.create(cx, target, &input).await.map(Some)
    }

    async fn list(&self, _cx: &Context) -> Result<Vec<Found>, Error> {
        Ok(Vec::new())
    }
}
