use super::State;
use super::codes::{Codes, Judgement, step};
use super::guess::Target;
use super::password::Whose;
use super::record::{Account, Credential, Hash, Name, Status, place};
use super::session::{Phase, Session};
use super::sessions::no_session;
use crate::frame::Fault;
use acquire_crypto::{base64, hash};
use acquire_envelope::credentials::{self, Credentials};
use acquire_envelope::exception::Class;
use acquire_model::SecretText;
use acquire_model::uid::Uid;
use acquire_store::{Decision, Document};
use std::net::IpAddr;

/// What somebody shows to log in to a session, or to deny it.
pub(crate) struct Shown<'a> {
    /// The package of password, device and code.
    pub credentials: &'a str,
    /// The short uid, as it was sent: the package is locked with that very text.
    pub short: &'a str,
    /// The user that the client remembers.
    pub user: Option<&'a str>,
    /// Where it comes from.
    pub remote: Option<IpAddr>,
}

/// Somebody who has shown password and code.
pub(super) struct Proven {
    /// The user.
    pub user: Uid,
    /// The account, as it was then.
    pub account: Account,
    /// The device whose credential it was; none: the primary one.
    pub device: Option<Uid>,
    /// The credential.
    pub credential: Credential,
    /// What was sent for a password.
    pub password: SecretText,
}

/// Why somebody has not.
enum Failure {
    /// No such user, a wrong password, or a user who is disabled.
    Password,
    /// A wrong code, or one too many.
    Code,
    /// A code that was used before.
    Repeated,
    /// We could not find out.
    Broken(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault)
    }
}

/// Who somebody may be: the one user of that name, or a decoy for whom the same work is done.
pub(super) struct Candidate {
    pub user: Uid,
    pub account: Option<Account>,
}

impl Candidate {
    /// The device that is named, if the user has it remembered.
    fn device(&self, named: &str) -> Option<Uid> {
        let device = named.parse::<Uid>().ok()?;
        self.account.as_ref()?.devices.contains_key(&device).then_some(device)
    }
}

impl State {
    /// Finds out who is logging in to a session. Every failure but a repeated code slows the next tries.
    ///
    /// # Errors
    /// `PermissionError` if the package does not open, `LoginSessionError` if the session waits no longer,
    /// `RepeatedOTPCodeError`, `ServiceError` if too many guess, and `UserValidationError` with one text for all the rest.
    pub(super) async fn authenticate(&self, uid: &Uid, session: &Session, shown: &Shown<'_>) -> Result<Proven, Fault> {
        let username = session.username.as_str();
        let sent = match credentials::unpackage(shown.credentials, username, shown.short) {
            Ok(sent) => sent,
            Err(exception) => {
                self.count_address(shown.remote).await?;
                self.change_session(uid, |session, now| Ok(session.failed(now))).await?;
                return Err(exception.into());
            }
        };
        let candidate = self.candidate(username).await?;
        let device = candidate.device(&sent.device_uid);
        let target = device.as_ref().map_or(Target::Username(username), Target::Known);
        let guess = self.guess(target, shown.remote).await?;
        // Those whose turn was before may have failed so often that nobody is heard any more.
        if self.session(uid).await?.phase(self.clock.now()) != Phase::Pending {
            return Err(no_session());
        }
        match self.judge(candidate, device, (&sent, shown)).await {
            Ok(proven) => return Ok(proven),
            // Counted by the counter of the codes: so every failure writes as much.
            Err(Failure::Code) => {}
            Err(Failure::Password) => self.count_in_vain(username).await?,
            Err(Failure::Repeated) => {
                let text = "this one-time code was used before: wait for the next one";
                return Err(Fault::new(Class::RepeatedOTPCodeError, text));
            }
            Err(Failure::Broken(fault)) => return Err(fault),
        }
        self.count(&guess).await?;
        self.change_session(uid, |session, now| Ok(session.failed(now))).await?;
        Err(refused())
    }

    async fn judge(
        &self,
        Candidate { user, account }: Candidate,
        device: Option<Uid>,
        (sent, shown): (&Credentials, &Shown<'_>),
    ) -> Result<Proven, Failure> {
        let whose = device.as_ref().map_or(Whose::Anybody, |_| Whose::Known);
        let credential = account.as_ref().and_then(|account| account.credential(device.as_ref()));
        let right = self.check_password(whose, credential, &sent.password).await?;
        let meant = shown.user.is_none_or(|meant| meant == user.as_str());
        let (Some(account), Some(credential), true) = (&account, credential, right && meant) else {
            return Err(Failure::Password);
        };
        if account.status != Status::Active {
            return Err(Failure::Password);
        }
        self.burn(&user, credential, &sent.code).await?;
        let (account, credential) = (account.clone(), credential.clone());
        Ok(Proven { user, account, device, credential, password: sent.password.clone() })
    }

    /// Looks a user up by name. For a name that nobody has, as many objects are asked for.
    pub(super) async fn candidate(&self, username: &str) -> Result<Candidate, Fault> {
        let name: Option<Name> = self.store.get(&self.name_place(username).await?).await?;
        let user = match name {
            Some(name) => name.user,
            None => decoy_uid(&self.secrets().await?.decoy(username))?,
        };
        let account: Option<Document<Account>> = self.store.read(&place::account(&user)?).await?;
        let account = account.map(|account| account.value).filter(|account| account.username == username);
        Ok(Candidate { user, account })
    }

    /// Whether the password is that of the credential. Without one, the same work is done in vain.
    pub(super) async fn check_password(
        &self,
        whose: Whose,
        credential: Option<&Credential>,
        password: &SecretText,
    ) -> Result<bool, Fault> {
        let vain = Hash { salt: base64::encode(&[0; 16]), hash: String::new() };
        let known = credential.map_or(&vain, |credential| &credential.password);
        let key = self.secrets().await?.passwords();
        Ok(self.hasher.matches(whose, key, known, password).await? && credential.is_some())
    }

    /// Judges a code and burns it if it is right.
    async fn burn(&self, user: &Uid, credential: &Credential, code: &SecretText) -> Result<(), Failure> {
        let secret = self.secrets().await?.open((user, &credential.uid), &credential.otp_secret)?;
        let now = self.clock.now();
        let step = step(&secret, code.expose(), now);
        let decide = |codes: Option<&Codes>| -> Result<_, acquire_store::Error> {
            let (next, judgement) = codes.unwrap_or(&Codes::default()).judge(now, step, self.reuse);
            Ok(next.map_or(Decision::Keep(judgement), |next| Decision::Write(next, judgement)))
        };
        match self.store.modify(&place::codes(&credential.uid)?, decide).await {
            Ok(Judgement::Accepted) => Ok(()),
            Ok(Judgement::Repeated) => Err(Failure::Repeated),
            // So many at once can only be guesses, and that it came this far must not show.
            Ok(Judgement::Wrong | Judgement::Locked) | Err(acquire_store::Error::Contended { .. }) => {
                Err(Failure::Code)
            }
            Err(error) => Err(Failure::Broken(error.into())),
        }
    }
}

/// A uid that looks like any other and is always the same for one name.
fn decoy_uid(bytes: &[u8; 32]) -> Result<Uid, Fault> {
    let hex = hash::hex(bytes);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let text = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-");
    text.parse().map_err(|_| Fault::new(Class::SystemError, "this is a fault in Acquire: a uid that is none"))
}

/// The one text for everything that can be wrong with a log-in. It tells a user who is locked what to do, and tells
/// nobody that he is.
pub(super) fn refused() -> Fault {
    Fault::new(
        Class::UserValidationError,
        "the user name, the password or the one-time code is wrong, or too many codes were: then wait some minutes, or use a recovery code",
    )
}
