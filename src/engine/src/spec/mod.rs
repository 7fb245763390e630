//! The spec decoder: YAML text → located tree → merged, interpolated, checked `Spec`.
//!
//! One pass reads the YAML into a tree in which every key and value has its place; a second compares the tree with the
//! grammar and collects everything that is wrong. The grammar is data, and the JSON Schema is made from the same data.

/// The error codes.
pub mod codes;

/// YAML values with their places.
mod tree;

/// What is wrong with a file.
mod report;

/// From text to tree.
mod yaml;

/// Lengths of time and amounts of memory.
mod quantity;

/// What a grammar is made of.
pub(crate) mod shape;

/// What a spec may say.
mod grammar;

/// One value against one shape.
mod convert;

/// `${…}`.
mod interpolate;

/// A tree against the grammar.
mod check;

/// The declared variables and their values.
mod variables;

/// Environments: changes merged over the base.
mod environments;

/// Policies and preconditions.
mod policies;

/// From checked values to the model's types.
mod build;

/// What services and resources say of each other.
mod relations;

/// The grammar as JSON Schema.
mod schema;

/// A spec to start from.
mod example;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use acquire_model::spec::{ProviderDeclaration, Spec};
use acquire_model::{DeploymentName, Diagnostic, Environment, Name, ProviderName, Severity, Span};
use check::Checker;
use grammar::Grammar;
use interpolate::Scope;
use report::Report;
use serde_json::Value;
use shape::{Shape, Table};
use tree::{Entry, Place, Tree};
use variables::{Variable, Variables};

pub use example::commented_example;
pub use grammar::setting_unit;
pub use policies::{Effect, Policy, Rule};
pub use schema::json_schema;

pub(crate) use build::{Fields, object, text};
pub(crate) use check::Checked;
pub(crate) use grammar::{ENVIRONMENT_NAME, VARIABLE_NAME};
pub(crate) use policies::items;
pub(crate) use schema::schema_of;

/// Largest file that is read as a spec.
pub const SOURCE_BYTES_MAX: usize = 4 << 20;

/// A file that a person wrote.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file, as the person named it.
    pub file: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// Takes the bytes of a file, if they are UTF-8 and not more than [`SOURCE_BYTES_MAX`].
    pub fn from_bytes(file: impl Into<String>, bytes: Vec<u8>) -> Result<Self, Diagnostic> {
        let file = file.into();
        if bytes.len() > SOURCE_BYTES_MAX {
            let summary = format!("{file} is larger than {} MiB", SOURCE_BYTES_MAX >> 20);
            return Err(Diagnostic::error(codes::TOO_BIG, summary));
        }
        let text = String::from_utf8(bytes).map_err(|error| not_utf8(&file, &error))?;
        // Editors of one system begin a file with a mark that the others do not show.
        let text = text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text);
        Ok(Self { file, text })
    }
}

fn not_utf8(file: &str, error: &std::string::FromUtf8Error) -> Diagnostic {
    let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
    let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default());
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
    let (line, column) =
        (number(before.matches('\n').count()), before.chars().rev().take_while(|c| *c != '\n').count());
    let label = bytes.get(at).map(|byte| format!("the byte {byte:#04X} stands here")).unwrap_or_default();
    Diagnostic::error(codes::NOT_UTF8, format!("{file} is not UTF-8 text"))
        .at(Place { line, column: number(column), length: 1 }.in_file(file), label)
        .hint("save the file as UTF-8")
}

/// What else decides how a spec is read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The environment that was chosen with `-e`.
    pub environment: Option<Name>,
    /// Variables from `--set name=value`, in the order given; a later one wins.
    pub set: Vec<(String, String)>,
    /// Files of variables from `--var-file`, in the order given; a later one wins.
    pub variable_files: Vec<Source>,
    /// Variables that a test gives; they win over all others.
    pub given: Vec<Given>,
    /// What the providers of this binary accept.
    pub declarations: Vec<ProviderDeclaration>,
    /// The provider of what names none; without it, every service and resource must name one.
    pub default_provider: Option<ProviderName>,
}

/// The value that a test gives to a variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The variable.
    pub name: String,
    /// Its value: text, a whole number or a truth value.
    pub value: Value,
    /// Where the test says so.
    pub place: Span,
}

/// A spec that is right.
#[derive(Clone, Debug)]
#[must_use]
pub struct Decoded {
    /// The spec.
    pub spec: Spec,
    /// What a person should look at although it is not wrong.
    pub warnings: Vec<Diagnostic>,
    /// Every value of the merged spec, in the order of the file, for `acquire spec`; sensitive ones redacted.
    pub merged: Vec<MergedValue>,
    /// SHA-256 of the merged spec, as hex digits.
    pub digest: String,
    /// Dotted paths of the values that come from sensitive variables.
    pub sensitive: BTreeSet<String>,
    /// The policies, in the order of the spec, then the preconditions.
    pub policies: Vec<Policy>,
}

/// One value of the merged spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedValue {
    /// Its dotted path, such as `services.identity.domain`.
    pub path: String,
    /// Its text, as JSON; `[redacted]` if it is sensitive.
    pub value: String,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from. `Display` writes it as `acquire spec` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It stands in the spec.
    Written(Span),
    /// It stands in the spec as an interpolation, whose value comes from elsewhere: `--set`, `ACQUIRE_VAR_x` …
    Variable {
        /// Where the interpolation stands.
        used: Span,
        /// Where its value comes from.
        from: String,
    },
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(span) => span.fmt(f),
            Self::Variable { used, from } => write!(f, "{used} from {from}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Decodes a spec, or says everything that is wrong with it, in the order of the file.
///
/// Every environment of the spec is checked, not only the chosen one; in the others, environment variables may be
/// unset, and a provider that is not built in is a warning.
pub fn decode(source: &Source, options: &Options, environment: &Environment) -> Result<Decoded, Vec<Diagnostic>> {
    let mut report = Report::new(source);
    let decoded = Decoder { options, environment, report: &mut report }.decode(source);
    let diagnostics = report.finish();
    match decoded {
        Some(decoded) if diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning) => {
            Ok(Decoded { warnings: diagnostics, ..decoded })
        }
        _ => Err(diagnostics),
    }
}

/// Reads a file that is no spec, by the rules of one: what a table says, and every mistake at once.
pub(crate) fn read(source: &Source, table: Table) -> (Checked, Vec<Diagnostic>) {
    let (mut report, none, environment) = (Report::new(source), BTreeMap::new(), Environment::default());
    let grammar = Grammar { declarations: &[], default_provider: None };
    let checked = yaml::read(source, &mut report).map(|tree| {
        let scope = Scope::new(&tree, &none, &environment, true);
        Checker::new(&grammar, &scope, &mut report).check(&tree, &Shape::Table(table), "")
    });
    (checked.unwrap_or_default(), report.finish())
}

struct Decoder<'a, 's> {
    options: &'a Options,
    environment: &'a Environment,
    report: &'a mut Report<'s>,
}

impl Decoder<'_, '_> {
    fn decode(mut self, source: &Source) -> Option<Decoded> {
        let grammar = Grammar {
            declarations: &self.options.declarations,
            default_provider: self.options.default_provider.as_ref(),
        };
        let mut base = yaml::read(source, self.report)?;
        let (variables, environments) = (base.take("variables"), base.take("environments"));
        let variables = self.variables(&grammar, variables.as_ref());
        let overlays = environments::overlays(&grammar, self.report, environments.as_ref());
        let chosen = environments::chosen(self.report, &overlays, self.options.environment.as_ref());
        let merged = |overlay: &Entry| environments::merged(&grammar, &base, &overlay.value);
        let decoded = match chosen {
            Some(overlay) => self.spec(&grammar, &variables, &merged(overlay), false),
            None => self.spec(&grammar, &variables, &base, false),
        };
        for overlay in overlays.iter().filter(|overlay| chosen.is_none_or(|chosen| chosen.key != overlay.key)) {
            self.spec(&grammar, &variables, &merged(overlay), true);
        }
        decoded
    }

    fn variables(&mut self, grammar: &Grammar<'_>, entry: Option<&Entry>) -> BTreeMap<String, Variable> {
        let (none, nothing) = (BTreeMap::new(), Tree { node: tree::Node::Map(Vec::new()), place: Place::default() });
        let declared = match entry {
            Some(entry) => {
                let scope = Scope::new(&nothing, &none, self.environment, true);
                Checker::new(grammar, &scope, self.report).check(&entry.value, &grammar::variables(), "variables")
            }
            None => Checked::default(),
        };
        let tree = entry.map(|entry| &entry.value);
        Variables::new(self.report, &declared, tree, self.options).valued(self.report, self.environment)
    }

    /// Checks one merged spec; one that is not the chosen one leniently.
    fn spec(
        &mut self,
        grammar: &Grammar<'_>,
        variables: &BTreeMap<String, Variable>,
        tree: &Tree,
        lenient: bool,
    ) -> Option<Decoded> {
        let scope = Scope::new(tree, variables, self.environment, lenient);
        let checked = Checker::new(grammar, &scope, self.report).check(tree, &Shape::Table(grammar.spec()), "");
        let parts = build::build(&checked);
        relations::check(grammar, self.report, tree, &parts, &checked);
        let name: DeploymentName = text(&checked.fields, "name")?.parse().ok()?;
        let environment = self.options.environment.clone();
        let whole = serde_json::to_vec(&(&environment, &checked.fields)).ok()?;
        let spec = Spec {
            name,
            environment,
            state_home: parts.state_home,
            providers: parts.providers,
            defaults: parts.defaults,
            services: parts.services,
            moved: parts.moved,
            resources: parts.resources,
            origins: checked.origins,
        };
        let digest = acquire_crypto::hash::sha256_hex(&whole);
        Some(Decoded {
            spec,
            warnings: Vec::new(),
            merged: checked.merged,
            digest,
            sensitive: checked.sensitive,
            policies: parts.policies,
        })
    }
}
