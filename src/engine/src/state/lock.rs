use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use acquire_model::Timestamp;

use super::error::Error;
use super::files;

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

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    /// The process.
    pub(super) pid: u32,
    /// Its machine.
    pub(super) host: String,
    /// Since when.
    pub(super) since: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {} since {} UTC", self.pid, self.host, self.since)
    }
}

impl Lock {
    /// Takes the lock of a directory, or says at once who has it.
    pub(super) fn take(home: &Path, now: Timestamp) -> Result<Self, Error> {
        let path = home.join(NAME);
        for _ in 0..TRIES_MAX {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create(true).truncate(false);
            let mut file = files::open(&path, &mut options).map_err(|e| Error::write(&path, &e))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(in_use(home, &mut file)),
                Err(TryLockError::Error(e)) => return Err(Error::write(&path, &e)),
            }
            // Its last holder may have removed the file between our opening and locking it: then the lock is on
            // nothing, and the next comer would not see it.
            if is_at(&file, &path).map_err(|e| Error::read(&path, &e))? {
                note(&mut file, now).map_err(|e| Error::write(&path, &e))?;
                return Ok(Self { path, _file: file });
            }
        }
        Err(Error::Locked { home: home.to_owned(), holder: None, stopped: false })
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

fn note(file: &mut File, now: Timestamp) -> io::Result<()> {
    let holder = Holder { pid: std::process::id(), host: host(), since: now };
    file.set_len(0)?;
    file.write_all(&serde_json::to_vec(&holder)?)
}

fn in_use(home: &Path, file: &mut File) -> Error {
    let mut text = String::new();
    // An unreadable note only makes the message shorter.
    let _ = file.take(HOLDER_BYTES_MAX).read_to_string(&mut text);
    let holder: Option<Holder> = serde_json::from_str(&text).ok();
    let stopped = holder.as_ref().is_some_and(|holder| holder.host == host() && is_stopped(holder.pid));
    Error::Locked { home: home.to_owned(), holder, stopped }
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "this machine".to_owned(), |name| name.trim().to_owned())
}

/// Whether a process of this machine is stopped (`SIGSTOP`, Ctrl-Z, a debugger).
fn is_stopped(pid: u32) -> bool {
    // `pid (name) state …`; the name may itself contain brackets and blanks.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next()))
        .is_some_and(|state| matches!(state, 'T' | 't'))
}
