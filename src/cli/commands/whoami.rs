//! `acquire whoami`: who is logged in here.

use acquire_client::{Status, status};
use acquire_model::Diagnostic;

use crate::cli::terminal::say;
use crate::cli::user::deployment::{Deployment, Place};
use crate::cli::user::{codes, explain};
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
    let holder = &session.holder;
    match status(&deployment.directory, &identity, &holder.session_uid).await {
        Ok(Status::Approved { user_uid, certificate })
            if user_uid == holder.user_uid && certificate == *session.keys.signing.public() => {}
        Ok(_) => {
            let summary = format!("the session of {} has ended", session.username);
            return Err(vec![Diagnostic::error(codes::OVER, summary).hint("`acquire login NAME` begins a new one")]);
        }
        Err(error) => return Err(explain("asking about the session", &error)),
    }
    say(&format!(
        "{}@{}\n  user      {}\n  session   {}\n  identity  {}\n",
        session.username,
        holder.identity_uid,
        holder.user_uid,
        acquire_envelope::url::dotted(holder.session_uid.short()),
        identity.url.full(),
    ));
    Ok(Exit::Done)
}
