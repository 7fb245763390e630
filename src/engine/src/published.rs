//! A plan, and what it made, as policies, tests and programs see them.
//!
//! The JSON of these types is a promise to people: within one `FORMAT`, fields may be added and none changes or
//! goes. Values that are sensitive, and values that are known only after apply, are never in it; their names are.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use acquire_model::{Action, Address, Attributes, DeploymentName, Kind, Name, ProviderName, ServiceType};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use serde_json::Value;

use crate::condition::Vocabulary;

/// The version of the format.
pub const FORMAT: u32 = 1;

/// A plan as policies, tests and programs see it: what would happen to which resource, and why.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "Acquire plan")]
pub struct Plan {
    /// The version of this format.
    #[schemars(extend("const" = FORMAT))]
    pub format: u32,
    /// The name of the deployment.
    pub name: DeploymentName,
    /// The environment that was chosen; null if none was.
    pub environment: Option<Name>,
    /// What happens, in the order in which it happens; what stays as it is, is not here.
    pub changes: Vec<Change>,
    /// What somebody changed outside since the last apply.
    pub drift: Vec<Drift>,
    /// How much happens.
    pub summary: Summary,
}

/// What happens to one resource.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// Which resource, such as `identity/bucket`.
    pub address: Address,
    /// The service or the plain resource that it belongs to: the first part of the address.
    pub owner: Name,
    /// What it is.
    pub kind: Kind,
    /// The address that it has now, if that is another; else null.
    pub moved_from: Option<Address>,
    /// What happens to it.
    pub action: Action,
    /// Who provides it.
    pub provider: ProviderName,
    /// The service that it is a part of; null for a plain resource.
    pub service: Option<ServiceType>,
    /// Whether it holds people's data.
    pub holds_data: bool,
    /// Why it happens, in words.
    pub reason: String,
    /// What is there now, by name: inputs and outputs. Empty if it is not there, or only moves.
    pub before: Attributes,
    /// The inputs that it will have, by name. Empty if it goes, or only moves.
    pub after: Attributes,
    /// Names of inputs whose values are known only after apply; they are not in `after`.
    pub unknown: Vec<String>,
    /// Names of what is sensitive; it is neither in `before` nor in `after`.
    pub sensitive: Vec<String>,
}

/// What somebody changed outside.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Drift {
    /// Which resource.
    pub address: Address,
    /// The service or the plain resource that it belongs to.
    pub owner: Name,
    /// What it is.
    pub kind: Kind,
    /// Who provides it.
    pub provider: ProviderName,
    /// Whether it is not there any more.
    pub gone: bool,
    /// Names of what differs; empty if it is gone.
    pub attributes: Vec<String>,
}

/// How much happens. A replacement counts as both added and destroyed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Summary {
    /// How many resources are made.
    pub add: usize,
    /// How many are changed in place.
    pub change: usize,
    /// How many are deleted.
    pub destroy: usize,
    /// How many stay as they are.
    pub unchanged: usize,
}

/// What an apply made, as `acquire output` prints it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Outputs {
    /// The services, by type.
    pub services: BTreeMap<String, ServiceOutputs>,
    /// The plain resources, by name.
    pub resources: BTreeMap<String, Made>,
}

/// What a service is called.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ServiceOutputs {
    /// Its uid, once it is registered.
    pub uid: Option<String>,
    /// Its URL.
    pub url: Option<String>,
    /// Its canonical URL.
    pub canonical_url: Option<String>,
}

/// A resource that is there.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Made {
    /// What it is.
    pub kind: Kind,
    /// Who provides it.
    pub provider: ProviderName,
    /// The service that it is a part of; null for a plain resource.
    pub service: Option<ServiceType>,
    /// Its inputs and outputs, without what is sensitive.
    pub attributes: Attributes,
}

/// What a policy and a precondition may name: `plan`, and `change`, each change in turn.
pub fn policy_vocabulary() -> &'static Vocabulary {
    static VOCABULARY: LazyLock<Vocabulary> =
        LazyLock::new(|| Vocabulary::new([("plan", json_schema()), ("change", schema_for!(Change).into())]));
    &VOCABULARY
}

/// What an assertion of a test may name: `plan`, and after an apply `outputs` and `resources`, the latter by address.
pub fn test_vocabulary() -> &'static Vocabulary {
    static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
        let resources = schema_for!(BTreeMap<String, Made>);
        Vocabulary::new([
            ("plan", json_schema()),
            ("outputs", schema_for!(Outputs).into()),
            ("resources", resources.into()),
        ])
    });
    &VOCABULARY
}

/// The JSON Schema (2020-12) of a published plan.
pub fn json_schema() -> Value {
    let schema: Schema = schema_for!(Plan);
    schema.into()
}

/// A published value as JSON. It is made of nothing that JSON does not have.
pub fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
