use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use acquire_model::{Code, Diagnostic, Environment, Name, Span};
use serde_json::{Map, Value};

use super::cloud::Cloud;
use super::codes;
use super::file::{Command, Run};
use crate::condition::{Condition, Facts};
use crate::policy::{judge, publish};
use crate::published::json;
use crate::spec::{self, Decoded, Options, Source};

/// Longest value that is told, in characters.
const VALUE_CHARACTERS_MAX: usize = 160;

/// Where the runs of one file are done, one after another. What a run applies is there for the runs after it, in its
/// environment; a run that only plans changes nothing.
pub struct Stage<'a> {
    spec: &'a Source,
    options: Options,
    environment: &'a Environment,
    clouds: BTreeMap<Option<Name>, Cloud>,
}

/// What there is to assert on.
struct Facet {
    facts: Facts<'static>,
    /// How much conditions can go through.
    elements: usize,
}

impl<'a> Stage<'a> {
    /// Begins with nothing. The options are those of all runs.
    pub fn new(spec: &'a Source, options: Options, environment: &'a Environment) -> Self {
        Self { spec, options, environment, clouds: BTreeMap::new() }
    }

    /// Does a run, and says why it failed; it did not, if there is nothing.
    pub fn run(&mut self, run: &Run) -> Vec<Diagnostic> {
        match (self.done(run), &run.expect_error) {
            (Ok(facet), None) => run.assert.iter().filter_map(|condition| facet.asserted(condition)).collect(),
            (Ok(_), Some((code, place))) => vec![not_failed(run, *code, place, "it did not fail")],
            (Err(errors), None) => errors,
            (Err(errors), Some((code, _))) if errors.iter().all(|error| error.code == *code) => Vec::new(),
            (Err(mut errors), Some((code, place))) => {
                errors.retain(|error| error.code != *code);
                errors.insert(0, not_failed(run, *code, place, "it failed with something else, too or instead"));
                errors
            }
        }
    }

    fn done(&mut self, run: &Run) -> Result<Facet, Vec<Diagnostic>> {
        let mut options = self.options.clone();
        options.environment = run.environment.clone().or(options.environment);
        options.given.extend(run.set.iter().cloned());
        let decoded = spec::decode(self.spec, &options, self.environment)?;
        let providers: Vec<_> = options.declarations.iter().map(|declaration| declaration.name.clone()).collect();
        let cloud = match self.clouds.entry(options.environment) {
            Entry::Occupied(cloud) => cloud.into_mut(),
            Entry::Vacant(place) => place.insert(Cloud::new(decoded.spec.name.clone(), &providers)?),
        };
        played(cloud, &decoded, run.command)
    }
}

/// Plans, asks the policies, and applies if that is the command.
fn played(cloud: &mut Cloud, decoded: &Decoded, command: Command) -> Result<Facet, Vec<Diagnostic>> {
    let plan = cloud.plan(decoded)?;
    let published = publish(&decoded.spec, &plan);
    let judgement = judge(&decoded.policies, &published);
    if !judgement.denied.is_empty() {
        return Err(judgement.denied);
    }
    let mut elements = published.changes.len();
    let mut names = vec![("plan", json(&published))];
    if command == Command::Apply {
        cloud.apply(&plan)?;
        let resources = cloud.resources();
        elements = elements.max(resources.len());
        names.extend([("outputs", json(&cloud.outputs())), ("resources", json(&resources))]);
    }
    Ok(Facet { facts: Facts::new(names.iter().map(|(name, value)| (*name, value))), elements })
}

impl Facet {
    /// Says that an assertion is not true, if it is not, with what it saw.
    fn asserted(&self, condition: &Condition) -> Option<Diagnostic> {
        let (label, detail) = match condition.holds(&self.facts, self.elements) {
            Ok(true) => return None,
            Ok(false) => ("this is false".to_owned(), condition.seen(&self.facts)),
            Err(undecided) => (undecided.reason, condition.seen(&self.facts)),
        };
        let lines: Vec<String> = detail.iter().map(|(text, value)| format!("{text} = {}", told(value))).collect();
        let diagnostic = Diagnostic::error(codes::NOT_TRUE, "an assertion is not true");
        let diagnostic = diagnostic.at(condition.place().clone(), label);
        Some(if lines.is_empty() { diagnostic } else { diagnostic.detail(lines.join("\n")) })
    }
}

fn not_failed(run: &Run, code: Code, place: &Span, label: &str) -> Diagnostic {
    let summary = format!("`{}` did not come to {code} alone", run.name);
    Diagnostic::error(codes::NOT_FAILED, summary).at(place.clone(), label)
}

/// A value on one line: something that has an address by that, and not too long.
fn told(value: &Value) -> String {
    let text = brief(value).to_string();
    match text.char_indices().nth(VALUE_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn brief(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(brief).collect(),
        Value::Object(fields) => match fields.get("address") {
            Some(address) => address.clone(),
            None => {
                Value::Object(fields.iter().map(|(name, field)| (name.clone(), brief(field))).collect::<Map<_, _>>())
            }
        },
        other => other.clone(),
    }
}
