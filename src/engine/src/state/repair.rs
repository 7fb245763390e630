use std::sync::Arc;

use acquire_model::{Clock, Diagnostic, Entropy, Lineage};

use super::begin::{Before, begin, into_error};
use super::error::Error;
use super::found::Found;
use super::head::{self, Head};
use super::home::{Claim, Hold, Home, Layout};
use super::key::{self, StateKey};
use super::location::{Location, Site};
use super::walk::{self, Walk};

/// What a repair accepts, or accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Repair {
    /// The state is good as it is.
    Nothing {
        /// Its serial.
        serial: u64,
    },
    /// It goes on from the newest good record.
    GoOn {
        /// The serial of that record.
        serial: u64,
        /// The serial that was last seen here, if known.
        seen: Option<u64>,
        /// How many resources it has.
        resources: usize,
    },
    /// Nothing of it is good: the next apply begins a new one.
    BeginAnew {
        /// The lineage that is given up, if known.
        lineage: Option<Lineage>,
        /// How many resources it had when it was last seen, if known. They may still exist.
        resources: Option<usize>,
    },
}

/// Says what a repair would do, and changes nothing.
///
/// # Errors
/// If it cannot be repaired: the key is missing or wrong, the format is unknown, the home cannot be read.
pub async fn inspect(location: &Location) -> Result<Repair, Diagnostic> {
    Ok(Broken::find(&location.site()?).await?.repair)
}

/// Accepts what is good of a state that was refused. Damaged files are kept: beside it, as `….damaged`, in a
/// directory, and below `damaged/` in a bucket.
///
/// # Errors
/// As [`inspect`]; if somebody else holds the lock; if the home cannot be written.
pub async fn repair(
    location: &Location,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> Result<Repair, Diagnostic> {
    let site = location.site_to_write()?;
    let above = Broken::find(&site).await?.good.map_or(0, |good| good.walk.link.epoch);
    let claim = Claim { above, ..Claim::new(&site, clock, entropy) };
    let mut hold = site.home.take(&claim).await?;
    let repaired = match Broken::find(&site).await {
        Ok(mut broken) => broken.accept(&site, hold.as_mut()).await.map(|()| broken.repair),
        Err(error) => Err(error),
    };
    hold.release(false).await;
    Ok(repaired?)
}

/// What is wrong, and what to do.
struct Broken {
    repair: Repair,
    /// Pieces to set aside whole.
    aside: Vec<u64>,
    /// What is good.
    good: Option<Good>,
    /// The head of another lineage that was seen in this home.
    other: Option<Head>,
}

/// What is good of a journal, and what opens it.
struct Good {
    walk: Walk,
    key: StateKey,
    salt: Option<String>,
}

/// The numbers of the pieces; where numbers have no gaps, also of those that lack.
async fn every_number(home: &dyn Home) -> Result<Vec<u64>, Error> {
    let there = home.list().await?;
    Ok(match (home.layout(), there.last()) {
        (Layout::Batches, Some(last)) => (1..=*last).collect(),
        _ => there,
    })
}

impl Broken {
    async fn find(site: &Site) -> Result<Self, Error> {
        match Found::load(site).await {
            Ok(Some(found)) => {
                let repair = Repair::Nothing { serial: found.walk.state.serial };
                return Ok(Self { repair, aside: Vec::new(), good: None, other: None });
            }
            Err(error @ Error::Moved { .. }) => return Err(error),
            Ok(None) | Err(_) => {}
        }
        let home = site.home.as_ref();
        let header = match walk::first_header(home).await {
            Err(error @ (Error::Format { .. } | Error::Read { .. } | Error::Bucket { .. })) => return Err(error),
            Err(_) | Ok(None) => return Self::hopeless(site).await,
            Ok(Some(header)) => header,
        };
        let (lineage, salt) = (header.lineage, header.salt);
        let key = key::find(site, &lineage, &header.key, salt.as_deref())?;
        let seen = Head::read(site, &lineage, &key).ok().flatten().map(|head| head.serial);
        let walk = Walk::new(home, &lineage, &key, &[]).await?;
        if walk.link.epoch == 0 {
            return Self::hopeless(site).await;
        }
        let first_bad = walk.stop.as_ref().map_or(u64::MAX, |stop| stop.number);
        let mut aside: Vec<u64> = every_number(home).await?.into_iter().filter(|number| *number > first_bad).collect();
        // One that lacks is filled, where numbers have no gaps; one of which nothing is good goes whole.
        aside.extend(walk.stop.as_ref().filter(|stop| stop.good == 0).map(|stop| stop.number));
        let (serial, resources) = (walk.state.serial, walk.state.resource_count());
        let other = Head::elsewhere(site, Some(&lineage))?;
        let repair = Repair::GoOn { serial, seen, resources };
        Ok(Self { repair, aside, good: Some(Good { walk, key, salt }), other })
    }

    async fn hopeless(site: &Site) -> Result<Self, Error> {
        let noted = site.home.head().await?.and_then(|noted| noted.head);
        let other = Head::elsewhere(site, None)?.or_else(|| noted.filter(|head| head.resources > 0));
        let (lineage, resources) = other.as_ref().map(|head| (head.lineage.clone(), head.resources)).unzip();
        let repair = Repair::BeginAnew { lineage, resources };
        Ok(Self { repair, aside: every_number(site.home.as_ref()).await?, good: None, other })
    }

    /// The newest pieces first: broken off in the middle, what is left is still refused, and can be repaired.
    async fn accept(&mut self, site: &Site, hold: &mut dyn Hold) -> Result<(), Error> {
        if matches!(self.repair, Repair::Nothing { .. }) {
            return Ok(());
        }
        // What keeps earlier holders out comes before everything else.
        self.fence(site, hold).await?;
        self.aside.sort_unstable_by(|one, other| other.cmp(one));
        for number in &self.aside {
            hold.set_aside(*number, &[]).await?;
        }
        let stop = self.good.as_ref().and_then(|good| good.walk.stop.as_ref());
        if let Some(stop) = stop.filter(|stop| stop.good > 0) {
            let bytes = site.home.read(stop.number).await?;
            hold.set_aside(stop.number, bytes.get(..stop.good).unwrap_or_default()).await?;
        }
        if let Some(other) = &self.other {
            head::forget(site, &other.lineage)?;
            hold.note(&other.emptied()).await?;
        }
        let Some(Good { walk, key, .. }) = &self.good else { return Ok(()) };
        let (lineage, resources) = (&walk.state.lineage, walk.state.resource_count());
        let head = Head::new(key, lineage, walk.link, site.home.name(), resources);
        head.write(site)?;
        hold.note(&head).await
    }

    /// Begins an epoch that goes on from what is good, where that is what keeps earlier holders out.
    async fn fence(&mut self, site: &Site, hold: &mut dyn Hold) -> Result<(), Error> {
        let Some(Good { walk, key, salt }) = self.good.as_mut().filter(|_| hold.epoch().is_some()) else {
            return Ok(());
        };
        let (link, newest, lineage) = (walk.link, walk.newest, &walk.state.lineage);
        let before = Before { link, newest, lineage, key, salt: salt.as_ref() };
        match begin(site, hold, &before).await {
            Ok((link, _)) => walk.link = link,
            Err(failure) => return Err(into_error(failure, site, hold).await),
        }
        Ok(())
    }
}
