use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};

use async_trait::async_trait;

use super::disk::Writer;
use super::lock::Lock;
use super::{Directory, MOVED, damaged};
use crate::state::error::Error;
use crate::state::files;
use crate::state::head::Head;
use crate::state::holder::{Holder, Lease};
use crate::state::home::{Failure, Hold, Moved};

/// The lock of a directory. It answers at once to everything.
pub(super) struct DirectoryHold {
    home: Directory,
    writer: Option<Writer>,
    // Last, so that the lock outlives everything that writes.
    _lock: Lock,
}

impl DirectoryHold {
    pub(super) fn new(home: Directory, lock: Lock) -> Self {
        Self { home, writer: None, _lock: lock }
    }
}

#[async_trait]
impl Hold for DirectoryHold {
    fn epoch(&self) -> Option<u64> {
        None
    }

    fn lease(&self) -> Lease {
        Lease::default()
    }

    fn is_heir(&self) -> bool {
        false
    }

    async fn successor(&self) -> Result<Option<Holder>, Error> {
        Ok(None)
    }

    async fn begin(&mut self, number: u64, header: &[u8]) -> Result<(), Failure> {
        let path = self.home.file(number);
        let sink = self.home.disk.begin(&path, header).map_err(|e| Failure::Clean(Error::write(&path, &e)))?;
        self.writer = Some(Writer::new(sink, header.len()));
        Ok(())
    }

    async fn append(&mut self, group: &[u8]) -> Result<(), Failure> {
        let home = &self.home.path;
        let Some(writer) = &mut self.writer else {
            return Err(Failure::Clean(Error::write(home, &io::Error::other("no epoch has begun"))));
        };
        writer.append(group).map_err(|failure| match failure {
            super::disk::Failure::Clean(cause) => Failure::Clean(Error::write(home, &cause)),
            super::disk::Failure::Unknown(cause) => Failure::Unknown(Error::write(home, &cause)),
        })
    }

    fn go_on(&mut self, _: u64) {}

    async fn cut(&mut self, number: u64, good: u64) -> Result<(), Error> {
        let path = self.home.file(number);
        let cut = || {
            let file = OpenOptions::new().write(true).open(&path)?;
            file.set_len(good)?;
            file.sync_all()
        };
        cut().map_err(|e| Error::write(&path, &e))
    }

    async fn set_aside(&mut self, number: u64, good: &[u8]) -> Result<(), Error> {
        let path = self.home.file(number);
        let kept = damaged(&path);
        let failed = |e: io::Error| Error::write(&kept, &e);
        if good.is_empty() {
            return match fs::rename(&path, &kept) {
                Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
                renamed => renamed.map_err(failed),
            };
        }
        fs::copy(&path, &kept).map_err(failed)?;
        self.cut(number, good.len() as u64).await
    }

    async fn note(&mut self, _: &Head) -> Result<(), Error> {
        Ok(())
    }

    async fn mark(&mut self, moved: Option<&Moved>) -> Result<(), Error> {
        let path = self.home.path.join(MOVED);
        let marked = match moved {
            Some(moved) => files::replace(&path, &moved.text()),
            None => match fs::remove_file(&path) {
                Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
                _ => Ok(()),
            },
        };
        marked.map_err(|e| Error::write(&path, &e))
    }

    async fn release(self: Box<Self>, _: bool) {}
}
