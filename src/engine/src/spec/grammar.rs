use super::codes;
use super::policies;
use super::shape::{Field, Keys, Known, Rule, Shape, Table};
use acquire_model::attributes::Unit;
use acquire_model::name::{Invalid, Name};
use acquire_model::spec::{ProviderDeclaration, Setting};
use acquire_model::{DeploymentName, Kind, ProviderName, ServiceType};

/// The version of the format that this binary reads.
pub(super) const VERSION: i64 = 1;
/// The parts of a service that may live elsewhere than its function.
pub(super) const PARTS: [&str; 3] = ["bucket", "key", "secret"];
/// Most shards of a ledger.
const SHARDS_MAX: i64 = 4_096;
const DOMAIN_CHARACTERS_MAX: usize = 253;

const NAME_RULE: &str = "a lower-case letter, then at most 39 lower-case letters, digits or hyphens, no hyphen last";
const NAME_PATTERN: &str = "^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$";

static DEPLOYMENT_NAME: Rule = Rule {
    noun: "a deployment name",
    rule: NAME_RULE,
    pattern: NAME_PATTERN,
    code: codes::BAD_NAME,
    keeps: |text| is::<DeploymentName>(text),
};
static RESOURCE_NAME: Rule = Rule { noun: "the name of a resource", ..NAME };
pub(super) static POLICY_NAME: Rule = Rule { noun: "the name of a policy", ..NAME };
pub(crate) static ENVIRONMENT_NAME: Rule = Rule { noun: "the name of an environment", ..NAME };
static KIND: Rule = Rule { noun: "a kind of resource", keeps: |text| is::<Kind>(text), ..NAME };
static OWNER: Rule = Rule { noun: "the name of a service or a resource", ..NAME };
const NAME: Rule = Rule {
    noun: "a name",
    rule: NAME_RULE,
    pattern: NAME_PATTERN,
    code: codes::BAD_NAME,
    keeps: |text| is::<Name>(text),
};
// Hyphens are not allowed, because `ACQUIRE_VAR_x` must be a name that a shell can set.
pub(crate) static VARIABLE_NAME: Rule = Rule {
    noun: "the name of a variable",
    rule: "a lower-case letter, then at most 39 lower-case letters, digits or underscores",
    pattern: "^[a-z][a-z0-9_]{0,39}$",
    code: codes::BAD_NAME,
    keeps: |text| {
        text.len() <= 40
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    },
};
static DOMAIN: Rule = Rule {
    noun: "a domain",
    rule: "a host name in lower case such as `identity.example.org`, without scheme, port or path",
    pattern: "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$",
    code: codes::BAD_DOMAIN,
    keeps: is_domain,
};

fn is<T: std::str::FromStr<Err = Invalid>>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= DOMAIN_CHARACTERS_MAX && text.split('.').all(is_label)
}

/// The grammar of a spec, for the providers of a binary.
pub(super) struct Grammar<'d> {
    /// What the providers accept.
    pub declarations: &'d [ProviderDeclaration],
    /// Who provides what names no provider.
    pub default_provider: Option<&'d ProviderName>,
}

impl<'d> Grammar<'d> {
    /// The whole spec.
    pub(super) fn spec(&self) -> Table {
        let environments = Shape::Map(&ENVIRONMENT_NAME, Box::new(Shape::Table(self.environment())));
        let mut fields = vec![
            Field::new("version", Shape::Version, "Version of this format.").required().known(Known::Written),
            Field::new("name", Shape::Ruled(&DEPLOYMENT_NAME), "Name of the deployment.")
                .required()
                .known(Known::Written),
        ];
        fields.extend(self.parts());
        fields.extend([
            Field::new("variables", variables(), "Inputs of the spec, used as `${var.NAME}`.").known(Known::Written),
            Field::new(
                "environments",
                environments,
                "Changes to the spec for `-e NAME`: mappings are merged, everything else replaces.",
            ),
        ]);
        Table::new("the spec", fields)
    }

    /// One environment: what may be changed in it.
    pub(super) fn environment(&self) -> Table {
        Table::new("an environment", self.parts())
    }

    fn parts(&self) -> Vec<Field> {
        let resources = Shape::Map(&RESOURCE_NAME, Box::new(Shape::Resource));
        vec![
            Field::new("state", Shape::Table(state()), "Where the state is kept."),
            Field::new("providers", Shape::Table(self.providers()), "Settings of each provider that is used."),
            Field::new("defaults", Shape::Table(defaults()), "Values for services that say nothing themselves."),
            Field::new("services", Shape::Table(self.services()), "The services, by type."),
            Field::new("moved", moved(), "Plain resources that have another name than they had."),
            Field::new("resources", resources, "Plain resources beside the services, by name."),
            Field::new("policy", policies::policies(), "Rules that every plan must keep."),
        ]
    }

    fn providers(&self) -> Table {
        let provider = |declaration: &ProviderDeclaration| {
            let fields = declaration.settings.iter().map(|setting| Field::declared(setting, Known::BeforeApply));
            let name = declaration.name.to_string();
            let table = Table::new(format!("provider `{name}`"), fields.collect());
            let description = format!("Settings of the provider `{name}`.");
            Field::new(name, Shape::Table(table), description)
        };
        let fields = self.declarations.iter().map(provider).collect();
        Table { keys: Keys::Providers, ..Table::new("`providers`", fields) }
    }

    fn services(&self) -> Table {
        let service = |service: ServiceType| {
            let mut fields = self.common();
            fields.extend(settings(service));
            let table = Table::new(format!("service `{service}`"), fields);
            Field::new(service.as_str(), Shape::Table(table), purpose(service))
        };
        let fields = ServiceType::ALL.into_iter().map(service).collect();
        Table { keys: Keys::Services, ..Table::new("`services`", fields) }
    }

    /// The fields that every service has.
    fn common(&self) -> Vec<Field> {
        let part = |kind: &'static str| {
            let provider = Field::new("provider", Shape::Provider, "Who provides this part.").required();
            let table = Table::new(format!("`{kind}`"), vec![provider]);
            Field::new(kind, Shape::Table(table), format!("Where the {kind} lives, if elsewhere than the function."))
        };
        let mut fields = vec![
            self.provider("Who provides the function, and each part that is not placed elsewhere."),
            Field::new("domain", Shape::Ruled(&DOMAIN), "Host name that the service publishes, if not its provider's."),
            Field::new("memory", Shape::Memory, "Memory of the function, such as `512MiB`."),
            Field::new("timeout", Shape::Duration, "Longest run of the function, such as `60s`."),
            Field::new("rotate", Shape::Duration, "Age at which the keys are rotated, such as `90d`."),
            Field::new("lifecycle", Shape::Table(lifecycle(None)), "What may happen to its parts."),
        ];
        fields.extend(PARTS.map(part));
        fields
    }

    fn provider(&self, description: &'static str) -> Field {
        let default = self.default_provider.map(|name| name.as_str().into());
        Field { default, ..Field::new("provider", Shape::Provider, description) }
    }

    /// A plain resource of a kind, or as much as all have in common if its inputs are not known.
    pub(super) fn resource(&self, kind: &str, inputs: Option<&[Setting]>) -> Table {
        let mut fields = vec![
            Field::new("kind", Shape::Ruled(&KIND), "What it is.").required().known(Known::Written),
            self.provider("Who provides it."),
            Field::new(
                "needs",
                Shape::List(Box::new(Shape::Ruled(&OWNER))),
                "Services and resources that must be there first.",
            ),
        ];
        let lifecycle = Shape::Table(lifecycle(Some(inputs.unwrap_or_default())));
        fields.push(Field::new("lifecycle", lifecycle, "What may happen to it, whatever its inputs ask for."));
        let Some(inputs) = inputs else {
            return Table { keys: Keys::SomeFields, ..Table::new("a resource", fields) };
        };
        fields.extend(inputs.iter().map(|setting| Field::declared(setting, Known::DuringApply)));
        Table::new(format!("a `{kind}` resource"), fields)
    }

    /// What a provider declares, if it is built in.
    pub(super) fn declaration(&self, provider: &str) -> Option<&'d ProviderDeclaration> {
        self.declarations.iter().find(|declaration| declaration.name.as_str() == provider)
    }

    /// The names of the providers.
    pub(super) fn provider_names(&self) -> impl Iterator<Item = &'d str> {
        self.declarations.iter().map(|declaration| declaration.name.as_str())
    }
}

/// The declared variables.
pub(super) fn variables() -> Shape {
    let fields = vec![
        Field::new("type", Shape::Words(&["text", "integer", "boolean"]), "What it holds.").or("text"),
        Field::new("default", Shape::Scalar, "Its value if nobody gives one."),
        Field::new("description", Shape::Text, "What it is for."),
        Field::new("sensitive", Shape::Boolean, "Whether its value must never be shown.").or(false),
    ];
    let fields = fields.into_iter().map(|field| field.known(Known::Written)).collect();
    Shape::Map(&VARIABLE_NAME, Box::new(Shape::Table(Table::new("a variable", fields))))
}

fn moved() -> Shape {
    let name = |name, description| Field::new(name, Shape::Ruled(&RESOURCE_NAME), description).required();
    let fields = vec![
        name("from", "The name that it had, which the spec has no more.").known(Known::Written),
        name("to", "The name that it has.").known(Known::Written),
    ];
    Shape::List(Box::new(Shape::Table(Table::new("a move", fields))))
}

/// What may happen to a thing; with the inputs of a plain resource, of which some may be ignored.
fn lifecycle(inputs: Option<&[Setting]>) -> Table {
    let protect = "Whether a plan that would delete it is refused, and `destroy` stops before it.";
    let retain = "Whether it is left where it is, and forgotten, when it leaves the spec or everything is destroyed.";
    let mut fields = vec![
        Field::new("protect", Shape::Boolean, protect).or(false),
        Field::new("retain", Shape::Boolean, retain).or(false),
        Field::new("preconditions", policies::preconditions(), "What must be true before it is made or changed."),
    ];
    if inputs.is_some() {
        let replace = "Which comes first when it cannot change in place: the new thing, or the delete of the old one.";
        fields.push(Field::new("replace", Shape::Words(&["delete-first", "create-first"]), replace).or("delete-first"));
        let ignore = "Inputs that may be other than the spec says once the thing is there.";
        fields.push(Field::new("ignore", Shape::List(Box::new(Shape::Text)), ignore));
    }
    Table::new("`lifecycle`", fields)
}

fn state() -> Table {
    let description = "A directory, relative to the spec, or a bucket: `s3://bucket/folder`, `az://container/folder` or `gs://bucket/folder`. By default `.acquire/<name>/state`, with the environment after the name.";
    Table::new("`state`", vec![Field::new("home", Shape::Text, description)])
}

fn defaults() -> Table {
    let function = vec![
        Field::new("memory", Shape::Memory, "Memory of a function.").or("512MiB"),
        Field::new("timeout", Shape::Duration, "Longest run of a function.").or("60s"),
    ];
    let keys = vec![Field::new("rotate", Shape::Duration, "Age at which keys are rotated.").or("7d")];
    let table = |name: &'static str, fields| Shape::Table(Table::new(format!("`{name}`"), fields));
    Table::new(
        "`defaults`",
        vec![
            Field::new("function", table("function", function), "Of functions."),
            Field::new("keys", table("keys", keys), "Of keys."),
        ],
    )
}

fn purpose(service: ServiceType) -> &'static str {
    match service {
        ServiceType::Registry => "Finds services and their keys: the root of trust of the deployment.",
        ServiceType::Identity => "Users, their sessions, and the authorisations that they sign.",
        ServiceType::Accounting => "Accounts, transfers, cheques and receipts.",
        ServiceType::Access => "Takes requests for paid work and starts it.",
        ServiceType::Storage => "Drives and versioned files.",
        ServiceType::Compute => "Runs containers on a cluster, paid up-front.",
    }
}

/// The services that each service needs beside it.
pub(super) fn needed_by(service: ServiceType) -> &'static [ServiceType] {
    use ServiceType::{Accounting, Identity, Registry};
    match service {
        Registry => &[],
        Identity => &[Registry],
        Accounting | ServiceType::Storage => &[Registry, Identity],
        ServiceType::Access | ServiceType::Compute => &[Registry, Identity, Accounting],
    }
}

/// The settings that only one type of service has.
pub(super) fn settings(service: ServiceType) -> Vec<Field> {
    let group = |name: &'static str, fields, description: &'static str| {
        Field::new(name, Shape::Table(Table::new(format!("`{name}`"), fields)), description)
    };
    match service {
        ServiceType::Registry | ServiceType::Access => vec![],
        ServiceType::Identity => {
            let session = vec![
                Field::new("pending", Shape::Duration, "Life of a session that nobody has approved yet.").or("30m"),
                Field::new("approved", Shape::Duration, "Life of an approved session.").or("30d"),
            ];
            vec![
                Field::new("otp_reuse", Shape::Words(&["reject", "allow"]), "What is done with a one-time code that was used before; `allow` is for compatibility tests.").or("reject"),
                group("session", session, "How long sessions last."),
                Field::new("hide_certificate_after_logout", Shape::Boolean, "Whether asking for the certificate of a session that is logged out is an error, as in the original service.").or(false),
            ]
        }
        ServiceType::Accounting => {
            let ledger = vec![
                Field::new("mode", Shape::Words(&["direct", "combine", "server"]), "How entries are committed: one by one, combined by whoever comes first, or queued in one process."),
                Field::new("shards", Shape::Integer(1, SHARDS_MAX), "Number of shards, fixed when the ledger is made."),
            ];
            vec![group("ledger", ledger, "How the ledger is kept.")]
        }
        ServiceType::Storage => {
            let userdata = vec![
                Field::new("versioning", Shape::Boolean, "Whether the bucket keeps overwritten objects, where it can."),
                Field::new("cold_after", Shape::Duration, "Age at which files move to the cold tier; never, if not given."),
            ];
            vec![group("userdata", userdata, "How people's files are kept.")]
        }
        ServiceType::Compute => {
            let cluster = vec![
                Field::new("engine", Shape::Words(&["local", "slurm", "kubernetes"]), "What runs the jobs.").or("local"),
                Field::new("partition", Shape::Text, "Partition, queue or namespace that the jobs go to."),
            ];
            vec![group("cluster", cluster, "Where jobs run.")]
        }
    }
    .into_iter()
    .map(during_apply)
    .collect()
}

/// Returns what a setting of a service counts. Its path is dotted, below the service: `session.pending` counts seconds.
pub fn setting_unit(service: ServiceType, path: &str) -> Option<Unit> {
    let mut fields = settings(service);
    for key in path.split('.') {
        fields = match fields.into_iter().find(|field| field.name == key)?.shape {
            Shape::Table(table) => table.fields,
            Shape::Duration => return Some(Unit::Seconds),
            Shape::Memory => return Some(Unit::Bytes),
            _ => return None,
        };
    }
    None
}

/// Lets a setting refer to services and resources: the function gets its settings only when it is made.
fn during_apply(field: Field) -> Field {
    let shape = match field.shape {
        Shape::Table(table) => {
            Shape::Table(Table { fields: table.fields.into_iter().map(during_apply).collect(), ..table })
        }
        shape => shape,
    };
    Field { shape, known: Known::DuringApply, ..field }
}
