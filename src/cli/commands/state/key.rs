use acquire_engine::state;
use acquire_model::{Diagnostic, SecretBytes};
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::cli::project::{Project, unreadable, unwritable};
use crate::cli::terminal::{say, tell};
use crate::cli::{World, codes, exit::Exit};

/// The longest file that is read as a key.
const KEY_BYTES_MAX: u64 = 4096;
/// What stands for a stream in the place of a file.
const STREAM: &str = "-";

/// Writes the key of the state into a file, or prints it.
pub async fn export(world: &World, file: &Path) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let key = state::export_key(&project.location(world)?).await.map_err(|error| vec![error])?;
    let key = key.ok_or_else(|| not_applied(&project))?;
    if file == Path::new(STREAM) {
        say(key.expose());
        return Ok(Exit::Done);
    }
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(file);
    let written = opened.and_then(|mut opened| {
        opened.write_all(key.expose().as_bytes())?;
        opened.sync_all()
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            let summary = format!("{} is there already", file.display());
            vec![Diagnostic::error(codes::EXISTS, summary).hint("name another file; a key is never replaced")]
        }
        _ => unwritable(file, &error),
    })?;
    tell(&format!("Wrote {}. Who has it and the state can read everything in it.\n", file.display()));
    Ok(Exit::Done)
}

/// Puts a key in its place on this machine.
pub async fn import(world: &World, file: &Path) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let mut key = Vec::new();
    let read = if file == Path::new(STREAM) {
        std::io::stdin().lock().take(KEY_BYTES_MAX).read_to_end(&mut key)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(KEY_BYTES_MAX).read_to_end(&mut key))
    };
    read.map_err(|error| unreadable(file, &error))?;
    let placed = state::import_key(&project.location(world)?, &SecretBytes::new(key)).await;
    let placed = placed.map_err(|error| vec![error])?.ok_or_else(|| not_applied(&project))?;
    tell(&format!("The key is in {}.\nNext: {}\n", placed.display(), project.command("status")));
    Ok(Exit::Done)
}

fn not_applied(project: &Project) -> Vec<Diagnostic> {
    let summary = format!("{} was not applied yet, so it has no key", project.decoded.spec.name);
    vec![Diagnostic::error(codes::NOT_APPLIED, summary)]
}
