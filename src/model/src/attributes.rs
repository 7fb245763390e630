use crate::Address;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a resource is made of: attribute name → JSON value. Sorted, so that text made from it is deterministic.
pub type Attributes = BTreeMap<String, Value>;

/// Returns the text of an attribute, if it is there and is text.
pub fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(Value::as_str)
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

/// Splits the unit off the name of an attribute: `memory_bytes` is what a spec calls `memory`, in bytes.
pub fn unit(name: &str) -> (&str, Option<Unit>) {
    for (end, unit) in [("_bytes", Unit::Bytes), ("_seconds", Unit::Seconds)] {
        if let Some(name) = name.strip_suffix(end) {
            return (name, Some(unit));
        }
    }
    (name, None)
}

/// One attribute of another resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Reference {
    /// Whose.
    pub address: Address,
    /// Which.
    pub attribute: String,
}

/// A value that may depend on attributes which are known only after other resources were made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expression {
    /// A value known now.
    Literal(Value),
    /// An attribute of another resource.
    Reference(Reference),
    /// Texts joined, such as `"https://${services.identity.url}/x"`.
    Text(Vec<Expression>),
    /// A list.
    List(Vec<Expression>),
    /// An object.
    Object(BTreeMap<String, Expression>),
}

/// What an expression came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// A value.
    Known(Value),
    /// Some reference in it is not known yet.
    AfterApply,
}

impl Expression {
    /// Every reference in it.
    pub fn references(&self) -> Vec<&Reference> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Reference(reference) => vec![reference],
            Self::Text(parts) | Self::List(parts) => parts.iter().flat_map(Self::references).collect(),
            Self::Object(fields) => fields.values().flat_map(Self::references).collect(),
        }
    }

    /// Computes it, asking `look_up` for each reference; `None` from it means *known after apply*.
    pub fn resolve(&self, look_up: &dyn Fn(&Reference) -> Option<Value>) -> Resolved {
        self.value(look_up).map_or(Resolved::AfterApply, Resolved::Known)
    }

    fn value(&self, look_up: &dyn Fn(&Reference) -> Option<Value>) -> Option<Value> {
        Some(match self {
            Self::Literal(value) => value.clone(),
            Self::Reference(reference) => look_up(reference)?,
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part.value(look_up)? {
                        Value::String(part) => text.push_str(&part),
                        other => text.push_str(&other.to_string()),
                    }
                }
                Value::String(text)
            }
            Self::List(parts) => Value::Array(parts.iter().map(|part| part.value(look_up)).collect::<Option<_>>()?),
            Self::Object(fields) => Value::Object(
                fields
                    .iter()
                    .map(|(name, field)| Some((name.clone(), field.value(look_up)?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }
}

impl From<Value> for Expression {
    fn from(value: Value) -> Self {
        Self::Literal(value)
    }
}
