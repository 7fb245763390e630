use std::io;
use std::path::Path;
use std::time::Duration;

use acquire_model::{Address, Code, Diagnostic, Lineage};

use super::codes;
use super::event::Illegal;
use super::holder::{Holder, Holding};

/// What the vendors answer when a bucket is not there.
const NO_BUCKET: [&str; 3] = ["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"];
/// How much of an answer is shown.
const CAUSE_CHARS_MAX: usize = 400;

/// Why a state cannot be read or written. The codes are stable; each has a page in `docs/errors/`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// What is named cannot be a home.
    #[error("{problem}")]
    Place { problem: String },
    /// Somebody else holds the lock.
    #[error("this state is in use")]
    Locked { home: String, holding: Holding },
    /// Somebody took the lock over, so this run may not write any more.
    #[error("this run has lost the lock of the state")]
    Fenced { home: String, by: Option<Holder> },
    /// No beat of this run arrived in time, so somebody may have taken the lock over.
    #[error("this run has lost the lock of the state: no beat of it arrived in time")]
    Lapsed { home: String, trust: Duration },
    /// The state was taken to another home.
    #[error("this state is elsewhere now")]
    Moved { home: String, to: String },
    /// The bucket does not keep a promise that the journal rests on.
    #[error("this bucket cannot hold a state: {fault}")]
    Unsound { home: String, fault: String },
    /// There is another state where one is to be taken.
    #[error("there is a state already")]
    Occupied { home: String },
    /// The state is not the one that was expected.
    #[error("this state is at serial {found}, not {expected}")]
    Serial { expected: u64, found: u64 },
    /// The journal has another lineage than the one last seen in this home.
    #[error("this is the state of another deployment")]
    Foreign { home: String, found: Lineage, expected: Lineage, serial: u64 },
    /// The journal ends, cleanly, before the head.
    #[error("this state is older than one already seen here")]
    Older { home: String, found: (u64, String), seen: (u64, String) },
    /// Some byte of it was changed.
    #[error("this state is damaged")]
    Damaged { piece: String, what: String },
    /// It ends in the middle of a record, before the head.
    #[error("this state is cut short")]
    Truncated { piece: String, serial: u64 },
    /// A piece of it has no bytes at all.
    #[error("a file of this state is empty")]
    Empty { piece: String },
    /// The journal is gone, though it held resources when it was last seen.
    #[error("the state that was here is gone")]
    Gone { home: String, lineage: Lineage, serial: u64 },
    /// It holds the serial of the head, with another history.
    #[error("this state and the one already seen here have gone different ways")]
    Forked { home: String, serial: u64 },
    /// A piece between two others is missing.
    #[error("a file of this state is missing")]
    Missing { piece: String },
    /// The passphrase is not the one it was sealed with.
    #[error("the passphrase does not open this state")]
    WrongPassphrase { home: String },
    /// The key is not the one it was sealed with.
    #[error("the state key on this machine does not open this state")]
    WrongKey { key: String, home: String },
    /// There is no key file.
    #[error("the key of this state is not on this machine")]
    NoKey { key: String },
    /// It was sealed with a passphrase and none was given.
    #[error("this state is sealed with a passphrase")]
    NoPassphrase { home: String },
    /// It was sealed with a passphrase, so there is no key to take along.
    #[error("this state has no key file: it is sealed with a passphrase")]
    Keyless { home: String },
    /// A newer (or no) Acquire wrote it.
    #[error("this state has a format that is not known here")]
    Format { what: String, version: u32 },
    /// The second place of the head was changed.
    #[error("the note of the last state seen here is damaged")]
    Head { place: String, what: &'static str },
    /// The disk does not let us write.
    #[error("the state cannot be written: {cause}")]
    Write { place: String, cause: String, full: bool },
    /// A record that no reader would accept.
    #[error("a record is larger than the state takes")]
    TooLarge { address: Option<Address> },
    /// The disk does not let us read.
    #[error("the state cannot be read: {cause}")]
    Read { place: String, cause: String },
    /// The bucket does not answer, or does not let us.
    #[error("the bucket of the state cannot be {}", if *.writing { "written" } else { "read" })]
    Bucket { place: String, cause: String, writing: bool },
    /// An earlier write of this session may or may not be on the disk.
    #[error("the state cannot be written any more in this run")]
    Broken { home: String },
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
    /// The key file of whoever works here is something else.
    #[error("the operator's key on this machine cannot be read")]
    OperatorKey { key: String },
    /// The cryptography failed, not the data.
    #[error("the state key cannot be used: {0}")]
    Crypto(#[from] acquire_crypto::Error),
}

impl Error {
    /// A failed write.
    pub(super) fn write(path: &Path, cause: &io::Error) -> Self {
        let full = matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        Self::Write { place: path.display().to_string(), cause: cause.to_string(), full }
    }

    /// A failed read.
    pub(super) fn read(path: &Path, cause: &io::Error) -> Self {
        Self::Read { place: path.display().to_string(), cause: cause.to_string() }
    }

    /// A bucket that does not answer, or refuses.
    pub(super) fn bucket(place: String, cause: &acquire_store::Error, writing: bool) -> Self {
        let words = cause.to_string();
        let words: Vec<&str> = words.split_whitespace().collect();
        Self::Bucket { place, cause: words.join(" ").chars().take(CAUSE_CHARS_MAX).collect(), writing }
    }

    fn code(&self) -> Code {
        match self {
            Self::Place { .. } => codes::PLACE,
            Self::Locked { .. } => codes::LOCKED,
            Self::Fenced { .. } => codes::FENCED,
            Self::Lapsed { .. } => codes::LAPSED,
            Self::Moved { .. } => codes::MOVED,
            Self::Unsound { .. } => codes::UNSOUND,
            Self::Occupied { .. } => codes::OCCUPIED,
            Self::Serial { .. } => codes::SERIAL,
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
            Self::Keyless { .. } => codes::KEYLESS,
            Self::Format { .. } => codes::FORMAT,
            Self::Head { .. } => codes::HEAD,
            Self::Write { .. } | Self::Bucket { writing: true, .. } => codes::WRITE,
            Self::Read { .. } | Self::Bucket { writing: false, .. } => codes::READ,
            Self::Broken { .. } => codes::BROKEN,
            Self::PlanForeign { .. } => codes::PLAN_FOREIGN,
            Self::PlanEdited => codes::PLAN_EDITED,
            Self::PlanStale { .. } => codes::PLAN_STALE,
            Self::TooLarge { .. } => codes::TOO_LARGE,
            Self::Illegal(_) => codes::ILLEGAL,
            Self::OperatorKey { .. } => codes::OPERATOR_KEY,
            Self::Crypto(_) => codes::CRYPTO,
        }
    }

    fn detail(&self) -> Option<String> {
        Some(match self {
            Self::Locked { home, holding } => format!("{home} is locked by {holding}."),
            Self::Fenced { home, by: Some(by) } => format!("The lock of {home} was taken over by {by}."),
            Self::Fenced { home, by: None } => format!("The lock of {home} was taken over."),
            Self::Lapsed { home, trust } => format!(
                "For {} s no beat arrived at {home}: this process was stopped, or the bucket did not answer. Somebody \
                 else may hold the lock by now.",
                trust.as_secs()
            ),
            Self::Moved { home, to } => format!("It was taken from {home} to {to}."),
            Self::Foreign { home, found, expected, serial } => {
                format!("in {home}  lineage {found}\nlast seen there  lineage {expected}, serial {serial}")
            }
            Self::Older { home, found, seen } => format!(
                "state  serial {}, head {}…          last seen  serial {}, head {}…\n\
                 Someone restored {home} from a copy, or ran on another machine without sharing state.",
                found.0, found.1, seen.0, seen.1,
            ),
            Self::Damaged { piece, what } => format!("{piece}: {what}"),
            Self::Truncated { piece, serial } => {
                format!("{piece} ends in the middle of the record after serial {serial}.")
            }
            Self::Empty { piece } => format!("{piece} has no bytes."),
            Self::Gone { home, lineage, serial } => {
                format!("{home} had lineage {lineage} at serial {serial}, with resources in it. They may still exist.")
            }
            Self::Forked { home, serial } => format!(
                "{home} has another record at serial {serial} than the one seen here: two machines, or two copies, went \
                 on from one state."
            ),
            Self::Missing { piece } => format!("{piece} is not there, but later ones are."),
            Self::Unsound { home, .. } | Self::Occupied { home } | Self::Keyless { home } => home.clone(),
            Self::WrongPassphrase { home } | Self::NoPassphrase { home } => home.clone(),
            Self::WrongKey { key, home } => format!("{key} does not belong to {home}."),
            Self::NoKey { key } => format!("{key} is not there."),
            Self::OperatorKey { key } => format!("{key} is not an Ed25519 key in PEM."),
            Self::Format { what, version } => format!("{what} has format version {version}."),
            Self::Head { place, what } => format!("{place}: {what}"),
            Self::Write { place, .. } => {
                format!("{place}\nNothing that was recorded is lost; no step was started without a record.")
            }
            Self::Read { place, .. } => place.clone(),
            Self::Bucket { place, cause, .. } => format!("{place}: {cause}"),
            Self::Broken { home } => format!("An earlier write to {home} may or may not have arrived there."),
            Self::PlanForeign { plan, state } => format!("plan  lineage {plan}\nstate  lineage {state}"),
            Self::PlanStale { plan, state } => {
                format!("It was made at serial {plan}; the state is at serial {state} now.")
            }
            Self::TooLarge { address } => format!("{} has more than 16 MiB of attributes.", address.as_ref()?),
            Self::Place { .. } | Self::Serial { .. } | Self::PlanEdited | Self::Illegal(_) | Self::Crypto(_) => {
                return None;
            }
        })
    }

    fn hint(&self) -> Option<String> {
        const REPAIR: &str =
            "put the newest copy back; or `acquire state repair` goes on with what is good of this one";
        const AGAIN: &str = "run the same command again: it finds out what was done, and goes on";
        Some(match self {
            Self::Place { .. } => {
                "name a directory, or a bucket as s3://, az:// or gs:// with the variables of its vendor".to_owned()
            }
            Self::Locked { holding: Holding { is_stopped: true, holder: Some(Holder { pid, .. }), .. }, .. } => {
                format!("that process is stopped: `kill -CONT {pid}` lets it go on, `kill -KILL {pid}` ends it")
            }
            Self::Locked { holding: Holding { beats: Some(_), .. }, .. } => {
                "wait until it has ended; if it dies, the next command takes the lock over when that time is up"
                    .to_owned()
            }
            Self::Locked { .. } => "wait until it has ended; the lock frees itself with its holder".to_owned(),
            Self::Fenced { .. } | Self::Lapsed { .. } => AGAIN.to_owned(),
            Self::Moved { to, .. } => format!("write `state: {{ home: \"{to}\" }}` into the spec"),
            Self::Unsound { .. } => {
                "use a bucket whose store honours If-None-Match on every write, or a directory".to_owned()
            }
            Self::Occupied { .. } => "name a place where there is none, or remove what is there first".to_owned(),
            Self::Serial { .. } => "look who changed it, with `acquire status`, then expect what it is now".to_owned(),
            Self::Foreign { .. } => {
                "put the right state back; or `acquire state repair` goes on with this one".to_owned()
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
            Self::Keyless { .. } => "take the passphrase along instead, as ACQUIRE_STATE_PASSPHRASE".to_owned(),
            Self::WrongKey { .. } | Self::NoKey { .. } => {
                "`acquire state key export FILE` where it was made, `acquire state key import FILE` here".to_owned()
            }
            Self::OperatorKey { .. } => {
                "put it back from a backup; or move it away: a new one is made, and signs as somebody else".to_owned()
            }
            Self::Format { .. } => "use the version of Acquire that wrote it, or a newer one".to_owned(),
            Self::Write { full: true, .. } => "make room on that disk, then run the same command again".to_owned(),
            Self::Write { .. } => "put the disk right, then run the same command again".to_owned(),
            Self::Broken { .. } => AGAIN.to_owned(),
            Self::Read { .. } => "check who owns it and that the disk is well".to_owned(),
            Self::Bucket { cause, .. } if NO_BUCKET.iter().any(|words| cause.contains(words)) => {
                "make the bucket first, or correct its name".to_owned()
            }
            Self::Bucket { .. } => {
                "check its name, the credentials in the environment and the network, then run the same command again"
                    .to_owned()
            }
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
