use std::collections::BTreeMap;

use acquire_model::{Code, Diagnostic, Expression, Name, Span};
use serde_json::Value;

use super::codes;
use crate::condition::Condition;
use crate::published::test_vocabulary;
use crate::spec::codes::{DUPLICATE, MISSING_FIELD, NOT_ONE_OF};
use crate::spec::shape::{Field, Known, Rule, Shape, Table};
use crate::spec::{
    Checked, ENVIRONMENT_NAME, Fields, Given, Source, VARIABLE_NAME, items, object, read, schema_of, text,
};

/// What only an apply makes.
const AFTER_APPLY: [&str; 2] = ["outputs", "resources"];

static CODE: Rule = Rule {
    noun: "an error code",
    rule: "`ACQ` and four digits",
    pattern: "^ACQ[0-9]{4}$",
    code: crate::spec::codes::BAD_WORD,
    keeps: |text| Code::try_from(text.to_owned()).is_ok(),
};

/// A file of tests of one spec.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The file, as the person named it.
    pub file: String,
    /// The spec that is tested, relative to this file, and where that is said; `None` for the one that is found.
    pub spec: Option<(String, Span)>,
    /// The runs, in order.
    pub runs: Vec<Run>,
}

/// One run.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What it is called.
    pub name: String,
    /// Where it stands.
    pub place: Span,
    /// What is done.
    pub command: Command,
    /// The environment of the spec.
    pub environment: Option<Name>,
    /// The values of variables.
    pub set: Vec<Given>,
    /// The error that it must come to, and where that is said.
    pub expect_error: Option<(Code, Span)>,
    /// What must be true afterwards.
    pub assert: Vec<Condition>,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// It plans.
    Plan,
    /// It plans and applies.
    Apply,
}

impl Command {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }
}

/// Decodes a test file, or says everything that is wrong with it, in the order of the file.
pub fn decode(source: &Source) -> Result<File, Vec<Diagnostic>> {
    let (checked, mut diagnostics) = read(source, table());
    let file = File {
        file: source.file.clone(),
        spec: text(&checked.fields, "spec").map(|spec| (spec.to_owned(), place(&checked, source, "spec"))),
        runs: runs(&checked, source),
    };
    // What follows from other mistakes is not said.
    if diagnostics.is_empty() {
        diagnostics = contradictions(&file, source);
    }
    if diagnostics.is_empty() { Ok(file) } else { Err(diagnostics) }
}

/// Returns the JSON Schema (2020-12) of a test file.
pub fn json_schema() -> Value {
    schema_of(&table(), "Acquire test file", "Tests of a spec: the input of `acquire test`.")
}

fn table() -> Table {
    let set = || Shape::Map(&VARIABLE_NAME, Box::new(Shape::Scalar));
    let run = vec![
        Field::new("name", Shape::Text, "What the run is called.").required(),
        Field::new("command", Shape::Words(&["plan", "apply"]), "What is done.").or("plan"),
        Field::new("environment", Shape::Ruled(&ENVIRONMENT_NAME), "The environment of the spec."),
        Field::new("set", set(), "Values of variables of the spec."),
        Field::new("expect_error", Shape::Ruled(&CODE), "The error code that the run must come to."),
        Field::new("assert", Shape::List(Box::new(Shape::Condition(test_vocabulary))), "What must be true afterwards."),
    ];
    let runs = Shape::List(Box::new(Shape::Table(written("a run", run))));
    written(
        "the test file",
        vec![
            Field::new("version", Shape::Version, "Version of this format."),
            Field::new("spec", Shape::Text, "The spec that is tested, relative to this file."),
            Field::new("set", set(), "Values of variables of the spec, for all runs."),
            Field::new("runs", runs, "The runs, one after another.").required(),
        ],
    )
}

/// A table in which everything is written out.
fn written(what: &'static str, fields: Vec<Field>) -> Table {
    Table::new(what, fields.into_iter().map(|field| field.known(Known::Written)).collect())
}

fn runs(checked: &Checked, source: &Source) -> Vec<Run> {
    let common = given(checked, source, "", &checked.fields);
    let runs = items(checked.fields.get("runs")).filter_map(|(position, fields)| {
        let path = format!("runs.{position}");
        let at = |field: &str| place(checked, source, &format!("{path}.{field}"));
        let assert = format!("{path}.assert.");
        let mut assert: Vec<(usize, Condition)> = checked
            .conditions
            .iter()
            .filter_map(|(path, condition)| Some((path.strip_prefix(&assert)?.parse().ok()?, condition.clone())))
            .collect();
        assert.sort_by_key(|(position, _)| *position);
        let code = text(fields, "expect_error").and_then(|text| Code::try_from(text.to_owned()).ok());
        let mut set = common.clone();
        set.extend(given(checked, source, &format!("{path}."), fields));
        Some(Run {
            name: text(fields, "name")?.to_owned(),
            place: at("name"),
            command: if text(fields, "command") == Some("apply") { Command::Apply } else { Command::Plan },
            environment: text(fields, "environment").and_then(|name| name.parse().ok()),
            set,
            expect_error: code.map(|code| (code, at("expect_error"))),
            assert: assert.into_iter().map(|(_, condition)| condition).collect(),
        })
    });
    runs.collect()
}

fn given(checked: &Checked, source: &Source, path: &str, fields: &Fields) -> Vec<Given> {
    let values = object(fields, "set").into_iter().flatten().filter_map(|(name, value)| match value {
        Expression::Literal(value) => Some((name, value)),
        _ => None,
    });
    let given = |(name, value): (&String, &Value)| Given {
        name: name.clone(),
        value: value.clone(),
        place: place(checked, source, &format!("{path}set.{name}")),
    };
    values.map(given).collect()
}

fn place(checked: &Checked, source: &Source, path: &str) -> Span {
    let beginning = || Span { file: source.file.clone(), line: 1, column: 1, length: 1 };
    checked.origins.get(path).cloned().unwrap_or_else(beginning)
}

/// What the parts of a file say against each other.
fn contradictions(file: &File, source: &Source) -> Vec<Diagnostic> {
    let mut diagnostics = Vec::new();
    if file.runs.is_empty() {
        let beginning = Span { file: source.file.clone(), line: 1, column: 1, length: 1 };
        diagnostics.push(Diagnostic::error(MISSING_FIELD, "the test file has no runs").at(beginning, "add one"));
    }
    let mut first: BTreeMap<&str, &Span> = BTreeMap::new();
    for run in &file.runs {
        if let Some(other) = first.insert(&run.name, &run.place) {
            let summary = format!("two runs are called `{}`", run.name);
            let label = format!("first given at {other}");
            diagnostics.push(Diagnostic::error(DUPLICATE, summary).at(run.place.clone(), label));
        }
        if let (Some((_, place)), false) = (&run.expect_error, run.assert.is_empty()) {
            let summary = format!("`{}` has both `expect_error` and `assert`", run.name);
            let label = "after an error there is nothing to assert";
            diagnostics.push(Diagnostic::error(NOT_ONE_OF, summary).at(place.clone(), label));
        }
        for condition in run.assert.iter().filter(|_| run.command == Command::Plan) {
            if let Some(name) = AFTER_APPLY.iter().find(|name| condition.names(name)) {
                let summary = format!("`{}` only plans, and there is no `{name}` of a plan", run.name);
                let label = "give the run `command: apply`";
                diagnostics.push(Diagnostic::error(codes::NOT_THERE, summary).at(condition.place().clone(), label));
            }
        }
    }
    diagnostics
}
