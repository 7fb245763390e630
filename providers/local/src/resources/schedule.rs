use super::{declare, forget, found, handle, read, with};
use crate::client::record::Records;
use acquire_model::Attributes;
use acquire_model::spec::{Setting, SettingType};
use acquire_provider::{Context, Declaration, Deleted, Error, Found, Resource, Target};
use async_trait::async_trait;

const INPUTS: [Setting; 3] = [
    Setting {
        name: "service",
        holds: SettingType::Text,
        words: &[],
        required: true,
        sensitive: false,
        description: "The service whose `sweep` is called.",
    },
    Setting {
        name: "every_seconds",
        holds: SettingType::Integer,
        words: &[],
        required: true,
        sensitive: false,
        description: "Seconds from one call to the next.",
    },
    Setting {
        name: "function",
        holds: SettingType::Text,
        words: &[],
        required: false,
        sensitive: false,
        description: "URL of the function that is called.",
    },
];

/// A timer of the host: it reads the record.
pub(crate) struct Schedule(Declaration);

impl Schedule {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(declare("schedule", &INPUTS, &[], false)?))
    }
}

#[async_trait]
impl Resource for Schedule {
    fn declaration(&self) -> &Declaration {
        &self.0
    }

    async fn read(
        &self,
        cx: &Context,
        target: &Target,
        _prior: Option<&Attributes>,
    ) -> Result<Option<Attributes>, Error> {
        read(cx, &target.address)
    }

    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        let attributes = with(desired, [("handle", handle(&target.address))]);
        Ok(Records::of(cx).write(target, attributes, None)?.attributes)
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

    async fn delete(&self, cx: &Context, target: &Target, _prior: &Attributes) -> Result<Deleted, Error> {
        forget(cx, &target.address)
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Found>, Error> {
        found(cx, &self.0.kind, |_| "timer of the host".to_owned())
    }
}
