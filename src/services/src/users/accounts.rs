use super::guess::Target;
use super::password::Whose;
use super::record::{Account, Credential, Device, Format, Kind, Name, Status, place};
use super::session::Session;
use super::{State, codes};
use crate::authorise;
use crate::frame::Fault;
use acquire_crypto::passphrase;
use acquire_envelope::credentials;
use acquire_envelope::exception::Class;
use acquire_model::uid::Uid;
use acquire_model::{SecretText, Timestamp, ports};
use acquire_store::{Created, Decision, Document, Key, Written};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Characters of a user name, as code points.
const USERNAME_CHARACTERS: std::ops::RangeInclusive<usize> = 3..=150;
/// Recovery codes that a user is given.
const RECOVERY_CODES: usize = 10;
/// Recovery codes of one user at most, those that admins gave included.
const RECOVERY_CODES_MAX: usize = 20;
/// Remembered devices of one user; with one more, the oldest is forgotten.
const DEVICES_MAX: usize = 20;

/// Somebody who is not a user yet.
pub(crate) struct Newcomer<'a> {
    /// The user name.
    pub username: &'a str,
    /// The encoded password: `credentials::encode_password(uid of this service, password)`.
    pub password: &'a SecretText,
    /// The base32 secret of the one-time codes; drawn if none is given.
    pub otp_secret: Option<&'a SecretText>,
    /// What kind of user.
    pub kind: Kind,
}

/// Somebody who has become a user.
pub(crate) struct Registered {
    /// The new uid.
    pub user: Uid,
    /// The text for an authenticator (protocol 01 §2.5); the secret is in it.
    pub provisioning_uri: SecretText,
    /// Single-use codes for a lost authenticator.
    pub recovery_codes: Vec<SecretText>,
}

impl Account {
    /// The credential of a device, or the primary one.
    pub(super) fn credential(&self, device: Option<&Uid>) -> Option<&Credential> {
        match device {
            None => Some(&self.primary),
            Some(device) => self.devices.get(device).map(|device| &device.credential),
        }
    }
}

impl State {
    /// Makes a user.
    pub(super) async fn create(&self, newcomer: &Newcomer<'_>) -> Result<Registered, Fault> {
        check_username(newcomer.username)?;
        check_password(newcomer.password)?;
        if self.find(newcomer.username).await?.is_some() {
            return Err(taken());
        }
        let secrets = self.secrets().await?;
        let user = Uid::draw(self.entropy.as_ref());
        let secret = newcomer.otp_secret.cloned().unwrap_or_else(|| self.draw_secret());
        let recovery_codes = self.draw_recovery_codes();
        let account = Account {
            format: Format,
            username: newcomer.username.to_owned(),
            kind: newcomer.kind,
            status: Status::Active,
            created: self.clock.now(),
            primary: self.new_credential(Whose::Anybody, &user, newcomer.password, &secret).await?,
            devices: BTreeMap::new(),
            recovery: recovery_codes.iter().map(|code| secrets.recovery(&user, code.expose())).collect(),
            password_set_by: None,
            status_signed: None,
        };
        if self.store.write(&place::account(&user)?, None, &account).await? == Written::Lost {
            return Err(Fault::new(Class::SystemError, "a uid that was drawn is in use"));
        }
        let name = Name { format: Format, user: user.clone() };
        match self.store.create(&self.name_place(newcomer.username).await?, &name).await? {
            Created::Made => {}
            // Somebody was faster; the account that was written has no name and can do nothing.
            Created::Existed(_) => return Err(taken()),
        }
        let provisioning_uri = self.provisioning_uri(newcomer.username, &secret);
        Ok(Registered { user, provisioning_uri, recovery_codes })
    }

    /// Makes a user whom somebody out there asks for. That a name is taken counts as a failure of the address.
    ///
    /// # Errors
    /// `PermissionError` if too many were asked for from that address; as `create`.
    pub(crate) async fn register(&self, newcomer: &Newcomer<'_>, remote: Option<IpAddr>) -> Result<Registered, Fault> {
        if !self.registrations.take(remote, self.clock.monotonic()) {
            return Err(Fault::permission("too many users were registered from this address; wait half an hour"));
        }
        self.hold_back_address(remote).await?;
        let outcome = self.create(newcomer).await;
        if outcome.as_ref().is_err_and(|fault| fault.class() == Class::UsernameError) {
            self.count_address(remote).await?;
        }
        outcome
    }

    /// Returns the user of that name, made or changed so that this password and this secret are his.
    pub(super) async fn ensure(&self, newcomer: &Newcomer<'_>) -> Result<Uid, Fault> {
        match self.create(newcomer).await {
            Ok(registered) => Ok(registered.user),
            Err(fault) if fault.class() == Class::UsernameError => {
                let Some(user) = self.find(newcomer.username).await? else { return Err(fault) };
                self.provision(&user, newcomer).await?;
                Ok(user)
            }
            Err(fault) => Err(fault),
        }
    }

    /// Gives a user a password and a secret, unless he has them. What came from others is forgotten and ended.
    async fn provision(&self, user: &Uid, newcomer: &Newcomer<'_>) -> Result<(), Fault> {
        let secrets = self.secrets().await?;
        let Account { primary, .. } = self.account(user).await?;
        let secret = secrets.open((user, &primary.uid), &primary.otp_secret)?;
        let wanted = newcomer.otp_secret.unwrap_or(&secret);
        let same_password =
            self.hasher.matches(Whose::Known, secrets.passwords(), &primary.password, newcomer.password).await?;
        if same_password && *wanted == secret {
            return Ok(());
        }
        let fresh = self.new_credential(Whose::Known, user, newcomer.password, wanted).await?;
        self.change_account(user, |account| {
            let (primary, devices) = (fresh.clone(), BTreeMap::new());
            Ok(Some(Account { primary, devices, status: Status::Active, ..account.clone() }))
        })
        .await?;
        self.end_sessions(user, |_, _| true).await
    }

    /// Whether there is such a user, who may log in.
    pub(crate) async fn is_active(&self, user: &Uid) -> Result<bool, Fault> {
        let document: Option<Document<Account>> = self.store.read(&place::account(user)?).await?;
        Ok(document.is_some_and(|document| document.value.status == Status::Active))
    }

    /// Gives a user one more recovery code, which an operation stands for: the same one under the same operation. With
    /// too many of them, the oldest is void.
    ///
    /// # Errors
    /// `UserValidationError` if there is no such user.
    pub(crate) async fn approve_recovery(&self, user: &Uid, operation: &str) -> Result<SecretText, Fault> {
        let secrets = self.secrets().await?;
        let code = recovery_code(&secrets.approved(user, operation));
        let hash = secrets.recovery(user, code.expose());
        self.change_account(user, |account| {
            let mut account = account.clone();
            if account.recovery.contains(&hash) {
                return Ok(None);
            }
            account.recovery.push(hash.clone());
            let surplus = account.recovery.len().saturating_sub(RECOVERY_CODES_MAX);
            account.recovery.drain(..surplus);
            Ok(Some(account))
        })
        .await?;
        Ok(code)
    }

    /// Finds a user by name.
    async fn find(&self, username: &str) -> Result<Option<Uid>, Fault> {
        let name: Option<Name> = self.store.get(&self.name_place(username).await?).await?;
        Ok(name.map(|name| name.user))
    }

    pub(super) async fn name_place(&self, username: &str) -> Result<Key, Fault> {
        place::name(&self.secrets().await?.name("user", username))
    }

    /// Reads an account.
    ///
    /// # Errors
    /// `UserValidationError` if there is no such user.
    pub(super) async fn account(&self, user: &Uid) -> Result<Account, Fault> {
        let document: Option<Document<Account>> = self.store.read(&place::account(user)?).await?;
        document.map(|document| document.value).ok_or_else(no_user)
    }

    /// Changes an account; `None` from `change` leaves it as it is.
    ///
    /// # Errors
    /// `UserValidationError` if there is no such user; whatever `change` refuses with.
    pub(super) async fn change_account(
        &self,
        user: &Uid,
        mut change: impl FnMut(&Account) -> Result<Option<Account>, Fault> + Send,
    ) -> Result<(), Fault> {
        let decide = |account: Option<&Account>| {
            Ok(match change(account.ok_or_else(no_user)?)? {
                Some(account) => Decision::Write(account, ()),
                None => Decision::Keep(()),
            })
        };
        self.store.modify(&place::account(user)?, decide).await
    }

    /// Makes a credential of a user.
    pub(super) async fn new_credential(
        &self,
        whose: Whose,
        user: &Uid,
        password: &SecretText,
        secret: &SecretText,
    ) -> Result<Credential, Fault> {
        let (entropy, secrets) = (self.entropy.as_ref(), self.secrets().await?);
        let uid = Uid::draw(entropy);
        let otp_secret = secrets.seal(entropy, (user, &uid), secret)?;
        let password = self.hasher.new_hash(whose, secrets.passwords(), entropy, password).await?;
        Ok(Credential { uid, password, otp_secret, set_by: None })
    }

    /// Draws a one-time-code secret.
    pub(super) fn draw_secret(&self) -> SecretText {
        let bytes: [u8; 20] = ports::draw(self.entropy.as_ref());
        codes::base32(&bytes)
    }

    /// Draws recovery codes of 80 bits: nothing need count who guesses at them.
    fn draw_recovery_codes(&self) -> Vec<SecretText> {
        (0..RECOVERY_CODES).map(|_| recovery_code(&ports::draw(self.entropy.as_ref()))).collect()
    }

    /// Remembers a device, with a secret and a password of its own; or shows the secret of the device that was used.
    pub(super) async fn remember(
        &self,
        user: &Uid,
        proven: (&Credential, Option<&Uid>),
        password: &SecretText,
    ) -> Result<Value, Fault> {
        let (credential, device) = proven;
        let account = self.account(user).await?;
        let (device, secret) = match device {
            Some(device) => {
                (device.clone(), self.secrets().await?.open((user, &credential.uid), &credential.otp_secret)?)
            }
            None => {
                let (device, secret) = (Uid::draw(self.entropy.as_ref()), self.draw_secret());
                let password = credentials::device_password(password, device.as_str());
                let fresh = self.new_credential(Whose::Known, user, &password, &secret).await?;
                self.add_device(user, &credential.uid, (&device, fresh)).await?;
                (device, secret)
            }
        };
        Ok(json!({
            "provisioning_uri": self.provisioning_uri(&account.username, &secret).expose(),
            "otpsecret": secret.expose(),
            "device_uid": device,
        }))
    }

    async fn add_device(&self, user: &Uid, primary: &Uid, added: (&Uid, Credential)) -> Result<(), Fault> {
        let remembered = self.clock.now();
        let (device, credential) = added;
        self.change_account(user, |account| {
            if &account.primary.uid != primary {
                return Err(super::authenticate::refused());
            }
            let mut account = account.clone();
            while account.devices.len() >= DEVICES_MAX {
                let oldest = account.devices.iter().min_by_key(|(_, device)| device.remembered);
                let Some(oldest) = oldest.map(|(uid, _)| uid.clone()) else { break };
                account.devices.remove(&oldest);
            }
            account.devices.insert(device.clone(), Device { remembered, credential: credential.clone() });
            Ok(Some(account))
        })
        .await
    }

    /// Lists the remembered devices of a user.
    pub(crate) async fn devices(&self, user: &Uid) -> Result<Value, Fault> {
        let account = self.account(user).await?;
        let line = |(uid, device): (&Uid, &Device)| json!({"device_uid": uid, "remembered": device.remembered});
        Ok(account.devices.iter().map(line).collect())
    }

    /// Forgets a device, and ends the sessions that were approved with it. Does nothing if it is not known.
    pub(crate) async fn revoke_device(&self, user: &Uid, device: &Uid) -> Result<(), Fault> {
        self.change_account(user, |account| {
            let mut account = account.clone();
            Ok(account.devices.remove(device).map(|_| account))
        })
        .await?;
        self.end_sessions(user, |_, session: &Session| session.device() == Some(device)).await
    }

    /// Changes the password of a user who shows the present one. All devices are forgotten, since their passwords came
    /// from it, and all sessions end but the one that asks. Doing it again under the same operation changes nothing.
    ///
    /// # Errors
    /// `UserValidationError` if the present password is wrong, `WeakPassphraseError` for the new one.
    pub(crate) async fn change_password(&self, change: &PasswordChange<'_>) -> Result<(), Fault> {
        check_password(change.to)?;
        let account = self.account(change.user).await?;
        if account.password_set_by.as_deref() != Some(change.operation) {
            let guess = self.guess(Target::Known(change.session), None).await?;
            let key = self.secrets().await?.passwords();
            if !self.hasher.matches(Whose::Known, key, &account.primary.password, change.from).await? {
                self.count(&guess).await?;
                return Err(super::authenticate::refused());
            }
            let hash = self.hasher.new_hash(Whose::Known, key, self.entropy.as_ref(), change.to).await?;
            let before = &account.primary.password;
            self.change_account(change.user, |account| {
                if account.password_set_by.as_deref() == Some(change.operation) {
                    return Ok(None);
                }
                if &account.primary.password != before {
                    return Err(super::authenticate::refused());
                }
                let mut account = account.clone();
                account.primary.password = hash.clone();
                account.devices.clear();
                account.password_set_by = Some(change.operation.to_owned());
                Ok(Some(account))
            })
            .await?;
        }
        self.end_sessions(change.user, |session, _| session != change.session).await
    }

    /// Lets a user log in, or not; then the user's sessions end. The word that was signed last counts.
    ///
    /// # Errors
    /// `UserValidationError` if there is no such user, `PermissionError` if a later word says otherwise.
    pub(crate) async fn set_status(&self, user: &Uid, status: Status, signed: Timestamp) -> Result<(), Fault> {
        self.change_account(user, |account| {
            let is_newer = authorise::is_newer(signed, account.status_signed, account.status == status)?;
            let next = || Account { status, status_signed: Some(signed), ..account.clone() };
            Ok(is_newer.then(next))
        })
        .await?;
        match status {
            Status::Active => Ok(()),
            Status::Disabled => self.end_sessions(user, |_, _| true).await,
        }
    }
}

/// A change of password.
pub(crate) struct PasswordChange<'a> {
    /// Whose.
    pub user: &'a Uid,
    /// The session that asks; it goes on.
    pub session: &'a Uid,
    /// The authorised operation.
    pub operation: &'a str,
    /// The present encoded password.
    pub from: &'a SecretText,
    /// The new one, encoded.
    pub to: &'a SecretText,
}

/// Whether a name is longer than that of any user: then nothing is looked up for it, nor kept.
pub(super) fn is_too_long(username: &str) -> bool {
    username.chars().count() > *USERNAME_CHARACTERS.end()
}

fn check_username(username: &str) -> Result<(), Fault> {
    let length = username.chars().count();
    if USERNAME_CHARACTERS.contains(&length) && !username.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Fault::new(Class::UsernameError, "a user name has 3 to 150 characters, none of them a control character"))
}

/// Writes 80 bits as people copy them.
fn recovery_code(bytes: &[u8; 10]) -> SecretText {
    let code = codes::base32(bytes).expose().to_ascii_lowercase();
    let quarters: Vec<&str> = (0..4).filter_map(|n| code.get(4 * n..4 * n + 4)).collect();
    SecretText::new(quarters.join("-"))
}

fn check_password(password: &SecretText) -> Result<(), Fault> {
    passphrase::check(password.expose()).map_err(|error| Fault::new(Class::WeakPassphraseError, error.to_string()))
}

fn taken() -> Fault {
    Fault::new(Class::UsernameError, "this user name is taken")
}

fn no_user() -> Fault {
    Fault::new(Class::UserValidationError, "there is no such user")
}
