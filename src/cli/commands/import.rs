//! `acquire import`: takes into the state what is there already.

use acquire_engine::apply::{Applier, Settings};
use acquire_model::{Address, Diagnostic};

use super::apply::{open, resume, with};
use crate::cli::operation::Operation;
use crate::cli::render::events::Events;
use crate::cli::render::progress;
use crate::cli::terminal::{say, tell};
use crate::cli::{World, codes, exit::Exit};

/// Takes into the state what is there already
///
/// The spec must have the resource. With an id, a thing that somebody else made is marked as ours; without, a thing that
/// carries our mark, and that the state does not know, is found by it. Nothing else is changed: `plan` shows what differs.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Its address in the spec, such as `backups/bucket`
    address: Address,
    /// What its provider knows it by: a path, a name, an ARN
    id: Option<String>,
}

/// Imports one resource.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let operation = Operation::open(world, None)?;
    let graph = operation.project.graph(&operation.binary.sha256)?;
    let node = graph.node(&args.address).ok_or_else(|| {
        let summary = format!("the spec has no `{}`", args.address);
        let hint = format!("write it into the spec first, under `resources:`, as `{}`", args.address.owner());
        vec![Diagnostic::error(codes::USAGE, summary).hint(hint)]
    })?;
    operation.project.prepare()?;
    let session = open(world, &operation).await?;
    let imported = with(session, async |session| {
        let cx = operation.context(world, session.state())?;
        resume(&operation, &cx, session, &Events::open(false, None)?).await?;
        let operator = operation.project.operator(world)?;
        let settings = Settings {
            spec_digest: Some(operation.project.decoded.digest.clone()),
            by: Some(operator.by().to_owned()),
            ..Settings::default()
        };
        let applier =
            Applier { cx: &cx, providers: &operation.providers, progress: &progress::Quiet, settings: &settings };
        let before = session.state().serial;
        let imported = applier.import(node, args.id.as_deref(), session).await;
        if session.state().serial > before {
            session.sign(&operator).await.map_err(|error| vec![error])?;
        }
        imported
    });
    let imported = imported.await?;
    say(&format!("Imported {} with {} attributes. Nothing else was changed.\n", args.address, imported.len()));
    tell(&format!("Next: {} shows what differs from the spec\n", operation.project.command("plan")));
    Ok(Exit::Done)
}
