use acquire_crypto::{PrivateKey, base64};
use acquire_envelope::service::ServiceRecord;
use acquire_model::SecretText;
use acquire_model::uid::{ServiceUid, Uid};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

use crate::Error;
use crate::file::{failed, make_private_directory, read, write_private};

/// The Python client's directory of services and users, `<home>/.acquire_wallet` (protocol 01 §5.5).
///
/// Ours and the Python client read and write the same files, so a person may use both.
#[derive(Clone, Debug)]
pub struct Wallet {
    directory: PathBuf,
}

/// What became of a wallet that was seeded.
#[derive(Clone, Debug)]
#[must_use]
pub struct Seeded {
    /// The file of the registry.
    pub file: PathBuf,
    /// Files of services that another registry of the same uid had vouched for; each now ends in `.old`.
    pub set_aside: Vec<PathBuf>,
}

/// A user whose credentials a wallet keeps, encrypted to the wallet's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The user name.
    pub username: String,
    /// The user's uid.
    pub user_uid: Uid,
    /// The password as typed.
    pub password: SecretText,
    /// The remembered device.
    pub device_uid: Option<Uid>,
    /// The device's one-time-code secret, base32.
    pub otp_secret: Option<SecretText>,
}

impl Wallet {
    /// The wallet below a home directory; makes nothing.
    pub fn beneath(home: &Path) -> Self {
        Self { directory: home.join(".acquire_wallet") }
    }

    /// Writes the file by which the Python client finds a registry and, through it, every service.
    ///
    /// The Python client takes any file of that registry uid, and never asks again for a service it has on file. So
    /// what another registry of the same uid (an earlier deployment) had put here is set aside.
    ///
    /// # Errors
    /// `Invalid` if the record is not a registry's, `File`.
    pub fn seed(&self, registry: &ServiceRecord) -> Result<Seeded, Error> {
        let not_a_registry = || Error::Invalid("the record is not that of a registry with a uid".to_owned());
        let uid = registry.uid.as_ref().filter(|uid| uid.registry() == **uid).ok_or_else(not_a_registry)?;
        let file = self.service_file(uid, &registry.canonical_url());
        let known = read(&file)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let known = known.and_then(|data: Value| ServiceRecord::from_json(&data).ok());
        let same = known.is_some_and(|known| {
            known.public_key == registry.public_key
                || known.public_certificate == registry.public_certificate
                || known.public_certificate == registry.last_certificate
        });
        let set_aside = if same { Vec::new() } else { self.set_aside(uid)? };
        make_private_directory(&self.directory)?;
        write_private(&file, registry.to_json().to_string().as_bytes())?;
        Ok(Seeded { file, set_aside })
    }

    /// Unlocks the wallet's key; a wallet that has none gets one.
    ///
    /// # Errors
    /// `Invalid` if the passphrase is wrong, or too weak for a new key; `File`.
    pub fn unlock(&self, passphrase: &SecretText) -> Result<PrivateKey, Error> {
        let invalid = |e: acquire_crypto::Error| Error::Invalid(format!("the wallet cannot be unlocked: {e}"));
        let file = self.directory.join("wallet_key.pem");
        if let Some(bytes) = read(&file)? {
            return PrivateKey::from_encrypted_pem(&String::from_utf8_lossy(&bytes), passphrase).map_err(invalid);
        }
        let key = PrivateKey::generate().map_err(invalid)?;
        let pem = key.to_encrypted_pem(passphrase).map_err(invalid)?;
        make_private_directory(&self.directory)?;
        write_private(&file, pem.as_bytes())?;
        Ok(key)
    }

    /// Keeps a user's credentials for a service.
    ///
    /// # Errors
    /// `File`.
    pub fn remember(&self, key: &PrivateKey, service: &ServiceUid, account: &Account) -> Result<(), Error> {
        let mut secret = json!({ "username": account.username, "password": account.password.expose() });
        if let Some(fields) = secret.as_object_mut() {
            fields.extend(account.device_uid.iter().map(|uid| ("device_uid".to_owned(), json!(uid))));
            fields.extend(account.otp_secret.iter().map(|secret| ("otpsecret".to_owned(), json!(secret.expose()))));
        }
        let sealed = key
            .public()
            .encrypt(SecretText::new(secret.to_string()).expose().as_bytes())
            .map_err(|e| Error::Bug(e.to_string()))?;
        let data = json!({
            "username": account.username,
            "user_uid": account.user_uid,
            "data": base64::encode(&sealed),
        });
        write_private(&self.user_file(service, &account.user_uid), data.to_string().as_bytes())
    }

    /// Reads the users that are kept for a service, those alone that this key opens.
    ///
    /// # Errors
    /// `File` if the directory cannot be listed.
    pub fn accounts(&self, key: &PrivateKey, service: &ServiceUid) -> Result<Vec<Account>, Error> {
        let files = files_in(&self.directory.join(service.as_str()), "user_")?;
        Ok(files.iter().filter_map(|file| open_account(key, &fs::read(file).ok()?)).collect())
    }

    fn service_file(&self, uid: &ServiceUid, canonical_url: &str) -> PathBuf {
        self.directory.join(uid.as_str()).join(format!("service_{}.json", base64::encode_text(canonical_url)))
    }

    fn user_file(&self, service: &ServiceUid, user_uid: &Uid) -> PathBuf {
        self.directory.join(service.as_str()).join(format!("user_{user_uid}.json"))
    }

    /// Renames every service file whose uid belongs to that registry.
    fn set_aside(&self, registry: &ServiceUid) -> Result<Vec<PathBuf>, Error> {
        let mut moved = Vec::new();
        for directory in files_in(&self.directory, "")? {
            let uid = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default().parse::<ServiceUid>();
            if !uid.is_ok_and(|uid| uid.registry() == *registry) {
                continue;
            }
            for file in files_in(&directory, "service_")? {
                let old = file.with_extension("json.old");
                fs::rename(&file, &old).map_err(|e| failed("renamed", &file, &e))?;
                moved.push(old);
            }
        }
        Ok(moved)
    }
}

fn open_account(key: &PrivateKey, bytes: &[u8]) -> Option<Account> {
    let outer: Value = serde_json::from_slice(bytes).ok()?;
    let sealed = base64::decode(outer.get("data")?.as_str()?).ok()?;
    let inner: Value = serde_json::from_slice(key.decrypt(&sealed).ok()?.expose()).ok()?;
    let text = |name: &str| inner.get(name).and_then(Value::as_str);
    Some(Account {
        username: text("username")?.to_owned(),
        user_uid: outer.get("user_uid")?.as_str()?.parse().ok()?,
        password: SecretText::new(text("password")?),
        device_uid: text("device_uid").and_then(|uid| uid.parse().ok()),
        otp_secret: text("otpsecret").map(SecretText::new),
    })
}

/// The entries of a directory whose names start so (and, with a prefix, end in `.json`), sorted; none if it is not
/// there.
fn files_in(directory: &Path, prefix: &str) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(failed("listed", directory, &e)),
    };
    let wanted = |name: &str| prefix.is_empty() || (name.starts_with(prefix) && name.ends_with(".json"));
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| wanted(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    files.sort();
    Ok(files)
}
