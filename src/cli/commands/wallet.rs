//! `acquire wallet`: the files of the Python client.

use acquire_client::Wallet;
use acquire_model::Diagnostic;
use std::path::PathBuf;

use crate::cli::terminal::say;
use crate::cli::user::deployment::{Deployment, Place};
use crate::cli::user::{codes, explain};
use crate::cli::{World, exit::Exit};

/// Works on the wallet of the Python client.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Writes the file by which the unmodified Python client (acquire==0.1.2) finds this deployment.
    Seed(Seed),
}

#[derive(clap::Args, Debug)]
struct Seed {
    /// Home directory of whoever runs the Python client; the wallet is `.acquire_wallet` in it
    #[arg(long, value_name = "DIR")]
    home: PathBuf,
    #[command(flatten)]
    place: Place,
}

/// Runs the subcommand.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let Command::Seed(seed) = &args.command;
    if !seed.home.is_dir() {
        let summary = format!("{} is no directory", seed.home.display());
        return Err(vec![Diagnostic::error(codes::FILE, summary).hint("`--home ~`, unquoted, is your own")]);
    }
    let deployment = Deployment::find(world, &seed.place).await?;
    let seeded = Wallet::beneath(&seed.home)
        .seed(&deployment.registry)
        .map_err(|error| explain("the seed of the wallet", &deployment.registry.url.full(), &error))?;
    for old in &seeded.set_aside {
        say(&format!("set aside: {} (of another deployment)\n", old.display()));
    }
    say(&format!("{}\n", seeded.file.display()));
    Ok(Exit::Done)
}
