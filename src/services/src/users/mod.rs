//! Users of this service and their sessions: on every service, since each logs in its own admins and its principal.
//!
//! Invariants:
//!
//! * A user name that is taken belongs to a whole account: everything is stored before the name is.
//! * All that proves a user is one document, so a password, a secret or a device changes whole or not at all.
//! * A one-time code opens at most one session, and every wrong one is counted, in a race too.
//! * Guesses at one name, or by one known device, are made one after the other, each after the delay that the failures
//!   before it ask for; a known device need not wait for strangers, neither there nor for the hashing of its password.
//! * Whatever is wrong with a log-in, the reply and the work are the same: nothing tells a user who does not exist from a
//!   wrong password or a wrong code.
//! * A session is approved once, and only while it is pending; what has expired is over without being written down.

/// Making, finding and changing accounts.
mod accounts;
/// Whether somebody is who he says.
mod authenticate;
/// What one address may ask for.
mod budget;
/// One-time codes and how often they may be guessed.
mod codes;
/// One guess at a time, and the slower the more were wrong.
mod guess;
/// Who waits behind whom.
mod line;
/// `request_login` and `login`.
mod login;
/// `get_session_info` and `logout`.
mod logout;
/// Passwords at rest.
mod password;
/// What is stored, and where.
mod record;
/// `recover_otp`.
mod recovery;
/// Keys that are not in the store.
mod secrets;
/// The states of a session.
mod session;
/// Sessions in the store.
mod sessions;
/// Failures, and the delays that they cost.
mod throttle;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use crate::authorise;
use crate::frame::{Cx, Fault, Function, Proof};
use acquire_crypto::base64;
use acquire_envelope::exception::Class;
use acquire_model::attributes::text;
use acquire_model::uid::Uid;
use acquire_model::{Attributes, Clock, Entropy, SecretText, ServiceType, ports};
use acquire_store::{Created, Store};
use std::sync::Arc;
use tokio::sync::OnceCell;

pub(crate) use accounts::{Newcomer, PasswordChange};
pub(crate) use budget::Budget;
pub(crate) use record::{Kind, Status};

/// Log-in and sessions, on every service.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function { name: "request_login", plain: false, mutates: true, proof: Proof::None, run: login::request_login },
    Function { name: "login", plain: false, mutates: true, proof: Proof::Inside, run: login::login },
    Function {
        name: "get_session_info",
        plain: true,
        mutates: false,
        proof: Proof::None,
        run: logout::get_session_info,
    },
    Function { name: "logout", plain: false, mutates: true, proof: Proof::Inside, run: logout::logout },
    Function { name: "recover_otp", plain: false, mutates: true, proof: Proof::Repeatable, run: recovery::recover_otp },
];

/// What the users of one service need: made once by `frame::open`, kept in the `Cx`.
pub(crate) struct State {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    secrets: OnceCell<secrets::Secrets>,
    hasher: password::Hasher,
    budget: Budget,
    registrations: Budget,
    strangers: line::Line,
    known: line::Line,
    issuer: String,
    reuse: codes::Reuse,
    pending_seconds: i64,
    person_seconds: i64,
    hide_certificate: bool,
    /// The sessions of other services that `authorise` saw lately.
    pub(crate) seen: authorise::Seen,
}

/// What `State` is made of.
pub(crate) struct Parts<'a> {
    /// Which service this is.
    pub service: ServiceType,
    /// The host name in its URL: the second half of the issuer that an authenticator shows.
    pub domain: &'a str,
    /// Where records are kept.
    pub store: Store,
    /// What its spec says: `otp_reuse` (`reject` or `allow`), `session` (`pending` and `approved`, seconds),
    /// `hide_certificate_after_logout`.
    pub settings: &'a Attributes,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl State {
    /// Makes it.
    pub fn new(parts: Parts<'_>) -> Self {
        let life = |which: &str, default| {
            let seconds = parts.settings.get("session").and_then(|session| session.get(which)?.as_i64());
            seconds.filter(|seconds| *seconds > 0).unwrap_or(default)
        };
        let hide = parts.settings.get("hide_certificate_after_logout").and_then(serde_json::Value::as_bool);
        let clock = Arc::clone(&parts.clock);
        let line = |places| line::Line::new(Arc::clone(&clock), places);
        Self {
            store: parts.store,
            hasher: password::Hasher::new(Arc::clone(&parts.clock)),
            clock: parts.clock,
            entropy: parts.entropy,
            secrets: OnceCell::new(),
            budget: Budget::default(),
            registrations: Budget::of_registrations(),
            strangers: line(guess::STRANGERS_MAX),
            known: line(guess::KNOWN_MAX),
            issuer: format!("{}@{}", parts.service, parts.domain),
            reuse: match text(parts.settings, "otp_reuse") {
                Some("allow") => codes::Reuse::Allow,
                _ => codes::Reuse::Reject,
            },
            pending_seconds: life("pending", session::PENDING_SECONDS),
            person_seconds: life("approved", session::PERSON_SECONDS),
            hide_certificate: hide.unwrap_or(false),
            seen: authorise::Seen::default(),
        }
    }

    /// The keys that come from the pepper, which is drawn when it is first needed.
    async fn secrets(&self) -> Result<&secrets::Secrets, Fault> {
        let open = async || {
            let fresh: [u8; 32] = ports::draw(self.entropy.as_ref());
            let ours = record::Pepper { format: record::Format, pepper: base64::encode(&fresh) };
            let kept = match self.store.create(&record::place::pepper()?, &ours).await? {
                Created::Made => ours,
                Created::Existed(theirs) => theirs,
            };
            let broken = |_| Fault::new(Class::ObjectStoreError, "a record of this service was tampered with");
            Ok::<_, Fault>(secrets::Secrets::new(&base64::decode(&kept.pepper).map_err(broken)?))
        };
        self.secrets.get_or_try_init(open).await
    }

    /// The text for an authenticator. The order of its parameters is the one that the old client looks for.
    fn provisioning_uri(&self, username: &str, secret: &SecretText) -> SecretText {
        let issuer = quoted(&self.issuer);
        let (name, secret) = (quoted(username), secret.expose());
        SecretText::new(format!("otpauth://totp/{issuer}:{name}?secret={secret}&issuer={issuer}"))
    }
}

/// Returns the uid of the user of that name, who is made if not there, and given this password and this secret if they are
/// others: for the admin and the principal at set-up, which may be repeated, also with new secrets over data that was kept.
///
/// # Errors
/// As `create`, but for a name that is taken.
pub(crate) async fn ensure(cx: &Cx, newcomer: &Newcomer<'_>) -> Result<Uid, Fault> {
    cx.users.ensure(newcomer).await
}

/// Draws the base32 secret of one-time codes.
pub(crate) fn draw_otp_secret(cx: &Cx) -> SecretText {
    cx.users.draw_secret()
}

/// Returns the text for the authenticator of a user; the secret is in it.
pub(crate) fn provisioning_uri(cx: &Cx, username: &str, otp_secret: &SecretText) -> SecretText {
    cx.users.provisioning_uri(username, otp_secret)
}

/// Deletes sessions long after their end and tallies of failures long ago: one shelf of 256 each time. Returns how many.
pub(crate) async fn sweep(cx: &Cx) -> Result<u64, Fault> {
    cx.users.sweep().await
}

/// Quotes a text for a URI: everything but letters, digits and `_.-~`.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => quoted.push(char::from(byte)),
            byte => quoted.push_str(&format!("%{byte:02X}")),
        }
    }
    quoted
}
