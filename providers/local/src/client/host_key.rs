use super::files;
use acquire_crypto::{aead, base64};
use acquire_model::lineage::Lineage;
use acquire_model::{Address, Entropy, SecretBytes};
use acquire_provider::Error;
use std::path::{Path, PathBuf};

const FILE: &str = "host.key";
const BYTES: usize = 32;

/// The key that seals keys and secrets, so that the host opens them without the operator, and what is recorded of
/// functions, so that the host sees whether anybody else wrote it. It lies in the user's configuration directory under
/// the deployment's lineage, never beside the data: either directory alone opens nothing.
pub(crate) struct HostKey {
    key: aead::Key,
    lineage: Lineage,
}

fn path(configuration: &Path) -> PathBuf {
    configuration.join(FILE)
}

impl HostKey {
    /// Reads the key.
    pub(crate) fn read(configuration: &Path, lineage: &Lineage) -> Result<Self, Error> {
        let path = path(configuration);
        let bytes = files::read(&path)?.ok_or_else(|| {
            Error::NotFound(format!(
                "the host key {} is missing: without it the keys and secrets of this deployment stay shut; put it back from a backup",
                path.display()
            ))
        })?;
        let key: [u8; BYTES] = bytes
            .try_into()
            .map_err(|_| Error::Invalid(format!("the host key {} is not {BYTES} bytes long", path.display())))?;
        Ok(Self { key: aead::Key::new(key), lineage: lineage.clone() })
    }

    /// Reads the key, or makes it if there is none.
    pub(crate) fn read_or_make(configuration: &Path, lineage: &Lineage, entropy: &dyn Entropy) -> Result<Self, Error> {
        if files::read(&path(configuration))?.is_none() {
            files::make_directory(configuration)?;
            files::replace(&path(configuration), &acquire_model::ports::draw::<BYTES>(entropy))?;
        }
        Self::read(configuration, lineage)
    }

    /// Removes the key.
    pub(crate) fn remove(configuration: &Path) -> Result<(), Error> {
        files::remove(&path(configuration))
    }

    fn associated(&self, address: &Address) -> String {
        format!("acquire local 1|{}|{address}", self.lineage)
    }

    /// Seals bytes for a resource.
    pub(crate) fn seal(&self, entropy: &dyn Entropy, address: &Address, plaintext: &[u8]) -> Result<String, Error> {
        let sealed = self.key.seal(entropy, self.associated(address).as_bytes(), plaintext);
        Ok(base64::encode(&sealed.map_err(|error| Error::Bug(error.to_string()))?))
    }

    /// Opens what was sealed for that resource, and nothing else.
    pub(crate) fn open(&self, address: &Address, sealed: &str) -> Result<SecretBytes, Error> {
        let denied = |_| Error::Denied(format!("{address} was sealed by another host key, or was changed"));
        let bytes = base64::decode(sealed).map_err(denied)?;
        self.key.open(self.associated(address).as_bytes(), &bytes).map_err(denied)
    }
}
