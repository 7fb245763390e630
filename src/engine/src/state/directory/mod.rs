//! A journal in a directory: one append-only file per lock epoch, under a lock of the operating system.

/// Writing a journal file.
pub(super) mod disk;
/// What the holder of the lock may do.
mod hold;
/// One writer at a time.
mod lock;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use acquire_model::{Entropy, Timestamp};

use super::error::Error;
use super::files;
use super::holder::{Holder, Holding};
use super::home::{Claim, Hold, Home, Layout, Moved, Noted};
use disk::{Disk, LocalDisk};
use hold::DirectoryHold;
use lock::Lock;

const PREFIX: &str = "journal-";
const DIGITS: usize = 10;
const MOVED: &str = "moved";

/// A home in a directory.
#[derive(Clone)]
pub(super) struct Directory {
    path: PathBuf,
    name: String,
    disk: Arc<dyn Disk>,
}

impl Directory {
    /// The home in a directory, which need not be there.
    pub(super) fn new(path: PathBuf) -> Self {
        Self::on(Arc::new(LocalDisk), path)
    }

    /// The same, written through another disk.
    pub(super) fn on(disk: Arc<dyn Disk>, path: PathBuf) -> Self {
        Self { name: path.display().to_string(), path, disk }
    }

    fn file(&self, number: u64) -> PathBuf {
        self.path.join(format!("{PREFIX}{number:0DIGITS$}"))
    }
}

#[async_trait]
impl Home for Directory {
    fn name(&self) -> &str {
        &self.name
    }

    fn piece(&self, number: u64) -> String {
        self.file(number).display().to_string()
    }

    fn layout(&self) -> Layout {
        Layout::Epochs
    }

    async fn list(&self) -> Result<Vec<u64>, Error> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::read(&self.path, &e)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| Error::read(&self.path, &e))?.file_name();
            let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            numbers
                .extend(digits.filter(|digits| digits.len() == DIGITS).and_then(|digits| digits.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    async fn read(&self, number: u64) -> Result<Vec<u8>, Error> {
        files::read(&self.file(number))?.ok_or_else(|| Error::Missing { piece: self.piece(number) })
    }

    async fn head(&self) -> Result<Option<Noted>, Error> {
        // It would be restored together with the journal, and so prove nothing.
        Ok(None)
    }

    async fn moved(&self) -> Result<Option<Moved>, Error> {
        let path = self.path.join(MOVED);
        let Some(text) = files::read(&path)? else { return Ok(None) };
        let damaged = || Error::Damaged { piece: path.display().to_string(), what: "it cannot be read".to_owned() };
        Moved::parse(&text).map(Some).ok_or_else(damaged)
    }

    async fn holding(&self, now: Timestamp) -> Result<Option<Holding>, Error> {
        Lock::holding(&self.path, now)
    }

    async fn probe(&self, _: &dyn Entropy) -> Result<(), Error> {
        Ok(())
    }

    async fn take(&self, claim: &Claim) -> Result<Box<dyn Hold>, Error> {
        let holder = Holder::here(claim.user.clone(), claim.clock.now());
        let lock = Lock::take(&self.path, holder)?;
        Ok(Box::new(DirectoryHold::new(self.clone(), lock)))
    }
}

/// Where a file is kept when it is set aside.
fn damaged(path: &Path) -> PathBuf {
    path.with_extension("damaged")
}
