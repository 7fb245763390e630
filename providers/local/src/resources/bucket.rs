use super::{declare, forget, found, read, with};
use crate::client::files;
use crate::client::record::Records;
use crate::store;
use acquire_model::spec::{Setting, SettingType};
use acquire_model::{Attributes, attributes};
use acquire_provider::{Context, Declaration, Deleted, Error, Found, Resource, Target};
use async_trait::async_trait;
use object_store::ObjectStore;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const INPUTS: [Setting; 2] = [
    Setting {
        name: "name",
        holds: SettingType::Text,
        words: &[],
        required: false,
        description: "The human part of its name; the address by default.",
    },
    Setting {
        name: "versioning",
        holds: SettingType::Boolean,
        words: &[],
        required: false,
        description: "Whether the store keeps overwritten objects, where it can; a directory cannot, and says so in `versioned`.",
    },
];

/// A directory below the data directory.
pub(crate) struct Bucket(Declaration);

impl Bucket {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(declare("bucket", &INPUTS, &["name"], true)?))
    }
}

fn directory(cx: &Context, target: &Target) -> PathBuf {
    cx.deployment.data.join("buckets").join(target.address.to_string().replace('/', "."))
}

#[async_trait]
impl Resource for Bucket {
    fn declaration(&self) -> &Declaration {
        &self.0
    }

    async fn read(
        &self,
        cx: &Context,
        target: &Target,
        _prior: Option<&Attributes>,
    ) -> Result<Option<Attributes>, Error> {
        Ok(read(cx, &target.address)?.filter(|_| directory(cx, target).is_dir()))
    }

    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        let records = Records::of(cx);
        // Somebody else's record is refused before anything of theirs is touched.
        records.read(&target.address)?;
        let directory = directory(cx, target);
        files::make_directory(&directory)?;
        let location = directory.display().to_string();
        let attributes = with(desired, [("location", location.into()), ("versioned", false.into())]);
        Ok(records.write(target, attributes, None)?.attributes)
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
        files::remove_tree(&directory(cx, target))?;
        forget(cx, &target.address)
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Found>, Error> {
        found(cx, &self.0.kind, |bucket| format!("directory {}", attributes::text(bucket, "location").unwrap_or("?")))
    }

    fn open_bucket(&self, _cx: &Context, observed: &Attributes) -> Result<Arc<dyn ObjectStore>, Error> {
        let location = attributes::text(observed, "location")
            .ok_or_else(|| Error::Bug("a bucket's record has its location".to_owned()))?;
        store::open(Path::new(location))
    }
}
