//! The world outside, as values: arguments, environment, clock, entropy, the running binary. The only file that asks for them.
#![expect(clippy::disallowed_methods, reason = "everything below is given these as values; here they come from")]

use acquire_model::{Clock, Diagnostic, Entropy, Environment, Timestamp};
use acquire_provider::Binary;
use async_trait::async_trait;
use rustix::time::{ClockId, clock_gettime};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::cli::codes;

/// The arguments of this process, its own name first.
pub fn arguments() -> Vec<String> {
    std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// The directory that this process was started in.
///
/// # Errors
/// If it is gone, or may not be seen.
pub fn working_directory() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

/// Reads the environment variables; those that are not Unicode are left out.
pub fn environment() -> Environment {
    Environment::new(
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    )
}

/// The name of this machine, where the system tells it in a file (Linux does).
pub fn hostname() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The clock of this machine.
pub struct SystemClock;

/// One that goes on while the machine sleeps: a lease that ended meanwhile has ended.
#[cfg(target_os = "linux")]
const MONOTONIC: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const MONOTONIC: ClockId = ClockId::Monotonic;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as 1970: everything that is signed then is stale, which is the safe side.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        let time = clock_gettime(MONOTONIC);
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or_default();
        Duration::new(u64::try_from(time.tv_sec).unwrap_or_default(), nanoseconds)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The randomness of the kernel.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // A key made without randomness is worse than no process.
            std::process::abort();
        }
    }
}

/// Where the running binary is.
///
/// # Errors
/// If the system does not tell.
pub fn program() -> Result<PathBuf, Diagnostic> {
    std::env::current_exe()
        .map_err(|error| Diagnostic::error(codes::BINARY, format!("cannot tell which binary this is: {error}")))
}

/// The running binary and its digest.
///
/// # Errors
/// If it cannot be read, as when it was deleted while it runs.
pub fn running_binary() -> Result<Binary, Diagnostic> {
    binary(&program()?)
}

/// A binary and its digest.
///
/// # Errors
/// If it cannot be read.
pub fn binary(path: &Path) -> Result<Binary, Diagnostic> {
    let digest = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(path)?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; 1 << 16];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                read => hash.update(piece.get(..read).unwrap_or_default()),
            }
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    };
    let sha256 = digest()
        .map_err(|error| Diagnostic::error(codes::BINARY, format!("cannot read {}: {error}", path.display())))?;
    Ok(Binary { path: path.to_owned(), sha256 })
}
