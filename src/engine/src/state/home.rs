use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use acquire_model::{Clock, Entropy, Lineage, Timestamp};

use super::error::Error;
use super::head::Head;
use super::holder::{Holder, Holding, Lease};
use super::location::Site;

/// How the pieces of a journal are cut and numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// A piece is a whole epoch, numbered by it and appended to: a power cut may tear the end of the last one.
    Epochs,
    /// A piece is a header or a group of records, put in place whole, and numbered from 1 without gaps.
    Batches,
}

/// What a journal lies in: anybody may read it, and one at a time may [`Hold`] it.
///
/// A journal is a sequence of numbered pieces. A piece that begins with a header begins an epoch; the bytes of all
/// pieces of an epoch in a row are the same in every home.
#[async_trait]
pub(super) trait Home: Send + Sync {
    /// What people, and heads, call it.
    fn name(&self) -> &str;

    /// What people call a piece of it.
    fn piece(&self, number: u64) -> String;

    /// How its pieces are cut.
    fn layout(&self) -> Layout;

    /// Lists the numbers of its pieces, ascending.
    async fn list(&self) -> Result<Vec<u64>, Error>;

    /// Reads a piece.
    ///
    /// # Errors
    /// `Missing` if there is none of that number.
    async fn read(&self, number: u64) -> Result<Vec<u8>, Error>;

    /// Reads the newest head that is kept in the home itself, if that is a second place.
    async fn head(&self) -> Result<Option<Noted>, Error>;

    /// Where the state went, if it was taken elsewhere.
    async fn moved(&self) -> Result<Option<Moved>, Error>;

    /// Who holds it, if anybody does.
    async fn holding(&self, now: Timestamp) -> Result<Option<Holding>, Error>;

    /// Tries whether what it lies in keeps the promises that a journal rests on; for one that is new here.
    async fn probe(&self, entropy: &dyn Entropy) -> Result<(), Error>;

    /// Takes the lock, as soon as it is certain that nobody holds it.
    ///
    /// # Errors
    /// `Locked` if somebody does.
    async fn take(&self, claim: &Claim) -> Result<Box<dyn Hold>, Error>;
}

/// A head that is kept in a home, not authenticated yet.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    /// What people call its place.
    pub(super) place: String,
    /// The head; `None` if it cannot be read.
    pub(super) head: Option<Head>,
}

/// The lock of a home, and what only its holder may do. Dropping it without [`Hold::release`] is how a holder dies.
#[async_trait]
pub(super) trait Hold: Send + Sync {
    /// The epoch that the lock stands for; `None` if any that is above those before will do. An epoch that is given
    /// must be begun before the journal is relied on: that is what fences earlier holders.
    fn epoch(&self) -> Option<u64>;

    /// Until when its holder may act.
    fn lease(&self) -> Lease;

    /// Whether the holder before may have died in the middle of a call.
    fn is_heir(&self) -> bool;

    /// Who took the lock after us, if anybody did.
    async fn successor(&self) -> Result<Option<Holder>, Error>;

    /// Puts the piece in place that begins an epoch.
    ///
    /// # Errors
    /// `Taken` if there is a piece of that number already.
    async fn begin(&mut self, number: u64, header: &[u8]) -> Result<(), Failure>;

    /// Writes a group of records after what was written last. On return it is durable.
    ///
    /// # Errors
    /// `Taken` if somebody else wrote there.
    async fn append(&mut self, group: &[u8]) -> Result<(), Failure>;

    /// Lets groups be written after a piece that is there, as if this hold had written it. Means nothing where groups
    /// are appended to pieces.
    fn go_on(&mut self, newest: u64);

    /// Cuts what a power cut left off the end of a piece.
    async fn cut(&mut self, number: u64, good: u64) -> Result<(), Error>;

    /// Keeps a damaged piece apart, and leaves this much of it in its place.
    async fn set_aside(&mut self, number: u64, good: &[u8]) -> Result<(), Error>;

    /// Keeps a head in the home, if that is a second place.
    async fn note(&mut self, head: &Head) -> Result<(), Error>;

    /// Says, or says no more, that the state is elsewhere.
    async fn mark(&mut self, moved: Option<&Moved>) -> Result<(), Error>;

    /// Gives the lock back.
    async fn release(self: Box<Self>, in_doubt: bool);
}

/// Why something was not written.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it is there; it may be tried again.
    Clean(Error),
    /// It may or may not be there.
    Unknown(Error),
    /// Something else is there.
    Taken,
}

/// Whoever wants a lock.
#[derive(Clone)]
pub(super) struct Claim {
    /// Whose process it is.
    pub(super) user: Option<String>,
    /// The time.
    pub(super) clock: Arc<dyn Clock>,
    /// Randomness.
    pub(super) entropy: Arc<dyn Entropy>,
    /// The epoch must be above this one.
    pub(super) above: u64,
    /// Is told what is waited for.
    pub(super) waiting: fn(&str),
}

impl Claim {
    /// The claim of whoever works at a site.
    pub(super) fn new(site: &Site, clock: &Arc<dyn Clock>, entropy: &Arc<dyn Entropy>) -> Self {
        let (clock, entropy) = (Arc::clone(clock), Arc::clone(entropy));
        Self { user: site.user.clone(), clock, entropy, above: 0, waiting: site.waiting }
    }
}

/// What stands in a home whose state was taken elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Moved {
    format: String,
    version: u32,
    /// The state that was here.
    pub(super) lineage: Lineage,
    /// Where it is now.
    pub(super) to: String,
    /// Since when.
    pub(super) at: Timestamp,
}

impl Moved {
    const FORMAT: &str = "acquire-moved";
    const VERSION: u32 = 1;

    /// Says that a state is elsewhere.
    pub(super) fn new(lineage: Lineage, to: String, at: Timestamp) -> Self {
        Self { format: Self::FORMAT.to_owned(), version: Self::VERSION, lineage, to, at }
    }

    /// The text of it.
    pub(super) fn text(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads it; `None` if it is something else.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let moved: Self = serde_json::from_slice(text).ok()?;
        (moved.format == Self::FORMAT && moved.version == Self::VERSION).then_some(moved)
    }
}
