use acquire_model::uid::ServiceUid;
use acquire_model::{Attributes, ServiceType};
use acquire_provider::{Context, Declaration, Deleted, Error, Found, Resource, Target};
use async_trait::async_trait;
use futures::future::try_join_all;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::admins::{Admins, Visit};
use crate::provider::declare;
use crate::wire::{explain, provisioned, service_type};

/// A service and the peers that it trusts.
pub(crate) struct Introduction {
    declaration: Declaration,
    admins: Arc<Admins>,
}

/// Which peers: the service by its type → its uid.
type Peers = BTreeMap<ServiceType, ServiceUid>;

impl Introduction {
    pub fn new(admins: Arc<Admins>) -> Result<Self, Error> {
        Ok(Self { declaration: declare("trust", &["service", "uid"])?, admins })
    }

    async fn visit(&self, cx: &Context, attributes: &Attributes) -> Result<Visit, Error> {
        let service = provisioned(service_type(attributes)?, attributes, "")?;
        self.admins.visit(cx, self.admins.directory(cx, attributes)?, service).await
    }
}

async fn trust(cx: &Context, visit: &Visit, uid: &ServiceUid) -> Result<(), Error> {
    let peer = visit.directory.by_uid(uid).await.map_err(explain)?;
    visit.call(cx, "trust_service", uid.as_str(), ("service_url", json!(peer.canonical_url()))).await
}

async fn untrust(cx: &Context, visit: &Visit, uid: &ServiceUid) -> Result<(), Error> {
    visit.call(cx, "untrust_service", uid.as_str(), ("service_uid", json!(uid))).await
}

#[async_trait]
impl Resource for Introduction {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    /// Asks the service whom it trusts. One that is not running has lost nothing, so its silence is no drift.
    async fn read(&self, cx: &Context, _: &Target, prior: Option<&Attributes>) -> Result<Option<Attributes>, Error> {
        let Some(prior) = prior else { return Ok(None) };
        let service = provisioned(service_type(prior)?, prior, "")?;
        let directory = self.admins.directory(cx, prior)?;
        let answer = match directory.call(&service, Some("trusted_services"), &json!({})).await.map_err(explain) {
            Ok(answer) => answer,
            Err(Error::Unavailable(_)) => return Ok(Some(prior.clone())),
            Err(error) => return Err(error),
        };
        let trusted: Vec<&str> =
            answer.get("trusted").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut peers = peers(prior, "peers")?;
        peers.retain(|_, uid| trusted.contains(&uid.as_str()));
        Ok(Some(with_peers(prior, &peers)))
    }

    async fn create(&self, cx: &Context, _: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        let peers = peers(desired, "peers")?;
        let visit = self.visit(cx, desired).await?;
        try_join_all(peers.values().map(|uid| trust(cx, &visit, uid))).await?;
        Ok(with_peers(desired, &peers))
    }

    async fn update(
        &self,
        cx: &Context,
        target: &Target,
        prior: &Attributes,
        desired: &Attributes,
    ) -> Result<Attributes, Error> {
        let keep = peers(desired, "peers")?;
        let visit = self.visit(cx, desired).await?;
        let trusted = peers(prior, "peers_trusted")?;
        let gone = trusted.values().filter(|uid| !keep.values().any(|kept| kept == *uid));
        try_join_all(gone.map(|uid| untrust(cx, &visit, uid))).await?;
        self.create(cx, target, desired).await
    }

    /// Makes the service trust nobody. What a service that is gone trusted has gone with it. One that a cut-off run may
    /// have made is not known by service: the next apply makes it again, or it goes with the service's bucket.
    async fn delete(&self, cx: &Context, _: &Target, prior: &Attributes) -> Result<Deleted, Error> {
        if prior.is_empty() {
            return Ok(Deleted::Gone);
        }
        let untrust_all = async {
            let visit = self.visit(cx, prior).await?;
            try_join_all(peers(prior, "peers_trusted")?.values().map(|uid| untrust(cx, &visit, uid))).await?;
            Ok(())
        };
        match untrust_all.await {
            Ok(()) | Err(Error::Unavailable(_) | Error::NotFound(_)) => Ok(Deleted::Gone),
            Err(error) => Err(error),
        }
    }

    /// Nothing: what a service trusts carries no lineage, and goes with its bucket.
    async fn list(&self, _: &Context) -> Result<Vec<Found>, Error> {
        Ok(Vec::new())
    }
}

fn peers(attributes: &Attributes, name: &str) -> Result<Peers, Error> {
    let none = Map::new();
    let fields = attributes.get(name).and_then(Value::as_object).unwrap_or(&none);
    let peer = |(service, uid): (&String, &Value)| {
        let uid = uid.as_str().and_then(|uid| uid.parse().ok());
        let bug = || Error::Bug(format!("`{name}` has no service and uid at `{service}`"));
        Ok((service.parse().map_err(|_| bug())?, uid.ok_or_else(bug)?))
    };
    fields.iter().map(peer).collect()
}

/// The attributes as they are when exactly these peers are trusted.
fn with_peers(attributes: &Attributes, peers: &Peers) -> Attributes {
    let mut all = attributes.clone();
    all.insert("peers".to_owned(), json!(peers));
    all.insert("peers_trusted".to_owned(), json!(peers));
    all
}
