use std::fs;
use std::io;
use std::path::Path;

use acquire_crypto::signing::{Signature, SigningKey, VerifyingKey};
use acquire_model::{Diagnostic, Lineage, SecretText};

use super::error::Error;
use super::event::Event;
use super::files;
use super::format::Link;
use super::location::Location;
use super::walk::Passage;

const FILE: &str = "operator.key";

/// Whoever works on a state, with the key that signs what was done.
pub struct Operator {
    by: String,
    key: SigningKey,
}

impl Operator {
    /// Reads the key pair of this user, `operator.key` in the configuration directory; makes it on first use.
    ///
    /// # Errors
    /// If it cannot be read or written, or is something else.
    pub fn open(location: &Location, by: String) -> Result<Self, Diagnostic> {
        Ok(Self { by, key: find_or_make(&location.configuration)? })
    }

    /// Who, `user@host`.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// Signs a place in a chain.
    pub(super) fn sign(&self, lineage: &Lineage, link: Link) -> Result<Event, Error> {
        let signature = self.key.sign(&message(lineage, link, &self.by))?;
        Ok(Event::Signed { by: self.by.clone(), key: self.key.public(), signature })
    }
}

impl Passage<'_> {
    /// Whether a signature that stands here was made by that key over this place.
    pub fn is_signed(&self, by: &str, key: &VerifyingKey, signature: &Signature) -> bool {
        key.verify(&message(&self.state.lineage, self.link, by), signature).is_ok()
    }
}

/// What is signed: each part of fixed length, but the last.
fn message(lineage: &Lineage, link: Link, by: &str) -> Vec<u8> {
    format!("acquire run 1\n{lineage} {:020} {} {by}", link.serial, link.hash).into_bytes()
}

fn find_or_make(configuration: &Path) -> Result<SigningKey, Error> {
    let path = configuration.join(FILE);
    if let Some(key) = read(&path)? {
        return Ok(key);
    }
    files::create_directory(configuration)?;
    // Under a name of its own, then linked: of two who make one at the same time the first stays.
    let key = SigningKey::generate()?;
    let own = configuration.join(format!("operator-{}.key", std::process::id()));
    let linked =
        files::replace(&own, key.to_pem()?.expose().as_bytes()).and_then(|()| match fs::hard_link(&own, &path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
            _ => files::sync_parent(&path),
        });
    let removed = fs::remove_file(&own);
    linked.and(removed).map_err(|e| Error::write(&path, &e))?;
    read(&path)?.ok_or_else(|| Error::NoKey { key: path.display().to_string() })
}

fn read(path: &Path) -> Result<Option<SigningKey>, Error> {
    let Some(text) = files::read(path)? else { return Ok(None) };
    let wrong = || Error::OperatorKey { key: path.display().to_string() };
    let pem = SecretText::new(String::from_utf8(text).map_err(|_| wrong())?);
    SigningKey::from_pem(&pem).map(Some).map_err(|_| wrong())
}
