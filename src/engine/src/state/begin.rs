use acquire_model::{Entropy, Lineage};

use super::error::Error;
use super::format::{Header, Link};
use super::found::Found;
use super::home::{Failure, Hold, Layout};
use super::key::{self, StateKey};
use super::location::Site;
use super::walk::Walk;

/// How often an earlier holder may get a record in before an epoch that begins; it can only have been on its way.
const BEGINS_MAX: usize = 16;

/// A journal after its lock was taken: nobody else can write what is not in it.
pub(super) struct Taken {
    /// It.
    pub(super) found: Found,
    /// Whether an epoch of this holder has begun.
    pub(super) has_begun: bool,
}

/// Why a lock that was taken is of no use.
pub(super) enum Refused {
    /// The newest epoch is at or above the lock's.
    Below(u64),
    /// Whatever else.
    For(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::For(error)
    }
}

impl Refused {
    /// What to say of it.
    pub(super) async fn into_error(self, site: &Site, hold: &dyn Hold) -> Error {
        match self {
            Self::Below(_) => fenced(site, hold).await,
            Self::For(error) => error,
        }
    }
}

impl Taken {
    /// Reads the journal, or makes it, and begins an epoch where that is what keeps earlier holders out.
    pub(super) async fn over(site: &Site, hold: &mut dyn Hold, entropy: &dyn Entropy) -> Result<Self, Refused> {
        for _ in 0..BEGINS_MAX {
            let loaded = Found::load(site).await?;
            let is_new = loaded.is_none();
            let mut found = match loaded {
                Some(found) => found,
                None => new_state(site, entropy).await?,
            };
            if let Some(stop) = found.walk.stop.take() {
                hold.cut(stop.number, stop.good as u64).await?;
            }
            if !is_new && hold.epoch().is_none() {
                return Ok(Self { found, has_begun: false });
            }
            let Walk { state, link, newest, .. } = &mut found.walk;
            if hold.epoch().is_some_and(|epoch| epoch <= link.epoch) {
                let is_fenced = hold.successor().await?.is_some();
                return Err(if is_fenced { fenced(site, hold).await.into() } else { Refused::Below(link.epoch) });
            }
            let (key, salt) = (&found.key, found.salt.as_ref());
            let before = Before { link: *link, newest: *newest, lineage: &state.lineage, key, salt };
            match begin(site, hold, &before).await {
                Ok(begun) => {
                    (*link, *newest) = begun;
                    return Ok(Self { found, has_begun: true });
                }
                // A record of an earlier holder was on its way: it counts, and is read with the rest.
                Err(Failure::Taken) => {}
                Err(failure) => return Err(into_error(failure, site, hold).await.into()),
            }
        }
        Err(fenced(site, hold).await.into())
    }
}

/// Draws the lineage of a new state and makes its key.
async fn new_state(site: &Site, entropy: &dyn Entropy) -> Result<Found, Error> {
    site.home.probe(entropy).await?;
    let lineage = Lineage::draw(entropy);
    let (key, salt) = key::make(site, &lineage, entropy)?;
    // What stands there without being a journal, such as what a repair set aside, keeps its numbers.
    let newest = site.home.list().await?.last().copied().unwrap_or_default();
    let mut walk = Walk::empty(lineage);
    walk.newest = newest;
    Ok(Found { walk, key, salt, head: None })
}

/// What an epoch that begins goes on from.
pub(super) struct Before<'a> {
    /// The newest link.
    pub(super) link: Link,
    /// The number of the newest piece.
    pub(super) newest: u64,
    /// The state.
    pub(super) lineage: &'a Lineage,
    /// Its key.
    pub(super) key: &'a StateKey,
    /// The salt of its passphrase.
    pub(super) salt: Option<&'a String>,
}

/// Begins an epoch, and returns the link after its header and the number of its piece.
pub(super) async fn begin(site: &Site, hold: &mut dyn Hold, before: &Before<'_>) -> Result<(Link, u64), Failure> {
    let Before { link, newest, lineage, key, salt } = *before;
    let epoch = hold.epoch().unwrap_or_else(|| link.epoch.saturating_add(1));
    let number = match site.home.layout() {
        Layout::Epochs => epoch,
        Layout::Batches => newest.saturating_add(1),
    };
    let failed = |what: &dyn std::fmt::Display| {
        let (place, cause) = (site.home.piece(number), what.to_string());
        Failure::Clean(Error::Write { place, cause, full: false })
    };
    let header = Header::after(link, epoch, lineage.clone(), key.name(lineage), salt.cloned());
    let line = header.line().map_err(|e| failed(&e))?;
    let (_, link, _) = Header::parse(&line).map_err(|_| failed(&"its header cannot be read"))?;
    hold.begin(number, &line).await?;
    Ok((link, number))
}

/// Says why something was not written, and who was in the way.
pub(super) async fn into_error(failure: Failure, site: &Site, hold: &dyn Hold) -> Error {
    match failure {
        Failure::Clean(error) | Failure::Unknown(error) => error,
        Failure::Taken => fenced(site, hold).await,
    }
}

/// The lock was lost, and to whom.
async fn fenced(site: &Site, hold: &dyn Hold) -> Error {
    Error::Fenced { home: site.home.name().to_owned(), by: hold.successor().await.ok().flatten() }
}
