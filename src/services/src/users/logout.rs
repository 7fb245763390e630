use super::State;
use super::session::WORDS;
use super::sessions::no_session;
use crate::authorise;
use crate::frame::{Arguments, BoxFuture, Cx, Fault, Grant, Outcome};
use acquire_crypto::{PublicKey, base64};
use acquire_envelope::exception::Class;
use acquire_model::uid::Uid;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Tells the state of a session: of any by its uid, which nobody can guess, and of a pending one by its short uid.
pub(super) fn get_session_info(cx: Arc<Cx>, _: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move { cx.users.session_info(&arguments).await })
}

/// Ends a session, on every proof that is given and at least one. Ending it again does nothing.
pub(super) fn logout(cx: Arc<Cx>, _: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let uid: Uid = arguments.text("session_uid")?.parse().map_err(|_| no_session())?;
        let signature = arguments.optional_text("signature")?;
        let authorisation = arguments.value("authorisation");
        if signature.is_none() && authorisation.is_none() {
            return Err(Fault::permission("ending a session needs an authorisation or a signature"));
        }
        let resource = format!("logout {uid}");
        if let Some(signature) = signature {
            cx.users.check_signature(&uid, &resource, signature).await?;
        }
        if let Some(authorisation) = authorisation {
            let demand = authorise::Demand { resource: &resource, right: None, ends: Some(&uid) };
            let caller = authorise::verify(&cx, Some(authorisation), &demand).await?;
            let is_owner = cx.users.session(&uid).await?.user() == Some(&caller.user);
            if caller.identity != cx.uid()? || !is_owner {
                return Err(Fault::permission("this session is somebody else's"));
            }
        }
        cx.users.end_session(&uid).await?;
        Ok(Value::Null)
    })
}

impl State {
    /// Tells the state of the session that the arguments name.
    pub(super) async fn session_info(&self, arguments: &Arguments) -> Outcome {
        let mut info = match (arguments.optional_text("session_uid")?, arguments.optional_text("short_uid")?) {
            (Some(uid), _) => self.info(&uid.parse().map_err(|_| no_session())?).await?,
            (None, Some(short)) => self.short_info(short, arguments).await?,
            (None, None) => return Err(Fault::permission("name a session by session_uid or by short_uid and status")),
        };
        if self.hide_certificate && info.contains_key("logout_datetime") {
            return Err(no_session());
        }
        for name in ["scope", "permissions"] {
            if let (Some(own), Some(asked)) = (info.get_mut(name), arguments.value(name)) {
                *own = narrowed(own, asked)?;
            }
        }
        Ok(Value::Object(info))
    }

    /// Tells the state of a session.
    pub(crate) async fn info(&self, uid: &Uid) -> Result<Map<String, Value>, Fault> {
        Ok(self.session(uid).await?.info(self.clock.now()))
    }

    /// Only pending sessions can be found by their short uid: others could be found by trying. Whoever is to approve one
    /// is told who asks for it, as the login page tells.
    async fn short_info(&self, short: &str, arguments: &Arguments) -> Result<Map<String, Value>, Fault> {
        let Some(status) = arguments.optional_text("status")? else {
            return Err(Fault::permission("a short_uid needs a status"));
        };
        match status {
            "pending" => {
                let (_, session) = self.pending(short).await?;
                let mut info = session.info(self.clock.now());
                let address = session.address.map(|address| address.to_canonical().to_string());
                let asked =
                    [("username", Some(session.username)), ("address", address), ("hostname", session.hostname)];
                info.extend(asked.map(|(name, value)| (name.to_owned(), value.into())));
                Ok(info)
            }
            word if WORDS.contains(&word) => Err(no_session()),
            _ => Err(Fault::new(Class::ValueError, format!("a status is one of {}", WORDS.join(", ")))),
        }
    }

    /// Checks that the session itself signed a text.
    pub(super) async fn check_signature(&self, uid: &Uid, text: &str, signature: &str) -> Result<(), Fault> {
        let certificate = PublicKey::from_pem(&self.session(uid).await?.public_certificate)?;
        let signature = base64::decode(signature).unwrap_or_default();
        certificate
            .verify(text.as_bytes(), &signature)
            .map_err(|error| Fault::new(Class::SignatureVerificationError, error.to_string()))
    }

    /// Ends a session, unless it is over.
    pub(super) async fn end_session(&self, uid: &Uid) -> Result<(), Fault> {
        self.change_session(uid, |session, now| Ok(session.logged_out(now))).await
    }
}

/// What a caller is told of a right that he asks for: a session that is not limited has any; of a list, what both have.
fn narrowed(own: &Value, asked: &Value) -> Result<Value, Fault> {
    match (own, asked) {
        (Value::Null, asked) => Ok(asked.clone()),
        (Value::Array(own), Value::Array(asked)) => {
            Ok(asked.iter().filter(|right| own.contains(right)).cloned().collect())
        }
        (own, asked) if own == asked => Ok(own.clone()),
        _ => Err(Fault::permission("the session does not have these rights")),
    }
}
