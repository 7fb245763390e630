use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::error::Error;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Makes a directory and its parents, readable by their owner only. An existing one is left as it is.
pub(super) fn create_directory(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path).map_err(|e| Error::write(path, &e))
}

/// Opens a file for its owner only.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.mode(FILE_MODE).open(path)
}

/// Puts a whole file in place: after a crash the old or the new one is there, never a part.
pub(super) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let written = write_and_sync(&partial, content).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // On a full disk the partial file would only take more room. That it cannot be removed changes nothing.
        let _ = fs::remove_file(&partial);
    }
    written?;
    sync_parent(path)
}

fn write_and_sync(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = open(path, OpenOptions::new().write(true).create(true).truncate(true))?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes the names in the directory of a file durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Returns the absolute path without symbolic links; what is not there yet is taken as it is written.
pub(super) fn canonical(path: &Path) -> Result<PathBuf, Error> {
    let absolute = std::path::absolute(path).map_err(|e| Error::read(path, &e))?;
    let there = absolute.ancestors().find_map(|ancestor| Some((ancestor, fs::canonicalize(ancestor).ok()?)));
    let Some((ancestor, mut real)) = there else { return Ok(absolute) };
    // Part by part, since joining an empty rest would end the path with a slash.
    real.extend(absolute.strip_prefix(ancestor).ok().into_iter().flatten());
    Ok(real)
}

/// Reads a file, or returns nothing if it is not there.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::read(path, &e)),
    }
}
