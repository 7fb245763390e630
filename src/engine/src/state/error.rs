use std::io;
use std::path::{Path, PathBuf};

use acquire_model::{Address, Code, Diagnostic, Lineage};

use super::codes;
use super::event::Illegal;
use super::lock::Holder;

/// Why a state cannot be read or written. The codes are stable; each has a page in `docs/errors/`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Somebody else holds the lock.
    #[error("this state is in use")]
    Locked { home: PathBuf, holder: Option<Holder>, stopped: bool },
    /// The journal has another lineage than the one last seen in this directory.
    #[error("this is the state of another deployment")]
    Foreign { home: PathBuf, found: Lineage, expected: Lineage, serial: u64 },
    /// The journal ends, cleanly, before the head.
    #[error("this state is older than one already seen here")]
    Older { home: PathBuf, found: (u64, String), seen: (u64, String) },
    /// Some byte of it was changed.
    #[error("this state is damaged")]
    Damaged { file: PathBuf, what: String },
    /// It ends in the middle of a record, before the head.
    #[error("this state is cut short")]
    Truncated { file: PathBuf, serial: u64 },
    /// A journal file has no bytes at all.
    #[error("a file of this state is empty")]
    Empty { file: PathBuf },
    /// The journal is gone, though it held resources when it was last seen.
    #[error("the state that was here is gone")]
    Gone { home: PathBuf, lineage: Lineage, serial: u64 },
    /// It holds the serial of the head, with another history.
    #[error("this state and the one already seen here have gone different ways")]
    Forked { home: PathBuf, serial: u64 },
    /// A journal file between two others is missing.
    #[error("a file of this state is missing")]
    Missing { file: PathBuf },
    /// The passphrase is not the one it was sealed with.
    #[error("the passphrase does not open this state")]
    WrongPassphrase { home: PathBuf },
    /// The key file is not the one it was sealed with.
    #[error("the state key on this machine does not open this state")]
    WrongKey { key: PathBuf, home: PathBuf },
    /// There is no key file.
    #[error("the key of this state is not on this machine")]
    NoKey { key: PathBuf },
    /// It was sealed with a passphrase and none was given.
    #[error("this state is sealed with a passphrase")]
    NoPassphrase { home: PathBuf },
    /// A newer (or no) Acquire wrote it.
    #[error("this state has a format that is not known here")]
    Format { what: String, version: u32 },
    /// The second place of the head was changed.
    #[error("the note of the last state seen here is damaged")]
    Head { file: PathBuf, what: &'static str },
    /// The disk does not let us write.
    #[error("the state cannot be written: {cause}")]
    Write { path: PathBuf, cause: String, full: bool },
    /// A record that no reader would accept.
    #[error("a record is larger than the state takes")]
    TooLarge { address: Option<Address> },
    /// The disk does not let us read.
    #[error("the state cannot be read: {cause}")]
    Read { path: PathBuf, cause: String },
    /// An earlier write of this session may or may not be on the disk.
    #[error("the state cannot be written any more in this run")]
    Broken { home: PathBuf },
    /// A saved plan of another state.
    #[error("this plan was made for another state")]
    PlanForeign { plan: Lineage, state: Lineage },
    /// A saved plan that was edited, or is no plan.
    #[error("this is not a saved plan, or it was edited")]
    PlanEdited,
    /// A saved plan from before the newest change.
    #[error("this plan is stale")]
    PlanStale { plan: u64, state: u64 },
    /// Events in an order that cannot be.
    #[error("bug: {0}")]
    Illegal(#[from] Illegal),
    /// The cryptography failed, not the data.
    #[error("the state key cannot be used: {0}")]
    Crypto(#[from] acquire_crypto::Error),
}

impl Error {
    /// A failed write.
    pub(super) fn write(path: &Path, cause: &io::Error) -> Self {
        let full = matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        Self::Write { path: path.to_owned(), cause: cause.to_string(), full }
    }

    /// A failed read.
    pub(super) fn read(path: &Path, cause: &io::Error) -> Self {
        Self::Read { path: path.to_owned(), cause: cause.to_string() }
    }

    fn code(&self) -> Code {
        match self {
            Self::Locked { .. } => codes::LOCKED,
            Self::Foreign { .. } => codes::FOREIGN,
            Self::Older { .. } => codes::OLDER,
            Self::Damaged { .. } => codes::DAMAGED,
            Self::Truncated { .. } => codes::TRUNCATED,
            Self::Empty { .. } => codes::EMPTY,
            Self::Gone { .. } => codes::GONE,
            Self::Forked { .. } => codes::FORKED,
            Self::Missing { .. } => codes::MISSING,
            Self::WrongPassphrase { .. } => codes::WRONG_PASSPHRASE,
            Self::WrongKey { .. } => codes::WRONG_KEY,
            Self::NoKey { .. } => codes::NO_KEY,
            Self::NoPassphrase { .. } => codes::NO_PASSPHRASE,
            Self::Format { .. } => codes::FORMAT,
            Self::Head { .. } => codes::HEAD,
            Self::Write { .. } => codes::WRITE,
            Self::Read { .. } => codes::READ,
            Self::Broken { .. } => codes::BROKEN,
            Self::PlanForeign { .. } => codes::PLAN_FOREIGN,
            Self::PlanEdited => codes::PLAN_EDITED,
            Self::PlanStale { .. } => codes::PLAN_STALE,
            Self::TooLarge { .. } => codes::TOO_LARGE,
            Self::Illegal(_) => codes::ILLEGAL,
            Self::Crypto(_) => codes::CRYPTO,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Locked { home, holder, .. } => {
                let home = home.display();
                holder.as_ref().map_or_else(
                    || format!("Another process holds the lock of {home}."),
                    |holder| format!("{home} is locked by {holder}."),
                )
            }
            Self::Foreign { home, found, expected, serial } => {
                format!("in {}  lineage {found}\nlast seen there  lineage {expected}, serial {serial}", home.display())
            }
            Self::Older { home, found, seen } => format!(
                "state  serial {}, head {}…          last seen  serial {}, head {}…\n\
                 Someone restored {} from a copy, or ran on another machine without sharing state.",
                found.0,
                found.1,
                seen.0,
                seen.1,
                home.display()
            ),
            Self::Damaged { file, what } => format!("{}: {what}", file.display()),
            Self::Truncated { file, serial } => {
                format!("{} ends in the middle of the record after serial {serial}.", file.display())
            }
            Self::Empty { file } => format!("{} has no bytes.", file.display()),
            Self::Gone { home, lineage, serial } => format!(
                "{} had lineage {lineage} at serial {serial}, with resources in it. They may still exist.",
                home.display()
            ),
            Self::Forked { home, serial } => format!(
                "{} has another record at serial {serial} than the one seen here: two machines, or two copies, went on \
                 from one state.",
                home.display()
            ),
            Self::Missing { file } => format!("{} is not there, but later ones are.", file.display()),
            Self::WrongPassphrase { home } | Self::NoPassphrase { home } => home.display().to_string(),
            Self::WrongKey { key, home } => format!("{} does not belong to {}.", key.display(), home.display()),
            Self::NoKey { key } => format!("{} is not there.", key.display()),
            Self::Format { what, version } => format!("{what} has format version {version}."),
            Self::Head { file, what } => format!("{}: {what}", file.display()),
            Self::Write { path, .. } => {
                format!("{}\nNothing that was recorded is lost; no step was started without a record.", path.display())
            }
            Self::Read { path, .. } => path.display().to_string(),
            Self::Broken { home } => format!("An earlier write to {} may or may not be on the disk.", home.display()),
            Self::PlanForeign { plan, state } => format!("plan  lineage {plan}\nstate  lineage {state}"),
            Self::PlanStale { plan, state } => {
                format!("It was made at serial {plan}; the state is at serial {state} now.")
            }
            Self::TooLarge { address } => format!("{} has more than 16 MiB of attributes.", address.as_ref()?),
            Self::PlanEdited | Self::Illegal(_) | Self::Crypto(_) => return None,
        })
    }

    fn hint(&self) -> Option<String> {
        const REPAIR: &str =
            "put the newest copy back; or `acquire state repair` goes on with what is good of this one";
        Some(match self {
            Self::Locked { stopped: true, holder: Some(holder), .. } => {
                format!("that process is stopped: `kill -CONT {0}` lets it go on, `kill -KILL {0}` ends it", holder.pid)
            }
            Self::Locked { .. } => "wait until it has ended; the lock frees itself with its holder".to_owned(),
            Self::Foreign { .. } => {
                "put the right directory back; or `acquire state repair` goes on with this one".to_owned()
            }
            Self::Older { found: (serial, _), .. } => {
                format!("put the newer copy back; or `acquire state repair` goes on from serial {serial}")
            }
            Self::Damaged { .. } | Self::Truncated { .. } | Self::Empty { .. } | Self::Missing { .. } => {
                REPAIR.to_owned()
            }
            Self::Forked { .. } => {
                "put the right copy back; or `acquire state repair` goes on with this one".to_owned()
            }
            Self::Gone { .. } => {
                "put it back; or `acquire state repair` begins a new one and forgets those resources".to_owned()
            }
            Self::Head { .. } => "`acquire state repair` writes it again from the journal".to_owned(),
            Self::WrongPassphrase { .. } => "set ACQUIRE_STATE_PASSPHRASE to the one it was made with".to_owned(),
            Self::NoPassphrase { .. } => "set ACQUIRE_STATE_PASSPHRASE".to_owned(),
            Self::WrongKey { .. } | Self::NoKey { .. } => {
                "copy `state.key` from the configuration directory of the machine or backup that has it".to_owned()
            }
            Self::Format { .. } => "use the version of Acquire that wrote it, or a newer one".to_owned(),
            Self::Write { full: true, .. } => "make room on that disk, then run the same command again".to_owned(),
            Self::Write { .. } | Self::Broken { .. } => {
                "put the disk right, then run the same command again".to_owned()
            }
            Self::Read { .. } => "check who owns it and that the disk is well".to_owned(),
            Self::PlanForeign { .. } => "run it where it was made, or plan again here".to_owned(),
            Self::PlanEdited => "plan again with `-out`".to_owned(),
            Self::PlanStale { .. } => "plan again: what it says may no longer be so".to_owned(),
            Self::TooLarge { .. } | Self::Illegal(_) | Self::Crypto(_) => return None,
        })
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        let mut diagnostic = Self::error(error.code(), error.to_string());
        diagnostic.detail = error.detail();
        diagnostic.hint = error.hint();
        diagnostic
    }
}
