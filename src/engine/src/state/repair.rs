use std::fs;
use std::path::Path;

use acquire_model::{Clock, Diagnostic, Lineage};

use super::error::Error;
use super::files;
use super::head::{self, Head};
use super::journal::{File, Walk};
use super::key;
use super::location::Location;
use super::lock::Lock;
use super::session::Found;

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
/// If it cannot be repaired: the key is missing or wrong, the format is unknown, the disk cannot be read.
pub fn inspect(location: &Location) -> Result<Repair, Diagnostic> {
    Ok(Broken::find(&location.canonical()?)?.repair)
}

/// Accepts what is good of a state that was refused. Damaged files are kept beside it, as `….damaged`.
///
/// # Errors
/// As [`inspect`]; if somebody else holds the lock; if the disk cannot be written.
pub fn repair(location: &Location, clock: &dyn Clock) -> Result<Repair, Diagnostic> {
    files::create_directory(&location.home)?;
    let location = location.canonical()?;
    let _lock = Lock::take(&location.home, clock.now())?;
    let broken = Broken::find(&location)?;
    broken.accept(&location)?;
    Ok(broken.repair)
}

/// What is wrong, and what to do.
struct Broken {
    repair: Repair,
    /// Files to set aside whole.
    aside: Vec<File>,
    /// What is good, and its key.
    good: Option<(Walk, key::StateKey)>,
    /// Another lineage that was seen at this place.
    other: Option<Lineage>,
}

impl Broken {
    fn find(location: &Location) -> Result<Self, Error> {
        if let Ok(Some(found)) = Found::load(location) {
            let repair = Repair::Nothing { serial: found.walk.state.serial };
            return Ok(Self { repair, aside: Vec::new(), good: None, other: None });
        }
        let files = File::list(&location.home)?;
        let header = match files.first().map(File::header).transpose() {
            Err(error @ (Error::Format { .. } | Error::Read { .. })) => return Err(error),
            Err(_) | Ok(None) => return Self::hopeless(location, files),
            Ok(Some(header)) => header,
        };
        let lineage = header.lineage;
        let key = key::find(location, &lineage, &header.key, header.salt.as_deref())?;
        let seen = Head::read(location, &lineage, &key).ok().flatten().map(|head| head.serial);
        let other = Head::elsewhere(location, Some(&lineage))?.map(|head| head.lineage);
        let walk = Walk::new(&files, &lineage, &key, None)?;
        if walk.link.epoch == 0 {
            return Self::hopeless(location, files);
        }
        let aside = files.into_iter().filter(|file| file.epoch > walk.link.epoch).collect();
        let (serial, resources) = (walk.state.serial, walk.state.resource_count());
        let repair = Repair::GoOn { serial, seen, resources };
        Ok(Self { repair, aside, good: Some((walk, key)), other })
    }

    fn hopeless(location: &Location, aside: Vec<File>) -> Result<Self, Error> {
        let head = Head::elsewhere(location, None)?;
        let (lineage, resources) = head.map(|head| (head.lineage, head.resources)).unzip();
        let repair = Repair::BeginAnew { lineage: lineage.clone(), resources };
        Ok(Self { repair, aside, good: None, other: lineage })
    }

    fn accept(&self, location: &Location) -> Result<(), Error> {
        if let Some(lineage) = &self.other {
            head::forget(location, lineage)?;
        }
        for file in &self.aside {
            let kept = damaged(&file.path);
            fs::rename(&file.path, &kept).map_err(|e| Error::write(&kept, &e))?;
        }
        let Some((walk, key)) = &self.good else { return Ok(()) };
        if let Some(stop) = walk.stop.as_ref().filter(|stop| stop.good > 0) {
            let kept = damaged(&stop.file.path);
            fs::copy(&stop.file.path, &kept).map_err(|e| Error::write(&kept, &e))?;
            stop.cut()?;
        }
        let (lineage, resources) = (&walk.state.lineage, walk.state.resource_count());
        files::create_directory(&key::directory(location, lineage))?;
        Head::new(key, lineage, walk.link, &location.home, resources).write(location)
    }
}

fn damaged(path: &Path) -> std::path::PathBuf {
    path.with_extension("damaged")
}
