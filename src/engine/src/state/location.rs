use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;

use acquire_model::{Diagnostic, Environment, SecretText};
use acquire_store::bucket;

use super::bucket::BucketHome;
use super::directory::Directory;
use super::error::Error;
use super::files;
use super::home::Home;

/// How long a lock in a bucket counts after its last beat, unless a test says otherwise.
const LEASE: Duration = Duration::from_secs(20);
/// How often its holder writes a beat.
const BEAT: Duration = Duration::from_secs(5);

/// Where a state is kept, and what opens it.
#[derive(Clone, Debug)]
pub struct Location {
    /// The home of the journal.
    pub home: Place,
    /// The user's configuration directory, without the lineage.
    pub configuration: PathBuf,
    /// The passphrase that a new state is sealed with, or that opens an existing one made with a passphrase. Without
    /// it a new state is sealed with a random key, kept as `<configuration>/<lineage>/state.key`.
    pub passphrase: Option<SecretText>,
    /// Who asks, for the note that the holder of a lock leaves to others.
    pub user: Option<String>,
    /// Is told, in a sentence, what is waited for before the lock can be taken.
    pub waiting: fn(&str),
}

/// A directory or a bucket.
#[derive(Clone, Debug)]
pub enum Place {
    /// A directory, such as `.acquire/demo/state`.
    Directory(PathBuf),
    /// A bucket.
    Bucket(Bucket),
}

/// A bucket, or a folder in one, that was opened.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// How people name it, such as `s3://bucket/folder`.
    pub url: String,
    /// What is in it, named from the folder on.
    pub objects: Arc<dyn ObjectStore>,
    /// How its lock keeps time.
    pub timing: Timing,
}

/// How the lock of a bucket keeps time. All who use a bucket must agree on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a taker waits in which it sees no beat.
    pub lease: Duration,
    /// How often the holder writes a beat; well below the lease.
    pub beat: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self { lease: LEASE, beat: BEAT }
    }
}

impl Place {
    /// The name of the place that a spec or a person means: the URL of a bucket, or a path, which may be relative to
    /// something or begin with `file://`.
    pub fn name(text: &str, beside: &Path) -> String {
        if bucket::is_bucket(text) {
            return text.trim_end_matches('/').to_owned();
        }
        beside.join(text.strip_prefix("file://").unwrap_or(text)).display().to_string()
    }

    /// Finds the place of a name. Nothing is called yet.
    ///
    /// # Errors
    /// If there is no such kind of bucket, or the environment does not say how to use it.
    pub fn named(name: &str, environment: &Environment) -> Result<Self, Diagnostic> {
        if !bucket::is_bucket(name) {
            return Ok(Self::Directory(PathBuf::from(name)));
        }
        let opened = bucket::open(name, environment);
        let objects = opened.map_err(|error| Error::Place { problem: error.to_string() })?;
        Ok(Self::Bucket(Bucket { url: name.to_owned(), objects, timing: Timing::default() }))
    }
}

impl Timing {
    /// How long a holder believes in its lock after it sent a beat that arrived: a beat shorter than any taker waits,
    /// so that clocks of different speed do no harm.
    pub(super) fn trust(self) -> Duration {
        self.lease.saturating_sub(self.beat)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Bucket(bucket) => f.write_str(&bucket.url),
        }
    }
}

/// A location whose home is at hand.
#[derive(Clone)]
pub(super) struct Site {
    /// What the journal lies in.
    pub(super) home: Arc<dyn Home>,
    /// The user's configuration directory.
    pub(super) configuration: PathBuf,
    /// What opens or seals a state instead of a key file.
    pub(super) passphrase: Option<SecretText>,
    /// Who asks.
    pub(super) user: Option<String>,
    /// Is told what is waited for.
    pub(super) waiting: fn(&str),
}

impl Location {
    /// Finds the home, and changes nothing. A directory is named as the disk knows it.
    pub(super) fn site(&self) -> Result<Site, Error> {
        Ok(match &self.home {
            Place::Directory(path) => self.with(Arc::new(Directory::new(files::canonical(path)?))),
            Place::Bucket(bucket) => self.with(Arc::new(BucketHome::new(bucket))),
        })
    }

    /// Finds the home, and makes its directory if there is none.
    pub(super) fn site_to_write(&self) -> Result<Site, Error> {
        if let Place::Directory(path) = &self.home {
            files::create_directory(path)?;
        }
        self.site()
    }

    /// The same, with another home.
    pub(super) fn with(&self, home: Arc<dyn Home>) -> Site {
        let Self { configuration, passphrase, user, waiting, .. } = self.clone();
        Site { home, configuration, passphrase, user, waiting }
    }
}
