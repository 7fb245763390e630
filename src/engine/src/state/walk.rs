use futures::{StreamExt, stream};

use acquire_model::{Lineage, Timestamp};

use super::error::Error;
use super::event::{Event, State};
use super::format::{BadHeader, Chain, Frame, Hash, Header, Link, Record, SKIPPED};
use super::head::Head;
use super::home::{Home, Layout};
use super::key::StateKey;

/// How many pieces are fetched at once.
const TOGETHER_MAX: usize = 16;

/// Reads the first header of a journal alone; `None` if there is no journal.
pub(super) async fn first_header(home: &dyn Home) -> Result<Option<Header>, Error> {
    let numbers = home.list().await?;
    if home.layout() == Layout::Batches && numbers.first().is_some_and(|first| *first != 1) {
        return Err(Error::Missing { piece: home.piece(1) });
    }
    for number in numbers {
        let bytes = home.read(number).await?;
        if bytes != SKIPPED {
            return match Header::parse(&bytes) {
                Ok((header, ..)) => Ok(Some(header)),
                Err(bad) => Err(bad_header(home, number, bad)),
            };
        }
    }
    Ok(None)
}

/// A good record, as a walk comes past it.
pub struct Passage<'a> {
    /// What the journal says before it.
    pub state: &'a State,
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened.
    pub event: &'a Event,
    /// The place before it.
    pub(super) link: Link,
}

impl Passage<'_> {
    /// The lock epoch that it was recorded in.
    pub fn epoch(&self) -> u64 {
        self.link.epoch
    }
}

/// Who looks on while a walk goes along a journal.
pub(super) type Observer<'a> = &'a mut (dyn FnMut(&Passage<'_>) + Send);

/// How far a journal is good, and what stands there.
#[derive(Debug)]
pub(super) struct Walk {
    /// The fold of every good record.
    pub(super) state: State,
    /// The newest good link.
    pub(super) link: Link,
    /// The number of the newest piece, good or not.
    pub(super) newest: u64,
    /// Where it stops being good before its end.
    pub(super) stop: Option<Stop>,
    /// The number of the piece that was looked at last.
    at: u64,
    /// What stands at the place of each head, if the walk came past it.
    at_heads: Vec<Option<Hash>>,
}

/// Where a journal stops being good.
#[derive(Debug)]
pub(super) struct Stop {
    /// In which piece.
    pub(super) number: u64,
    /// How many bytes of it are good; 0 if not even its header is.
    pub(super) good: usize,
    /// Why.
    pub(super) error: Error,
}

/// What a walk goes by.
struct Guide<'a> {
    home: &'a dyn Home,
    key: &'a StateKey,
    heads: &'a [Head],
    observer: Observer<'a>,
}

impl Walk {
    /// The walk before the first piece.
    pub(super) fn empty(lineage: Lineage) -> Self {
        let link = Link { epoch: 0, serial: 0, hash: Hash::NONE };
        Self { state: State::new(lineage), link, newest: 0, stop: None, at: 0, at_heads: Vec::new() }
    }

    /// Goes along the records of all pieces as far as they are good.
    pub(super) async fn new(home: &dyn Home, lineage: &Lineage, key: &StateKey, heads: &[Head]) -> Result<Self, Error> {
        Self::observed(home, lineage, key, heads, &mut |_| ()).await
    }

    /// The same, while somebody looks on.
    pub(super) async fn observed(
        home: &dyn Home,
        lineage: &Lineage,
        key: &StateKey,
        heads: &[Head],
        observer: Observer<'_>,
    ) -> Result<Self, Error> {
        let numbers = home.list().await?;
        let newest = numbers.last().copied().unwrap_or_default();
        let mut walk = Self { newest, at_heads: vec![None; heads.len()], ..Self::empty(lineage.clone()) };
        let mut guide = Guide { home, key, heads, observer };
        let fetched = stream::iter(numbers).map(|number| async move { (number, home.read(number).await) });
        let mut fetched = fetched.buffered(TOGETHER_MAX);
        while walk.stop.is_none()
            && let Some((number, bytes)) = fetched.next().await
        {
            let stopped = walk.piece(&mut guide, number, &bytes?);
            walk.stop = stopped.err();
            walk.at = number;
        }
        drop(fetched);
        Ok(walk)
    }

    /// Checks that the journal contains every head. What is torn after them, in the last file, may stay as a stop.
    pub(super) fn check(self, home: &dyn Home, heads: &[Head]) -> Result<Self, Error> {
        let in_tail = |stop: &Stop| home.layout() == Layout::Epochs && stop.good > 0 && stop.number == self.newest;
        let mut passed = heads.iter().zip(&self.at_heads);
        let forked = passed.clone().find(|(head, at)| at.is_some_and(|hash| hash != head.hash));
        let missing = passed.find(|(_, at)| at.is_none()).map(|(head, _)| head);
        if let Some((head, _)) = forked {
            return Err(Error::Forked { home: home.name().to_owned(), serial: head.serial });
        }
        match (self.stop, missing) {
            (Some(stop), _) if !in_tail(&stop) => Err(stop.error),
            (Some(stop), Some(_)) => Err(stop.error),
            // Without a head nobody knows how long the journal was: an unfinished record is taken for a power cut.
            (Some(stop), None) if heads.is_empty() && !matches!(stop.error, Error::Truncated { .. }) => Err(stop.error),
            (None, Some(head)) => Err(Error::Older {
                home: home.name().to_owned(),
                found: (self.link.serial, self.link.hash.short()),
                seen: (head.serial, head.hash.short()),
            }),
            (stop, _) => Ok(Self { stop, ..self }),
        }
    }

    fn piece(&mut self, guide: &mut Guide<'_>, number: u64, bytes: &[u8]) -> Result<(), Stop> {
        let home = guide.home;
        let layout = home.layout();
        let expected = match layout {
            Layout::Epochs => self.link.epoch.saturating_add(1),
            Layout::Batches => self.at.saturating_add(1),
        };
        let stop = |good, error| Stop { number, good, error };
        let missing = || Stop { number: expected, good: 0, error: Error::Missing { piece: home.piece(expected) } };
        if layout == Layout::Batches && number != expected {
            return Err(missing());
        }
        if bytes == SKIPPED {
            return Ok(());
        }
        let continues = layout == Layout::Batches && self.link.epoch > 0 && !bytes.is_empty() && !Header::begins(bytes);
        if continues {
            return self.records(guide, number, bytes).map_err(|(left, error)| stop(bytes.len() - left, error));
        }
        let (header, link, records) = Header::parse(bytes).map_err(|bad| stop(0, bad_header(home, number, bad)))?;
        if let Some(what) = self.contradiction(home, number, &header) {
            // An epoch that never began leaves a gap between numbers, but none in the chain.
            let is_gap = number != expected && header.lineage == self.state.lineage;
            let damaged = || stop(0, Error::Damaged { piece: home.piece(number), what });
            return Err(if is_gap { missing() } else { damaged() });
        }
        self.pass(link, guide.heads);
        self.records(guide, number, records).map_err(|(left, error)| stop(bytes.len() - left, error))
    }

    /// Says what of a header does not go on from here.
    fn contradiction(&self, home: &dyn Home, number: u64, header: &Header) -> Option<String> {
        if header.lineage != self.state.lineage {
            return Some(format!("it belongs to lineage {}, not {}", header.lineage, self.state.lineage));
        }
        let is_named_so = home.layout() == Layout::Batches || header.epoch == number;
        let follows =
            header.epoch > self.link.epoch && header.serial == self.link.serial && header.previous == self.link.hash;
        (!is_named_so || !follows).then(|| "it does not continue what stands before it".to_owned())
    }

    /// Opens and folds records. If it cannot go to the end: how many bytes are left, and why.
    fn records(&mut self, guide: &mut Guide<'_>, number: u64, mut bytes: &[u8]) -> Result<(), (usize, Error)> {
        let home = guide.home;
        let piece = || home.piece(number);
        let mut chain = Chain::new(guide.key.clone(), self.state.lineage.clone(), self.link);
        loop {
            let serial = chain.link().serial;
            let damaged = |what: &str| {
                let what = format!("the record after serial {serial} {what}");
                (bytes.len(), Error::Damaged { piece: piece(), what })
            };
            match Frame::next(bytes) {
                Frame::End => return Ok(()),
                Frame::Torn => return Err((bytes.len(), Error::Truncated { piece: piece(), serial })),
                Frame::Damaged => return Err(damaged("was changed")),
                Frame::Whole(sealed, rest) => {
                    let link = chain.link();
                    let record = chain.open(sealed).ok_or_else(|| damaged("was changed"))?;
                    let Record { at, event } = serde_json::from_slice(record.expose())
                        .map_err(|_| damaged("holds something that is not known here"))?;
                    (guide.observer)(&Passage { state: &self.state, at, event: &event, link });
                    self.state
                        .fold(link.epoch, at, &event)
                        .map_err(|illegal| (bytes.len(), Error::Illegal(illegal)))?;
                    self.pass(chain.link(), guide.heads);
                    bytes = rest;
                }
            }
        }
    }

    fn pass(&mut self, link: Link, heads: &[Head]) {
        self.link = link;
        for (head, at) in heads.iter().zip(&mut self.at_heads) {
            if (head.epoch, head.serial) == (link.epoch, link.serial) {
                *at = Some(link.hash);
            }
        }
    }
}

fn bad_header(home: &dyn Home, number: u64, bad: BadHeader) -> Error {
    let piece = home.piece(number);
    match bad {
        BadHeader::Empty => Error::Empty { piece },
        BadHeader::Truncated => Error::Truncated { piece, serial: 0 },
        BadHeader::Damaged => Error::Damaged { piece, what: "its first line was changed".to_owned() },
        BadHeader::Version(version) => Error::Format { what: piece, version },
    }
}
