//! The environment variables that the binary reads: one table, which `acquire --help` prints.

use acquire_model::Environment;

/// An environment variable.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    name: &'static str,
    meaning: &'static str,
}

impl Variable {
    const fn new(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning }
    }

    /// Reads it; `None` if it is not set, or empty.
    pub fn of(self, environment: &Environment) -> Option<&str> {
        environment.variable(self.name)
    }

    /// What it is called.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

/// The registry that a user's commands ask.
pub const REGISTRY: Variable =
    Variable::new("ACQUIRE_REGISTRY", "Registry that a user's commands ask, as `--registry` says it");
/// What seals a new state, and opens it again.
pub const STATE_PASSPHRASE: Variable =
    Variable::new("ACQUIRE_STATE_PASSPHRASE", "Seals a new state, in the place of a key file; opens it from then on");
/// Faults of providers.
pub const FAULTS: Variable =
    Variable::new("ACQUIRE_FAULTS", "For tests: calls that go wrong, as `b/bucket:create=lost-reply`");
/// No colour.
pub const NO_COLOR: Variable = Variable::new("NO_COLOR", "If it is set: nothing is coloured");
/// The terminal's name.
pub const TERM: Variable = Variable::new("TERM", "`dumb`: no colour, and nothing that moves");

/// Who runs this.
pub const USER: Variable = Variable::new("USER", "Who holds the lock of a state, as others are told; else");
/// The same elsewhere.
pub const LOGNAME: Variable = Variable::new("LOGNAME", "this");

/// Every variable, in the order in which people want them. Those without a name of their own here are read by the crate
/// that they belong to.
const ALL: [Variable; 17] = [
    Variable::new("ACQUIRE_CONFIG_DIR", "Where state keys, sessions and devices of this user are kept; else"),
    Variable::new("XDG_CONFIG_HOME", "`$XDG_CONFIG_HOME/acquire`; else"),
    Variable::new("HOME", "`$HOME/.config/acquire`"),
    REGISTRY,
    STATE_PASSPHRASE,
    Variable::new("ACQUIRE_VAR_name", "Value of the variable `name` of the spec; `--set` and `--var-file` win"),
    Variable::new("AWS_…, AZURE_…, GOOGLE_…", "Credentials and region of a state in a bucket, as its vendor says"),
    USER,
    LOGNAME,
    NO_COLOR,
    TERM,
    Variable::new("SSL_CERT_FILE", "Root certificates for https, in the place of the system's; or"),
    Variable::new("SSL_CERT_DIR", "a directory of them"),
    FAULTS,
    Variable::new("ACQUIRE_HOST_DATA", "Set for a host process, never by a person: where its data are,"),
    Variable::new("ACQUIRE_HOST_CONFIGURATION", "where its keys are,"),
    Variable::new("ACQUIRE_HOST_LINEAGE", "and whose host it is"),
];

/// The table for people.
pub fn table() -> String {
    let width = ALL.iter().map(|variable| variable.name.chars().count()).max().unwrap_or_default();
    let line = |Variable { name, meaning }: &Variable| format!("  {name:<width$}  {meaning}\n");
    let lines: String = ALL.iter().map(line).collect();
    format!("Environment variables, beside those that a spec names by `${{env.NAME}}`:\n{lines}")
}
