use super::State;
use super::accounts::is_too_long;
use super::authenticate::{Candidate, refused};
use super::guess::Target;
use super::password::Whose;
use super::record::{Account, Credential, Status};
use crate::authorise::{self, Caller, Demand, Right};
use crate::frame::{Arguments, BoxFuture, Cx, Fault, Grant, Outcome};
use acquire_crypto::hash;
use acquire_model::time::SECOND;
use acquire_model::uid::Uid;
use acquire_model::{SecretText, ports};
use serde_json::{Value, json};
use std::sync::Arc;

/// Oldest approval of a session that may change the authenticator, seconds.
const FRESH_SECONDS: i64 = 15 * 60;

/// Gives a user a new one-time-code secret: on an authorisation for `reset_otp` (protocol 02 §1.8), or on user name,
/// encoded password and a recovery code.
pub(super) fn recover_otp(cx: Arc<Cx>, _: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        if arguments.value("recovery_code").is_some() {
            return cx.users.recover_by_code(&arguments).await;
        }
        let authorisation = arguments.required("authorisation")?;
        let reset = arguments.is_true("reset_otp");
        let right = Some(if reset { Right::Write } else { Right::Read });
        let caller =
            authorise::verify(&cx, Some(authorisation), &Demand { resource: "reset_otp", right, ends: None }).await?;
        if caller.identity != cx.uid()? {
            return Err(Fault::permission("this user is another service's"));
        }
        if !reset {
            let devices = cx.users.devices(&caller.user).await?;
            return Ok(json!({"result": [caller.user, false], "devices": devices}));
        }
        authorise::once(&cx, &caller, ("recover_otp", &arguments), cx.users.reset_otp(&caller)).await
    })
}

impl State {
    /// Makes a new primary secret for a user whose session was approved just now. Again under the same operation, it
    /// shows the same secret.
    pub(super) async fn reset_otp(&self, caller: &Caller) -> Outcome {
        let approved = self.session(&caller.session).await?.approved_at();
        if approved.is_none_or(|at| self.clock.now().since(at) > FRESH_SECONDS * SECOND) {
            return Err(Fault::permission("log in again first: this session is older than 15 minutes"));
        }
        let (account, secret) = self.renew(&caller.user, &caller.operation, |_| Ok(())).await?;
        Ok(self.recovered(&caller.user, &account, &secret))
    }

    /// Makes a new primary secret for a user who has the password and a recovery code, which is used up. Only the very
    /// same call, sent again because its answer was lost, shows the same secret.
    pub(super) async fn recover_by_code(&self, arguments: &Arguments) -> Outcome {
        let (username, code) = (arguments.text("username")?, arguments.text("recovery_code")?);
        let password = SecretText::new(arguments.text("password")?);
        if is_too_long(username) {
            return Err(refused());
        }
        let guess = self.guess(Target::Username(username), arguments.remote()).await?;
        let Candidate { user, account } = self.candidate(username).await?;
        let primary = account.as_ref().map(|account| &account.primary);
        let right = self.check_password(Whose::Anybody, primary, &password).await?;
        let hash = self.secrets().await?.recovery(&user, code);
        // Within the process calls have no bytes that could be the same.
        let call = arguments.call().unwrap_or_else(|| ports::draw(self.entropy.as_ref()));
        let operation = format!("recovery/{hash}/{}", hash::hex(&call));
        let holds = |account: &Account| account.recovery.contains(&hash) || is_done(account, &operation);
        let may = account.filter(|account| right && account.status == Status::Active && holds(account));
        let Some(before) = may else {
            self.count(&guess).await?;
            return Err(refused());
        };
        let spend = |account: &mut Account| {
            // Used, or the password changed, since it was looked at.
            if !account.recovery.contains(&hash) || account.primary.password != before.primary.password {
                return Err(refused());
            }
            account.recovery.retain(|left| *left != hash);
            Ok(())
        };
        let (account, secret) = self.renew(&user, &operation, spend).await?;
        let mut reply = self.recovered(&user, &account, &secret);
        if let Value::Object(reply) = &mut reply {
            reply.insert("recovery_codes_left".into(), account.recovery.len().into());
        }
        Ok(reply)
    }

    /// Gives a user a new primary secret, whose codes are counted anew, if `spend` lets it. Again under the same
    /// operation, it returns the same secret.
    ///
    /// # Errors
    /// What `spend` refuses with; `PermissionError` if the secret was changed by somebody else meanwhile.
    async fn renew(
        &self,
        user: &Uid,
        operation: &str,
        spend: impl Fn(&mut Account) -> Result<(), Fault> + Send + Sync,
    ) -> Result<(Account, SecretText), Fault> {
        let (entropy, secrets) = (self.entropy.as_ref(), self.secrets().await?);
        let uid = Uid::draw(entropy);
        let otp_secret = secrets.seal(entropy, (user, &uid), &self.draw_secret())?;
        self.change_account(user, |account| {
            if is_done(account, operation) {
                return Ok(None);
            }
            let mut account = account.clone();
            spend(&mut account)?;
            let (password, set_by) = (account.primary.password, Some(operation.to_owned()));
            account.primary = Credential { uid: uid.clone(), password, otp_secret: otp_secret.clone(), set_by };
            Ok(Some(account))
        })
        .await?;
        let account = self.account(user).await?;
        if !is_done(&account, operation) {
            return Err(Fault::permission("the one-time-code secret was changed again since"));
        }
        let secret = secrets.open((user, &account.primary.uid), &account.primary.otp_secret)?;
        Ok((account, secret))
    }

    fn recovered(&self, user: &Uid, account: &Account, secret: &SecretText) -> Value {
        json!({
            "result": [user, true],
            "user_uid": user,
            "provisioning_uri": self.provisioning_uri(&account.username, secret).expose(),
            "otpsecret": secret.expose(),
        })
    }
}

/// Whether that operation made the present secret.
fn is_done(account: &Account, operation: &str) -> bool {
    account.primary.set_by.as_deref() == Some(operation)
}
