//! `acquire init`: a spec to start from.

use acquire_engine::spec::commented_example;
use acquire_model::Diagnostic;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::project::unwritable;
use crate::cli::terminal::{say, tell};
use crate::cli::{World, codes, exit::Exit};

/// Writes a commented spec to start from
///
/// Never writes over a file.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where to write it [default: that of -f, else acquire.yaml]
    spec: Option<PathBuf>,
}

/// Writes it.
pub fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let file = args.spec.as_deref().or(world.selection.file.as_deref()).unwrap_or(Path::new("acquire.yaml"));
    let written = OpenOptions::new().write(true).create_new(true).open(file);
    match written.and_then(|mut open| open.write_all(commented_example().as_bytes())) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let summary = format!("{} is there already", file.display());
            return Err(vec![Diagnostic::error(codes::EXISTS, summary).hint("name another file, or edit this one")]);
        }
        Err(error) => return Err(unwritable(file, &error)),
    }
    say(&format!("{}\n", file.display()));
    let named = if file == Path::new("acquire.yaml") { String::new() } else { format!(" {}", file.display()) };
    tell(&format!("Next: acquire plan{named}     or     acquire apply{named}\n"));
    Ok(Exit::Done)
}
