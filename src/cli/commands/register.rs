//! `acquire register`: makes a user.

use acquire_client::register;
use acquire_model::Diagnostic;
use std::io::IsTerminal;

use crate::cli::terminal::say;
use crate::cli::user::deployment::{Deployment, Place};
use crate::cli::user::{explain, prompt, qr};
use crate::cli::{World, exit::Exit};

/// Makes a user of the deployment's identity service, and shows the secret for an authenticator app.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// User name, 3 to 150 characters
    name: String,
    /// Takes the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    place: Place,
}

/// Registers, and shows what the user must keep.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let deployment = Deployment::find(world, &args.place).await?;
    let identity = deployment.identity().await?;
    let password = prompt::new_password(args.password_stdin)?;
    let url = identity.url.full();
    let made = register(&deployment.directory, &identity, &args.name, &password)
        .await
        .map_err(|error| explain("the registration", &url, &error))?;
    let uri = made.provisioning_uri.expose();
    let picture = if std::io::stdout().is_terminal() { qr::draw(uri) } else { String::new() };
    say(&format!(
        "{}@{} is registered at {url}. The authenticator app scans this, or takes the secret in it:\n{picture}{uri}\n",
        args.name,
        identity.uid_text(),
    ));
    if !made.recovery_codes.is_empty() {
        say("Recovery codes. Each works once when the authenticator is lost; keep them apart from it:\n");
        for code in &made.recovery_codes {
            say(&format!("  {}\n", code.expose()));
        }
    }
    say(&format!("Next: acquire login {}\n", args.name));
    Ok(Exit::Done)
}
