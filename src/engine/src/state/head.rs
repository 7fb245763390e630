use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use acquire_crypto::hash;
use acquire_model::Lineage;

use super::error::Error;
use super::files;
use super::format::{Hash, Link};
use super::key::{self, StateKey};
use super::location::Site;

const NAME: &str = "head";
const FORMAT: &str = "acquire-head";
const VERSION: u32 = 1;

/// The newest link of a journal that was seen, kept apart from the journal and authenticated by the state key.
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
    pub(super) home: String,
    /// How many resources it had, in doubt or not: a state of nothing may vanish unmissed.
    pub(super) resources: usize,
    mac: String,
}

impl Head {
    /// Makes the head of a link.
    pub(super) fn new(key: &StateKey, lineage: &Lineage, link: Link, home: &str, resources: usize) -> Self {
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

    /// The same with nothing in it: its state may vanish unmissed.
    pub(super) fn emptied(&self) -> Self {
        Self { resources: 0, mac: String::new(), ..self.clone() }
    }

    /// Puts it in its place on this machine.
    pub(super) fn write(&self, site: &Site) -> Result<(), Error> {
        let path = path(site, &self.lineage);
        files::create_directory(&key::directory(site, &self.lineage))?;
        let written = serde_json::to_vec(self).map_err(std::io::Error::from);
        written.and_then(|text| files::replace(&path, &text)).map_err(|e| Error::write(&path, &e))
    }

    /// Reads the head of a lineage, if this machine has one, and checks that it was made with the key.
    pub(super) fn read(site: &Site, lineage: &Lineage, key: &StateKey) -> Result<Option<Self>, Error> {
        let path = path(site, lineage);
        let Some(text) = files::read(&path)? else { return Ok(None) };
        let place = path.display().to_string();
        let head = Self::checked(Self::parse(&text), &place, key)?;
        let foreign = Error::Head { place, what: "it is that of another state" };
        if head.lineage == *lineage { Ok(Some(head)) } else { Err(foreign) }
    }

    /// Checks that a head that was found somewhere was made with the key.
    pub(super) fn checked(found: Option<Self>, place: &str, key: &StateKey) -> Result<Self, Error> {
        let damaged = |what| Error::Head { place: place.to_owned(), what };
        let head = found.ok_or_else(|| damaged("it cannot be read"))?;
        let good = hash::equal(head.mac.as_bytes(), head.expected_mac(key).as_bytes());
        if good { Ok(head) } else { Err(damaged("it was not written with the state key")) }
    }

    /// Reads a head without authenticating it: good for refusing only.
    fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|head: &Self| head.format == FORMAT && head.version == VERSION)
    }

    /// Returns the head, of another lineage than this one, of a state that had resources and was last seen from this
    /// machine in the same home. It is not authenticated (its key may be a passphrase).
    pub(super) fn elsewhere(site: &Site, lineage: Option<&Lineage>) -> Result<Option<Self>, Error> {
        let directory = &site.configuration;
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::read(directory, &e)),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let heads = names.filter_map(|name| {
            let found = Lineage::try_from(name).ok()?;
            let text = files::read(&path(site, &found)).ok()??;
            Self::parse(&text).filter(|head| head.lineage == found)
        });
        let here = site.home.name();
        let mut others = heads.filter(|head| Some(&head.lineage) != lineage && head.home == here && head.resources > 0);
        Ok(others.next())
    }

    fn expected_mac(&self, key: &StateKey) -> String {
        // The hash covers lineage, epoch and serial already; the home is last because its length is free.
        let Self { lineage, epoch, serial, hash, resources, home, .. } = self;
        let text = format!("{lineage} {epoch} {serial} {hash} {resources} {home}");
        hash::hex(&key.mac("head", text.as_bytes()))
    }
}

fn path(site: &Site, lineage: &Lineage) -> PathBuf {
    key::directory(site, lineage).join(NAME)
}

/// Removes the head of a lineage from this machine: its state may vanish unmissed.
pub(super) fn forget(site: &Site, lineage: &Lineage) -> Result<(), Error> {
    let path = path(site, lineage);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::write(&path, &e)),
        _ => Ok(()),
    }
}
