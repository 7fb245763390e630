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
        sensitive: false,
        description: "The human part of its name; the address by default.",
    },
    Setting {
        name: "versioning",
        holds: SettingType::Boolean,
        words: &[],
        required: false,
        sensitive: false,
        description: "Whether the store keeps overwritten objects, where it can; a directory cannot, and says so in `versioned`.",
    },
];

/// The output that says that it is not below the data directory.
const IMPORTED: &str = "imported";

/// A directory below the data directory.
pub(crate) struct Bucket(Declaration);

impl Bucket {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(declare("bucket", &INPUTS, &["name"], true)?))
    }
}

/// Where it is: where it was when it was imported, or below the data directory.
fn directory(cx: &Context, target: &Target) -> Result<PathBuf, Error> {
    let record = read(cx, &target.address)?;
    let imported = record.as_ref().filter(|record| record.get(IMPORTED) == Some(&true.into()));
    Ok(match imported.and_then(|record| attributes::text(record, "location")) {
        Some(location) => PathBuf::from(location),
        None => cx.deployment.data.join("buckets").join(target.address.to_string().replace('/', ".")),
    })
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
        let directory = directory(cx, target)?;
        Ok(read(cx, &target.address)?.filter(|_| directory.is_dir()))
    }

    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        let records = Records::of(cx);
        // Somebody else's record is refused before anything of theirs is touched.
        records.read(&target.address)?;
        let directory = directory(cx, target)?;
        files::make_directory(&directory)?;
        let is_imported = read(cx, &target.address)?.is_some_and(|record| record.contains_key(IMPORTED));
        let location = directory.display().to_string();
        let mut attributes = with(desired, [("location", location.into()), ("versioned", false.into())]);
        if is_imported {
            attributes.insert(IMPORTED.to_owned(), true.into());
        }
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
        files::remove_tree(&directory(cx, target)?)?;
        forget(cx, &target.address)
    }

    /// The id is the path of the directory, which stays where it is.
    async fn adopt(&self, cx: &Context, target: &Target, id: &str) -> Result<Option<Attributes>, Error> {
        let path = Path::new(id);
        if !path.is_absolute() {
            return Err(Error::Invalid(format!("{id} is not an absolute path of a directory")));
        }
        if !path.is_dir() {
            return Ok(None);
        }
        let records = Records::of(cx);
        records.read(&target.address)?;
        let outputs = [("location", id.into()), ("versioned", false.into()), (IMPORTED, true.into())];
        Ok(Some(records.write(target, with(&Attributes::new(), outputs), None)?.attributes))
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
