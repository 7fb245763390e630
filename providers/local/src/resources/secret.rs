use super::{declare, forget, found, handle, read, with};
use crate::client::host_key::HostKey;
use crate::client::record::Records;
use acquire_crypto::provisioned;
use acquire_model::ports::draw;
use acquire_model::spec::{Setting, SettingType};
use acquire_model::{Address, Attributes, SecretText, ServiceSecret, attributes};
use acquire_provider::{Context, Declaration, Deleted, Error, Found, Resource, Target};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;

const INPUTS: [Setting; 2] = [
    Setting {
        name: "service",
        holds: SettingType::Text,
        words: &[],
        required: false,
        sensitive: false,
        description: "The service that it is for; without one it holds a single random `value`.",
    },
    Setting {
        name: "admin_username",
        holds: SettingType::Text,
        words: &[],
        required: false,
        sensitive: false,
        description: "User name of the service's first admin.",
    },
];

/// A sealed record: what a service is born with, or one random value.
pub(crate) struct Secret(Declaration);

impl Secret {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(declare("secret", &INPUTS, &["service", "admin_username"], false)?))
    }
}

/// What was drawn: the fields that are sealed, and the outputs that everybody may read.
struct Drawn {
    fields: BTreeMap<String, SecretText>,
    outputs: Vec<(&'static str, Value)>,
}

async fn draw_service(cx: &Context, admin_username: String) -> Result<Drawn, Error> {
    let entropy = cx.entropy.clone();
    // Two RSA pairs: a fifth of a second of work.
    let drawn = tokio::task::spawn_blocking(move || {
        let secret = provisioned::generate(entropy.as_ref(), &admin_username)?;
        let halves = provisioned::public_halves(&secret)?;
        Ok::<_, acquire_crypto::Error>((secret, halves))
    });
    let (secret, (key, certificate)) = drawn
        .await
        .map_err(|error| Error::Bug(error.to_string()))?
        .map_err(|error| Error::Unavailable(error.to_string()))?;
    let fields = secret.fields().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let outputs = vec![("public_key", key.pem().into()), ("public_certificate", certificate.pem().into())];
    Ok(Drawn { fields, outputs })
}

fn draw_value(cx: &Context) -> Drawn {
    let value = acquire_crypto::hash::hex(&draw::<32>(cx.entropy.as_ref()));
    Drawn { fields: BTreeMap::from([("value".to_owned(), SecretText::new(value))]), outputs: Vec::new() }
}

fn to_json(fields: &BTreeMap<String, SecretText>) -> Result<Vec<u8>, Error> {
    let plain: BTreeMap<&str, &str> = fields.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
    serde_json::to_vec(&plain).map_err(|error| Error::Bug(error.to_string()))
}

/// Opens the fields of the secret at that address.
pub(crate) fn open(
    records: &Records,
    host_key: &HostKey,
    address: &Address,
) -> Result<BTreeMap<String, SecretText>, Error> {
    let record = records.read(address)?.ok_or_else(|| Error::NotFound(format!("{address} is not there")))?;
    let sealed = record.sealed.ok_or_else(|| Error::Invalid(format!("{address} holds no secret")))?;
    let fields: BTreeMap<String, String> = serde_json::from_slice(host_key.open(address, &sealed)?.expose())
        .map_err(|_| Error::Invalid(format!("{address} is not a secret")))?;
    Ok(fields.into_iter().map(|(name, value)| (name, SecretText::new(value))).collect())
}

/// Opens what a service is born with.
pub(crate) fn open_service(records: &Records, host_key: &HostKey, address: &Address) -> Result<ServiceSecret, Error> {
    let fields = open(records, host_key, address)?;
    ServiceSecret::from_fields(&|name| fields.get(name).cloned())
        .ok_or_else(|| Error::Invalid(format!("{address} is not the secret of a service")))
}

#[async_trait]
impl Resource for Secret {
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
        let records = Records::of(cx);
        if let Some(made) = records.read(&target.address)? {
            return Ok(made.attributes);
        }
        let (configuration, lineage) = (&cx.deployment.configuration, &cx.deployment.lineage);
        let host_key = HostKey::read_or_make(configuration, lineage, cx.entropy.as_ref())?;
        let drawn = match attributes::text(desired, "service") {
            Some(_) => {
                let admin = attributes::text(desired, "admin_username").unwrap_or("admin");
                draw_service(cx, admin.to_owned()).await?
            }
            None => draw_value(cx),
        };
        let sealed = host_key.seal(cx.entropy.as_ref(), &target.address, &to_json(&drawn.fields)?)?;
        let outputs = drawn.outputs.into_iter().chain([("handle", handle(&target.address))]);
        Ok(records.write(target, with(desired, outputs), Some(sealed))?.attributes)
    }

    async fn update(
        &self,
        _cx: &Context,
        target: &Target,
        _prior: &Attributes,
        _desired: &Attributes,
    ) -> Result<Attributes, Error> {
        Err(Error::Bug(format!("every input of {} is fixed", target.address)))
    }

    async fn delete(&self, cx: &Context, target: &Target, _prior: &Attributes) -> Result<Deleted, Error> {
        forget(cx, &target.address)
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Found>, Error> {
        found(cx, &self.0.kind, |_| "sealed file".to_owned())
    }

    async fn reveal(
        &self,
        cx: &Context,
        target: &Target,
        _prior: &Attributes,
    ) -> Result<BTreeMap<String, SecretText>, Error> {
        let host_key = HostKey::read(&cx.deployment.configuration, &cx.deployment.lineage)?;
        open(&Records::of(cx), &host_key, &target.address)
    }
}
