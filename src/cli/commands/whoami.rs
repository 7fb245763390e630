//! `acquire whoami`: who is logged in here.

use acquire_client::{Status, status};
use acquire_envelope::Class;
use acquire_envelope::url::dotted;
use acquire_model::Diagnostic;

use crate::cli::terminal::say;
use crate::cli::user::deployment::{Deployment, Place};
use crate::cli::user::{codes, explain, minute};
use crate::cli::{World, exit::Exit};

/// Shows who is logged in here, after asking the identity service whether the session still stands.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    place: Place,
}

/// Asks and shows.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let deployment = Deployment::find(world, &args.place).await?;
    let session = deployment.session()?;
    let identity = deployment.service(session.holder.identity_uid.as_str()).await?;
    let (holder, url) = (&session.holder, identity.url.full());
    let until = match status(&deployment.directory, &identity, &holder.session_uid).await {
        Ok(Status::Approved { user_uid, certificate, until })
            if user_uid == holder.user_uid && certificate == *session.keys.signing.public() =>
        {
            until
        }
        Err(error) if error.class() != Some(Class::LoginSessionError) => {
            return Err(explain("the question about the session", &url, &error));
        }
        _ => {
            let summary = format!("the session of {} at {url} has ended", session.username);
            let hint = format!("`acquire login {}` begins a new one", session.username);
            return Err(vec![Diagnostic::error(codes::OVER, summary).hint(hint)]);
        }
    };
    say(&format!(
        "{}@{}\n  user      {}\n  session   {}{}\n  identity  {url}\n",
        session.username,
        holder.identity_uid,
        holder.user_uid,
        dotted(holder.session_uid.short()),
        until.map(|until| format!(", until {}", minute(until))).unwrap_or_default(),
    ));
    Ok(Exit::Done)
}
