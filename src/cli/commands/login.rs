//! `acquire login`: begins a session here, or approves one that waits on another device.

use acquire_client::{Ask, LoginUrl, SessionKeys, logout, request_login, wait, waiting};
use acquire_model::Diagnostic;
use std::io::IsTerminal;
use std::time::Duration;

use crate::cli::terminal::{say, tell};
use crate::cli::user::approve::{approve, describe};
use crate::cli::user::deployment::{Deployment, Place};
use crate::cli::user::proof::{Flags, Proof};
use crate::cli::user::{explain, minute, qr};
use crate::cli::{World, codes, exit::Exit};
use crate::system;

/// How long a log-in waits for another device, unless the service says that it waits longer.
const WAIT: Duration = Duration::from_secs(30 * 60);

/// Logs a user in, or approves a log-in that waits on another device
///
/// With a user name: shows a URL to approve on a device that knows the user, or takes password and one-time code here.
/// With such a URL: shows who asks for that log-in, takes password and one-time code, and approves it; nothing is saved here.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// User name, or the login URL that another device shows
    #[arg(value_name = "NAME|URL")]
    who: String,
    #[command(flatten)]
    proof: Flags,
    /// Waits until another device approves, and asks nothing here
    #[arg(long, conflicts_with_all = ["password_stdin", "otp_code", "remember_device"])]
    wait: bool,
    #[command(flatten)]
    place: Place,
}

/// Does one or the other.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    if !LoginUrl::is_meant(&args.who) {
        log_in(world, args).await?;
    } else if args.wait {
        let summary = "`--wait` asks for a log-in, but a login URL is there to approve one";
        return Err(vec![Diagnostic::error(codes::USAGE, summary).hint("leave `--wait` out, or give a user name")]);
    } else {
        approve(world, &args.place, &args.proof, &args.who).await?;
    }
    Ok(Exit::Done)
}

/// Asks for a session, gets it approved and saves it.
async fn log_in(world: &World, args: &Args) -> Result<(), Vec<Diagnostic>> {
    let deployment = Deployment::find(world, &args.place).await?;
    let identity = deployment.identity().await?;
    // Before a session is asked for: nothing waits there in vain if no password can be had.
    let proof = if args.wait { None } else { Some(Proof::of(&args.who, &args.proof, &deployment)?) };
    let (directory, url) = (&deployment.directory, identity.url.full());
    let failed = |error| explain("the log-in", &url, &error);
    let keys = SessionKeys::generate().await.map_err(failed)?;
    let hostname = system::hostname();
    let ask = Ask { username: &args.who, message: Some("acquire login"), hostname: hostname.as_deref() };
    let pending = request_login(directory, &identity, &ask, keys).await.map_err(failed)?;
    let short_uid = pending.short_uid();
    let waiting = waiting(directory, &identity, &short_uid).await.map_err(failed)?;
    show(args, &url, &pending.login_url, &describe(&short_uid, &waiting));
    // An empty password says: it is approved elsewhere.
    let password = proof.as_ref().map(Proof::password).transpose()?.filter(|password| !password.expose().is_empty());
    match (&proof, password) {
        (Some(proof), Some(password)) => {
            proof.send(&deployment, &identity, &short_uid, &password).await?;
        }
        _ => tell("Waiting for the other device …\n"),
    }
    let longest = waiting.expires.and_then(|expires| u64::try_from(expires.since(world.clock.now())).ok());
    let longest = longest.map_or(WAIT, |micros| WAIT.max(Duration::from_micros(micros)));
    let session = wait(directory, pending, longest).await.map_err(failed)?;
    if let Ok(old) = deployment.session() {
        // It is replaced below; one that cannot be ended now expires by itself.
        let _ = logout(directory, &identity, &old).await;
    }
    deployment.save_session(&session)?;
    let until = session.until.map(|until| format!(" until {}", minute(until))).unwrap_or_default();
    let (name, uid) = (&session.username, &session.holder.identity_uid);
    say(&format!("Logged in as {name}@{uid}{until}. `acquire logout` ends it.\n"));
    Ok(())
}

/// Shows who is asked, and where to approve. Talk, not data: a script that gives password and code need not read it.
fn show(args: &Args, service: &str, login_url: &str, log_in: &str) {
    let picture = if std::io::stderr().is_terminal() { qr::draw(login_url) } else { String::new() };
    let here = if args.wait { "" } else { ", and leave the password here empty" };
    tell(&format!(
        "Log-in at {service}\n{log_in}Scan this on a device that knows you, or give it to `acquire login` there{here}:\n{picture}  {login_url}\n",
    ));
}
