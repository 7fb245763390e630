//! `acquire login`: begins a session.

use acquire_client::{
    Approved, Ask, Error, Login, Pending, Session, SessionKeys, logout, request_login, send_credentials,
    send_with_secret, wait,
};
use acquire_envelope::service::ServiceRecord;
use acquire_model::{Diagnostic, SecretText};
use std::io::IsTerminal;
use std::time::Duration;

use crate::cli::terminal::{say, tell};
use crate::cli::user::deployment::{Deployment, Place};
use crate::cli::user::files::Device;
use crate::cli::user::{explain, prompt, qr};
use crate::cli::{World, exit::Exit};

/// How long a log-in waits for another device; the service waits no longer either.
const WAIT: Duration = Duration::from_secs(30 * 60);

/// Logs a user in: shows a URL to approve on a device that knows the user, or takes password and one-time code here.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// User name
    name: String,
    /// Takes the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    /// One-time code of the authenticator app
    #[arg(long, value_name = "CODE")]
    otp_code: Option<String>,
    /// Remembers this machine: it then makes its own one-time codes
    #[arg(long)]
    remember_device: bool,
    /// Waits until another device approves, and asks nothing here
    #[arg(long, conflicts_with_all = ["password_stdin", "otp_code", "remember_device"])]
    wait: bool,
    #[command(flatten)]
    place: Place,
}

/// Asks for a session, gets it approved and saves it.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let deployment = Deployment::find(world, &args.place).await?;
    let identity = deployment.identity().await?;
    let keys = SessionKeys::generate().await.map_err(|error| explain("the log-in", &error))?;
    let ask = Ask { username: &args.name, message: Some("acquire login"), hostname: None };
    let pending = request_login(&deployment.directory, &identity, &ask, keys)
        .await
        .map_err(|error| explain("the log-in", &error))?;
    show(&pending);
    let session = approve(args, &deployment, &identity, pending).await?;
    if let Ok(old) = deployment.session() {
        // It is replaced below; one that cannot be ended now expires by itself.
        let _ = logout(&deployment.directory, &identity, &old).await;
    }
    deployment.save_session(&session)?;
    say(&format!("Logged in as {}@{}. `acquire logout` ends it.\n", session.username, session.holder.identity_uid));
    Ok(Exit::Done)
}

/// Shows where to approve. Talk, not data: a script that gives password and code need not read it.
fn show(pending: &Pending) {
    let picture = if std::io::stderr().is_terminal() { qr::draw(&pending.login_url) } else { String::new() };
    tell(&format!(
        "Scan to approve on a device that knows you (an empty password waits for it), or type password and code.\n{picture}  {}\n  session {}\n",
        pending.login_url,
        pending.short_uid(),
    ));
}

async fn approve(
    args: &Args,
    deployment: &Deployment,
    identity: &ServiceRecord,
    pending: Pending,
) -> Result<Session, Vec<Diagnostic>> {
    let failed = |error: Error| explain("the log-in", &error);
    let password = if args.wait { SecretText::new("") } else { prompt::password(args.password_stdin)? };
    // An empty password says: it is approved elsewhere.
    if password.expose().is_empty() {
        tell("Waiting for the other device …\n");
        return wait(&deployment.directory, pending, WAIT).await.map_err(failed);
    }
    let device = deployment.device(&args.name)?.filter(|_| args.otp_code.is_none());
    let code = match (&args.otp_code, &device) {
        (Some(code), _) => SecretText::new(code.as_str()),
        (None, Some(_)) => SecretText::new(""),
        (None, None) => prompt::hidden("One-time code", "--otp-code CODE")?,
    };
    let login = Login {
        device_uid: device.as_ref().map(|device| &device.device_uid),
        user_uid: device.as_ref().map(|device| &device.user_uid),
        remember_device: args.remember_device,
        ..Login::typed(&args.name, &password, code.expose())
    };
    let (directory, short_uid) = (&deployment.directory, pending.short_uid());
    let sent = match &device {
        Some(device) => send_with_secret(directory, identity, &short_uid, &login, &device.secret).await,
        None => send_credentials(directory, identity, &short_uid, &login).await,
    };
    let Approved { user_uid, device } = sent.map_err(failed)?;
    if let Some((device_uid, secret)) = device {
        deployment.save_device(&args.name, &Device { user_uid: user_uid.clone(), device_uid, secret })?;
    }
    Ok(pending.approved(user_uid))
}
