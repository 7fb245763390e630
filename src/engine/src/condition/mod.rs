//! Conditions that a person writes in CEL: parsed, compared with what they may name, and decided.
//!
//! A condition is decided over JSON alone. It cannot write, wait, or see anything that it is not given; a loop inside a
//! loop inside a loop is bounded by `STEPS_MAX`.

/// An expression against what it may name.
mod check;
/// Codes of this module.
pub mod codes;
/// Where the parts of an expression stand.
mod extent;
/// What an expression saw.
mod seen;
/// JSON as CEL has it, and back.
mod value;
/// What there is to name.
mod vocabulary;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use acquire_model::{Code, Span};
use cel::common::ast::SourceInfo;
use cel::{Env, ExecutionError, IdedExpr, ParseErrors, Value};
use check::Checker;
use extent::Extents;

pub use value::Facts;
pub use vocabulary::Vocabulary;

/// Longest condition, in bytes.
pub const CONDITION_BYTES_MAX: usize = 4096;
/// Most steps that a condition may take: the number of elements, multiplied by itself for each loop inside a loop.
pub const STEPS_MAX: u64 = 5_000_000;

static LIBRARY: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A condition that was read and checked.
#[derive(Clone)]
pub struct Condition(Arc<Inner>);

struct Inner {
    text: String,
    place: Span,
    expression: IdedExpr,
    tokens: SourceInfo,
    loops: u32,
}

/// Something that is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The error code.
    pub code: Code,
    /// One sentence, lower case, without a full stop.
    pub summary: String,
    /// What to write under the caret.
    pub label: String,
    /// Where in the text of the condition, in bytes.
    pub range: Range<usize>,
}

/// Why a condition is neither true nor false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The reason, as it goes on after "because": ``there is no `memory_bytes` ``.
    pub reason: String,
    /// The key that is not there, if that is why.
    pub missing: Option<String>,
}

impl Condition {
    /// Reads a condition that stands at a place.
    ///
    /// # Errors
    /// Everything that is wrong with it: it is not CEL, it names what is not there, or it cannot come to true or false.
    pub fn new(text: &str, place: Span, vocabulary: &Vocabulary) -> Result<Self, Vec<Mistake>> {
        if text.len() > CONDITION_BYTES_MAX {
            let summary = format!("a condition has at most {CONDITION_BYTES_MAX} bytes");
            let label = "make several of it".to_owned();
            return Err(vec![Mistake { code: codes::NOT_CEL, summary, label, range: 0..text.len() }]);
        }
        let parsed = LIBRARY.parser().parse_with_source_info(text);
        let (expression, tokens) = parsed.map_err(|errors| vec![not_cel(text, &errors)])?;
        let checked = Checker::new(vocabulary, Extents { text, tokens: &tokens }).check(&expression);
        if !checked.mistakes.is_empty() {
            return Err(checked.mistakes);
        }
        Ok(Self(Arc::new(Inner { text: text.to_owned(), place, expression, tokens, loops: checked.loops })))
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Where it stands.
    pub fn place(&self) -> &Span {
        &self.0.place
    }

    /// Whether it names this, outside or inside its loops.
    pub fn names(&self, name: &str) -> bool {
        self.0.expression.references().has_variable(name)
    }

    /// Decides it. `elements` is the length of the longest list that it can go through.
    ///
    /// # Errors
    /// If it is neither true nor false, because it asks for something that is not there.
    pub fn holds(&self, facts: &Facts<'_>, elements: usize) -> Result<bool, Undecided> {
        let steps = u64::try_from(elements).unwrap_or(u64::MAX).saturating_pow(self.0.loops);
        if self.0.loops > 1 && steps > STEPS_MAX {
            let reason = format!("it would take {steps} steps, and at most {STEPS_MAX} are taken");
            return Err(Undecided { reason, missing: None });
        }
        match facts.resolve(&self.0.expression) {
            Ok(Value::Bool(truth)) => Ok(truth),
            Ok(other) => Err(Undecided { reason: format!("it comes to {}", value::noun(&other)), missing: None }),
            Err(error) => Err(undecided(&error)),
        }
    }

    /// The parts of it that say why it is what it is, with what each came to; those that are not told by themselves.
    pub fn seen(&self, facts: &Facts<'_>) -> Vec<(String, serde_json::Value)> {
        seen::seen(&self.0.expression, &Extents { text: &self.0.text, tokens: &self.0.tokens }, facts)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.0.text, self.0.place)
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text && self.0.place == other.0.place
    }
}

/// Says the first thing that is wrong; what follows from it is not said.
fn not_cel(text: &str, errors: &ParseErrors) -> Mistake {
    let (line, column, message) = errors.errors.first().map_or((1, 1, ""), |error| {
        (error.pos.0, error.pos.1, error.msg.strip_prefix("Syntax error: ").unwrap_or(&error.msg))
    });
    if let Some(open) = extent::unclosed(text) {
        let label = "this bracket is not closed; a comma inside `{ }` of YAML ends a text without quotes".to_owned();
        return Mistake { code: codes::NOT_CEL, summary: "this is not CEL".to_owned(), label, range: open..open + 1 };
    }
    let start = offset(text, line, column);
    let token = message.split_once('\'').and_then(|(_, rest)| Some(rest.rsplit_once("' expecting")?.0));
    let token = token.or_else(|| message.split_once('\'')?.1.strip_suffix('\'')).map(str::trim_end);
    let (label, length) = match token {
        Some("<EOF>") => ("something must follow".to_owned(), 1),
        Some(token) => ("this is not expected here".to_owned(), token.len()),
        None => (message.to_owned(), 1),
    };
    let end = text.ceil_char_boundary(start + length);
    Mistake { code: codes::NOT_CEL, summary: "this is not CEL".to_owned(), label, range: start..end }
}

/// The byte at a line and a column, which both count from 1, the column in characters.
fn offset(text: &str, line: isize, column: isize) -> usize {
    let before = |number: isize| usize::try_from(number.saturating_sub(1)).unwrap_or_default();
    let start: usize = text.split_inclusive('\n').take(before(line)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.chars().take(before(column)).map(char::len_utf8).sum::<usize>()
}

/// Says why there is no answer, without the values: an error of the library may hold a whole plan.
fn undecided(error: &ExecutionError) -> Undecided {
    let mut missing = None;
    let reason = match error {
        ExecutionError::NoSuchKey(key) => {
            missing = Some(key.to_string());
            format!("there is no `{key}`")
        }
        ExecutionError::UndeclaredReference(name) => format!("there is no `{name}`"),
        ExecutionError::NoSuchOverload(error) => {
            let types: Vec<&str> = error.argument_types().iter().map(|name| plain(name)).collect();
            format!("{} does not fit {}", operator(error.function()), types.join(" and "))
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number is too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "a list is shorter than that".to_owned(),
        ExecutionError::FunctionError { function, message } => {
            format!("`{function}` says: {}", message.lines().next().unwrap_or_default())
        }
        _ => "its values do not fit together".to_owned(),
    };
    Undecided { reason, missing }
}

/// The name of a type, in the words of the messages.
fn plain(name: &str) -> &str {
    match name {
        "string" => "text",
        "int" | "uint" | "double" => "a number",
        "bool" => "a truth value",
        "map" => "an object",
        "list" => "a list",
        "null_type" => "null",
        other => other,
    }
}

/// The name of a function or an operator, as people write it.
fn operator(name: &str) -> String {
    format!("`{}`", name.trim_matches(['_', '@']).replace("[_]", "[]"))
}

#[cfg(test)]
mod tests;
