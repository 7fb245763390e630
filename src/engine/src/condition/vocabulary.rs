use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

/// What a condition may name, and what each name holds.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary(BTreeMap<&'static str, Type>);

/// What a value can be, as far as that is known before it is there.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Type {
    /// Anything.
    Any,
    /// Nothing yet: the elements of an empty list.
    Nothing,
    Null,
    Boolean,
    Number,
    Text,
    /// One of a few words.
    Words(Arc<Vec<String>>),
    List(Arc<Type>),
    /// An object whose keys are not known.
    Map(Arc<Type>),
    /// An object with known fields.
    Table(Arc<BTreeMap<String, Type>>),
}

impl Vocabulary {
    /// Takes the names with the JSON Schemas of what they hold.
    pub fn new(names: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        Self(names.into_iter().map(|(name, schema)| (name, of(&schema, &schema))).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Type> {
        self.0.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().copied()
    }
}

/// What a value is that keeps a schema. A value that may be null is what it is otherwise: a comparison with null is
/// always allowed.
fn of(schema: &Value, root: &Value) -> Type {
    if let Some(pointer) = schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#')) {
        return root.pointer(pointer).map_or(Type::Any, |schema| of(schema, root));
    }
    if let Some(words) = words(schema) {
        return Type::Words(Arc::new(words));
    }
    if let Some(choices) = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(key)?.as_array()) {
        let types = choices.iter().map(|choice| of(choice, root)).filter(|choice| *choice != Type::Null);
        return types.reduce(Type::or).unwrap_or(Type::Any);
    }
    match schema.get("type") {
        Some(Value::String(name)) => named(name, schema, root),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str).filter(|name| *name != "null");
            names.map(|name| named(name, schema, root)).reduce(Type::or).unwrap_or(Type::Null)
        }
        _ => Type::Any,
    }
}

fn named(name: &str, schema: &Value, root: &Value) -> Type {
    let below = |key: &str| schema.get(key).filter(|schema| schema.is_object()).map(|schema| of(schema, root));
    match name {
        "null" => Type::Null,
        "boolean" => Type::Boolean,
        "integer" | "number" => Type::Number,
        "string" => Type::Text,
        "array" => Type::List(Arc::new(below("items").unwrap_or(Type::Any))),
        "object" => match schema.get("properties").and_then(Value::as_object) {
            Some(fields) => {
                let fields = fields.iter().map(|(name, schema)| (name.clone(), of(schema, root)));
                Type::Table(Arc::new(fields.collect()))
            }
            None => Type::Map(Arc::new(below("additionalProperties").unwrap_or(Type::Any))),
        },
        _ => Type::Any,
    }
}

/// The words of a schema that allows nothing but words.
fn words(schema: &Value) -> Option<Vec<String>> {
    if let Some(word) = schema.get("const") {
        return Some(vec![word.as_str()?.to_owned()]);
    }
    if let Some(words) = schema.get("enum") {
        return words.as_array()?.iter().map(|word| word.as_str().map(str::to_owned)).collect();
    }
    let choices = schema.get("oneOf")?.as_array()?;
    Some(choices.iter().map(words).collect::<Option<Vec<_>>>()?.concat())
}

impl Type {
    /// What is one or the other.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Nothing | Self::Null, other) | (other, Self::Nothing | Self::Null) => other,
            (Self::Words(_) | Self::Text, Self::Words(_) | Self::Text) => Self::Text,
            (Self::List(one), Self::List(other)) => Self::List(Arc::new((*one).clone().or((*other).clone()))),
            _ => Self::Any,
        }
    }

    /// What it is, with its article; `None` if that is not known.
    pub(super) fn noun(&self) -> Option<&'static str> {
        Some(match self {
            Self::Any | Self::Nothing => return None,
            Self::Null => "null",
            Self::Boolean => "a truth value",
            Self::Number => "a number",
            Self::Text | Self::Words(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) | Self::Table(_) => "an object",
        })
    }

    /// Whether a value of it can be equal to one of another.
    pub(super) fn can_equal(&self, other: &Self) -> bool {
        let is_open = |of: &Self| matches!(of, Self::Any | Self::Nothing | Self::Null);
        is_open(self) || is_open(other) || self.noun() == other.noun()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_is_read_with_its_references_words_and_nulls() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": ["string", "null"] },
                "action": { "oneOf": [{ "const": "create" }, { "const": "delete" }] },
                "of": { "anyOf": [{ "$ref": "#/$defs/of" }, { "type": "null" }] },
                "before": { "type": "object", "additionalProperties": true },
                "counts": { "type": "array", "items": { "type": "integer" } },
            },
            "$defs": { "of": { "enum": ["a", "b"] } },
        });
        let Type::Table(fields) = of(&schema, &schema) else { panic!("not a table") };
        let words = |words: [&str; 2]| Type::Words(Arc::new(words.map(str::to_owned).to_vec()));
        assert_eq!(fields["name"], Type::Text);
        assert_eq!(fields["action"], words(["create", "delete"]));
        assert_eq!(fields["of"], words(["a", "b"]));
        assert_eq!(fields["before"], Type::Map(Arc::new(Type::Any)));
        assert_eq!(fields["counts"], Type::List(Arc::new(Type::Number)));
    }
}
