use acquire_model::{Clock, Entropy, Timestamp};
use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SPEC: &str = "version: 1
name: bench
providers: { local: { listen: auto } }
services: { registry: {}, identity: {}, accounting: {}, access: {}, storage: {}, compute: {} }
";

/// A deployment of the binary in a directory of its own; destroyed when dropped.
pub struct Deployment {
    directory: tempfile::TempDir,
    binary: PathBuf,
}

impl Deployment {
    /// Builds the release binary and makes an empty place for a deployment.
    pub fn new() -> Result<Self> {
        let binary = binary()?;
        let directory = tempfile::Builder::new().prefix("acquire-bench-").tempdir()?;
        fs::write(directory.path().join("acquire.yaml"), SPEC)?;
        Ok(Self { directory, binary })
    }

    /// Runs the binary and returns what it printed and how long it took.
    pub fn acquire(&self, arguments: &[&str]) -> Result<(String, Duration)> {
        let started = Instant::now();
        let output = Command::new(&self.binary)
            .args(arguments)
            .current_dir(self.directory.path())
            .env("HOME", self.directory.path())
            .env_remove("XDG_CONFIG_HOME")
            .output()?;
        let took = started.elapsed();
        ensure!(output.status.success(), "acquire {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok((String::from_utf8(output.stdout)?, took))
    }

    /// What the deployment is called: the value of `output --json --show-secrets`.
    pub fn outputs(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.acquire(&["output", "--json", "--show-secrets"])?.0)?)
    }

    /// The file in which the host says how it runs.
    pub fn running_file(&self) -> PathBuf {
        self.directory.path().join(".acquire/bench/data/host/running.json")
    }

    /// The process id of the host.
    pub fn pid(&self) -> Result<u32> {
        let running: Value = serde_json::from_slice(&fs::read(self.running_file())?)?;
        let pid = running.get("pid").and_then(Value::as_u64).context("the host wrote its pid")?;
        Ok(u32::try_from(pid)?)
    }

    /// How long the host has run on a processor, all threads that live.
    pub fn cpu(&self) -> Result<Duration> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid()?))? {
            let schedstat = fs::read_to_string(task?.path().join("schedstat"))?;
            nanos += schedstat.split(' ').next().context("schedstat has a first field")?.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// A field of the host's `/proc/<pid>/status`, in MB.
    pub fn memory_mb(&self, field: &str) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find(|line| line.starts_with(field)).context("the field is there")?;
        let kib: f64 = line.split_whitespace().nth(1).context("it has a number")?.parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    /// The binary that runs.
    pub fn binary(&self) -> &PathBuf {
        &self.binary
    }

    /// The directory of the deployment.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = self.acquire(&["destroy", "--data", "--yes"]);
    }
}

/// Builds the binary, with the profile that this program was built with, and says where it is.
pub fn binary() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let (flag, profile): (&[&str], &str) =
        if cfg!(debug_assertions) { (&[], "debug") } else { (&["--release"], "release") };
    let built = Command::new("cargo").args(["build", "--bin", "acquire"]).args(flag).current_dir(&root).status()?;
    ensure!(built.success(), "the build failed");
    Ok(root.join("target").join(profile).join("acquire"))
}

/// The clock and randomness of this machine.
pub struct Machine(pub Instant);

#[async_trait]
impl Clock for Machine {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Entropy for Machine {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            std::process::abort();
        }
    }
}
