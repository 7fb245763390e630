use std::path::PathBuf;

use acquire_model::SecretText;

use super::error::Error;
use super::files;

/// Where a state is kept, and what opens it.
#[derive(Clone, Debug)]
pub struct Location {
    /// The directory of the journal, such as `.acquire/demo/state`.
    pub home: PathBuf,
    /// The user's configuration directory, without the lineage.
    pub configuration: PathBuf,
    /// The passphrase that a new state is sealed with, or that opens an existing one made with a passphrase. Without
    /// it a new state is sealed with a random key, kept as `<configuration>/<lineage>/state.key`.
    pub passphrase: Option<SecretText>,
}

impl Location {
    /// The same, with the home as the disk knows it.
    pub(super) fn canonical(&self) -> Result<Self, Error> {
        Ok(Self { home: files::canonical(&self.home)?, ..self.clone() })
    }
}
