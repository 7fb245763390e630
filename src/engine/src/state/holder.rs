use std::fmt;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use acquire_model::{Clock, Timestamp};

/// Who holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    /// Whose process it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    /// The process.
    pub(super) pid: u32,
    /// Its machine.
    pub(super) host: String,
    /// Since when.
    pub(super) since: Timestamp,
}

impl Holder {
    /// This process.
    pub(super) fn here(user: Option<String>, now: Timestamp) -> Self {
        Self { user, pid: std::process::id(), host: host(), since: now }
    }

    /// Whether it is a process of this machine that is stopped (`SIGSTOP`, Ctrl-Z, a debugger).
    pub(super) fn is_stopped(&self) -> bool {
        // `pid (name) state …`; the name may itself contain brackets and blanks.
        self.host == host()
            && fs::read_to_string(format!("/proc/{}/stat", self.pid))
                .ok()
                .and_then(|stat| stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next()))
                .is_some_and(|state| matches!(state, 'T' | 't'))
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}, ")?;
        }
        write!(f, "process {} on {} since {} UTC", self.pid, self.host, self.since)
    }
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "this machine".to_owned(), |name| name.trim().to_owned())
}

/// A lock that somebody holds, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Who, if it is known.
    pub(super) holder: Option<Holder>,
    /// Whether its process is stopped, and on this machine.
    pub(super) is_stopped: bool,
    /// How old the lock is, by the clocks of both machines.
    pub(super) age: Duration,
    /// What is known of its beats; `None` if it needs none, because it is the operating system's.
    pub(super) beats: Option<Beats>,
}

/// What is known of the beats of a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Beats {
    /// How long ago the last one was, by the clocks of both machines.
    pub(super) last: Duration,
    /// How long it takes until the lock is free, if there is no other.
    pub(super) left: Duration,
}

impl Holding {
    /// A lock that was taken by somebody.
    pub(super) fn new(holder: Option<Holder>, now: Timestamp, beats: Option<Beats>) -> Self {
        let is_stopped = holder.as_ref().is_some_and(Holder::is_stopped);
        let age = holder.as_ref().map_or(Duration::ZERO, |holder| between(holder.since, now));
        Self { holder, is_stopped, age, beats }
    }
}

impl fmt::Display for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.holder {
            Some(holder) => write!(f, "{holder}, for {}", words(self.age))?,
            None => f.write_str("a process that left no name")?,
        }
        if let Some(Beats { last, left }) = self.beats {
            write!(f, "; wait {}: its last beat was {} ago", words(left), words(last))?;
        }
        Ok(())
    }
}

/// How long it is from one instant to another; zero if the clocks disagree.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::from_micros(u64::try_from(later.since(earlier)).unwrap_or_default())
}

/// A time for people: `12 s`, `3 min`, `2 h`, `5 d`.
fn words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// Until when the holder of a lock may act on it. In a directory that is as long as it lives; in a bucket no longer
/// than some time after its last beat arrived.
#[derive(Clone, Default)]
pub struct Lease(Option<Arc<Term>>);

struct Term {
    clock: Arc<dyn Clock>,
    /// Microseconds of the monotonic clock.
    until: AtomicU64,
}

impl Lease {
    /// A lease that ends at that instant of the monotonic clock, if it is not extended.
    pub(crate) fn until(clock: &Arc<dyn Clock>, until: Duration) -> Self {
        Self(Some(Arc::new(Term { clock: Arc::clone(clock), until: AtomicU64::new(micros(until)) })))
    }

    /// Whether a call may be made now, or a record written. Once it is not, it never is again.
    pub fn may_call(&self) -> bool {
        self.0.as_ref().is_none_or(|term| micros(term.clock.monotonic()) < term.until.load(Ordering::SeqCst))
    }

    /// Lets it last until then. An ended one stays ended: by now somebody else may have the lock.
    pub(super) fn extend(&self, until: Duration) -> bool {
        let may = self.may_call();
        if let Some(term) = self.0.as_ref().filter(|_| may) {
            // Two extensions may overtake each other; and what was ended for good, at zero, is not revived.
            let later = |before| (before > 0).then(|| micros(until).max(before));
            return term.until.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).is_ok();
        }
        may
    }

    /// Ends it.
    pub(super) fn end(&self) {
        if let Some(term) = &self.0 {
            term.until.store(0, Ordering::SeqCst);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.may_call()).finish()
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
