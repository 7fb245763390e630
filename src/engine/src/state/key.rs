use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use acquire_crypto::{aead, hash, kdf};
use acquire_model::ports::draw;
use acquire_model::{Diagnostic, Entropy, Lineage, SecretBytes, SecretText};

use super::error::Error;
use super::files;
use super::format::Header;
use super::location::{Location, Site};
use super::walk;

const FILE: &str = "state.key";
const PREFIX: &str = "acquire-state-key 1 ";
const SALT_BYTES: usize = 16;

/// The key of a state: it seals the journal and saved plans, signs the head, and makes fingerprints of secrets.
#[derive(Clone)]
pub struct StateKey(Arc<Parts>);

struct Parts {
    root: SecretBytes,
    seal: aead::Key,
}

impl StateKey {
    /// Computes what stands in the state for a secret value: an HMAC under this key, `hmac-sha256:<hex>`.
    pub fn fingerprint(&self, secret: &str) -> String {
        format!("hmac-sha256:{}", hash::hex(&self.mac("fingerprint", secret.as_bytes())))
    }

    /// Seals for a purpose that the associated data names; `None` if it is longer than the cipher takes.
    pub(super) fn seal(&self, entropy: &dyn Entropy, associated: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
        self.0.seal.seal(entropy, associated, plaintext).ok()
    }

    /// Opens what `seal` made; `None` for any other bytes.
    pub(super) fn open(&self, associated: &[u8], sealed: &[u8]) -> Option<SecretBytes> {
        self.0.seal.open(associated, sealed).ok()
    }

    /// Authenticates bytes for a purpose.
    pub(super) fn mac(&self, purpose: &str, bytes: &[u8]) -> [u8; 32] {
        let mut message = format!("acquire {purpose} 1\n").into_bytes();
        message.extend_from_slice(bytes);
        hash::hmac_sha256(self.0.root.expose(), &message)
    }

    /// Names the key without showing it, so that a wrong one is told from a damaged journal.
    pub(super) fn name(&self, lineage: &Lineage) -> String {
        hash::hex(&self.mac("key name", lineage.as_str().as_bytes())).chars().take(16).collect()
    }

    /// Makes the keys that come from a root.
    pub(crate) fn from_root(root: SecretBytes) -> Self {
        let seal = aead::Key::new(hash::hmac_sha256(root.expose(), b"acquire seal 1\n"));
        Self(Arc::new(Parts { root, seal }))
    }
}

impl fmt::Debug for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Makes the key of a new state. The salt is there if it comes from a passphrase.
pub(super) fn make(site: &Site, lineage: &Lineage, entropy: &dyn Entropy) -> Result<(StateKey, Option<String>), Error> {
    if let Some(passphrase) = &site.passphrase {
        let salt = hash::hex(&draw::<SALT_BYTES>(entropy));
        return Ok((derive(passphrase, &salt)?, Some(salt)));
    }
    let root = SecretBytes::new(draw::<32>(entropy).to_vec());
    let path = path(site, lineage);
    files::create_directory(&directory(site, lineage))?;
    files::replace(&path, text(&root).expose().as_bytes()).map_err(|e| Error::write(&path, &e))?;
    Ok((StateKey::from_root(root), None))
}

/// Returns the text of the key file of a state, to be kept elsewhere; `None` if there is no state.
///
/// # Errors
/// If it has none, since it is sealed with a passphrase; if the file is not there or is that of another state.
pub async fn export_key(location: &Location) -> Result<Option<SecretText>, Diagnostic> {
    let site = location.site()?;
    let Some(Header { lineage, key, salt, .. }) = walk::first_header(site.home.as_ref()).await? else {
        return Ok(None);
    };
    if salt.is_some() {
        return Err(Error::Keyless { home: site.home.name().to_owned() }.into());
    }
    let StateKey(parts) = find(&site, &lineage, &key, None)?;
    Ok(Some(text(&parts.root)))
}

/// Puts the key file of a state in its place on this machine, and returns where that is; `None` if there is no state.
///
/// # Errors
/// If it is not the key of this state; if the state is sealed with a passphrase; if it cannot be written.
pub async fn import_key(location: &Location, key: &SecretBytes) -> Result<Option<PathBuf>, Diagnostic> {
    let site = location.site()?;
    let home = || site.home.name().to_owned();
    let Some(Header { lineage, key: name, salt, .. }) = walk::first_header(site.home.as_ref()).await? else {
        return Ok(None);
    };
    if salt.is_some() {
        return Err(Error::Keyless { home: home() }.into());
    }
    let root = parse(key).filter(|root| StateKey::from_root(root.clone()).name(&lineage) == name);
    let root = root.ok_or_else(|| Error::WrongKey { key: "this key".to_owned(), home: home() })?;
    let path = path(&site, &lineage);
    files::create_directory(&directory(&site, &lineage))?;
    files::replace(&path, text(&root).expose().as_bytes()).map_err(|e| Error::write(&path, &e))?;
    Ok(Some(path))
}

/// What stands in a key file.
fn text(root: &SecretBytes) -> SecretText {
    SecretText::new(format!("{PREFIX}{}\n", hash::hex(root.expose())))
}

/// Finds the key of an existing state and checks that it is the one named in the journal.
pub(super) fn find(site: &Site, lineage: &Lineage, name: &str, salt: Option<&str>) -> Result<StateKey, Error> {
    let home = || site.home.name().to_owned();
    let (key, wrong) = match (salt, &site.passphrase) {
        (Some(salt), Some(passphrase)) => (derive(passphrase, salt)?, Error::WrongPassphrase { home: home() }),
        (Some(_), None) => return Err(Error::NoPassphrase { home: home() }),
        (None, _) => {
            let path = path(site, lineage);
            let text = files::read(&path)?
                .map(SecretBytes::new)
                .ok_or_else(|| Error::NoKey { key: path.display().to_string() })?;
            let wrong = || Error::WrongKey { key: path.display().to_string(), home: home() };
            (StateKey::from_root(parse(&text).ok_or_else(wrong)?), wrong())
        }
    };
    if key.name(lineage) == name { Ok(key) } else { Err(wrong) }
}

/// Where this machine keeps what belongs to a lineage.
pub(super) fn directory(site: &Site, lineage: &Lineage) -> PathBuf {
    site.configuration.join(lineage.as_str())
}

fn path(site: &Site, lineage: &Lineage) -> PathBuf {
    directory(site, lineage).join(Path::new(FILE))
}

fn derive(passphrase: &SecretText, salt: &str) -> Result<StateKey, Error> {
    let root = kdf::derive(passphrase, salt.as_bytes())?;
    Ok(StateKey::from_root(SecretBytes::new(root.to_vec())))
}

fn parse(text: &SecretBytes) -> Option<SecretBytes> {
    let digits = std::str::from_utf8(text.expose()).ok()?.strip_prefix(PREFIX)?.trim_end().as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(pair).collect::<Option<Vec<u8>>>().map(SecretBytes::new)
}
