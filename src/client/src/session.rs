use acquire_crypto::PrivateKey;
use acquire_envelope::authorisation::{Authorisation, Holder};
use acquire_envelope::service::ServiceRecord;
use acquire_model::uid::{DatedUid, ServiceUid, Uid};
use acquire_model::{Clock, Entropy, SecretText, Timestamp};
use serde_json::{Value, json};

use crate::call::{generate_key, reply_key};
use crate::{Directory, Error};

/// The two key pairs of a log-in. They may serve several log-ins of one run, since making them takes long.
#[derive(Clone, Debug)]
pub struct SessionKeys {
    /// Data for the user are encrypted to it.
    pub encryption: PrivateKey,
    /// Authorisations are signed with it.
    pub signing: PrivateKey,
}

impl SessionKeys {
    /// Generates the signing pair. The encryption pair is the one that this process has its answers encrypted to: both
    /// are read by the same process, and generating one takes a tenth of a second.
    ///
    /// # Errors
    /// `Bug` if there is no randomness.
    pub async fn generate() -> Result<Self, Error> {
        Ok(Self { encryption: reply_key().await?.clone(), signing: generate_key().await? })
    }
}

/// A logged-in user: what it takes to sign.
#[derive(Clone, Debug)]
pub struct Session {
    /// The name that was logged in.
    pub username: String,
    /// Who, where and in which session.
    pub holder: Holder,
    /// The keys of the session.
    pub keys: SessionKeys,
    /// When it ends by itself, if the service told.
    pub until: Option<Timestamp>,
}

impl Session {
    /// Signs that the user approves a resource text.
    ///
    /// # Errors
    /// `Bug` if there is no randomness.
    pub fn authorise(&self, resource: &str, clock: &dyn Clock, entropy: &dyn Entropy) -> Result<Authorisation, Error> {
        let uid = DatedUid::draw(entropy, clock.now());
        Ok(Authorisation::sign(&self.keys.signing, &self.holder, uid, Some(resource))?)
    }

    /// Writes it for a file that only its user can read: the private keys are in it.
    ///
    /// # Errors
    /// `Bug` if a key cannot be written.
    pub fn to_text(&self) -> Result<SecretText, Error> {
        let text = json!({
            "username": self.username,
            "user_uid": self.holder.user_uid,
            "session_uid": self.holder.session_uid,
            "identity_uid": self.holder.identity_uid,
            "identity_url": self.holder.identity_url,
            "encryption_key": self.keys.encryption.to_pem()?.expose(),
            "signing_key": self.keys.signing.to_pem()?.expose(),
            "until": self.until,
        });
        Ok(SecretText::new(text.to_string()))
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// `Invalid` if it is anything else.
    pub fn from_text(text: &SecretText) -> Result<Self, Error> {
        read(text.expose()).ok_or_else(|| Error::Invalid("the saved session cannot be read".to_owned()))
    }
}

/// Ends a session, with an authorisation as proof. Ending one that has ended is no error.
///
/// # Errors
/// Those of a call.
pub async fn logout(directory: &Directory, identity: &ServiceRecord, session: &Session) -> Result<(), Error> {
    let session_uid = &session.holder.session_uid;
    let proof = session.authorise(&format!("logout {session_uid}"), directory.clock(), directory.entropy())?;
    let arguments = json!({ "session_uid": session_uid, "authorisation": proof.to_json() });
    directory.call(identity, Some("logout"), &arguments).await?;
    Ok(())
}

fn read(text: &str) -> Option<Session> {
    let value: Value = serde_json::from_str(text).ok()?;
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let uid = |name: &str| field(name)?.parse::<Uid>().ok();
    let key = |name: &str| PrivateKey::from_pem(&SecretText::new(field(name)?)).ok();
    Some(Session {
        username: field("username")?.to_owned(),
        holder: Holder {
            user_uid: uid("user_uid")?,
            session_uid: uid("session_uid")?,
            identity_uid: field("identity_uid")?.parse::<ServiceUid>().ok()?,
            identity_url: field("identity_url")?.to_owned(),
        },
        keys: SessionKeys { encryption: key("encryption_key")?, signing: key("signing_key")? },
        until: field("until").and_then(|until| until.parse().ok()),
    })
}
