//! `acquire logs`: what services said last.

use acquire_model::{Diagnostic, Name};
use acquire_provider::{Providers, Target};
use std::collections::BTreeSet;

use crate::cli::operation::{Operation, failed};
use crate::cli::terminal::say;
use crate::cli::{World, codes, exit::Exit};

/// Prints the last lines that services logged
#[derive(clap::Args, Debug)]
pub struct Args {
    /// One service [default: all]
    service: Option<Name>,
    /// How many lines at most
    #[arg(short = 'n', long, default_value_t = 100)]
    lines: usize,
}

/// Asks the providers of the functions.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, None)?;
    let state = operation.project.applied(world).await?.state;
    let cx = operation.context(world, &state)?;
    let is_asked = |owner: &Name| args.service.as_ref().is_none_or(|service| service == owner);
    let functions: Vec<_> = state
        .resources
        .iter()
        .filter(|(address, _)| address.kind().as_str() == "function" && is_asked(address.owner()))
        .collect();
    if functions.is_empty() {
        let summary = match &args.service {
            Some(service) => format!("{service} has no function that logs"),
            None => "there is no function that logs".to_owned(),
        };
        return Err(vec![
            Diagnostic::error(codes::NOT_IN_STATE, summary)
                .hint(format!("`{}` shows what there is", operation.project.command("status"))),
        ]);
    }
    // Services that share a process share a log: it is shown once.
    let mut shown = BTreeSet::new();
    for (address, recorded) in functions {
        let Some(provider) = operation.providers.provider(&recorded.provider) else { continue };
        let Some(resource) = provider.resource(&recorded.kind) else { continue };
        let target = Target { address: recorded.known_as(address).clone(), token: recorded.token.clone() };
        let lines = resource.logs(&cx, &target, &recorded.attributes, args.lines).await;
        let lines = lines.map_err(|error| failed(&format!("reading the log of {address}"), &error))?;
        if shown.insert(lines.clone()) {
            say(&lines.iter().map(|line| format!("{line}\n")).collect::<String>());
        }
    }
    Ok(Exit::Done)
}
