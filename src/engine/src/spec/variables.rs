use std::collections::BTreeMap;

use serde_json::Value;

use super::check::Checked;
use super::convert::scalar;
use super::report::Report;
use super::tree::{Node, Place, Tree};
use super::{Given, Options, Source, codes, yaml};
use crate::words::{closest, shown};
use acquire_model::{Diagnostic, Environment, Expression};

/// Where a value comes from that nobody gave.
const DEFAULT: &str = "default";
/// Where no value comes from, because it was wrong.
const WRONG: &str = "an error";

/// A variable that the spec declares.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    holds: Holds,
    /// Its value; `None` if nobody gave one, or a wrong one, which the report then says.
    pub value: Option<Value>,
    /// Where its value comes from.
    pub from: String,
    /// Whether its value must never be shown.
    pub sensitive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Text,
    Integer,
    Boolean,
}

impl Holds {
    /// Reads a text as the type wants it.
    fn read(self, text: &str) -> Option<Value> {
        match self {
            Self::Text => Some(text.into()),
            Self::Integer => text.parse::<i64>().ok().map(Value::from),
            Self::Boolean => text.parse::<bool>().ok().map(Value::from),
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Integer => value.is_i64(),
            Self::Boolean => value.is_boolean(),
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "a whole number",
            Self::Boolean => "`true` or `false`",
        }
    }
}

/// The variables of a spec, while their values are collected.
pub(super) struct Variables<'a> {
    declared: BTreeMap<String, Variable>,
    places: BTreeMap<String, Place>,
    options: &'a Options,
}

impl<'a> Variables<'a> {
    /// Takes the declarations, which were checked, and the tree that they stand in.
    pub(super) fn new(report: &mut Report<'_>, checked: &Checked, tree: Option<&Tree>, options: &'a Options) -> Self {
        let mut variables = Self { declared: BTreeMap::new(), places: BTreeMap::new(), options };
        for entry in tree.map(Tree::entries).unwrap_or_default() {
            let Some(Expression::Object(fields)) = checked.fields.get(&entry.key) else { continue };
            variables.places.insert(entry.key.clone(), entry.place);
            let mut variable = declaration(fields);
            let is_right = entry.value.entries().iter().all(|field| fields.contains_key(&field.key));
            if !is_right {
                // Something in it was wrong and is reported; that it then has no value follows from that.
                variable.from = WRONG.to_owned();
            } else if let Some(default) = entry.value.entry("default") {
                let value = scalar(&default.value);
                if !variable.holds.fits(&value) {
                    let summary = format!("the default of variable `{}` is not {}", entry.key, variable.holds.noun());
                    let label = "give the variable another `type`, or the default another value";
                    report.error(codes::WRONG_VARIABLE_TYPE, summary, default.value.place, label);
                    variable.from = WRONG.to_owned();
                }
                variable.value = Some(value).filter(|value| variable.holds.fits(value));
            }
            variables.declared.insert(entry.key.clone(), variable);
        }
        variables
    }

    /// Gives each its value: `--set`, else `--var-file`, else `ACQUIRE_VAR_x`, else its default; of several files or
    /// `--set`s the last wins.
    pub(super) fn valued(mut self, report: &mut Report<'_>, environment: &Environment) -> BTreeMap<String, Variable> {
        self.take_environment(report, environment);
        for file in &self.options.variable_files {
            self.take_file(report, file);
        }
        for (name, text) in &self.options.set {
            self.set(report, name, text);
        }
        for given in &self.options.given {
            self.take_given(report, given);
        }
        for (name, variable) in &self.declared {
            if variable.value.is_none() && variable.from == DEFAULT {
                let place = self.places.get(name).copied().unwrap_or_default();
                let summary = format!("variable `{name}` has no value");
                let hint = format!("give it with `--set {name}=…`, `--var-file FILE` or `ACQUIRE_VAR_{name}=…`");
                let diagnostic = Diagnostic::error(codes::VARIABLE_WITHOUT_VALUE, summary);
                report.add(diagnostic.at(report.span(place), "it has no `default` either").hint(hint));
            }
        }
        self.declared
    }

    fn take_environment(&mut self, report: &mut Report<'_>, environment: &Environment) {
        for (name, variable) in &mut self.declared {
            let key = format!("ACQUIRE_VAR_{name}");
            if let Some(text) = environment.variable(&key) {
                give(report, name, variable, text, key);
            }
        }
    }

    fn set(&mut self, report: &mut Report<'_>, name: &str, text: &str) {
        match self.declared.get_mut(name) {
            Some(variable) => give(report, name, variable, text, format!("--set {name}")),
            None => {
                let diagnostic = self.undeclared(name, "--set");
                report.add(diagnostic);
            }
        }
    }

    fn take_given(&mut self, report: &mut Report<'_>, given: &Given) {
        let Some(variable) = self.declared.get_mut(&given.name) else {
            let diagnostic = self.undeclared(&given.name, "the test");
            return report.add(diagnostic.at(given.place.clone(), ""));
        };
        variable.from = given.place.to_string();
        variable.value = Some(given.value.clone()).filter(|value| variable.holds.fits(value));
        if variable.value.is_none() {
            let summary = wrong(&given.name, variable, "the test");
            report.add(Diagnostic::error(codes::WRONG_VARIABLE_TYPE, summary).at(given.place.clone(), ""));
        }
    }

    fn take_file(&mut self, report: &mut Report<'_>, file: &Source) {
        let mut inner = Report::new(file);
        let Some(tree) = yaml::read(file, &mut inner) else { return report.extend(inner) };
        if !matches!(tree.node, Node::Map(_)) {
            let label = "write `name: value`, one a line";
            inner.error(codes::WRONG_TYPE, "a file of variables must be a mapping", tree.place, label);
        }
        for entry in tree.entries() {
            let Some(variable) = self.declared.get_mut(&entry.key) else {
                let diagnostic = self.undeclared(&entry.key, &file.file);
                inner.add(diagnostic.at(inner.span(entry.place), ""));
                continue;
            };
            let value = scalar(&entry.value);
            variable.from = format!("--var-file {}", file.file);
            variable.value = Some(value).filter(|value| variable.holds.fits(value));
            if variable.value.is_none() {
                let summary = wrong(&entry.key, variable, &variable.from);
                inner.error(codes::WRONG_VARIABLE_TYPE, summary, entry.value.place, "");
            }
        }
        report.extend(inner);
    }

    fn undeclared(&self, name: &str, by: &str) -> Diagnostic {
        let summary = format!("{by} gives variable {}, which the spec does not declare", shown(name));
        let diagnostic = Diagnostic::error(codes::UNDECLARED_VARIABLE, summary);
        match closest(name, self.declared.keys().map(String::as_str)) {
            Some(meant) => diagnostic.hint(format!("did you mean `{meant}`?")),
            None => diagnostic.hint("declare it under `variables`"),
        }
    }
}

fn declaration(fields: &BTreeMap<String, Expression>) -> Variable {
    let literal = |name| match fields.get(name) {
        Some(Expression::Literal(value)) => value.clone(),
        _ => Value::Null,
    };
    let holds = match literal("type").as_str() {
        Some("integer") => Holds::Integer,
        Some("boolean") => Holds::Boolean,
        _ => Holds::Text,
    };
    let sensitive = literal("sensitive") == Value::Bool(true);
    Variable { holds, value: None, from: DEFAULT.to_owned(), sensitive }
}

fn give(report: &mut Report<'_>, name: &str, variable: &mut Variable, text: &str, from: String) {
    variable.value = variable.holds.read(text);
    if variable.value.is_none() {
        report.add(Diagnostic::error(codes::WRONG_VARIABLE_TYPE, wrong(name, variable, &from)));
    }
    variable.from = from;
}

fn wrong(name: &str, variable: &Variable, from: &str) -> String {
    format!("variable `{name}` must be {}, and its value from {from} is not", variable.holds.noun())
}
