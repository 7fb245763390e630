//! `acquire validate`: whether the spec is right.

use acquire_model::Diagnostic;
use std::path::PathBuf;

use crate::cli::operation::counted;
use crate::cli::project::Project;
use crate::cli::render::{self, diagnostic::tally};
use crate::cli::terminal::{say, tell};
use crate::cli::{World, exit::Exit};

/// Says everything that is wrong with the spec
///
/// All mistakes at once, each with its place. Contacts nobody and needs no credentials.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
}

/// Decodes and expands the spec.
pub fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let tell_all = |diagnostics: &[Diagnostic]| tell(&render::diagnostics(diagnostics, world.terminal.colour_err));
    let valid = Project::open(world, args.spec.as_deref()).and_then(|project| {
        // Which binary the functions would run makes no difference to what is right.
        let graph = project.graph("")?;
        Ok((project, graph))
    });
    match valid {
        Ok((project, graph)) => {
            tell_all(&project.decoded.warnings);
            let spec = &project.decoded.spec;
            let (services, resources) = (spec.services.len(), graph.nodes().len());
            let (services, resources) = (counted(services, "service"), counted(resources, "resource"));
            let file = project.file.display();
            say(&format!("{file} is right: {}, {services}, {resources}. Nothing was contacted.\n", spec.name));
            Ok(Exit::Done)
        }
        Err(diagnostics) => {
            tell_all(&diagnostics);
            tell(&format!("{}. Nothing was contacted.\n", tally(&diagnostics)));
            Ok(Exit::Error)
        }
    }
}
