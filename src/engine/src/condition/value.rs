use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, ExecutionError, IdedExpr, Value};
use serde_json::{Number, Value as Json};

use super::LIBRARY;

/// What a condition is decided over: values by name.
pub struct Facts<'p>(Context<'p, 'static>);

impl Facts<'static> {
    /// Takes the values.
    pub fn new<'j>(names: impl IntoIterator<Item = (&'static str, &'j Json)>) -> Self {
        let mut context = Context::with_env(LIBRARY.clone());
        for (name, json) in names {
            context.add_variable_from_value(name, from_json(json));
        }
        Self(context)
    }
}

impl Facts<'_> {
    /// Adds one more value, over what is there.
    pub fn with(&self, name: &'static str, json: &Json) -> Facts<'_> {
        let mut context = self.0.new_inner_scope();
        context.add_variable_from_value(name, from_json(json));
        Facts(context)
    }

    /// Adds the variable of a loop.
    pub(super) fn bound(&self, name: &str, value: Value) -> Facts<'_> {
        let mut context = self.0.new_inner_scope();
        context.add_variable_from_value(name, value);
        Facts(context)
    }

    pub(super) fn resolve(&self, expression: &IdedExpr) -> Result<Value, ExecutionError> {
        self.0.resolve(expression)
    }
}

/// A whole number is an `int` as long as it is one, so that it can be compared and added with those that people write.
fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::List(Arc::new(items.iter().map(from_json).collect())),
        Json::Object(fields) => {
            let map: HashMap<Key, Value> =
                fields.iter().map(|(name, value)| (Key::from(name.as_str()), from_json(value))).collect();
            Value::Map(Map::from(map))
        }
    }
}

/// What can be shown of a value.
pub(super) fn to_json(value: &Value) -> Json {
    match value {
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::String(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => {
            let fields = map.map.iter().map(|(key, value)| (key.to_string(), to_json(value)));
            Json::Object(fields.collect())
        }
        _ => Json::Null,
    }
}

/// What a value is, with its article.
pub(super) fn noun(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "a number",
        Value::String(_) => "text",
        Value::List(_) => "a list",
        Value::Map(_) => "an object",
        _ => "something that is neither true nor false",
    }
}
