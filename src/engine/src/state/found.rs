use acquire_model::Diagnostic;

use super::error::Error;
use super::event::State;
use super::format::Header;
use super::head::Head;
use super::home::Noted;
use super::key::{self, StateKey};
use super::location::{Location, Site};
use super::walk::{self, Observer, Passage, Walk};

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
pub async fn read(location: &Location) -> Result<Option<Opened>, Diagnostic> {
    let found = Found::load(&location.site()?).await?;
    Ok(found.map(|found| Opened { seen: found.seen(), state: found.walk.state, key: found.key }))
}

/// Reads a state as [`read`] does, and shows every record of its journal on the way, oldest first.
///
/// # Errors
/// As [`read`]; what was shown until then may not count.
pub async fn replay(
    location: &Location,
    observer: &mut (dyn FnMut(&Passage<'_>) + Send),
) -> Result<Option<Opened>, Diagnostic> {
    let found = Found::load_observed(&location.site()?, observer).await?;
    Ok(found.map(|found| Opened { seen: found.seen(), state: found.walk.state, key: found.key }))
}

/// Refuses a state at another serial than the expected one; 0 stands for a state that is not there yet.
///
/// # Errors
/// If it is at another.
pub fn expect_serial(expected: u64, state: Option<&State>) -> Result<(), Diagnostic> {
    let found = state.map_or(0, |state| state.serial);
    if found == expected { Ok(()) } else { Err(Error::Serial { expected, found }.into()) }
}

/// A journal that is there and is good.
pub(super) struct Found {
    pub(super) walk: Walk,
    pub(super) key: StateKey,
    pub(super) salt: Option<String>,
    /// The head that is kept on this machine.
    pub(super) head: Option<Head>,
}

impl Found {
    /// Loads the journal of a site and checks it against the heads that were noted; `None` if there is none.
    pub(super) async fn load(site: &Site) -> Result<Option<Self>, Error> {
        Self::load_observed(site, &mut |_| ()).await
    }

    async fn load_observed(site: &Site, observer: Observer<'_>) -> Result<Option<Self>, Error> {
        let home = site.home.as_ref();
        if let Some(moved) = home.moved().await? {
            return Err(Error::Moved { home: home.name().to_owned(), to: moved.to });
        }
        Self::load_whatever_observed(site, observer).await
    }

    /// The same, even if it was taken elsewhere.
    pub(super) async fn load_whatever(site: &Site) -> Result<Option<Self>, Error> {
        Self::load_whatever_observed(site, &mut |_| ()).await
    }

    async fn load_whatever_observed(site: &Site, observer: Observer<'_>) -> Result<Option<Self>, Error> {
        let home = site.home.as_ref();
        let noted = home.head().await?;
        let foreign = noted.as_ref().and_then(|noted| noted.head.clone()).filter(|head| head.resources > 0);
        let Some(Header { lineage, key: name, salt, .. }) = walk::first_header(home).await? else {
            let seen = Head::elsewhere(site, None)?.or(foreign);
            return seen.map_or(Ok(None), |head| {
                Err(Error::Gone { home: home.name().to_owned(), lineage: head.lineage, serial: head.serial })
            });
        };
        let foreign = foreign.filter(|head| head.lineage != lineage);
        if let Some(other) = Head::elsewhere(site, Some(&lineage))?.or(foreign) {
            let (expected, serial) = (other.lineage, other.serial);
            return Err(Error::Foreign { home: home.name().to_owned(), found: lineage, expected, serial });
        }
        let key = key::find(site, &lineage, &name, salt.as_deref())?;
        // Heads are read before the journal: what a writer adds meanwhile is ahead of them, which is good.
        let head = Head::read(site, &lineage, &key)?;
        let mut heads: Vec<Head> = head.iter().cloned().collect();
        // One of another lineage has nothing in it: it is what was there before this one began.
        let is_of_this = |noted: &Noted| noted.head.as_ref().is_none_or(|head| head.lineage == lineage);
        if let Some(Noted { place, head }) = noted.filter(is_of_this) {
            heads.push(Head::checked(head, &place, &key)?);
        }
        let walk = Walk::observed(home, &lineage, &key, &heads, observer).await?.check(home, &heads)?;
        Ok(Some(Self { walk, key, salt, head }))
    }

    /// Whether this machine has seen it before.
    pub(super) fn seen(&self) -> Seen {
        let serial = self.walk.state.serial;
        // A journal without a record is what a crash leaves between making it and noting it.
        if self.head.is_some() || serial == 0 { Seen::Before } else { Seen::FirstTime { serial } }
    }
}
