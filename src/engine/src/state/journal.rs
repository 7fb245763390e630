use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use acquire_model::Lineage;

use super::error::Error;
use super::event::State;
use super::files;
use super::format::{BadHeader, Chain, Frame, Hash, Header, Link, Record};
use super::head::Head;
use super::key::StateKey;

const PREFIX: &str = "journal-";
const DIGITS: usize = 10;

/// One journal file.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Its epoch, from its name.
    pub(super) epoch: u64,
    /// Where it is.
    pub(super) path: PathBuf,
}

impl File {
    /// The file of an epoch.
    pub(super) fn new(home: &Path, epoch: u64) -> Self {
        Self { epoch, path: home.join(format!("{PREFIX}{epoch:0DIGITS$}")) }
    }

    /// Lists the files of a directory in the order of their epochs.
    pub(super) fn list(home: &Path) -> Result<Vec<Self>, Error> {
        let entries = match fs::read_dir(home) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::read(home, &e)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let name = entry.map_err(|e| Error::read(home, &e))?.file_name();
            let digits = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let epoch = digits.filter(|digits| digits.len() == DIGITS).and_then(|digits| digits.parse().ok());
            files.extend(epoch.map(|epoch| Self::new(home, epoch)));
        }
        files.sort_by_key(|file| file.epoch);
        Ok(files)
    }

    /// Reads the header alone.
    pub(super) fn header(&self) -> Result<Header, Error> {
        let bytes = self.read()?;
        Header::parse(&bytes).map(|(header, ..)| header).map_err(|bad| self.bad_header(bad))
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        files::read(&self.path)?.ok_or_else(|| Error::Missing { file: self.path.clone() })
    }

    fn damaged(&self, what: impl Into<String>) -> Error {
        Error::Damaged { file: self.path.clone(), what: what.into() }
    }

    fn bad_header(&self, bad: BadHeader) -> Error {
        match bad {
            BadHeader::Empty => Error::Empty { file: self.path.clone() },
            BadHeader::Truncated => Error::Truncated { file: self.path.clone(), serial: 0 },
            BadHeader::Damaged => self.damaged("its first line was changed"),
            BadHeader::Version(version) => Error::Format { what: self.path.display().to_string(), version },
        }
    }
}

/// How far a journal is good, and what stands there.
#[derive(Debug)]
pub(super) struct Walk {
    /// The fold of every good record.
    pub(super) state: State,
    /// The newest good link.
    pub(super) link: Link,
    /// Where it stops being good before its end.
    pub(super) stop: Option<Stop>,
    /// What stands at the head's place, if the walk came past it.
    at_head: Option<Hash>,
}

/// Where a journal stops being good.
#[derive(Debug)]
pub(super) struct Stop {
    /// In which file.
    pub(super) file: File,
    /// How many bytes of it are good; 0 if not even its header is.
    pub(super) good: u64,
    /// Why.
    pub(super) error: Error,
}

impl Walk {
    /// The walk before the first file.
    pub(super) fn empty(lineage: Lineage) -> Self {
        let link = Link { epoch: 0, serial: 0, hash: Hash::NONE };
        Self { state: State::new(lineage), link, stop: None, at_head: None }
    }

    /// Goes along the records of all files as far as they are good.
    pub(super) fn new(files: &[File], lineage: &Lineage, key: &StateKey, head: Option<&Head>) -> Result<Self, Error> {
        let mut walk = Self::empty(lineage.clone());
        for file in files {
            walk.file(file, key, head)?;
            if walk.stop.is_some() {
                break;
            }
        }
        Ok(walk)
    }

    /// Checks that the journal contains the head. What is torn after the head, in the last file, may stay as a stop.
    pub(super) fn check(self, home: &Path, last: Option<&File>, head: Option<&Head>) -> Result<Self, Error> {
        let in_tail = |stop: &Stop| stop.good > 0 && last.is_some_and(|last| last.epoch == stop.file.epoch);
        match (self.stop, head, self.at_head) {
            (_, Some(head), Some(hash)) if hash != head.hash => {
                Err(Error::Forked { home: home.to_owned(), serial: head.serial })
            }
            (Some(stop), ..) if !in_tail(&stop) => Err(stop.error),
            (Some(stop), Some(_), None) => Err(stop.error),
            // Without a head nobody knows how long the journal was: an unfinished record is taken for a power cut.
            (Some(stop), None, _) if !matches!(stop.error, Error::Truncated { .. }) => Err(stop.error),
            (None, Some(head), None) => Err(Error::Older {
                home: home.to_owned(),
                found: (self.link.serial, self.link.hash.short()),
                seen: (head.serial, head.hash.short()),
            }),
            (stop, ..) => Ok(Self { stop, ..self }),
        }
    }

    fn file(&mut self, file: &File, key: &StateKey, head: Option<&Head>) -> Result<(), Error> {
        let expected = self.link.epoch.saturating_add(1);
        if file.epoch != expected {
            let home = file.path.parent().unwrap_or(Path::new(""));
            let missing = File::new(home, expected);
            let error = Error::Missing { file: missing.path.clone() };
            self.stop = Some(Stop { file: missing, good: 0, error });
            return Ok(());
        }
        let bytes = file.read()?;
        let stopped = match Header::parse(&bytes) {
            Err(bad) => Some((0, file.bad_header(bad))),
            Ok((header, link, records)) => match self.follows(file, &header) {
                Err(error) => Some((0, error)),
                Ok(()) => {
                    self.pass(link, head);
                    let chain = Chain::new(key.clone(), header.lineage, link);
                    self.records(file, chain, records, head).map(|(rest, error)| (bytes.len() - rest, error))
                }
            },
        };
        self.stop = stopped.map(|(good, error)| Stop { file: file.clone(), good: good as u64, error });
        Ok(())
    }

    fn follows(&self, file: &File, header: &Header) -> Result<(), Error> {
        if header.lineage != self.state.lineage {
            return Err(file.damaged(format!("it belongs to lineage {}, not {}", header.lineage, self.state.lineage)));
        }
        if header.epoch == file.epoch && header.serial == self.link.serial && header.previous == self.link.hash {
            Ok(())
        } else {
            Err(file.damaged("it does not continue the file before it"))
        }
    }

    /// Opens and folds records; returns how many bytes are left, and why, if it cannot go to the end.
    fn records(
        &mut self,
        file: &File,
        mut chain: Chain,
        mut bytes: &[u8],
        head: Option<&Head>,
    ) -> Option<(usize, Error)> {
        loop {
            let serial = chain.link().serial;
            let damaged = || file.damaged(format!("the record after serial {serial} was changed"));
            match Frame::next(bytes) {
                Frame::End => return None,
                Frame::Torn => return Some((bytes.len(), Error::Truncated { file: file.path.clone(), serial })),
                Frame::Damaged => return Some((bytes.len(), damaged())),
                Frame::Whole(sealed, rest) => {
                    let Some(record) = chain.open(sealed) else { return Some((bytes.len(), damaged())) };
                    let Ok(record) = serde_json::from_slice::<Record>(record.expose()) else {
                        let what = format!("the record after serial {serial} holds something that is not known here");
                        return Some((bytes.len(), file.damaged(what)));
                    };
                    if let Err(illegal) = self.state.fold(chain.link().epoch, record.at, &record.event) {
                        return Some((bytes.len(), Error::Illegal(illegal)));
                    }
                    self.pass(chain.link(), head);
                    bytes = rest;
                }
            }
        }
    }

    fn pass(&mut self, link: Link, head: Option<&Head>) {
        self.link = link;
        if head.is_some_and(|head| (head.epoch, head.serial) == (link.epoch, link.serial)) {
            self.at_head = Some(link.hash);
        }
    }
}

impl Stop {
    /// Cuts a torn tail off.
    pub(super) fn cut(&self) -> Result<(), Error> {
        let cut = || {
            let file = OpenOptions::new().write(true).open(&self.file.path)?;
            file.set_len(self.good)?;
            file.sync_all()
        };
        cut().map_err(|e| Error::write(&self.file.path, &e))
    }
}
