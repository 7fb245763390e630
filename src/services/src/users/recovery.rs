use super::State;
use super::authenticate::{Candidate, refused};
use super::record::{Account, Credential, Status};
use super::secrets::Secrets;
use crate::authorise::{self, Caller, Demand, Right};
use crate::frame::{Arguments, BoxFuture, Cx, Fault, Grant, Outcome};
use acquire_model::SecretText;
use acquire_model::time::SECOND;
use acquire_model::uid::Uid;
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
        let (user, secret, secrets) = (&caller.user, self.draw_secret(), self.secrets().await?);
        let operation = Some(caller.operation.clone());
        self.change_account(user, |account| {
            let done = account.primary.set_by == operation;
            if done {
                Ok(None)
            } else {
                self.with_secret(secrets, (user, account), &secret, operation.clone()).map(Some)
            }
        })
        .await?;
        let account = self.account(user).await?;
        if account.primary.set_by != operation {
            return Err(Fault::permission("the one-time-code secret was changed again since"));
        }
        let secret = secrets.open((user, &account.primary.uid), &account.primary.otp_secret)?;
        Ok(self.recovered(user, &account, &secret))
    }

    /// Makes a new primary secret for a user who has the password and a recovery code, which is used up.
    pub(super) async fn recover_by_code(&self, arguments: &Arguments) -> Outcome {
        let (username, code) = (arguments.text("username")?, arguments.text("recovery_code")?);
        let password = SecretText::new(arguments.text("password")?);
        self.hold_back(username, arguments.remote()).await?;
        let Candidate { user, account } = self.candidate(username).await?;
        let primary = account.as_ref().map(|account| &account.primary);
        let right = self.check_password(primary, &password).await?;
        let secrets = self.secrets().await?;
        let hash = secrets.recovery(&user, code);
        let may =
            account.filter(|account| right && account.status == Status::Active && account.recovery.contains(&hash));
        let Some(before) = may else {
            self.count_failure(username, arguments.remote()).await?;
            return Err(refused());
        };
        let secret = self.draw_secret();
        self.change_account(&user, |account| {
            // Used, or the password changed, since it was looked at.
            if !account.recovery.contains(&hash) || account.primary.password != before.primary.password {
                return Err(refused());
            }
            let mut account = self.with_secret(secrets, (&user, account), &secret, None)?;
            account.recovery.retain(|left| *left != hash);
            Ok(Some(account))
        })
        .await?;
        let mut reply = self.recovered(&user, &before, &secret);
        if let Value::Object(reply) = &mut reply {
            reply.insert("recovery_codes_left".into(), before.recovery.len().saturating_sub(1).into());
        }
        Ok(reply)
    }

    /// The account with another primary secret. Its codes are counted anew.
    fn with_secret(
        &self,
        secrets: &Secrets,
        (user, account): (&Uid, &Account),
        secret: &SecretText,
        set_by: Option<String>,
    ) -> Result<Account, Fault> {
        let entropy = self.entropy.as_ref();
        let uid = Uid::draw(entropy);
        let otp_secret = secrets.seal(entropy, (user, &uid), secret)?;
        let primary = Credential { uid, password: account.primary.password.clone(), otp_secret, set_by };
        Ok(Account { primary, ..account.clone() })
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
