//! One file per command: its help (the doc comment of `Args`), its `Args`, one function.

mod apply;
mod completions;
mod destroy;
mod drift;
mod graph;
mod history;
mod import;
mod init;
mod login;
mod logout;
mod logs;
mod output;
mod plan;
mod register;
mod rollback;
mod schema;
mod serve;
mod spec;
mod state;
mod status;
mod test;
mod validate;
mod verify;
mod wallet;
mod whoami;
mod why;

use super::World;
use super::exit::Exit;
use acquire_model::Diagnostic;
use clap::Subcommand;

/// What to do. The help of each is the doc comment of its `Args`.
#[derive(Subcommand, Debug)]
pub enum Command {
    Init(init::Args),
    Validate(validate::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Destroy(destroy::Args),
    Drift(drift::Args),
    Graph(graph::Args),
    Status(status::Args),
    Verify(verify::Args),
    Output(output::Args),
    Import(import::Args),
    Rollback(rollback::Args),
    History(history::Args),
    Why(why::Args),
    Logs(logs::Args),
    Spec(spec::Args),
    Test(test::Args),
    State(state::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Register(register::Args),
    Login(login::Args),
    Logout(logout::Args),
    Whoami(whoami::Args),
    Wallet(wallet::Args),
    Serve(serve::Args),
}

/// Runs a command.
pub async fn run(world: &World, command: Command) -> Result<Exit, Vec<Diagnostic>> {
    match command {
        Command::Init(args) => init::run(world, &args),
        Command::Validate(args) => validate::run(world, &args),
        Command::Plan(args) => plan::run(world, &args).await,
        Command::Apply(args) => apply::run(world, &args).await,
        Command::Destroy(args) => destroy::run(world, &args).await,
        Command::Drift(args) => drift::run(world, &args).await,
        Command::Graph(args) => graph::run(world, &args).await,
        Command::Status(args) => status::run(world, &args).await,
        Command::Verify(args) => verify::run(world, &args).await,
        Command::Import(args) => import::run(world, &args).await,
        Command::Rollback(args) => rollback::run(world, &args).await,
        Command::History(args) => history::run(world, &args).await,
        Command::Why(args) => why::run(world, &args).await,
        Command::Output(args) => output::run(world, &args).await,
        Command::Logs(args) => logs::run(world, &args).await,
        Command::Spec(args) => spec::run(world, &args),
        Command::Test(args) => test::run(world, &args),
        Command::State(args) => state::run(world, &args).await,
        Command::Schema(args) => schema::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Register(args) => register::run(world, &args).await,
        Command::Login(args) => login::run(world, &args).await,
        Command::Logout(args) => logout::run(world, &args).await,
        Command::Whoami(args) => whoami::run(world, &args).await,
        Command::Wallet(args) => wallet::run(world, &args).await,
        Command::Serve(args) => serve::run(world, &args).await,
    }
}
