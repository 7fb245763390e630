use crate::time::Timestamp;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The environment variables of the process, read once at the start and passed down as a value.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Takes the variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// Returns a variable, if it is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables, sorted by name.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The user's configuration directory for Acquire: `$ACQUIRE_CONFIG_DIR`, else `$XDG_CONFIG_HOME/acquire`, else
    /// `$HOME/.config/acquire`. None if none of these variables is set.
    pub fn configuration_directory(&self) -> Option<PathBuf> {
        self.variable("ACQUIRE_CONFIG_DIR")
            .map(PathBuf::from)
            .or_else(|| self.variable("XDG_CONFIG_HOME").map(|base| PathBuf::from(base).join("acquire")))
            .or_else(|| self.variable("HOME").map(|home| PathBuf::from(home).join(".config/acquire")))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secret.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Tells the time and lets it pass.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The present instant, as the machine believes it; may step backwards.
    fn now(&self) -> Timestamp;

    /// Time since some fixed instant; never steps backwards.
    fn monotonic(&self) -> Duration;

    /// Returns after at least that long.
    async fn sleep(&self, duration: Duration);
}

/// Gives randomness fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Draws a fixed number of random bytes.
pub fn draw<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
