use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use acquire_crypto::hash;
use acquire_model::Lineage;

use super::error::Error;
use super::files;
use super::format::{Hash, Link};
use super::key::{self, StateKey};
use super::location::Location;

const NAME: &str = "head";
const FORMAT: &str = "acquire-head";
const VERSION: u32 = 1;

/// The newest link of a journal that this machine has seen, kept apart from the journal and authenticated by the
/// state key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    format: String,
    version: u32,
    /// The identity of the state.
    pub(super) lineage: Lineage,
    /// The lock epoch.
    pub(super) epoch: u64,
    /// The serial.
    pub(super) serial: u64,
    /// The hash at that serial.
    pub(super) hash: Hash,
    /// Where the journal was, so that another one in its place is noticed.
    pub(super) home: PathBuf,
    /// How many resources it had, in doubt or not: a state of nothing may vanish unmissed.
    pub(super) resources: usize,
    mac: String,
}

impl Head {
    /// Makes the head of a link.
    pub(super) fn new(key: &StateKey, lineage: &Lineage, link: Link, home: &Path, resources: usize) -> Self {
        let mut head = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            lineage: lineage.clone(),
            epoch: link.epoch,
            serial: link.serial,
            hash: link.hash,
            home: home.to_owned(),
            resources,
            mac: String::new(),
        };
        head.mac = head.expected_mac(key);
        head
    }

    /// The place in the chain.
    pub(super) fn link(&self) -> Link {
        Link { epoch: self.epoch, serial: self.serial, hash: self.hash }
    }

    /// Puts it in its place.
    pub(super) fn write(&self, location: &Location) -> Result<(), Error> {
        let path = path(location, &self.lineage);
        let written = serde_json::to_vec(self).map_err(std::io::Error::from);
        written.and_then(|text| files::replace(&path, &text)).map_err(|e| Error::write(&path, &e))
    }

    /// Reads the head of a lineage, if this machine has one, and checks that it was made with the key.
    pub(super) fn read(location: &Location, lineage: &Lineage, key: &StateKey) -> Result<Option<Self>, Error> {
        let path = path(location, lineage);
        let Some(text) = files::read(&path)? else { return Ok(None) };
        let damaged = |what| Error::Head { file: path.clone(), what };
        let head = Self::parse(&text).ok_or_else(|| damaged("it cannot be read"))?;
        let good = hash::equal(head.mac.as_bytes(), head.expected_mac(key).as_bytes()) && head.lineage == *lineage;
        if good { Ok(Some(head)) } else { Err(damaged("it was not written with the state key")) }
    }

    /// Returns the head, of another lineage than this one, of a state that had resources and was last seen at the same
    /// place. It is not authenticated (its key may be a passphrase), so it is good for refusing only.
    pub(super) fn elsewhere(location: &Location, lineage: Option<&Lineage>) -> Result<Option<Self>, Error> {
        let directory = &location.configuration;
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::read(directory, &e)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let heads = names.filter_map(|name| {
            let found = Lineage::try_from(name).ok()?;
            let text = files::read(&path(location, &found)).ok()??;
            Self::parse(&text).filter(|head| head.lineage == found)
        });
        let mut others =
            heads.filter(|head| Some(&head.lineage) != lineage && head.home == location.home && head.resources > 0);
        Ok(others.next())
    }

    fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|head: &Self| head.format == FORMAT && head.version == VERSION)
    }

    fn expected_mac(&self, key: &StateKey) -> String {
        // The hash covers lineage, epoch and serial already; the home is last because its length is free.
        let text = format!(
            "{} {} {} {} {} {}",
            self.lineage,
            self.epoch,
            self.serial,
            self.hash,
            self.resources,
            self.home.display()
        );
        hash::hex(&key.mac("head", text.as_bytes()))
    }
}

fn path(location: &Location, lineage: &Lineage) -> PathBuf {
    key::directory(location, lineage).join(NAME)
}

/// Removes the head of a lineage: its state may vanish unmissed.
pub(super) fn forget(location: &Location, lineage: &Lineage) -> Result<(), Error> {
    let path = path(location, lineage);
    std::fs::remove_file(&path).map_err(|e| Error::write(&path, &e))
}
