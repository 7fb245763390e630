use std::sync::Arc;
use std::time::Duration;

use acquire_model::{Clock, Diagnostic, Entropy};

use super::begin::{Before, Refused, Taken, begin, into_error};
use super::error::Error;
use super::event::{Event, State, Undo};
use super::format::{Chain, Link, Record};
use super::found::{Found, Seen};
use super::head::Head;
use super::holder::{Holding, Lease};
use super::home::{Claim, Failure, Hold, Moved};
use super::key::StateKey;
use super::location::{Location, Site};
use super::operator::Operator;
use super::walk::Walk;

/// The longest that a durable record is not covered by a written head, while anybody asks.
const HEAD_AGE_MAX: Duration = Duration::from_secs(1);

/// The right to write a state: the lock is held until it is closed or dropped.
pub struct Session {
    site: Site,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    seen: Seen,
    key: StateKey,
    salt: Option<String>,
    state: State,
    link: Link,
    /// The number of the newest piece.
    newest: u64,
    has_begun: bool,
    /// Whether an earlier write left it unknown what is in the journal.
    is_broken: bool,
    /// When the lock was taken from a holder that may have died in the middle of a call.
    inherited: Option<Duration>,
    lease: Lease,
    head: Option<Link>,
    head_written: Duration,
    /// `None` once it is given back.
    hold: Option<Box<dyn Hold>>,
}

/// Says who holds the lock of a state, if anybody does; for people, since it may be given back at any moment.
///
/// # Errors
/// If the home cannot be read.
pub async fn holding(location: &Location, clock: &dyn Clock) -> Result<Option<Holding>, Diagnostic> {
    Ok(location.site()?.home.holding(clock.now()).await?)
}

/// Takes the lock of a bucket from a holder that sends no more beats, and gives it back: nothing that the holder sends
/// is written any more.
///
/// # Errors
/// If its holder lives, or the lock is the operating system's, which frees it with its holder.
pub async fn unlock(location: &Location, clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Result<(), Diagnostic> {
    let site = location.site()?;
    if Found::load(&site).await?.is_some() {
        return Session::open_at(site, Arc::clone(clock), Arc::clone(entropy)).await?.close().await;
    }
    // Whoever holds it had not begun a journal.
    let hold = site.home.take(&Claim::new(&site, clock, entropy)).await?;
    hold.release(false).await;
    Ok(())
}

impl Session {
    /// Takes the lock, verifies the journal against its head, drops a torn tail; makes key, lineage and journal if
    /// there is none yet.
    ///
    /// In a directory an epoch begins with the first append, so a session that writes nothing leaves nothing. In a
    /// bucket it begins here: the journal that is relied on is the one that ends where nobody else can write any more.
    ///
    /// # Errors
    /// If somebody else holds the lock, or the journal is refused, or the home cannot be written.
    pub async fn open(
        location: &Location,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Diagnostic> {
        Ok(Self::open_at(location.site_to_write()?, clock, entropy).await?)
    }

    pub(super) async fn open_at(site: Site, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let mut claim = Claim::new(&site, &clock, &entropy);
        loop {
            let mut hold = site.home.take(&claim).await?;
            match Taken::over(&site, hold.as_mut(), entropy.as_ref()).await {
                Ok(taken) => return Self::new(site, clock, entropy, taken, hold).await,
                // Locks were lost, or the journal came from elsewhere: its epochs are above all locks.
                Err(Refused::Below(epoch)) if claim.above < epoch => {
                    hold.release(false).await;
                    claim.above = epoch;
                }
                Err(refused) => {
                    let error = refused.into_error(&site, hold.as_ref()).await;
                    hold.release(false).await;
                    return Err(error);
                }
            }
        }
    }

    async fn new(
        site: Site,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        taken: Taken,
        hold: Box<dyn Hold>,
    ) -> Result<Self, Error> {
        let Taken { found, has_begun } = taken;
        let seen = found.seen();
        // A head from before the home was moved is written again, with its new place.
        let head = found.head.as_ref().filter(|head| head.home == site.home.name()).map(Head::link);
        let Found { walk: Walk { state, link, newest, .. }, key, salt, .. } = found;
        let now = clock.monotonic();
        let mut session = Self {
            inherited: hold.is_heir().then_some(now),
            lease: hold.lease(),
            head_written: now,
            hold: Some(hold),
            is_broken: false,
            site,
            clock,
            entropy,
            seen,
            key,
            salt,
            state,
            link,
            newest,
            has_begun,
            head,
        };
        if let Err(error) = session.note_head().await {
            if let Some(hold) = session.hold.take() {
                hold.release(false).await;
            }
            return Err(error);
        }
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

    /// Until when calls may be made in the name of this session.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// When, by the monotonic clock, the lock was taken from a holder that did not give it back. A call that was on
    /// its way then may have its effect later. `None` if nothing can be on its way.
    pub fn inherited(&self) -> Option<Duration> {
        self.inherited
    }

    /// Writes a group of events with one write and one sync. On return they are durable and folded into `state()`.
    ///
    /// # Errors
    /// If an event is not legal here, or the home does not let us write: then nothing of the group holds, what was
    /// before is untouched, and the group may be tried again. That the head cannot be written is said by
    /// [`Session::write_head`] and [`Session::close`], since the group holds.
    pub async fn append(&mut self, events: &[Event]) -> Result<(), Diagnostic> {
        self.append_group(events).await?;
        if self.head_due() == Some(Duration::ZERO) {
            let _ = self.note_head().await;
        }
        Ok(())
    }

    /// Signs the chain up to here in the name of an operator: after a run that this session wrote, whatever came of it.
    /// A run that was cut off is not signed.
    ///
    /// # Errors
    /// As [`Session::append`].
    pub async fn sign(&mut self, operator: &Operator) -> Result<(), Diagnostic> {
        let has_ended = self.state.run.as_ref().is_some_and(|run| run.ended.is_some());
        if !self.has_begun || !has_ended {
            return Ok(());
        }
        let signed = operator.sign(&self.state.lineage, self.link)?;
        self.append(&[signed]).await
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
    pub async fn write_head(&mut self) -> Result<(), Diagnostic> {
        Ok(self.note_head().await?)
    }

    /// Writes the head and gives the lock back.
    ///
    /// # Errors
    /// As [`Session::write_head`].
    pub async fn close(mut self) -> Result<(), Diagnostic> {
        let noted = self.note_head().await;
        if let Some(hold) = self.hold.take() {
            hold.release(!self.state.in_doubt.is_empty()).await;
        }
        Ok(noted?)
    }

    /// Where it is.
    pub(super) fn site(&self) -> &Site {
        &self.site
    }

    /// The newest link.
    pub(super) fn link(&self) -> Link {
        self.link
    }

    /// Says in the home that the state is elsewhere now, and gives the lock back without another word.
    pub(super) async fn leave(mut self, moved: &Moved) -> Result<(), Error> {
        // The head is that of the other home from now on.
        self.head = Some(self.link);
        let Some(mut hold) = self.hold.take() else { return Ok(()) };
        let marked = hold.mark(Some(moved)).await;
        hold.release(false).await;
        marked
    }

    async fn append_group(&mut self, events: &[Event]) -> Result<(), Error> {
        if events.is_empty() {
            return Ok(());
        }
        let home = || self.site.home.name().to_owned();
        if self.is_broken {
            return Err(Error::Broken { home: home() });
        }
        let Some(mut hold) = self.hold.take() else { return Err(Error::Broken { home: home() }) };
        let mut undo = Vec::with_capacity(events.len());
        let written = self.fold_and_write(hold.as_mut(), events, &mut undo).await;
        self.hold = Some(hold);
        if written.is_err() {
            undo.into_iter().rev().for_each(|undo| self.state.undo(undo));
        }
        written
    }

    async fn fold_and_write(
        &mut self,
        hold: &mut dyn Hold,
        events: &[Event],
        undo: &mut Vec<Undo>,
    ) -> Result<(), Error> {
        if !self.has_begun {
            self.begin(hold).await?;
        }
        let at = self.clock.now();
        let mut chain = Chain::new(self.key.clone(), self.state.lineage.clone(), self.link);
        let mut group = Vec::new();
        for event in events {
            undo.push(self.state.fold(self.link.epoch, at, event)?);
            let record = serde_json::to_vec(&Record { at, event: event.clone() });
            let frame = record.ok().and_then(|record| chain.seal(self.entropy.as_ref(), &record));
            group.extend(frame.ok_or_else(|| Error::TooLarge { address: event.address().cloned() })?);
        }
        let Err(failure) = hold.append(&group).await else {
            self.link = chain.link();
            return Ok(());
        };
        self.is_broken = !matches!(failure, Failure::Clean(_));
        Err(self.failed(failure, hold).await)
    }

    /// Begins an epoch of a directory, and puts the head on its header.
    async fn begin(&mut self, hold: &mut dyn Hold) -> Result<(), Error> {
        let Self { site, link, newest, key, salt, .. } = self;
        let before = Before { link: *link, newest: *newest, lineage: &self.state.lineage, key, salt: salt.as_ref() };
        let (link, newest) = match begin(site, hold, &before).await {
            Ok(begun) => begun,
            Err(failure) => return Err(self.failed(failure, hold).await),
        };
        (self.link, self.newest, self.has_begun) = (link, newest, true);
        self.note_here()
    }

    async fn failed(&self, failure: Failure, hold: &dyn Hold) -> Error {
        if matches!(failure, Failure::Taken) {
            self.lease.end();
        }
        into_error(failure, &self.site, hold).await
    }

    async fn note_head(&mut self) -> Result<(), Error> {
        if self.head == Some(self.link) {
            return Ok(());
        }
        let head = self.newest_head();
        self.note_here()?;
        if let Some(hold) = &mut self.hold {
            // An older head is still good, only less strict; and the next beat takes this one along.
            let _ = hold.note(&head).await;
        }
        Ok(())
    }

    /// Writes the head on this machine.
    fn note_here(&mut self) -> Result<(), Error> {
        self.newest_head().write(&self.site)?;
        self.head = Some(self.link);
        self.head_written = self.clock.monotonic();
        Ok(())
    }

    fn newest_head(&self) -> Head {
        let (lineage, resources) = (&self.state.lineage, self.state.resource_count());
        Head::new(&self.key, lineage, self.link, self.site.home.name(), resources)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A run that breaks off leaves the head as new as it can; an old one is still good, only less strict.
        if self.head != Some(self.link) {
            let _ = self.note_here();
        }
    }
}
