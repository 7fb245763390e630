use super::{declare, forget, found, handle, read, with};
use crate::client::host_key::HostKey;
use crate::client::record::Records;
use acquire_crypto::{aead, hash};
use acquire_model::ports::draw;
use acquire_model::spec::{Setting, SettingType};
use acquire_model::{Address, Attributes, Entropy, SecretBytes};
use acquire_provider::{Context, Declaration, Deleted, Error, Found, Resource, Target, Wrap};
use async_trait::async_trait;
use std::sync::Arc;

const BYTES: usize = 32;

const INPUTS: [Setting; 1] = [Setting {
    name: "rotate_seconds",
    holds: SettingType::Integer,
    words: &[],
    required: false,
    sensitive: false,
    description: "Age in seconds at which the keys of its service are rotated.",
}];

/// 32 random bytes in a record, sealed by the host key. Data keys are wrapped by them.
pub(crate) struct Key(Declaration);

impl Key {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(declare("key", &INPUTS, &[], true)?))
    }
}

#[async_trait]
impl Resource for Key {
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
            // Never drawn again: what the first one wrapped must stay readable.
            return self.update(cx, target, &made.attributes, desired).await;
        }
        let (configuration, lineage) = (&cx.deployment.configuration, &cx.deployment.lineage);
        let host_key = HostKey::read_or_make(configuration, lineage, cx.entropy.as_ref())?;
        let key: [u8; BYTES] = draw(cx.entropy.as_ref());
        let fingerprint = hash::hex(&hash::hmac_sha256(&key, b"acquire local key fingerprint"));
        let sealed = host_key.seal(cx.entropy.as_ref(), &target.address, &key)?;
        let outputs = [("handle", handle(&target.address)), ("fingerprint", fingerprint.into())];
        Ok(records.write(target, with(desired, outputs), Some(sealed))?.attributes)
    }

    async fn update(
        &self,
        cx: &Context,
        target: &Target,
        _prior: &Attributes,
        desired: &Attributes,
    ) -> Result<Attributes, Error> {
        let records = Records::of(cx);
        let made =
            records.read(&target.address)?.ok_or_else(|| Error::NotFound(format!("{} is gone", target.address)))?;
        let mut attributes = made.attributes;
        attributes.extend(desired.clone());
        Ok(records.write(target, attributes, made.sealed)?.attributes)
    }

    async fn delete(&self, cx: &Context, target: &Target, _prior: &Attributes) -> Result<Deleted, Error> {
        forget(cx, &target.address)
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Found>, Error> {
        found(cx, &self.0.kind, |_| "sealed key file".to_owned())
    }
}

/// A key as the host uses it.
pub(crate) struct Wrapping {
    key: aead::Key,
    entropy: Arc<dyn Entropy>,
}

impl Wrapping {
    /// Opens the key of that address.
    pub(crate) fn open(
        records: &Records,
        host_key: &HostKey,
        address: &Address,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        let record = records.read(address)?.ok_or_else(|| Error::NotFound(format!("{address} is not there")))?;
        let sealed = record.sealed.ok_or_else(|| Error::Invalid(format!("{address} holds no key")))?;
        let key: [u8; BYTES] = host_key
            .open(address, &sealed)?
            .expose()
            .try_into()
            .map_err(|_| Error::Invalid(format!("{address} is not a key of {BYTES} bytes")))?;
        Ok(Self { key: aead::Key::new(key), entropy })
    }
}

#[async_trait]
impl Wrap for Wrapping {
    async fn wrap(&self, plaintext: &SecretBytes, context: &[u8]) -> Result<Vec<u8>, Error> {
        let sealed = self.key.seal(self.entropy.as_ref(), context, plaintext.expose());
        sealed.map_err(|error| Error::Bug(error.to_string()))
    }

    async fn unwrap(&self, wrapped: &[u8], context: &[u8]) -> Result<SecretBytes, Error> {
        self.key
            .open(context, wrapped)
            .map_err(|_| Error::Denied("a data key was wrapped by another key, or was changed".to_owned()))
    }
}
