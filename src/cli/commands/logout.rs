//! `acquire logout`: ends the session.

use acquire_client::{Error, logout};
use acquire_envelope::Class;
use acquire_model::Diagnostic;

use crate::cli::terminal::say;
use crate::cli::user::deployment::{Deployment, Place};
use crate::cli::user::explain;
use crate::cli::{World, exit::Exit};

/// Ends the session of the user who is logged in here. From then on nothing signed with it is accepted.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    place: Place,
}

/// Ends the session at the identity service, then forgets it here.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let deployment = Deployment::find(world, &args.place).await?;
    let session = deployment.session()?;
    let identity = deployment.service(session.holder.identity_uid.as_str()).await?;
    match logout(&deployment.directory, &identity, &session).await {
        Ok(()) => {}
        // The service knows no such session, so there is nothing left to end.
        Err(Error::Exception(exception)) if exception.class == Class::LoginSessionError => {}
        Err(error) => return Err(explain("the log-out", &identity.url.full(), &error)),
    }
    deployment.forget_session()?;
    say(&format!("{}@{} is logged out.\n", session.username, session.holder.identity_uid));
    Ok(Exit::Done)
}
