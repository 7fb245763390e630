use serde_json::{Map, Value, json};

use super::grammar::{Grammar, VERSION};
use super::quantity::{DURATION_PATTERN, MEMORY_PATTERN};
use super::shape::{Field, Known, Rule, Shape, Table};
use crate::condition::CONDITION_BYTES_MAX;
use acquire_model::spec::ProviderDeclaration;

/// Sections that are the same in the spec and in an environment, written once.
const SHARED: [&str; 3] = ["state", "defaults", "services"];

/// Returns the JSON Schema (2020-12) of a spec for the given providers.
///
/// It is made from the same grammar as the decoder, so the two cannot drift apart. What one value says of another
/// (references, needs, services that need each other) only the decoder can check.
pub fn json_schema(declarations: &[ProviderDeclaration]) -> Value {
    let grammar = Grammar { declarations, default_provider: None };
    let writer = Writer { grammar: &grammar, partial: false };
    let table = grammar.spec();
    let mut definitions = json!({
        "interpolation": {
            "description": "Text with interpolations such as `${var.NAME}`, `${env.NAME}` or `${services.identity.url}`.",
            "type": "string",
            "pattern": r"\$\{[^}]*\}",
        },
        "duration": interpolated(&json!({ "type": "string", "pattern": DURATION_PATTERN })),
        "memory": interpolated(&json!({ "type": "string", "pattern": MEMORY_PATTERN })),
    });
    for field in table.fields.iter().filter(|field| SHARED.contains(&&*field.name)) {
        if let (Value::Object(definitions), Shape::Table(section)) = (&mut definitions, &field.shape) {
            definitions.insert(field.name.to_string(), writer.table(section));
        }
    }
    let mut schema = writer.table(&table);
    if let Value::Object(schema) = &mut schema {
        let head = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Acquire spec",
            "description": "What runs where: the input of `acquire plan` and `acquire apply`.",
            "$defs": definitions,
        });
        schema.extend(head.as_object().cloned().unwrap_or_default());
    }
    schema
}

/// Returns the JSON Schema (2020-12) of a file in which everything is written out.
pub(crate) fn schema_of(table: &Table, title: &str, description: &str) -> Value {
    let grammar = Grammar { declarations: &[], default_provider: None };
    let mut schema = Writer { grammar: &grammar, partial: false }.table(table);
    if let Value::Object(schema) = &mut schema {
        let head = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": title,
            "description": description,
        });
        schema.extend(head.as_object().cloned().unwrap_or_default());
    }
    schema
}

fn interpolated(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "$ref": "#/$defs/interpolation" }] })
}

struct Writer<'g> {
    grammar: &'g Grammar<'g>,
    /// Whether nothing is required, as in an environment, which is merged over what is.
    partial: bool,
}

impl Writer<'_> {
    fn table(&self, table: &Table) -> Value {
        let properties: Map<String, Value> =
            table.fields.iter().map(|field| (field.name.to_string(), self.field(field))).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        let required: Vec<&str> =
            table.fields.iter().filter(|field| field.required && !self.partial).map(|field| &*field.name).collect();
        if let (Value::Object(schema), false) = (&mut schema, required.is_empty()) {
            schema.insert("required".to_owned(), required.into());
        }
        if let (Value::Object(schema), false) = (&mut schema, table.one_of.is_empty()) {
            let choice = table.one_of.iter().map(|name| json!({ "required": [name] }));
            schema.insert("oneOf".to_owned(), choice.collect());
        }
        schema
    }

    fn field(&self, field: &Field) -> Value {
        let writer = if field.name == "environments" { &Self { partial: true, ..*self } } else { self };
        let mut schema = match &field.shape {
            Shape::Table(_) if SHARED.contains(&&*field.name) => json!({ "$ref": format!("#/$defs/{}", field.name) }),
            shape => writer.shape(shape, field.known),
        };
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), (*field.description).into());
            if let Some(default) = &field.default {
                schema.insert("default".to_owned(), default.clone());
            }
        }
        schema
    }

    fn shape(&self, shape: &Shape, known: Known) -> Value {
        let schema = match shape {
            Shape::Table(table) => return self.table(table),
            Shape::Map(rule, item) => return self.map(rule, item, known),
            Shape::Resource => return self.resource(),
            // What an environment has instead of a list is whole.
            Shape::List(item) => {
                let whole = Self { partial: false, ..*self };
                return json!({ "type": "array", "items": whole.shape(item, known) });
            }
            Shape::Any => return json!({}),
            Shape::Text => return json!({ "type": "string" }),
            Shape::Duration => return json!({ "$ref": "#/$defs/duration" }),
            Shape::Memory => return json!({ "$ref": "#/$defs/memory" }),
            Shape::Version => json!({ "const": VERSION }),
            Shape::Ruled(rule) => json!({ "type": "string", "pattern": rule.pattern }),
            Shape::Words(words) => json!({ "enum": words }),
            Shape::Condition(_) => json!({ "type": "string", "maxLength": CONDITION_BYTES_MAX }),
            Shape::Provider => json!({ "enum": self.grammar.provider_names().collect::<Vec<_>>() }),
            Shape::Boolean => json!({ "type": "boolean" }),
            Shape::Integer(i64::MIN, i64::MAX) => json!({ "type": "integer" }),
            Shape::Integer(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
            Shape::Scalar => json!({ "type": ["string", "integer", "boolean"] }),
        };
        match known {
            Known::Written => schema,
            _ => interpolated(&schema),
        }
    }

    fn map(&self, rule: &Rule, item: &Shape, known: Known) -> Value {
        json!({
            "type": "object",
            "propertyNames": { "pattern": rule.pattern },
            "additionalProperties": self.shape(item, known),
        })
    }

    /// A resource is as some provider declares its kind.
    fn resource(&self) -> Value {
        let kinds = self.grammar.declarations.iter().flat_map(|declaration| {
            declaration.kinds.iter().map(move |(kind, inputs)| {
                let mut schema = self.table(&self.grammar.resource(kind.as_str(), Some(inputs)));
                if let Some(schema) = schema.pointer_mut("/properties/kind") {
                    *schema = json!({ "const": kind.as_str(), "description": "What it is." });
                }
                if let Some(schema) = schema.pointer_mut("/properties/provider/anyOf/0") {
                    *schema = json!({ "const": declaration.name.as_str() });
                }
                schema
            })
        });
        json!({ "anyOf": kinds.collect::<Vec<_>>() })
    }
}
