use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use crate::state::files;

/// What a journal is written to. A trait, so that a full or failing disk can be put in its place.
pub(in crate::state) trait Disk: Send + Sync {
    /// Puts a new journal file in place, with its header, and opens it for appending. All or nothing.
    fn begin(&self, path: &Path, header: &[u8]) -> io::Result<Box<dyn Sink>>;
}

/// An open journal file.
pub(in crate::state) trait Sink: Send + Sync {
    /// Writes some of the bytes at the end.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Cuts the file to a length.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// The disk of this machine.
pub(in crate::state) struct LocalDisk;

impl Disk for LocalDisk {
    fn begin(&self, path: &Path, header: &[u8]) -> io::Result<Box<dyn Sink>> {
        files::replace(path, header)?;
        Ok(Box::new(OpenOptions::new().append(true).open(path)?))
    }
}

impl Sink for std::fs::File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.sync_data()
    }
}

/// A journal file that is being written, and how much of it is good.
pub(super) struct Writer {
    sink: Box<dyn Sink>,
    length: u64,
}

/// Why a group was not written.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing of it is there; it may be tried again.
    Clean(io::Error),
    /// It may or may not be there.
    Unknown(io::Error),
}

impl Writer {
    /// Begins after a header of that length.
    pub(super) fn new(sink: Box<dyn Sink>, header_length: usize) -> Self {
        Self { sink, length: header_length as u64 }
    }

    /// Appends a group and makes it durable. After an unknown outcome nothing may be appended any more.
    pub(super) fn append(&mut self, group: &[u8]) -> Result<(), Failure> {
        let written = self.write_all(group);
        // After a failed sync the kernel may have dropped the pages and call the file clean: a second sync proves
        // nothing, so such a file is not written again.
        let synced = written.is_ok();
        match written.and_then(|()| self.sink.sync()) {
            Ok(()) => {
                self.length += group.len() as u64;
                Ok(())
            }
            Err(cause) => {
                let cut = self.sink.truncate(self.length);
                Err(if synced || cut.is_err() { Failure::Unknown(cause) } else { Failure::Clean(cause) })
            }
        }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.sink.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}
