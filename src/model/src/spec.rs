use crate::attributes::Expression;
use crate::diagnostic::Span;
use crate::name::{DeploymentName, Kind, Name, ProviderName, ServiceType};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The least age at which keys are rotated, seconds: a registry asks a service for its keys when they are due, and would
/// ask one whose keys always are at every look-up.
pub const ROTATE_SECONDS_MIN: u32 = 3_600;

/// A decoded, checked spec with its environment merged in. Only the engine's decoder makes one.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The name of the deployment.
    pub name: DeploymentName,
    /// The environment that was chosen with `-e`.
    pub environment: Option<Name>,
    /// Where the state is kept, if the spec says so.
    pub state_home: Option<String>,
    /// The settings of each provider that the spec names, checked against what the provider declares.
    pub providers: BTreeMap<ProviderName, BTreeMap<String, Expression>>,
    /// Values for services that say nothing themselves.
    pub defaults: Defaults,
    /// The services, by type.
    pub services: BTreeMap<ServiceType, Service>,
    /// The plain resources, by name.
    pub resources: BTreeMap<Name, PlainResource>,
    /// Plain resources that have another name than they had.
    pub moved: Vec<Moved>,
    /// Where each value stands: dotted path (`services.identity.domain`) → place. A parent's place is its key.
    pub origins: BTreeMap<String, Span>,
}

/// Values for services that say nothing themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Memory of a function, bytes.
    pub memory_bytes: u64,
    /// Longest run of a function, seconds.
    pub timeout_seconds: u64,
    /// Age at which keys are rotated, seconds.
    pub rotate_seconds: u64,
}

impl Default for Defaults {
    fn default() -> Self {
        Self { memory_bytes: 512 << 20, timeout_seconds: 60, rotate_seconds: 7 * 86_400 }
    }
}

/// What may happen to a resource, whatever its inputs ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// Whether a plan that would delete it is refused, and a destroy stops before it.
    #[serde(default)]
    pub protect: bool,
    /// Whether it is forgotten, and left where it is, instead of deleted.
    #[serde(default)]
    pub retain: bool,
    /// Whether a replacement makes the new thing first, and deletes the old one when nothing uses it any more.
    #[serde(default)]
    pub create_first: bool,
    /// Inputs that may be other than the spec says once the thing is there.
    #[serde(default)]
    pub ignore: Vec<String>,
}

impl Lifecycle {
    /// Whether nothing was asked for.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One service of the spec.
#[derive(Clone, Debug)]
pub struct Service {
    /// Who provides its function, and each part that is not placed elsewhere.
    pub provider: ProviderName,
    /// The host name that it publishes, if not its provider's.
    pub domain: Option<String>,
    /// Parts that live elsewhere than the function: kind → provider.
    pub placed: BTreeMap<Kind, ProviderName>,
    /// Memory of its function, bytes.
    pub memory_bytes: u64,
    /// Longest run of its function, seconds.
    pub timeout_seconds: u64,
    /// Age at which its keys are rotated, seconds.
    pub rotate_seconds: u64,
    /// What may happen to its parts.
    pub lifecycle: Lifecycle,
    /// What only this type of service has (`otp_reuse`, `ledger`, `userdata`, `cluster` …), checked.
    pub settings: BTreeMap<String, Expression>,
}

/// A plain resource that has another name than it had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The name that it had.
    pub from: Name,
    /// The name that it has.
    pub to: Name,
}

/// A resource beside the services.
#[derive(Clone, Debug)]
pub struct PlainResource {
    /// What it is.
    pub kind: Kind,
    /// Who provides it.
    pub provider: ProviderName,
    /// Owners (services or plain resources) that must be there first.
    pub needs: Vec<Name>,
    /// What may happen to it.
    pub lifecycle: Lifecycle,
    /// Its inputs, checked against what the kind declares.
    pub inputs: BTreeMap<String, Expression>,
}

/// What a setting may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingType {
    /// Any text.
    Text,
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer,
    /// A length of time such as `90d`, `60s`, `500ms`; held as whole seconds.
    Duration,
    /// An amount of memory such as `512MiB`; held as bytes.
    Memory,
    /// A list of texts.
    TextList,
    /// Anything.
    Any,
}

/// One setting that a provider, a kind of resource or a service type accepts in the spec.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Its key in the YAML.
    pub name: &'static str,
    /// What it holds.
    pub holds: SettingType,
    /// Words that alone are allowed; empty: anything of the type.
    pub words: &'static [&'static str],
    /// Whether it must be given.
    pub required: bool,
    /// Whether its value may be sensitive, because its provider keeps it nowhere in plain.
    pub sensitive: bool,
    /// One sentence for the schema and the reference.
    pub description: &'static str,
}

/// What the decoder must know of a provider. The engine never names one itself.
#[derive(Clone, Debug)]
pub struct ProviderDeclaration {
    /// Its name.
    pub name: ProviderName,
    /// Its own settings, under `providers:`.
    pub settings: Vec<Setting>,
    /// The kinds it provides, each with its inputs.
    pub kinds: BTreeMap<Kind, Vec<Setting>>,
}
