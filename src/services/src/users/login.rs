use super::State;
use super::accounts::is_too_long;
use super::authenticate::{Proven, Shown, refused};
use super::record::{Account, Format, Kind, Status};
use super::session::{Approval, PRINCIPAL_SECONDS, Phase, Session};
use crate::frame::{Arguments, BoxFuture, Cx, Fault, Grant, Outcome};
use acquire_crypto::PublicKey;
use acquire_envelope::exception::Class;
use acquire_envelope::url::login_url;
use acquire_model::uid::Uid;
use serde_json::{Value, json};
use std::sync::Arc;

/// Characters of what a client may say about itself.
const TEXT_CHARACTERS_MAX: usize = 1_000;
/// Characters of a scope, and of permissions, as JSON.
const RIGHTS_CHARACTERS_MAX: usize = 4_000;

/// Makes a pending session, whether or not there is such a user.
pub(super) fn request_login(cx: Arc<Cx>, _: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let uid = cx.uid()?;
        let session = cx.users.request(&arguments).await?;
        Ok(json!({
            "login_url": login_url(&cx.url.full(), &uid, session.short()),
            "short_uid": session.short(),
            "session_uid": session,
        }))
    })
}

/// Approves a pending session by user name, password and one-time code.
pub(super) fn login(cx: Arc<Cx>, _: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move { cx.users.log_in(&arguments).await })
}

impl State {
    /// Stores the session that somebody asks for.
    pub(super) async fn request(&self, arguments: &Arguments) -> Result<Uid, Fault> {
        let username = arguments.text("username")?;
        if username.is_empty() || is_too_long(username) {
            return Err(Fault::permission("a log-in needs a user name"));
        }
        let [public_key, public_certificate] = ["public_key", "public_certificate"]
            .map(|name| PublicKey::from_data(arguments.required(name)?).map_err(Fault::from));
        let now = self.clock.now();
        let session = Session {
            format: Format,
            username: username.to_owned(),
            requested: now,
            expires: now.plus_seconds(self.pending_seconds),
            address: arguments.remote(),
            hostname: short_text(arguments, "hostname")?,
            ipaddr: short_text(arguments, "ipaddr")?,
            login_message: short_text(arguments, "login_message")?,
            scope: small_value(arguments, "scope")?,
            permissions: small_value(arguments, "permissions")?,
            public_key: Some(public_key?.pem().to_owned()),
            public_certificate: public_certificate?.pem().to_owned(),
            failures: 0,
            phase: Phase::Pending,
        };
        if arguments.remote().is_some_and(|address| !self.budget.take(address, self.clock.monotonic())) {
            return Err(Fault::permission("too many log-ins were asked for from this address; wait half an hour"));
        }
        self.open_session(&session).await
    }

    /// Approves the session that a short uid names.
    pub(super) async fn log_in(&self, arguments: &Arguments) -> Outcome {
        let shown = Shown::from_arguments(arguments)?;
        let (session_uid, session) = self.pending(shown.short).await?;
        let proven = self.authenticate(&session_uid, &session, &shown).await?;
        let at = self.clock.now();
        let seconds = match proven.account.kind {
            Kind::Person => self.person_seconds,
            Kind::Principal => PRINCIPAL_SECONDS,
        };
        let approval =
            Approval { at, until: at.plus_seconds(seconds), user: proven.user.clone(), device: proven.device.clone() };
        self.approve(&session_uid, &approval).await?;
        self.confirm(&session_uid, &proven).await?;
        let mut reply = json!({"user_uid": proven.user});
        if arguments.is_true("remember_device") {
            let proof = (&proven.credential, proven.device.as_ref());
            let device = self.remember(&proven.user, proof, &proven.password).await?;
            if let (Value::Object(reply), Value::Object(device)) = (&mut reply, device) {
                reply.extend(device);
            }
        }
        Ok(reply)
    }

    /// Looks again after the session was approved: an admin who disabled the user, or the user who changed the password,
    /// in between either found the session among the user's and ended it, or is seen here.
    async fn confirm(&self, session: &Uid, proven: &Proven) -> Result<(), Fault> {
        let account: Account = self.account(&proven.user).await?;
        let same = account.credential(proven.device.as_ref()) == Some(&proven.credential);
        if same && account.status == Status::Active {
            return Ok(());
        }
        self.change_session(session, |session, now| Ok(session.logged_out(now))).await?;
        Err(refused())
    }

    /// Denies the session that a short uid names, on the proof that would approve it. Returns its uid.
    pub(crate) async fn deny(&self, arguments: &Arguments) -> Result<Uid, Fault> {
        let shown = Shown::from_arguments(arguments)?;
        let (uid, session) = self.pending(shown.short).await?;
        self.authenticate(&uid, &session, &shown).await?;
        self.change_session(&uid, |session, now| session.denied(now).map(Some)).await?;
        Ok(uid)
    }
}

impl<'a> Shown<'a> {
    /// Reads what is shown.
    pub(crate) fn from_arguments(arguments: &'a Arguments) -> Result<Self, Fault> {
        Ok(Self {
            short: arguments.text("short_uid")?,
            credentials: arguments.text("credentials")?,
            user: arguments.optional_text("user_uid")?,
            remote: arguments.remote(),
        })
    }
}

fn short_text(arguments: &Arguments, name: &str) -> Result<Option<String>, Fault> {
    match arguments.optional_text(name)? {
        Some(text) if text.chars().count() > TEXT_CHARACTERS_MAX => {
            Err(Fault::new(Class::ValueError, format!("'{name}' has more than {TEXT_CHARACTERS_MAX} characters")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

fn small_value(arguments: &Arguments, name: &str) -> Result<Value, Fault> {
    let value = arguments.value(name).cloned().unwrap_or_default();
    if value.to_string().len() > RIGHTS_CHARACTERS_MAX {
        return Err(Fault::new(
            Class::ValueError,
            format!("'{name}' has more than {RIGHTS_CHARACTERS_MAX} characters"),
        ));
    }
    Ok(value)
}
