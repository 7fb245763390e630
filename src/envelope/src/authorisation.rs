use crate::Exception;
use crate::exception::permission;
use crate::url::is_canonical;
use acquire_crypto::{Error, PrivateKey, PublicKey, base64};
use acquire_model::Timestamp;
use acquire_model::time::SECOND;
use acquire_model::uid::{DatedUid, ServiceUid, Uid};
use serde_json::{Map, Value, json};
use std::str::FromStr;

/// Oldest authorisation that is accepted, seconds.
pub const STALE_SECONDS: i64 = 7200;
/// How far the signer's clock may be ahead, seconds.
pub const LEEWAY_SECONDS: i64 = 30;

/// Whose approval: a user in a session at an identity service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user.
    pub user_uid: Uid,
    /// The session, whose signing key signs.
    pub session_uid: Uid,
    /// The canonical URL of the service that holds the session.
    pub identity_url: String,
    /// The uid of that service.
    pub identity_uid: ServiceUid,
}

/// The proof that the user of a session approves one resource (protocol 02 §2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorisation {
    /// The user.
    pub user_uid: Uid,
    /// The session, whose signing key signed.
    pub session_uid: Uid,
    /// The canonical URL of the service that holds the session. Not signed: bound through `identity_uid`.
    pub identity_url: String,
    /// The uid of that service.
    pub identity_uid: ServiceUid,
    /// Its own uid; the date in it is the time of signing.
    pub uid: DatedUid,
    /// The signature over [`Self::message`].
    pub signature: Vec<u8>,
    /// The signature over the text of `uid`.
    pub siguid: Vec<u8>,
}

impl Authorisation {
    /// Signs one.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn sign(key: &PrivateKey, holder: &Holder, uid: DatedUid, resource: Option<&str>) -> Result<Self, Error> {
        let Holder { user_uid, session_uid, identity_url, identity_uid } = holder.clone();
        let siguid = key.sign(uid.as_str().as_bytes())?;
        let mut signed = Self { user_uid, session_uid, identity_url, identity_uid, uid, signature: Vec::new(), siguid };
        signed.signature = key.sign(signed.message(resource).as_bytes())?;
        Ok(signed)
    }

    /// Reads the wire's form; null and `{}` are no authorisation.
    ///
    /// # Errors
    /// `PermissionError` if a field is missing or wrong.
    pub fn from_json(value: &Value) -> Result<Option<Self>, Exception> {
        if value.is_null() || value.as_object().is_some_and(Map::is_empty) {
            return Ok(None);
        }
        let identity_url = field(value, "identity_url")?;
        Ok(Some(Self {
            user_uid: parsed(value, "user_uid")?,
            session_uid: parsed(value, "session_uid")?,
            identity_url: Some(identity_url.to_owned()).filter(|url| is_canonical(url)).ok_or_else(unreadable)?,
            identity_uid: parsed(value, "identity_uid")?,
            uid: parsed(value, "uid")?,
            signature: base64::decode(field(value, "signature")?).map_err(|_| unreadable())?,
            siguid: base64::decode(field(value, "siguid")?).map_err(|_| unreadable())?,
        }))
    }

    /// Writes the wire's form.
    pub fn to_json(&self) -> Value {
        json!({
            "user_uid": self.user_uid,
            "session_uid": self.session_uid,
            "identity_url": self.identity_url,
            "identity_uid": self.identity_uid,
            "uid": self.uid,
            "signature": base64::encode(&self.signature),
            "siguid": base64::encode(&self.siguid),
        })
    }

    /// The text that is signed for that resource. A resource may hold the separator, so the text is never taken apart.
    pub fn message(&self, resource: Option<&str>) -> String {
        let signed_at = self.signed_at().to_string();
        let head = [self.user_uid.as_str(), self.session_uid.as_str(), self.identity_uid.as_str()];
        head.into_iter().chain(resource).chain([signed_at.as_str()]).collect::<Vec<_>>().join("|")
    }

    /// When it was signed, as it says.
    pub fn signed_at(&self) -> Timestamp {
        self.uid.instant()
    }

    /// Checks both signatures against the session's certificate and the resource that is expected.
    ///
    /// # Errors
    /// `PermissionError`.
    pub fn verify(&self, certificate: &PublicKey, resource: Option<&str>) -> Result<(), Exception> {
        let message = self.message(resource);
        // The first does not cover the text of the uid, by which single use is kept; the second does.
        let signed = [(message.as_str(), &self.signature), (self.uid.as_str(), &self.siguid)];
        let holds = signed.into_iter().all(|(text, signature)| certificate.verify(text.as_bytes(), signature).is_ok());
        if holds { Ok(()) } else { Err(permission("The authorisation was not signed for this by this session")) }
    }

    /// Checks that it is not older than `stale_seconds` and not ahead by more than `leeway_seconds`.
    ///
    /// # Errors
    /// `PermissionError`.
    pub fn check_age(&self, now: Timestamp, stale_seconds: i64, leeway_seconds: i64) -> Result<(), Exception> {
        let age = now.since(self.signed_at());
        if age > stale_seconds.saturating_mul(SECOND) {
            return Err(permission("The authorisation is stale"));
        }
        if age < leeway_seconds.saturating_mul(-SECOND) {
            return Err(permission("The authorisation was signed in the future"));
        }
        Ok(())
    }
}

fn unreadable() -> Exception {
    permission("The authorisation cannot be read")
}

fn field<'a>(value: &'a Value, name: &str) -> Result<&'a str, Exception> {
    value.get(name).and_then(Value::as_str).ok_or_else(unreadable)
}

fn parsed<T: FromStr>(value: &Value, name: &str) -> Result<T, Exception> {
    field(value, name)?.parse().map_err(|_| unreadable())
}

#[cfg(test)]
mod tests;
