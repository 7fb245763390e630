use crate::exception::service;
use crate::url::{Scheme, ServiceUrl};
use crate::{Exception, json};
use acquire_crypto::{PrivateKey, PublicKey, base64};
use acquire_model::uid::{ServiceUid, Uid};
use acquire_model::{ServiceType, Timestamp};
use serde_json::{Value, json};
use std::str::FromStr;

/// The uid of a service that has none yet.
const STAGE1: &str = "STAGE1";

/// What a service says of itself to everybody (protocol 01 §4.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRecord {
    /// Its uid; `None` while it is being set up (`STAGE1` on the wire).
    pub uid: Option<ServiceUid>,
    /// What it is.
    pub service_type: ServiceType,
    /// Where it is. One address: of several schemes on the wire https is taken, else the first.
    pub url: ServiceUrl,
    /// The key that calls are encrypted to.
    pub public_key: PublicKey,
    /// The certificate that it signs with.
    pub public_certificate: PublicKey,
    /// The certificate that it signed with before.
    pub last_certificate: PublicKey,
    /// When it last changed its keys.
    pub last_key_update: Timestamp,
    /// How long it keeps them, seconds.
    pub key_update_interval_seconds: u32,
    /// The user name of its principal; empty if it has none yet (null on the wire).
    pub user_name: String,
    /// The user uid of its principal, on this very service.
    pub user_uid: Option<Uid>,
}

impl ServiceRecord {
    /// Its canonical URL.
    pub fn canonical_url(&self) -> String {
        self.url.canonical(Some(self.service_type))
    }

    /// Its uid as it is written: `STAGE1` if it has none yet.
    pub fn uid_text(&self) -> &str {
        self.uid.as_ref().map_or(STAGE1, ServiceUid::as_str)
    }

    /// Whether its keys are older than it keeps them.
    pub fn is_refresh_due(&self, now: Timestamp) -> bool {
        now > self.last_key_update.plus_seconds(self.key_update_interval_seconds.into())
    }

    /// Whether a record that was known can have become this one: the same service, and it still has its certificate,
    /// or had it last.
    pub fn follows(&self, known: &Self) -> bool {
        let same = self.uid == known.uid
            && self.service_type == known.service_type
            && self.canonical_url() == known.canonical_url();
        same && [&self.public_certificate, &self.last_certificate].contains(&&known.public_certificate)
    }

    /// Writes the wire's form.
    pub fn to_json(&self) -> Value {
        let scheme = self.url.scheme().as_str();
        json!({
            "uid": self.uid_text(),
            "service_type": self.service_type,
            "domain": self.url.domain(),
            // A number would break the old client.
            "ports": { scheme: self.url.port().map(|port| port.to_string()) },
            "schemes": [scheme],
            "path": self.url.path(),
            "canonical_url": self.canonical_url(),
            "public_certificate": self.public_certificate.to_data(),
            "public_key": self.public_key.to_data(),
            "last_certificate": self.last_certificate.to_data(),
            "last_key_update": self.last_key_update,
            "key_update_interval": f64::from(self.key_update_interval_seconds),
            "service_user_name": Some(&self.user_name).filter(|name| !name.is_empty()),
            "service_user_uid": self.user_uid,
        })
    }

    /// Writes the wire's form with the three validation fields.
    ///
    /// # Errors
    /// [`acquire_crypto::Error::Library`].
    pub fn to_signed_json(
        &self,
        certificate: &PrivateKey,
        last_certificate: &PrivateKey,
    ) -> Result<Value, acquire_crypto::Error> {
        let text = self.validation_string();
        let signed = |key: &PrivateKey| key.sign(text.as_bytes()).map(|signature| base64::encode(&signature).into());
        let (public, last) = (signed(certificate)?, signed(last_certificate)?);
        let fields = [("public_signature", public), ("last_signature", last), ("validation_string", text.into())];
        Ok(json::extended(self.to_json(), fields))
    }

    /// Reads the wire's form; validation fields are ignored.
    ///
    /// # Errors
    /// `ServiceError` naming the field that is missing or wrong.
    pub fn from_json(value: &Value) -> Result<Self, Exception> {
        let key = |name| value.get(name).and_then(|data| PublicKey::from_data(data).ok()).ok_or_else(|| wrong(name));
        let record = Self {
            uid: match text(value, "uid")? {
                STAGE1 => None,
                uid => Some(uid.parse().map_err(|_| wrong("uid"))?),
            },
            service_type: parsed(value, "service_type")?,
            url: url(value)?,
            public_key: key("public_key")?,
            public_certificate: key("public_certificate")?,
            last_certificate: key("last_certificate")?,
            last_key_update: parsed(value, "last_key_update")?,
            key_update_interval_seconds: interval(value)?,
            user_name: optional(value, "service_user_name")?.unwrap_or_default(),
            user_uid: optional(value, "service_user_uid")?,
        };
        // The name under which others trust it must be the one that belongs to its address.
        if text(value, "canonical_url")? == record.canonical_url() { Ok(record) } else { Err(wrong("canonical_url")) }
    }

    /// Reads the wire's form and demands that its validation fields hold, under its own certificates.
    ///
    /// # Errors
    /// `ServiceError`.
    pub fn from_signed_json(value: &Value) -> Result<Self, Exception> {
        let record = Self::from_json(value)?;
        let expected = record.validation_string();
        if text(value, "validation_string")? != expected {
            return Err(wrong("validation_string"));
        }
        let signed = [("public_signature", &record.public_certificate), ("last_signature", &record.last_certificate)];
        for (name, certificate) in signed {
            let signature = base64::decode(text(value, name)?).map_err(|_| wrong(name))?;
            certificate.verify(expected.as_bytes(), &signature).map_err(|_| wrong(name))?;
        }
        Ok(record)
    }

    /// The text that both certificates sign.
    pub fn validation_string(&self) -> String {
        [
            self.uid_text(),
            &self.canonical_url(),
            self.service_type.as_str(),
            self.public_certificate.fingerprint().as_str(),
            self.public_key.fingerprint().as_str(),
            self.last_certificate.fingerprint().as_str(),
            self.user_uid.as_ref().map_or("None", Uid::as_str),
            &format!("{}+00:00", self.last_key_update),
            // The old client has made a float of it: `604800.0`.
            &format!("{:.1}", f64::from(self.key_update_interval_seconds)),
        ]
        .join(":")
    }
}

fn wrong(name: &str) -> Exception {
    service(format!("The field {name} of the service record is missing or wrong"))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Exception> {
    value.get(name).and_then(Value::as_str).ok_or_else(|| wrong(name))
}

fn parsed<T: FromStr>(value: &Value, name: &str) -> Result<T, Exception> {
    text(value, name)?.parse().map_err(|_| wrong(name))
}

/// Reads a field that must be there but may be null.
fn optional<T: FromStr>(value: &Value, name: &str) -> Result<Option<T>, Exception> {
    if value.get(name).is_some_and(Value::is_null) { Ok(None) } else { parsed(value, name).map(Some) }
}

fn url(value: &Value) -> Result<ServiceUrl, Exception> {
    let schemes = value.get("schemes").and_then(Value::as_array).ok_or_else(|| wrong("schemes"))?;
    let https = Value::from(Scheme::Https.as_str());
    let scheme = schemes.iter().find(|scheme| **scheme == https).or_else(|| schemes.first());
    let scheme = scheme.and_then(Value::as_str).ok_or_else(|| wrong("schemes"))?;
    let ports = value.get("ports").and_then(Value::as_object).ok_or_else(|| wrong("ports"))?;
    let port = match ports.get(scheme) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(port)) => format!(":{port}"),
        Some(Value::Number(port)) => format!(":{port}"),
        Some(_) => return Err(wrong("ports")),
    };
    let (domain, path) = (text(value, "domain")?, text(value, "path")?);
    let url: ServiceUrl = format!("{scheme}://{domain}{port}{path}").parse().map_err(|_| wrong("domain"))?;
    // Each part must be what it was called: a port hidden in the domain, say, is not.
    if url.domain() == domain && url.path() == path { Ok(url) } else { Err(wrong("domain")) }
}

/// Reads a number of whole seconds, which Python may have written as a float.
fn interval(value: &Value) -> Result<u32, Exception> {
    let seconds = value.get("key_update_interval").and_then(Value::as_f64).filter(|seconds| seconds.fract() == 0.0);
    let seconds = seconds.and_then(|seconds| format!("{seconds:.0}").parse().ok());
    seconds.ok_or_else(|| wrong("key_update_interval"))
}

#[cfg(test)]
mod tests;
