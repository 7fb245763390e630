use acquire_client::call;
use acquire_envelope::service::ServiceRecord;
use acquire_model::{Attributes, ServiceType};
use acquire_provider::{Context, Declaration, Deleted, Error, Found, Resource, Target};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::admins::Admins;
use crate::provider::declare;
use crate::wire::{address, explain, provisioned, service_type, text};

/// A service that is set up and has its place in its registry.
pub(crate) struct Registration {
    declaration: Declaration,
    admins: Arc<Admins>,
}

/// The uid of a deployment's registry: old clients ask this one for every URL with a dot (protocol 01 §5.4).
const REGISTRY_UID: &str = "a0-a0";

impl Registration {
    pub fn new(admins: Arc<Admins>) -> Result<Self, Error> {
        Ok(Self { declaration: declare("registration", &["service"])?, admins })
    }

    /// Calls `setup`, which answers the same record again to whoever shows the same proof.
    async fn set_up(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        let service = service_type(desired)?;
        let mut secret = cx.secrets.reveal(&address(target.address.owner(), "secret")?).await?;
        let mut field = |name: &str| {
            secret.remove(name).ok_or_else(|| Error::Bug(format!("the secret of {service} has no `{name}`")))
        };
        let to = ServiceRecord { uid: None, ..provisioned(service, desired, "")? };
        let arguments = json!({
            "service_type": service,
            "canonical_url": to.url.full(),
            "registry_uid": REGISTRY_UID,
            "username": field("admin_username")?.expose(),
            "password": field("admin_password")?.expose(),
            "otpsecret": field("admin_otp_secret")?.expose(),
            "proof": field("setup_proof")?.expose(),
        });
        let answer =
            call(&*self.admins.transport, &to, Some("setup"), &arguments, &*cx.clock).await.map_err(explain)?;
        let record = answer.get("service").unwrap_or(&Value::Null);
        let record = ServiceRecord::from_json(record).map_err(|e| Error::Denied(e.message))?;
        if record.service_type != service || record.canonical_url() != to.canonical_url() {
            return Err(Error::Conflict(format!("{} was set up as another service", to.url.full())));
        }
        let mut made = desired.clone();
        made.extend(outputs(&record));
        Ok(made)
    }

    async fn unregister(&self, cx: &Context, prior: &Attributes, uid: &str) -> Result<(), Error> {
        let directory = self.admins.directory(cx, prior)?;
        let registry = directory.registry().await.map_err(explain)?;
        let visit = self.admins.visit(cx, directory, registry).await?;
        visit.call(cx, "unregister_service", uid, ("service_uid", json!(uid))).await
    }
}

#[async_trait]
impl Resource for Registration {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// Asks the registry for the service by its canonical URL. The keys are those of the state: the registry holds the
    /// present ones, which rotate. A registry that is not running has lost nothing, so its silence is no drift.
    async fn read(&self, cx: &Context, _: &Target, prior: Option<&Attributes>) -> Result<Option<Attributes>, Error> {
        let Some(prior) = prior else { return Ok(None) };
        let Ok(canonical_url) = text(prior, "canonical_url") else { return Ok(None) };
        let found = self.admins.directory(cx, prior)?.by_url(canonical_url).await.map_err(explain);
        let record = match found {
            Ok(record) => record,
            Err(Error::NotFound(_)) => return Ok(None),
            Err(Error::Unavailable(_)) => return Ok(Some(prior.clone())),
            Err(error) => return Err(error),
        };
        let mut observed = prior.clone();
        observed.insert("service".to_owned(), json!(record.service_type));
        observed.insert("url".to_owned(), json!(record.url.full()));
        observed.extend(outputs(&record));
        Ok(Some(observed))
    }

    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        self.set_up(cx, target, desired).await
    }

    async fn update(
        &self,
        cx: &Context,
        target: &Target,
        _: &Attributes,
        desired: &Attributes,
    ) -> Result<Attributes, Error> {
        self.set_up(cx, target, desired).await
    }

    /// Takes the service out of its registry, as the registry's admin. A registry that is gone has forgotten it. One that
    /// a cut-off run may have made is not known by uid: the next apply finds it, or it goes with the registry's bucket.
    async fn delete(&self, cx: &Context, _: &Target, prior: &Attributes) -> Result<Deleted, Error> {
        if prior.is_empty() {
            return Ok(Deleted::Gone);
        }
        let uid = text(prior, "uid")?;
        if service_type(prior)? == ServiceType::Registry {
            return Ok(Deleted::Gone);
        }
        match self.unregister(cx, prior, uid).await {
            Ok(()) | Err(Error::Unavailable(_) | Error::NotFound(_)) => Ok(Deleted::Gone),
            Err(error) => Err(error),
        }
    }

    /// Nothing: what a registry holds carries no lineage, and goes with the registry's bucket.
    async fn list(&self, _: &Context) -> Result<Vec<Found>, Error> {
        Ok(Vec::new())
    }
}

fn outputs(record: &ServiceRecord) -> [(String, Value); 2] {
    [("uid".to_owned(), json!(record.uid_text())), ("canonical_url".to_owned(), json!(record.canonical_url()))]
}
