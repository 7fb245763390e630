//! `acquire serve`: this process is the code of a function.

use acquire_model::{Diagnostic, Environment};
use acquire_provider::Error;
use std::sync::Arc;

use crate::cli::project::Project;
use crate::cli::{World, codes, exit::Exit};
use crate::{providers, system};

/// Runs services: what a provider starts, not a person
///
/// The host that started it is known by the variables that it sets; today that is the host of the local provider.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Runs the services of the spec here until told to end, for systemd and containers; `apply` makes them first
    #[arg(long)]
    foreground: bool,
}

/// Serves until told to end.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let failed = |error: Error| {
        let (what, advice) = error.told();
        let diagnostic = Diagnostic::error(codes::PROVIDER, what);
        vec![advice.into_iter().fold(diagnostic, Diagnostic::hint)]
    };
    let environment = if args.foreground { foreground(world).await? } else { world.environment.clone() };
    tracing_subscriber::fmt().with_ansi(false).with_target(false).with_writer(std::io::stderr).init();
    let program = system::program().map_err(|error| vec![error])?;
    let hosts = providers::hosts(&environment, &world.clock, &world.entropy, &program);
    let Some(host) = hosts.iter().find(|host| host.detect(&environment)) else {
        let error = Diagnostic::error(codes::NO_HOST, "no host that this binary knows started this process")
            .hint("`acquire apply` starts the services of a spec on this machine");
        return Err(vec![error]);
    };
    host.serve(providers::services()).await.map_err(failed)?;
    Ok(Exit::Done)
}

/// The environment that the host of the spec's deployment would be started with.
async fn foreground(world: &World) -> Result<Arc<Environment>, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let state = project.applied(world).await?.state;
    let (data, configuration) = project.places(world, &state)?;
    Ok(Arc::new(providers::foreground(&world.environment, &data, &configuration, &state.lineage)))
}
