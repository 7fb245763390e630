use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use acquire_model::Timestamp;

use crate::state::error::Error;
use crate::state::files;
use crate::state::holder::{Holder, Holding};

const NAME: &str = "lock";

/// How often a lock file may vanish between opening and locking it before that is an error.
const TRIES_MAX: usize = 100;

/// Longest note of a holder that is read.
const HOLDER_BYTES_MAX: u64 = 4096;

/// The lock of a state: an OS lock on a file, so that the death of its holder frees it at once.
///
/// The file is removed when the lock is given back; the note in it only tells people who holds the lock.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    // Holds the OS lock until it is closed.
    _file: File,
}

impl Lock {
    /// Takes the lock of a directory, or says at once who has it.
    pub(super) fn take(home: &Path, holder: Holder) -> Result<Self, Error> {
        let path = home.join(NAME);
        for _ in 0..TRIES_MAX {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let mut file = files::open(&path, &mut options).map_err(|e| Error::write(&path, &e))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(in_use(home, Some(&mut file), holder.since)),
                Err(TryLockError::Error(e)) => return Err(Error::write(&path, &e)),
            }
            // Its last holder may have removed the file between our opening and locking it: then the lock is on
            // nothing, and the next comer would not see it.
            if is_at(&file, &path).map_err(|e| Error::read(&path, &e))? {
                note(&mut file, &holder).map_err(|e| Error::write(&path, &e))?;
                return Ok(Self { path, _file: file });
            }
        }
        Err(in_use(home, None, holder.since))
    }

    /// Says who has the lock of a directory, if anybody has.
    pub(super) fn holding(home: &Path, now: Timestamp) -> Result<Option<Holding>, Error> {
        let path = home.join(NAME);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::read(&path, &e)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(noted(&mut file, now))),
            Err(TryLockError::Error(e)) => Err(Error::read(&path, &e)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked here, so nobody else's file is removed. One that stays is only untidy.
        let _ = fs::remove_file(&self.path);
    }
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok(held.dev() == there.dev() && held.ino() == there.ino()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

fn note(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(&serde_json::to_vec(holder)?)
}

fn in_use(home: &Path, file: Option<&mut File>, now: Timestamp) -> Error {
    let holding = file.map_or_else(|| Holding::new(None, now, None), |file| noted(file, now));
    Error::Locked { home: home.display().to_string(), holding }
}

/// What the holder noted.
fn noted(file: &mut File, now: Timestamp) -> Holding {
    let mut text = String::new();
    // An unreadable note only makes the message shorter.
    let _ = file.take(HOLDER_BYTES_MAX).read_to_string(&mut text);
    Holding::new(serde_json::from_str(&text).ok(), now, None)
}
