use serde_json::{Number, Value};

use super::shape::{Rule, Shape};
use super::tree::{Node, Tree};
use super::{codes, grammar, quantity};
use crate::words::{did_you_mean, listed, shown};
use acquire_model::Code;

/// Why a value does not fit.
#[derive(Debug)]
pub(super) struct Misfit {
    /// The error code.
    pub code: Code,
    /// What is wrong, as it goes on after the path: ``must be text, not the number 5``; or a whole sentence.
    pub summary: Summary,
    /// What to write under the caret.
    pub label: String,
}

/// The two forms of a summary.
#[derive(Debug)]
pub(super) enum Summary {
    /// It goes on after the path of the value.
    OfPath(String),
    /// It stands alone.
    Whole(String),
}

impl Misfit {
    fn whole(code: Code, summary: String, label: impl Into<String>) -> Self {
        Self { code, summary: Summary::Whole(summary), label: label.into() }
    }
}

/// Returns a value that fits a shape as the engine holds it: seconds, bytes, and all else as it is. A value that was
/// `inserted` by an interpolation is read as what the shape wants, since an environment variable is always text.
pub(super) fn convert(shape: &Shape, value: &Value, inserted: bool) -> Result<Value, Misfit> {
    let wrong = || wrong_type(shape, value);
    match (shape, value) {
        (Shape::Any, value) => Ok(value.clone()),
        (Shape::Scalar, Value::String(_) | Value::Bool(_)) => Ok(value.clone()),
        (Shape::Scalar, Value::Number(number)) if number.is_i64() => Ok(value.clone()),
        (Shape::Version, Value::Number(number)) => version(number),
        (Shape::Boolean, Value::Bool(_)) => Ok(value.clone()),
        (Shape::Integer(least, most), Value::Number(number)) => {
            number.as_i64().ok_or_else(wrong).and_then(|number| in_range(number, *least, *most))
        }
        (Shape::Boolean | Shape::Integer(..), Value::String(text)) if inserted => {
            let parsed = serde_json::from_str(text).map_err(|_| wrong())?;
            convert(shape, &parsed, false)
        }
        (Shape::Text, Value::Number(_) | Value::Bool(_)) if inserted => Ok(Value::String(value.to_string())),
        (_, Value::String(text)) => from_text(shape, text).unwrap_or_else(|| Err(wrong())),
        _ => Err(wrong()),
    }
}

fn from_text(shape: &Shape, text: &str) -> Option<Result<Value, Misfit>> {
    Some(match shape {
        Shape::Text | Shape::Provider | Shape::Condition(_) => Ok(text.into()),
        Shape::Ruled(rule) => ruled(rule, text),
        Shape::Words(words) => word(words, text),
        Shape::Duration => quantity::seconds(text).map(Value::from).map_err(|meant| {
            let label = "whole, such as `90d`, `12h`, `30m` or `60s`; at most 100 years";
            quantity_misfit(codes::BAD_DURATION, text, "a length of time", meant, label)
        }),
        Shape::Memory => quantity::bytes(text).map(Value::from).map_err(|meant| {
            let label = "whole, such as `512MiB` or `1GiB`; at most 1024 TiB";
            quantity_misfit(codes::BAD_MEMORY, text, "an amount of memory", meant, label)
        }),
        _ => return None,
    })
}

fn version(number: &Number) -> Result<Value, Misfit> {
    if number.as_i64() == Some(grammar::VERSION) {
        return Ok(Value::Number(number.clone()));
    }
    let label = format!("this binary reads version {}", grammar::VERSION);
    Err(Misfit::whole(codes::UNKNOWN_VERSION, format!("version {number} of the spec is not known"), label))
}

fn in_range(number: i64, least: i64, most: i64) -> Result<Value, Misfit> {
    if (least..=most).contains(&number) {
        return Ok(number.into());
    }
    let summary = Summary::OfPath(format!("cannot be {number}"));
    Err(Misfit { code: codes::OUT_OF_RANGE, summary, label: format!("from {least} to {most}") })
}

/// Checks a text, or a key, against a rule.
pub(super) fn ruled(rule: &Rule, text: &str) -> Result<Value, Misfit> {
    if (rule.keeps)(text) {
        return Ok(text.into());
    }
    let label = corrected(rule, text).map_or_else(|| rule.rule.to_owned(), |name| format!("did you mean `{name}`?"));
    Err(Misfit::whole(rule.code, format!("{} is not {}", shown(text), rule.noun), label))
}

/// The text in lower case, and with blanks and dashes made right, if that keeps the rule.
fn corrected(rule: &Rule, text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let replaced = |separator| lower.replace([' ', '-', '_'], separator);
    [lower.clone(), replaced("-"), replaced("_")].into_iter().find(|candidate| (rule.keeps)(candidate))
}

fn word(words: &[&str], text: &str) -> Result<Value, Misfit> {
    if words.contains(&text) {
        return Ok(text.into());
    }
    let one_of = || format!("one of {}", listed(words.iter().copied()));
    let label = did_you_mean(text, words.iter().copied()).unwrap_or_else(one_of);
    Err(Misfit { code: codes::BAD_WORD, summary: Summary::OfPath(format!("cannot be {}", shown(text))), label })
}

fn quantity_misfit(code: Code, text: &str, noun: &str, meant: Option<String>, such_as: &str) -> Misfit {
    let label = meant.map_or_else(|| such_as.to_owned(), |meant| format!("did you mean `{meant}`?"));
    Misfit::whole(code, format!("{} is not {noun}", shown(text)), label)
}

/// Says that a sensitive value does not fit, without showing it.
pub(super) fn withheld(shape: &Shape, misfit: &Misfit) -> Misfit {
    let summary = Summary::OfPath(format!("must be {}; its value is sensitive and not shown", wanted(shape)));
    Misfit { code: misfit.code, summary, label: String::new() }
}

/// Says that a value is of the wrong type, and how to write the right one.
pub(super) fn wrong_type(shape: &Shape, value: &Value) -> Misfit {
    let label = match (shape, value) {
        (Shape::Ruled(rule), _) if !(rule.keeps)(&value.to_string()) => rule.rule.to_owned(),
        (Shape::Text | Shape::Ruled(_), Value::Number(_) | Value::Bool(_)) => format!("write `\"{value}\"`"),
        (Shape::Boolean, Value::String(text)) => match text.to_lowercase().as_str() {
            "yes" | "on" | "y" => "write `true`".to_owned(),
            "no" | "off" | "n" => "write `false`".to_owned(),
            _ => String::new(),
        },
        (Shape::Integer(..) | Shape::Version, Value::String(text)) if text.parse::<i64>().is_ok() => {
            "write it without quotes".to_owned()
        }
        (Shape::Duration, Value::Number(number)) if number.is_u64() => format!("give a unit, such as `{number}s`"),
        (Shape::Memory, Value::Number(number)) if number.is_u64() => format!("give a unit, such as `{number}MiB`"),
        (Shape::Words(words), _) => format!("one of {}", listed(words.iter().copied())),
        (Shape::Table(_) | Shape::Map(..) | Shape::Resource, Value::Null) => {
            "write `{}` if there is nothing to say".to_owned()
        }
        (Shape::List(_), Value::String(_)) => "put it in brackets: `[…]`".to_owned(),
        _ => String::new(),
    };
    let summary = Summary::OfPath(format!("must be {}, not {}", wanted(shape), found(value)));
    Misfit { code: codes::WRONG_TYPE, summary, label }
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Version | Shape::Integer(..) => "a whole number",
        Shape::Text | Shape::Words(_) => "text",
        Shape::Ruled(rule) => rule.noun,
        Shape::Provider => "the name of a provider",
        Shape::Boolean => "`true` or `false`",
        Shape::Duration => "a length of time",
        Shape::Memory => "an amount of memory",
        Shape::Scalar => "text, a whole number or a truth value",
        Shape::Condition(_) => "a condition in CEL",
        Shape::List(_) => "a list",
        Shape::Any => "a value",
        Shape::Table(_) | Shape::Map(..) | Shape::Resource => "a mapping",
    }
}

fn found(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text {}", shown(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// Returns a value of the tree as JSON. Collections lose what is in them: they are only told apart here.
pub(super) fn scalar(tree: &Tree) -> Value {
    match &tree.node {
        Node::Null => Value::Null,
        Node::Boolean(truth) => Value::Bool(*truth),
        Node::Integer(number) => (*number).into(),
        Node::Number(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Node::Text(text) => Value::String(text.clone()),
        Node::List(_) => Value::Array(Vec::new()),
        Node::Map(_) => Value::Object(serde_json::Map::new()),
    }
}
