//! `acquire state`: works on the state itself.

/// Moving and forgetting.
mod change;
/// Another home, and the lock.
mod home;
/// The key.
mod key;
/// Listing and showing.
mod look;
/// What was refused.
mod repair;

use acquire_model::{Address, Diagnostic};
use std::path::PathBuf;

use crate::cli::{World, exit::Exit};

/// Works on the state itself
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand, Debug)]
enum Command {
    /// Lists the addresses of what is there
    List {
        /// Prints one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Shows what the state holds of one resource, as JSON
    Show {
        /// Its address
        address: Address,
    },
    /// Gives a resource another address, as when it was renamed in the spec
    Mv {
        /// The address that it has
        from: Address,
        /// The address that it shall have, of the same kind
        to: Address,
    },
    /// Forgets resources: they stay as they are, and nobody looks after them any more
    Rm {
        /// Their addresses
        #[arg(required = true)]
        addresses: Vec<Address>,
        /// Does not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Goes on with what is good of a state that was refused: an old copy, a damaged or foreign one, or none
    Repair {
        /// Does not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Takes the state to another home: copies it, reads it back, and leaves word in the old one
    Migrate {
        /// Where to: a directory beside the spec, or a bucket as s3://bucket/folder, az:// or gs:// [default: the home
        /// that the spec names]
        #[arg(required_unless_present = "from")]
        to: Option<String>,
        /// Where it is [default: the home that the spec names]
        #[arg(long, value_name = "HOME")]
        from: Option<String>,
    },
    /// Takes the lock from a holder that died, after showing it
    Unlock {
        /// Does not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Takes the state key to another machine or a backup
    Key {
        #[command(subcommand)]
        command: KeyCommand,
    },
}

#[derive(clap::Subcommand, Debug)]
enum KeyCommand {
    /// Writes the key into a file that only you can read
    Export {
        /// The file, which must not be there yet; `-` prints it
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
    /// Puts a key in its place on this machine, if it is the key of this state
    Import {
        /// The file; `-` reads it from standard input
        #[arg(value_name = "FILE")]
        path: PathBuf,
    },
}

/// Runs the subcommand.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    match &args.command {
        Command::List { json } => look::list(world, *json).await,
        Command::Show { address } => look::show(world, address).await,
        Command::Mv { from, to } => change::mv(world, from, to).await,
        Command::Rm { addresses, yes } => change::rm(world, addresses, *yes).await,
        Command::Repair { yes } => repair::run(world, *yes).await,
        Command::Migrate { to, from } => home::migrate(world, to.as_deref(), from.as_deref()).await,
        Command::Unlock { yes } => home::unlock(world, *yes).await,
        Command::Key { command: KeyCommand::Export { path } } => key::export(world, path).await,
        Command::Key { command: KeyCommand::Import { path } } => key::import(world, path).await,
    }
}
