use super::files;
use super::host_key::HostKey;
use acquire_crypto::hash;
use acquire_model::lineage::Lineage;
use acquire_model::{Address, Attributes};
use acquire_provider::{Context, Error, Target};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The version of the record file's format.
const FORMAT: u32 = 1;

/// What is written about each resource: its owner, and its inputs and outputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    format: u32,
    /// Whose it is: with the address, its ownership tag.
    pub(crate) lineage: Lineage,
    pub(crate) address: Address,
    /// The token of the step that made it.
    pub(crate) token: String,
    pub(crate) attributes: Attributes,
    /// What only the host may read, or may write: base64 of XChaCha20-Poly1305 under the host key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sealed: Option<String>,
}

impl Record {
    /// Whether what its digest was sealed with is what it says.
    pub(crate) fn is_genuine(&self, host_key: &HostKey) -> bool {
        let sealed = self.sealed.as_deref().and_then(|sealed| host_key.open(&self.address, sealed).ok());
        let digest = digest(&self.attributes);
        sealed.zip(digest.ok()).is_some_and(|(sealed, digest)| hash::equal(sealed.expose(), &digest))
    }
}

/// The digest of what a record says, which is sealed with a record that others must not write.
pub(crate) fn digest(attributes: &Attributes) -> Result<[u8; 32], Error> {
    let bytes = serde_json::to_vec(attributes).map_err(|error| Error::Bug(error.to_string()))?;
    Ok(hash::sha256(&bytes))
}

/// The name of the file of a resource's record.
pub(crate) fn file_name(address: &Address) -> String {
    format!("{}.json", address.to_string().replace('/', "."))
}

/// The record files of one deployment.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    directory: PathBuf,
    lineage: Lineage,
}

impl Records {
    /// The records below a deployment's data directory.
    pub(crate) fn new(data: &Path, lineage: Lineage) -> Self {
        Self { directory: data.join("resources"), lineage }
    }

    /// The records of the deployment at hand.
    pub(crate) fn of(cx: &Context) -> Self {
        Self::new(&cx.deployment.data, cx.deployment.lineage.clone())
    }

    /// The file of a resource's record.
    pub(crate) fn path(&self, address: &Address) -> PathBuf {
        self.directory.join(file_name(address))
    }

    /// Reads a record. One of another lineage is a conflict: somebody else's data lies here.
    pub(crate) fn read(&self, address: &Address) -> Result<Option<Record>, Error> {
        let path = self.path(address);
        let record = files::read(&path)?.map(|bytes| self.parse(&path, &bytes)).transpose()?;
        match record {
            Some(record) if record.address != *address => {
                Err(Error::Invalid(format!("{} is the record of {}", path.display(), record.address)))
            }
            record => Ok(record),
        }
    }

    fn parse(&self, path: &Path, bytes: &[u8]) -> Result<Record, Error> {
        let record: Record = serde_json::from_slice(bytes)
            .map_err(|error| Error::Invalid(format!("{} is damaged: {error}", path.display())))?;
        if record.format != FORMAT {
            return Err(Error::Invalid(format!("{} has format {}, not {FORMAT}", path.display(), record.format)));
        }
        if record.lineage != self.lineage {
            return Err(Error::Conflict(format!(
                "{} belongs to another deployment (lineage {}, this one is {}); move it away or use another name",
                path.display(),
                record.lineage.short(),
                self.lineage.short()
            )));
        }
        Ok(record)
    }

    /// Writes a record.
    pub(crate) fn write(
        &self,
        target: &Target,
        attributes: Attributes,
        sealed: Option<String>,
    ) -> Result<Record, Error> {
        let record = Record {
            format: FORMAT,
            lineage: self.lineage.clone(),
            address: target.address.clone(),
            token: target.token.clone(),
            attributes,
            sealed,
        };
        files::make_directory(&self.directory)?;
        let bytes = serde_json::to_vec_pretty(&record).map_err(|error| Error::Bug(error.to_string()))?;
        files::replace(&self.path(&target.address), &bytes)?;
        Ok(record)
    }

    /// Removes a record.
    pub(crate) fn remove(&self, address: &Address) -> Result<(), Error> {
        files::remove(&self.path(address))
    }

    /// Whether there is no record at all.
    pub(crate) fn is_empty(&self) -> Result<bool, Error> {
        Ok(self.paths()?.next().is_none())
    }

    /// Reads every record, sorted by address.
    pub(crate) fn all(&self) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        for path in self.paths()? {
            if let Some(bytes) = files::read(&path)? {
                records.push(self.parse(&path, &bytes)?);
            }
        }
        records.sort_by(|a, b| a.address.cmp(&b.address));
        Ok(records)
    }

    fn paths(&self) -> Result<impl Iterator<Item = PathBuf> + use<>, Error> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => Some(entries),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(files::failed("list", &self.directory, &error)),
        };
        let paths = entries.into_iter().flatten().filter_map(|entry| entry.ok().map(|entry| entry.path()));
        Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")))
    }
}
