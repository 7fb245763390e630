//! The identity service: registers users and lets them, and its admins, look after their accounts. And the page behind a
//! login URL, which every service shows, since each logs in its own users.
//!
//! Invariants:
//!
//! * A user's own functions act on the user who signed, and only if this very service holds that user.
//! * Whoever registers learns of a name only that it is taken, which unique names cannot hide; asking for many is slowed
//!   down by address, as failed log-ins are.

/// What a browser shows behind a login URL.
mod page;

#[cfg(test)]
mod tests;

use crate::frame::{Arguments, BoxFuture, Cx, Fault, Function, Grant, Outcome, Proof};
use crate::users::{Kind, Newcomer, PasswordChange, Status};
use acquire_envelope::exception::Class;
use acquire_model::SecretText;
use acquire_model::uid::Uid;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) use page::page;

/// Its own functions.
pub(crate) const FUNCTIONS: &[Function] = &[
    Function { name: "register", plain: false, mutates: true, proof: Proof::None, run: register },
    Function { name: "deny", plain: false, mutates: true, proof: Proof::Inside, run: deny },
    Function {
        name: "list_devices",
        plain: false,
        mutates: false,
        proof: Proof::User(|_, _| Box::pin(async { Ok("list_devices".into()) })),
        run: list_devices,
    },
    Function {
        name: "revoke_device",
        plain: false,
        mutates: true,
        proof: Proof::User(|_, arguments| {
            Box::pin(async move { Ok(format!("revoke_device {}", uid(&arguments, "device_uid")?)) })
        }),
        run: revoke_device,
    },
    Function {
        name: "change_password",
        plain: false,
        mutates: true,
        proof: Proof::User(|_, _| Box::pin(async { Ok("change_password".into()) })),
        run: change_password,
    },
    Function {
        name: "set_user_status",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|_, arguments| {
            Box::pin(async move {
                let (user, _) = user_status(&arguments)?;
                Ok(format!("set_user_status {user} {}", arguments.text("status")?))
            })
        }),
        run: set_user_status,
    },
    Function {
        name: "approve_otp_recovery",
        plain: false,
        mutates: true,
        proof: Proof::Admin(|_, arguments| {
            Box::pin(async move { Ok(format!("approve_otp_recovery {}", uid(&arguments, "user_uid")?)) })
        }),
        run: approve_otp_recovery,
    },
];

/// Makes a user, once the service has its uid: with that the client encodes the password.
fn register(cx: Arc<Cx>, _: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        cx.uid()?;
        let password = SecretText::new(arguments.text("password")?);
        let username = arguments.text("username")?;
        let newcomer = Newcomer { username, password: &password, otp_secret: None, kind: Kind::Person };
        let registered = cx.users.register(&newcomer, arguments.remote()).await?;
        let codes: Vec<&str> = registered.recovery_codes.iter().map(SecretText::expose).collect();
        Ok(json!({
            "user_uid": registered.user,
            "provisioning_uri": registered.provisioning_uri.expose(),
            "recovery_codes": codes,
        }))
    })
}

/// Denies a pending session, on the proof that would approve it.
fn deny(cx: Arc<Cx>, _: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        cx.users.deny(&arguments).await?;
        Ok(Value::Null)
    })
}

/// Lists the devices of the user who asks.
fn list_devices(cx: Arc<Cx>, grant: Grant, _: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let user = own_user(&cx, &grant)?;
        Ok(json!({"devices": cx.users.devices(user).await?}))
    })
}

/// Forgets a device of the user who asks.
fn revoke_device(cx: Arc<Cx>, grant: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        cx.users.revoke_device(own_user(&cx, &grant)?, &uid(&arguments, "device_uid")?).await?;
        Ok(Value::Null)
    })
}

/// Changes the password of the user who asks.
fn change_password(cx: Arc<Cx>, grant: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let user = own_user(&cx, &grant)?;
        let caller = grant.caller()?;
        let [from, to] = [arguments.text("password")?, arguments.text("new_password")?].map(SecretText::new);
        let (session, operation) = (&caller.session, caller.operation.as_str());
        cx.users.change_password(&PasswordChange { user, session, operation, from: &from, to: &to }).await?;
        Ok(Value::Null)
    })
}

/// Lets a user log in, or not.
fn set_user_status(cx: Arc<Cx>, grant: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let (user, status) = user_status(&arguments)?;
        cx.users.set_status(&user, status, grant.caller()?.signed).await?;
        Ok(Value::Null)
    })
}

/// Gives a user who has lost authenticator, devices and recovery codes one more recovery code. It reaches the user by the
/// admin's hands, who cannot use it without the password.
fn approve_otp_recovery(cx: Arc<Cx>, grant: Grant, arguments: Arguments) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let user = uid(&arguments, "user_uid")?;
        let code = cx.users.approve_recovery(&user, &grant.caller()?.operation).await?;
        Ok(json!({"user_uid": user, "recovery_code": code.expose()}))
    })
}

fn own_user<'a>(cx: &Cx, grant: &'a Grant) -> Result<&'a Uid, Fault> {
    let caller = grant.caller()?;
    if caller.identity == cx.uid()? {
        Ok(&caller.user)
    } else {
        Err(Fault::permission("this user is another service's"))
    }
}

fn uid(arguments: &Arguments, name: &str) -> Result<Uid, Fault> {
    arguments
        .text(name)?
        .parse()
        .map_err(|_| Fault::new(Class::TypeError, format!("the argument '{name}' must be a uid")))
}

fn user_status(arguments: &Arguments) -> Result<(Uid, Status), Fault> {
    let status = match arguments.text("status")? {
        "active" => Status::Active,
        "disabled" => Status::Disabled,
        _ => return Err(Fault::new(Class::ValueError, "a status is active or disabled")),
    };
    Ok((uid(arguments, "user_uid")?, status))
}
