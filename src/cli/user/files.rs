use acquire_client::file::{read, remove, write_private};
use acquire_client::{Error, Session};
use acquire_crypto::hash::sha256_hex;
use acquire_envelope::service::ServiceRecord;
use acquire_model::uid::Uid;
use acquire_model::{Diagnostic, Environment, Lineage, SecretText};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

use super::codes;
use crate::cli;

/// The format of the files here; others are refused.
const FORMAT: u64 = 1;

/// The files of a user, `<configuration>/user/…`, each for this user alone (mode 0600).
///
/// The session file holds the private keys of the session and the device file holds one-time-code secrets, in clear: to
/// encrypt them, a key would have to lie beside them or be typed at every command. Whoever can read the files of this
/// user can act as the user until the session ends, as with any saved log-in. The password is never kept.
#[derive(Clone, Debug)]
pub struct Files {
    directory: PathBuf,
}

/// A remembered device: this machine, as the identity service knows it for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The user.
    pub user_uid: Uid,
    /// The device.
    pub device_uid: Uid,
    /// Where its one-time codes come from.
    pub secret: SecretText,
}

/// A registry that was used, and how its identity service is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The registry as it answered.
    pub registry: ServiceRecord,
    /// Uid or URL of the identity service.
    pub identity: String,
    /// The lineage of its state, if it was applied by this user.
    pub lineage: Option<Lineage>,
}

impl Files {
    /// The files below the configuration directory.
    pub fn open(environment: &Environment) -> Result<Self, Vec<Diagnostic>> {
        let configuration = environment.configuration_directory().ok_or_else(|| {
            let summary = "the user's configuration directory is not known";
            vec![Diagnostic::error(cli::codes::NO_HOME, summary).hint("set HOME or ACQUIRE_CONFIG_DIR")]
        })?;
        Ok(Self { directory: configuration.join("user") })
    }

    /// The deployment that was used last.
    pub fn last(&self) -> Result<Option<Known>, Vec<Diagnostic>> {
        self.load(&self.directory.join("last.json"), read_known)
    }

    /// What is known of the registry at a URL.
    pub fn known(&self, url: &str) -> Result<Option<Known>, Vec<Diagnostic>> {
        self.load(&self.file("registry", url), read_known)
    }

    /// Keeps a deployment as known and as the one used last.
    pub fn keep(&self, known: &Known) -> Result<(), Vec<Diagnostic>> {
        let text = json!({
            "format": FORMAT,
            "registry": known.registry.to_json(),
            "identity": known.identity,
            "lineage": known.lineage,
        });
        let text = format!("{text:#}\n");
        let url = known.registry.url.full();
        let files = [self.file("registry", &url), self.directory.join("last.json")];
        files.iter().try_for_each(|file| write_private(file, text.as_bytes())).map_err(failed)
    }

    /// Forgets the deployment of a lineage as the one used last; with its data, everything that is kept of it.
    pub fn forget(&self, lineage: &Lineage, with_data: bool) -> Result<(), Vec<Diagnostic>> {
        let is_of = |known: &Known| known.lineage.as_ref() == Some(lineage);
        if self.last()?.as_ref().is_some_and(is_of) {
            remove(&self.directory.join("last.json")).map_err(failed)?;
        }
        let names = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        for registry in names.iter().filter(|name| with_data && name.starts_with("registry-")) {
            let Some(known) = self.load(&self.directory.join(registry), read_known)?.filter(is_of) else { continue };
            let mark = format!("-{}", short(&known.registry.url.full()));
            let of_it = names.iter().filter(|name| name.contains(&mark));
            of_it.map(|name| self.directory.join(name)).try_for_each(|file| remove(&file)).map_err(failed)?;
        }
        Ok(())
    }

    /// The saved session at the deployment of that registry.
    pub fn session(&self, registry_url: &str) -> Result<Option<Session>, Vec<Diagnostic>> {
        self.load(&self.file("session", registry_url), |value| {
            Session::from_text(&SecretText::new(value.get("session")?.as_str()?)).ok()
        })
    }

    /// Saves a session.
    pub fn save_session(&self, registry_url: &str, session: &Session) -> Result<(), Vec<Diagnostic>> {
        let text = session.to_text().map_err(failed)?;
        let text = SecretText::new(json!({ "format": FORMAT, "session": text.expose() }).to_string());
        write_private(&self.file("session", registry_url), text.expose().as_bytes()).map_err(failed)
    }

    /// Forgets the saved session.
    pub fn forget_session(&self, registry_url: &str) -> Result<(), Vec<Diagnostic>> {
        remove(&self.file("session", registry_url)).map_err(failed)
    }

    /// The remembered device of a user.
    pub fn device(&self, registry_url: &str, username: &str) -> Result<Option<Device>, Vec<Diagnostic>> {
        self.load(&self.device_file(registry_url, username), |value| {
            let field = |name: &str| value.get(name).and_then(Value::as_str);
            Some(Device {
                user_uid: field("user_uid")?.parse().ok()?,
                device_uid: field("device_uid")?.parse().ok()?,
                secret: SecretText::new(field("otp_secret")?),
            })
        })
    }

    /// Remembers a device.
    pub fn save_device(&self, registry_url: &str, username: &str, device: &Device) -> Result<(), Vec<Diagnostic>> {
        let text = SecretText::new(
            json!({
                "format": FORMAT,
                "user_uid": device.user_uid,
                "device_uid": device.device_uid,
                "otp_secret": device.secret.expose(),
            })
            .to_string(),
        );
        write_private(&self.device_file(registry_url, username), text.expose().as_bytes()).map_err(failed)
    }

    /// Names the files that keep what is known of a registry.
    pub fn about(&self, url: &str) -> String {
        format!("{} and {}", self.file("registry", url).display(), self.directory.join("last.json").display())
    }

    fn file(&self, what: &str, url: &str) -> PathBuf {
        self.directory.join(format!("{what}-{}.json", short(url)))
    }

    fn device_file(&self, registry_url: &str, username: &str) -> PathBuf {
        self.directory.join(format!("device-{}-{}.json", short(registry_url), short(username)))
    }

    /// Reads a file; one of another format, or that cannot be read, is refused by name.
    fn load<T>(&self, path: &Path, open: impl FnOnce(&Value) -> Option<T>) -> Result<Option<T>, Vec<Diagnostic>> {
        let Some(bytes) = read(path).map_err(failed)? else { return Ok(None) };
        let value: Option<Value> = serde_json::from_slice(&bytes).ok();
        let value = value.filter(|value| value.get("format").and_then(Value::as_u64) == Some(FORMAT));
        value.as_ref().and_then(open).map(Some).ok_or_else(|| {
            let summary = format!("{} is damaged, or of a later version", path.display());
            vec![Diagnostic::error(codes::FILE, summary).hint("remove it and log in again")]
        })
    }
}

fn read_known(value: &Value) -> Option<Known> {
    Some(Known {
        registry: ServiceRecord::from_json(value.get("registry")?).ok()?,
        identity: value.get("identity")?.as_str()?.to_owned(),
        lineage: value.get("lineage").and_then(Value::as_str).and_then(|text| text.to_owned().try_into().ok()),
    })
}

/// A name for a URL that is safe in a file name and does not collide.
fn short(text: &str) -> String {
    sha256_hex(text.as_bytes()).chars().take(16).collect()
}

fn failed(error: Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error(codes::FILE, error.to_string()).hint("check whose it is, and the room on the disk")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// Files of the first version, as this program wrote them.
    const LAST: &str = include_str!("testdata/last.json");
    const SESSION: &str = include_str!("testdata/session.json");
    const DEVICE: &str = include_str!("testdata/device.json");
    const URL: &str = "http://127.0.0.1:18080/t/registry";

    fn files() -> (tempfile::TempDir, Files) {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().to_str().unwrap().to_owned();
        let environment = Environment::new([("ACQUIRE_CONFIG_DIR".to_owned(), directory)]);
        let files = Files::open(&environment).unwrap();
        (home, files)
    }

    fn put(file: &Path, text: &str) {
        write_private(file, text.as_bytes()).unwrap();
    }

    #[test]
    fn files_of_the_first_version_are_read() {
        let (_home, files) = files();
        put(&files.directory.join("last.json"), LAST);
        put(&files.file("session", URL), SESSION);
        put(&files.device_file(URL, "bob"), DEVICE);
        let last = files.last().unwrap().unwrap();
        assert_eq!((last.registry.url.full().as_str(), last.identity.as_str()), (URL, "a0-a2"));
        let session = files.session(URL).unwrap().unwrap();
        assert_eq!((session.username.as_str(), session.holder.identity_uid.as_str()), ("bob", "a0-a2"));
        let device = files.device(URL, "bob").unwrap().unwrap();
        assert_eq!(device.device_uid.as_str(), "2ca744aa-450b-4c24-a75a-f06a9f30336b");
    }

    #[test]
    fn what_is_saved_reads_back_and_only_its_owner_can_read_it() {
        let (_home, files) = files();
        put(&files.directory.join("last.json"), LAST);
        put(&files.file("session", URL), SESSION);
        put(&files.device_file(URL, "bob"), DEVICE);
        let (last, device) = (files.last().unwrap().unwrap(), files.device(URL, "bob").unwrap().unwrap());
        let session = files.session(URL).unwrap().unwrap();
        let (_other, copy) = self::files();
        copy.keep(&last).unwrap();
        copy.save_session(URL, &session).unwrap();
        copy.save_device(URL, "bob", &device).unwrap();
        assert_eq!((copy.last().unwrap().as_ref(), copy.known(URL).unwrap().as_ref()), (Some(&last), Some(&last)));
        assert_eq!(copy.session(URL).unwrap().unwrap().holder, session.holder);
        assert_eq!(copy.device(URL, "bob").unwrap(), Some(device));
        for entry in std::fs::read_dir(&copy.directory).unwrap() {
            assert_eq!(entry.unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        copy.forget_session(URL).unwrap();
        assert!(copy.session(URL).unwrap().is_none());
        assert!(copy.device(URL, "eve").unwrap().is_none());
    }

    #[test]
    fn what_is_forgotten_is_one_deployment() {
        let (_home, files) = files();
        put(&files.directory.join("last.json"), LAST);
        let other = files.last().unwrap().unwrap();
        let (mine, lineage): (_, Lineage) = ("http://127.0.0.1:1/t/registry", "a".repeat(32).try_into().unwrap());
        let registry = ServiceRecord { url: mine.parse().unwrap(), ..other.registry.clone() };
        let known = Known { registry, lineage: Some(lineage.clone()), ..other.clone() };
        for known in [&other, &known] {
            files.keep(known).unwrap();
            put(&files.file("session", &known.registry.url.full()), SESSION);
            put(&files.device_file(&known.registry.url.full(), "bob"), DEVICE);
        }
        let count = || std::fs::read_dir(&files.directory).unwrap().count();
        assert_eq!((files.last().unwrap(), count()), (Some(known.clone()), 7));
        files.forget(&"b".repeat(32).try_into().unwrap(), true).unwrap();
        assert_eq!(count(), 7);
        files.forget(&lineage, false).unwrap();
        assert_eq!((files.last().unwrap(), count()), (None, 6));
        files.forget(&lineage, true).unwrap();
        assert_eq!((files.known(mine).unwrap(), files.known(URL).unwrap(), count()), (None, Some(other), 3));
    }

    #[test]
    fn a_file_that_is_damaged_or_of_a_later_version_is_refused_by_name() {
        let (_home, files) = files();
        let file = files.file("session", URL);
        for bad in
            ["", "{", "[]", "{}", &SESSION.replace("\"format\":1", "\"format\":2"), &SESSION.replace("bob", "\"")]
        {
            put(&file, bad);
            let problems = files.session(URL).unwrap_err();
            assert!(problems[0].summary.contains(file.to_str().unwrap()), "{problems:?}");
        }
    }
}
