//! `acquire serve`: this process is the code of a function.

use crate::cli::{World, codes, exit::Exit};
use crate::{providers, system};
use acquire_model::Diagnostic;
use acquire_provider::Error;

/// Runs services: what a provider starts, not a person
///
/// Which host started it (the local host, Lambda, …) is found out from what that host provides. To run the local host in
/// the foreground, under systemd or in a container, use `acquire serve --foreground` beside the spec.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The service to run; hosts that run one process for a deployment serve all of its services.
    service: Option<String>,
}

/// Serves until told to end.
pub async fn run(world: &World, _args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let failed = |error: Error| vec![Diagnostic::error(codes::PROVIDER, error.to_string())];
    tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(std::io::stderr).init();
    let binary = system::running_binary().map_err(|error| vec![error])?;
    let hosts = providers::hosts(&world.environment, &world.clock, &world.entropy, &binary.sha256);
    let Some(host) = hosts.iter().find(|host| host.detect(&world.environment)) else {
        let error = Diagnostic::error(codes::NO_HOST, "no host that this binary knows started this process")
            .hint("`acquire apply` starts the services of a spec on this machine");
        return Err(vec![error]);
    };
    host.serve(providers::services().map_err(failed)?).await.map_err(failed)?;
    Ok(Exit::Done)
}
