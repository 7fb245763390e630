use std::sync::Arc;

use acquire_model::{Clock, Diagnostic, Entropy};

use super::error::Error;
use super::format::{Frame, Header, SKIPPED};
use super::found::Found;
use super::head::Head;
use super::home::{Claim, Failure, Hold, Layout, Moved};
use super::location::{Location, Site};
use super::session::Session;
use super::walk::{self, Walk};

/// About how much of a journal is written at once.
const CHUNK_BYTES: usize = 4 << 20;

/// A state that was taken to another home.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Migrated {
    /// Its serial.
    pub serial: u64,
    /// How many resources it has.
    pub resources: usize,
}

/// Takes a state to another home: copies it, reads it back, and leaves word in the old home, which is refused from then
/// on. What is in the old home stays there. Broken off, it can be run again. `None` if there is nothing to take.
///
/// # Errors
/// If either is refused or in use; if there is another state already; if something cannot be written or reads back
/// differently. Then the old home is still the one.
pub async fn migrate(
    from: &Location,
    to: &Location,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Option<Migrated>, Diagnostic> {
    let source = from.site()?;
    if Found::load(&source).await?.is_none() {
        return Ok(None);
    }
    let target = to.site_to_write()?;
    if target.home.name() == source.home.name() {
        return Err(Error::Occupied { home: target.home.name().to_owned() }.into());
    }
    let session = Session::open_at(source, Arc::clone(clock), Arc::clone(entropy)).await?;
    let claim = Claim::new(&target, clock, entropy);
    if let Err(error) = copied(&session, &target, &claim).await {
        // That the lock cannot be given back does not make the error another.
        let _ = session.close().await;
        return Err(error.into());
    }
    let (state, key, link) = (session.state().clone(), session.key().clone(), session.link());
    let resources = state.resource_count();
    let moved = Moved::new(state.lineage.clone(), target.home.name().to_owned(), clock.now());
    // Word first: a head of the new home beside an old one that still works would let both go on.
    session.leave(&moved).await?;
    Head::new(&key, &state.lineage, link, target.home.name(), resources).write(&target)?;
    Ok(Some(Migrated { serial: state.serial, resources }))
}

/// Copies the journal of a session and reads it back.
async fn copied(session: &Session, target: &Site, claim: &Claim) -> Result<(), Error> {
    let mut hold = target.home.take(claim).await?;
    let copied = match copy(session, target, hold.as_mut(), claim).await {
        Ok(()) => read_back(session, target, hold.as_mut()).await,
        Err(error) => Err(error),
    };
    hold.release(false).await;
    copied
}

async fn copy(session: &Session, target: &Site, hold: &mut dyn Hold, claim: &Claim) -> Result<(), Error> {
    let there = part_of(session, target).await?;
    target.home.probe(claim.entropy.as_ref()).await?;
    // Until it is read back, nobody may take what is there for the state.
    let here = session.site().home.name().to_owned();
    hold.mark(Some(&Moved::new(session.state().lineage.clone(), here, claim.clock.now()))).await?;
    let mut copying = Copying::new(target, hold, there).await?;
    let source = session.site().home.as_ref();
    for number in source.list().await? {
        let bytes = source.read(number).await?;
        if bytes != SKIPPED {
            copying.piece(&bytes).await?;
        }
    }
    Ok(())
}

/// Finds what is there already of the journal of a session, of a copy that was broken off or of a state that comes back.
async fn part_of(session: &Session, target: &Site) -> Result<Option<Walk>, Error> {
    let (lineage, key) = (&session.state().lineage, session.key());
    let occupied = || Error::Occupied { home: target.home.name().to_owned() };
    match walk::first_header(target.home.as_ref()).await? {
        None => return Ok(None),
        Some(header) if header.lineage == *lineage => {}
        Some(_) => return Err(occupied()),
    }
    let there = Walk::new(target.home.as_ref(), lineage, key, &[]).await?;
    let newest = [Head::new(key, lineage, there.link, "", 0)];
    let source = session.site().home.as_ref();
    let is_contained = Walk::new(source, lineage, key, &newest).await?.check(source, &newest).is_ok();
    if there.stop.is_none() && is_contained { Ok(Some(there)) } else { Err(occupied()) }
}

/// A journal on its way into another home.
struct Copying<'a> {
    target: &'a Site,
    hold: &'a mut dyn Hold,
    /// The number of the newest piece, where numbers have no gaps.
    newest: u64,
    /// The epoch and the serial up to which it is there already.
    there: Option<(u64, u64)>,
    /// The epoch and the serial of what was looked at last.
    at: (u64, u64),
}

impl<'a> Copying<'a> {
    async fn new(target: &'a Site, hold: &'a mut dyn Hold, there: Option<Walk>) -> Result<Self, Error> {
        let newest = target.home.list().await?.last().copied().unwrap_or_default();
        // Files of a directory are written again from their beginning: they come out the same.
        let there = there.filter(|_| target.home.layout() == Layout::Batches);
        hold.go_on(newest);
        Ok(Self { target, hold, newest, there: there.map(|walk| (walk.link.epoch, walk.link.serial)), at: (0, 0) })
    }

    async fn piece(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = bytes;
        if let Ok((header, _, records)) = Header::parse(bytes) {
            self.at = (header.epoch, header.serial);
            if !self.is_there() {
                let line = bytes.get(..bytes.len() - records.len()).unwrap_or_default();
                self.newest += 1;
                let number = if self.target.home.layout() == Layout::Epochs { header.epoch } else { self.newest };
                self.hold.begin(number, line).await.map_err(|failure| self.failed(failure))?;
            }
            rest = records;
        }
        let mut chunk = 0;
        while let Frame::Whole(sealed, _) = Frame::next(rest.get(chunk..).unwrap_or_default()) {
            let length = Frame::bytes(sealed);
            self.at.1 += 1;
            if self.is_there() {
                rest = rest.get(length..).unwrap_or_default();
                continue;
            }
            chunk += length;
            if chunk >= CHUNK_BYTES {
                rest = self.write(rest, chunk).await?;
                chunk = 0;
            }
        }
        if chunk > 0 {
            self.write(rest, chunk).await?;
        }
        Ok(())
    }

    /// Whether what was looked at last is there already.
    fn is_there(&self) -> bool {
        self.there.is_some_and(|there| self.at <= there)
    }

    /// Writes so many bytes, and returns the others.
    async fn write<'b>(&mut self, bytes: &'b [u8], length: usize) -> Result<&'b [u8], Error> {
        let (chunk, rest) = bytes.split_at(length);
        self.newest += 1;
        self.hold.append(chunk).await.map_err(|failure| self.failed(failure))?;
        Ok(rest)
    }

    fn failed(&self, failure: Failure) -> Error {
        match failure {
            Failure::Clean(error) | Failure::Unknown(error) => error,
            Failure::Taken => Error::Occupied { home: self.target.home.name().to_owned() },
        }
    }
}

/// Reads the copy as if it were opened, and makes it one that may be opened.
async fn read_back(session: &Session, target: &Site, hold: &mut dyn Hold) -> Result<(), Error> {
    let found = Found::load_whatever(target).await?;
    let is_same = found.as_ref().is_some_and(|found| {
        found.walk.link == session.link() && found.walk.state == *session.state() && found.walk.stop.is_none()
    });
    if !is_same {
        let what = "what was written there reads back differently".to_owned();
        return Err(Error::Damaged { piece: target.home.name().to_owned(), what });
    }
    if target.home.moved().await?.is_some() {
        hold.mark(None).await?;
    }
    let (state, key) = (session.state(), session.key());
    let resources = state.resource_count();
    hold.note(&Head::new(key, &state.lineage, session.link(), target.home.name(), resources)).await
}
