use super::files;
use crate::host::LocalHost;
use acquire_model::Clock;
use acquire_provider::{Context, Error};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a host may take to listen.
const START_SECONDS_MAX: u64 = 15;
/// How long a host may take to end after it was asked to; then it is killed.
const STOP_SECONDS_MAX: u64 = 15;
/// How often its state is looked at.
const POLL: Duration = Duration::from_millis(4);
/// A log larger than this is set aside.
const LOG_BYTES_MAX: u64 = 10 << 20;

/// How far back in the log an error is looked for.
const LAST_LINES: usize = 40;

/// What the host gets of the operator's environment.
const PASSED_VARIABLES: [&str; 7] = ["PATH", "HOME", "LANG", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_LOG"];

/// The variables by which a host process knows what it is.
pub(crate) const DATA_VARIABLE: &str = "ACQUIRE_HOST_DATA";
/// Where the host key lies.
pub(crate) const CONFIGURATION_VARIABLE: &str = "ACQUIRE_HOST_CONFIGURATION";
/// Whose host it is.
pub(crate) const LINEAGE_VARIABLE: &str = "ACQUIRE_HOST_LINEAGE";

/// What a running host says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) pid: u32,
    /// Where it listens, such as `127.0.0.1:8080`.
    pub(crate) address: String,
    /// `http` or `https`.
    pub(crate) scheme: String,
    /// SHA-256 of its binary.
    pub(crate) binary: String,
}

/// What the host is told, beside the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where to listen, `ADDRESS:PORT`; port 0 means any free one.
    pub(crate) listen: String,
    /// PEM files for TLS.
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) certificate_key: Option<PathBuf>,
}

/// The digest of a program file, and which file it was: a file of the same name, inode, size and change time is the same.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Digested {
    path: PathBuf,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
    sha256: String,
}

/// The files of the host of one deployment.
#[derive(Clone, Debug)]
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new(data: &Path) -> Self {
        Self(data.join("host"))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("host.log")
    }

    /// Where the log went that had become too large.
    fn old_log(&self) -> PathBuf {
        self.0.join("host.log.1")
    }

    /// Keeps the log from growing for ever: one that is too large is copied, over the last such copy, and emptied. It is
    /// not renamed, because a running host would go on writing to it under its new name.
    pub(crate) fn set_log_aside(&self) -> Result<(), Error> {
        let log = self.log();
        if !std::fs::metadata(&log).is_ok_and(|metadata| metadata.len() > LOG_BYTES_MAX) {
            return Ok(());
        }
        let empty = || OpenOptions::new().write(true).open(&log)?.set_len(0);
        std::fs::copy(&log, self.old_log())
            .and_then(|_| empty())
            .map_err(|error| files::failed("set aside", &log, &error))
    }

    fn running_file(&self) -> PathBuf {
        self.0.join("running.json")
    }

    fn settings_file(&self) -> PathBuf {
        self.0.join("settings.json")
    }

    /// Takes the lock that a living host holds. `None` if a host lives.
    pub(crate) fn lock(&self) -> Result<Option<File>, Error> {
        files::make_directory(&self.0)?;
        let path = self.0.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| files::failed("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(files::failed("lock", &path, &error)),
        }
    }

    /// Takes the lock as soon as it is free. `None` if it was held all that time.
    pub(crate) async fn lock_within(&self, clock: &dyn Clock, wait: Duration) -> Result<Option<File>, Error> {
        let deadline = clock.monotonic() + wait;
        loop {
            match self.lock()? {
                None if clock.monotonic() < deadline => clock.sleep(POLL).await,
                taken => return Ok(taken),
            }
        }
    }

    /// What the living host says of itself; `None` if none lives, or it does not listen yet.
    pub(crate) fn running(&self) -> Result<Option<Running>, Error> {
        if !self.0.exists() || self.lock()?.is_some() {
            return Ok(None);
        }
        Ok(files::read(&self.running_file())?.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    pub(crate) fn write_running(&self, running: &Running) -> Result<(), Error> {
        let bytes = serde_json::to_vec(running).map_err(|error| Error::Bug(error.to_string()))?;
        files::replace(&self.running_file(), &bytes)
    }

    pub(crate) fn remove_running(&self) -> Result<(), Error> {
        files::remove(&self.running_file())
    }

    /// Where the host listened last: with `listen: auto` it comes back there, since that is where it is registered.
    pub(crate) fn last_address(&self) -> Option<String> {
        std::fs::read_to_string(self.0.join("address")).ok()
    }

    pub(crate) fn write_last_address(&self, address: &str) -> Result<(), Error> {
        files::replace(&self.0.join("address"), address.as_bytes())
    }

    /// The SHA-256 of a program. Kept beside the log, since reading a large binary is most of a cold start.
    pub(crate) fn digest(&self, path: &Path, digest: fn(&Path) -> Result<String, Error>) -> Result<String, Error> {
        let metadata = std::fs::metadata(path).map_err(|error| files::failed("read", path, &error))?;
        let file = self.0.join("binary.json");
        let kept: Option<Digested> = files::read(&file)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let of = |sha256| Digested {
            path: path.to_owned(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            sha256,
        };
        if let Some(kept) = kept.filter(|kept| *kept == of(kept.sha256.clone())) {
            return Ok(kept.sha256);
        }
        let fresh = of(digest(path)?);
        let bytes = serde_json::to_vec(&fresh).map_err(|error| Error::Bug(error.to_string()))?;
        files::replace(&file, &bytes)?;
        Ok(fresh.sha256)
    }

    pub(crate) fn settings(&self) -> Result<Settings, Error> {
        let path = self.settings_file();
        let bytes = files::read(&path)?.ok_or_else(|| Error::NotFound(format!("{} is missing", path.display())))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::Invalid(format!("{} is damaged: {error}", path.display())))
    }

    pub(crate) fn write_settings(&self, settings: &Settings) -> Result<(), Error> {
        files::make_directory(&self.0)?;
        let bytes = serde_json::to_vec(settings).map_err(|error| Error::Bug(error.to_string()))?;
        files::replace(&self.settings_file(), &bytes)
    }

    /// The last lines of the log, with those that were set aside.
    pub(crate) fn log_lines(&self, most: usize) -> Result<Vec<String>, Error> {
        let read = |path: PathBuf| Ok(files::read(&path)?.unwrap_or_default());
        let bytes = [read(self.old_log())?, read(self.log())?].concat();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        Ok(lines.iter().skip(lines.len().saturating_sub(most)).map(|line| (*line).to_owned()).collect())
    }

    /// The last error that the host ended with, without its code.
    fn last_error(&self) -> Result<Option<String>, Error> {
        let lines = self.log_lines(LAST_LINES)?;
        let last = lines.iter().rev().find(|line| line.starts_with("error"));
        Ok(last.map(|line| line.split_once("]: ").map_or(line.as_str(), |(_, text)| text).to_owned()))
    }

    /// Starts a program as the host and waits until it listens.
    pub(crate) async fn start(&self, cx: &Context, program: &Path) -> Result<Running, Error> {
        let mut child = self.spawn(cx, program)?;
        let deadline = cx.clock.monotonic() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            if let Some(running) = self.running()?.filter(|running| running.pid == child.id()) {
                return Ok(running);
            }
            let ended = child.try_wait().map_err(|error| Error::Unavailable(error.to_string()))?;
            if ended.is_some() || cx.clock.monotonic() > deadline {
                let _ = child.kill();
                let why = self.last_error()?.unwrap_or_else(|| "it said nothing".to_owned());
                return Err(Error::Invalid(format!(
                    "the host did not start: {why} (whole log: {})",
                    self.log().display()
                )));
            }
            cx.clock.sleep(POLL).await;
        }
    }

    fn spawn(&self, cx: &Context, program: &Path) -> Result<Child, Error> {
        self.remove_running()?;
        self.set_log_aside()?;
        let log = self.log();
        let open = || OpenOptions::new().create(true).append(true).mode(0o600).open(&log);
        let (out, err) =
            open().and_then(|out| Ok((out, open()?))).map_err(|error| files::failed("open", &log, &error))?;
        let deployment = &cx.deployment;
        Command::new(program)
            .arg("serve")
            // The operator's passphrase and credentials are none of the host's business.
            .env_clear()
            .envs(PASSED_VARIABLES.iter().filter_map(|name| Some((*name, cx.environment.variable(name)?))))
            .envs(LocalHost::variables(&deployment.data, &deployment.configuration, &deployment.lineage))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|error| files::failed("start", program, &error))
    }

    /// Asks a living host to end, waits until it has, and kills it if it does not.
    pub(crate) async fn stop(&self, clock: &dyn Clock) -> Result<(), Error> {
        let mut deadline = clock.monotonic() + Duration::from_secs(STOP_SECONDS_MAX);
        let mut signal = Signal::TERM;
        let mut asked = false;
        loop {
            if !self.0.exists() || self.lock()?.is_some() {
                return self.remove_running();
            }
            if clock.monotonic() > deadline {
                (signal, asked) = (Signal::KILL, false);
                deadline = clock.monotonic() + Duration::from_secs(STOP_SECONDS_MAX);
            }
            if let Some(running) = self.running()?.filter(|_| !asked) {
                asked = true;
                let pid = i32::try_from(running.pid).ok().and_then(Pid::from_raw);
                // Gone already is as good as ended: the lock tells.
                let _ = pid.map(|pid| kill_process(pid, signal));
            }
            clock.sleep(POLL).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_that_is_too_large_is_set_aside_under_the_host_that_writes_it() {
        let data = tempfile::tempdir().unwrap();
        let home = Home::new(data.path());
        std::fs::create_dir(home.directory()).unwrap();
        let mut log = OpenOptions::new().create(true).append(true).open(home.log()).unwrap();
        log.write_all(b"first\n").unwrap();
        home.set_log_aside().unwrap();
        assert!(!home.old_log().exists(), "it is small");
        log.set_len(LOG_BYTES_MAX).unwrap();
        log.write_all(b"\nlast\n").unwrap();
        home.set_log_aside().unwrap();
        log.write_all(b"after\n").unwrap();
        assert_eq!(std::fs::read(home.log()).unwrap(), b"after\n");
        assert_eq!(home.log_lines(2).unwrap(), ["last", "after"]);
        log.set_len(LOG_BYTES_MAX + 1).unwrap();
        home.set_log_aside().unwrap();
        assert_eq!(std::fs::metadata(home.old_log()).unwrap().len(), LOG_BYTES_MAX + 1, "one old log is kept");
    }
}
