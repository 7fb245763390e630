use std::sync::Arc;
use std::time::Duration;

use acquire_model::{Clock, Diagnostic, Entropy, Lineage};

use super::disk::{Disk, Failure, LocalDisk, Writer};
use super::error::Error;
use super::event::{Event, State, Undo};
use super::files;
use super::format::{Chain, Header, Link, Record};
use super::head::Head;
use super::journal::{File, Walk};
use super::key::{self, StateKey};
use super::location::Location;
use super::lock::Lock;

/// The longest that a durable record is not covered by a written head, while anybody asks.
const HEAD_AGE_MAX: Duration = Duration::from_secs(1);

/// Whether this machine has seen the state before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The journal contains the head that was seen last, or was made just now.
    Before,
    /// First time seen here: an old copy cannot be told from the newest.
    FirstTime {
        /// The serial that it has.
        serial: u64,
    },
}

/// A state that was read.
#[derive(Clone, Debug)]
#[must_use]
pub struct Opened {
    /// What the journal says.
    pub state: State,
    /// Whether this machine has seen it before.
    pub seen: Seen,
    /// The key of it.
    pub key: StateKey,
}

/// Reads a state without taking the lock; `None` if there is none yet. Changes nothing.
///
/// # Errors
/// If the journal is not the one that was last seen here, or cannot be opened.
pub fn read(location: &Location) -> Result<Option<Opened>, Diagnostic> {
    let location = location.canonical()?;
    let found = Found::load(&location)?;
    Ok(found.map(|found| Opened { seen: found.seen(), state: found.walk.state, key: found.key }))
}

/// A journal that is there and is good.
pub(super) struct Found {
    pub(super) walk: Walk,
    key: StateKey,
    salt: Option<String>,
    head: Option<Head>,
}

impl Found {
    pub(super) fn load(location: &Location) -> Result<Option<Self>, Error> {
        let files = File::list(&location.home)?;
        let Some(first) = files.first() else { return none(location) };
        let Header { lineage, key: name, salt, .. } = first.header()?;
        if let Some(other) = Head::elsewhere(location, Some(&lineage))? {
            let (expected, serial) = (other.lineage, other.serial);
            return Err(Error::Foreign { home: location.home.clone(), found: lineage, expected, serial });
        }
        let key = key::find(location, &lineage, &name, salt.as_deref())?;
        // The head is read before the journal: what a writer adds meanwhile is ahead of it, which is good.
        let head = Head::read(location, &lineage, &key)?;
        // The list is read again, since a writer may have begun an epoch between the first list and the head.
        let files = File::list(&location.home)?;
        let walk =
            Walk::new(&files, &lineage, &key, head.as_ref())?.check(&location.home, files.last(), head.as_ref())?;
        Ok(Some(Self { walk, key, salt, head }))
    }

    fn seen(&self) -> Seen {
        let serial = self.walk.state.serial;
        // A journal without a record is what a crash leaves between making it and noting it.
        if self.head.is_some() || serial == 0 { Seen::Before } else { Seen::FirstTime { serial } }
    }
}

/// There is no journal: good, unless one with resources in it was seen here.
fn none<T>(location: &Location) -> Result<Option<T>, Error> {
    Head::elsewhere(location, None)?.map_or(Ok(None), |head| {
        Err(Error::Gone { home: location.home.clone(), lineage: head.lineage, serial: head.serial })
    })
}

/// The right to write a state: the lock is held until it is closed or dropped.
pub struct Session {
    location: Location,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    disk: Box<dyn Disk>,
    seen: Seen,
    key: StateKey,
    salt: Option<String>,
    state: State,
    link: Link,
    writer: Option<Writer>,
    head: Option<Link>,
    head_written: Duration,
    // Last, so that the lock outlives everything that writes.
    _lock: Lock,
}

impl Session {
    /// Takes the lock, verifies the journal against its head, drops a torn tail; makes key, lineage and journal if
    /// there is none yet. An epoch begins with the first append, so a session that writes nothing leaves nothing.
    ///
    /// # Errors
    /// If somebody else holds the lock, or the journal is refused, or the disk does not let us write.
    pub fn open(location: &Location, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, Diagnostic> {
        Ok(Self::open_on(Box::new(LocalDisk), location, clock, entropy)?)
    }

    pub(super) fn open_on(
        disk: Box<dyn Disk>,
        location: &Location,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Error> {
        files::create_directory(&location.home)?;
        let location = location.canonical()?;
        let lock = Lock::take(&location.home, clock.now())?;
        let found = Found::load(&location)?;
        let is_new = found.is_none();
        let seen = found.as_ref().map_or(Seen::Before, Found::seen);
        // A head from before the directory was moved is written again, with its new place.
        let head = found.as_ref().and_then(|found| found.head.as_ref()).filter(|head| head.home == location.home);
        let head = head.map(Head::link);
        let (walk, key, salt) = match found {
            Some(found) => (found.walk, found.key, found.salt),
            None => new_state(&location, entropy.as_ref())?,
        };
        if let Some(stop) = &walk.stop {
            stop.cut()?;
        }
        let head_written = clock.monotonic();
        let (state, link) = (walk.state, walk.link);
        let mut session = Self {
            location,
            clock,
            entropy,
            disk,
            seen,
            key,
            salt,
            state,
            link,
            writer: None,
            head,
            head_written,
            _lock: lock,
        };
        if is_new {
            session.begin()?;
        }
        session.note_head()?;
        Ok(session)
    }

    /// What the journal says so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether this machine has seen the state before.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// The key of the state.
    pub fn key(&self) -> &StateKey {
        &self.key
    }

    /// Writes a group of events with one write and one sync. On return they are durable and folded into `state()`.
    ///
    /// # Errors
    /// If an event is not legal here, or the disk does not let us write: then nothing of the group holds, what was
    /// before is untouched, and the group may be tried again. If only the head cannot be written, the group holds.
    pub fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        self.append_group(events)?;
        if self.head_due() == Some(Duration::ZERO) {
            self.note_head()?;
        }
        Ok(())
    }

    /// How long until the head should be written, if the journal is ahead of it. An apply that waits for providers
    /// waits no longer than this, then calls [`Session::write_head`].
    pub fn head_due(&self) -> Option<Duration> {
        let age = self.clock.monotonic().saturating_sub(self.head_written);
        (self.head != Some(self.link)).then(|| HEAD_AGE_MAX.saturating_sub(age))
    }

    /// Writes the head if the journal is ahead of it.
    ///
    /// # Errors
    /// If the configuration directory cannot be written. The journal is not concerned.
    pub fn write_head(&mut self) -> Result<(), Diagnostic> {
        Ok(self.note_head()?)
    }

    /// Writes the head and gives the lock back.
    ///
    /// # Errors
    /// As [`Session::write_head`].
    pub fn close(mut self) -> Result<(), Diagnostic> {
        self.write_head()
    }

    fn append_group(&mut self, events: &[Event]) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        if self.writer.is_none() {
            self.begin()?;
        }
        let mut undo = Vec::with_capacity(events.len());
        let written = self.fold_and_write(events, &mut undo);
        if written.is_err() {
            undo.into_iter().rev().for_each(|undo| self.state.undo(undo));
        }
        written
    }

    fn fold_and_write(&mut self, events: &[Event], undo: &mut Vec<Undo>) -> Result<(), Error> {
        let at = self.clock.now();
        let mut chain = Chain::new(self.key.clone(), self.state.lineage.clone(), self.link);
        let mut group = Vec::new();
        for event in events {
            undo.push(self.state.fold(self.link.epoch, at, event)?);
            let record = serde_json::to_vec(&Record { at, event: event.clone() });
            let frame = record.ok().and_then(|record| chain.seal(self.entropy.as_ref(), &record));
            group.extend(frame.ok_or_else(|| Error::TooLarge { address: event.address().cloned() })?);
        }
        let home = self.location.home.as_path();
        let broken = || Error::Broken { home: home.to_owned() };
        let writer = self.writer.as_mut().filter(|writer| !writer.is_broken()).ok_or_else(broken)?;
        writer.append(&group).map_err(|failure| match failure {
            Failure::Clean(cause) | Failure::Unknown(cause) => Error::write(home, &cause),
        })?;
        self.link = chain.link();
        Ok(())
    }

    /// Begins a lock epoch: a new file, and the head on its header.
    fn begin(&mut self) -> Result<(), Error> {
        let lineage = self.state.lineage.clone();
        let header = Header::after(self.link, lineage.clone(), self.key.name(&lineage), self.salt.clone());
        let file = File::new(&self.location.home, header.epoch);
        let failed = |e: &std::io::Error| Error::write(&file.path, e);
        let line = header.line().map_err(|e| failed(&e.into()))?;
        let (_, link, _) = Header::parse(&line).map_err(|_| failed(&std::io::ErrorKind::InvalidData.into()))?;
        let sink = self.disk.begin(&file.path, &line).map_err(|e| failed(&e))?;
        self.writer = Some(Writer::new(sink, line.len()));
        self.link = link;
        self.note_head()
    }

    fn note_head(&mut self) -> Result<(), Error> {
        if self.head == Some(self.link) {
            return Ok(());
        }
        let resources = self.state.resource_count();
        files::create_directory(&key::directory(&self.location, &self.state.lineage))?;
        Head::new(&self.key, &self.state.lineage, self.link, &self.location.home, resources).write(&self.location)?;
        self.head = Some(self.link);
        self.head_written = self.clock.monotonic();
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A run that breaks off leaves the head as new as it can; an old one is still good, only less strict.
        let _ = self.note_head();
    }
}

/// Draws the lineage of a new state and makes its key.
fn new_state(location: &Location, entropy: &dyn Entropy) -> Result<(Walk, StateKey, Option<String>), Error> {
    let lineage = Lineage::draw(entropy);
    files::create_directory(&key::directory(location, &lineage))?;
    let (key, salt) = key::make(location, &lineage, entropy)?;
    Ok((Walk::empty(lineage), key, salt))
}
