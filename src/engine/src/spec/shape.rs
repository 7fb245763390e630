use std::borrow::Cow;

use serde_json::Value;

use acquire_model::Code;
use acquire_model::spec::{Setting, SettingType};

use crate::condition::Vocabulary;

/// What may stand at one place of the spec. The decoder and the JSON Schema are both made from it.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// The version of the format.
    Version,
    /// Any text.
    Text,
    /// Text that keeps a rule.
    Ruled(&'static Rule),
    /// One of a few words.
    Words(&'static [&'static str]),
    /// The name of a provider that is built in.
    Provider,
    /// `true` or `false`.
    Boolean,
    /// A whole number, from the first to the second.
    Integer(i64, i64),
    /// A length of time, held as seconds.
    Duration,
    /// An amount of memory, held as bytes.
    Memory,
    /// Text, a whole number or a truth value.
    Scalar,
    /// A list.
    List(Box<Shape>),
    /// A condition in CEL, and what it may name.
    Condition(fn() -> &'static Vocabulary),
    /// Anything.
    Any,
    /// A mapping with fields that are known.
    Table(Table),
    /// A mapping whose keys a person chooses.
    Map(&'static Rule, Box<Shape>),
    /// A plain resource: a table that depends on its kind and its provider.
    Resource,
}

/// What a text must be like.
#[derive(Debug)]
pub(crate) struct Rule {
    /// What the text is, with its article.
    pub noun: &'static str,
    /// The rule in words.
    pub rule: &'static str,
    /// The same as a pattern for the JSON Schema.
    pub pattern: &'static str,
    /// The error code of a text that breaks it.
    pub code: Code,
    /// Whether a text keeps it.
    pub keeps: fn(&str) -> bool,
}

/// A mapping with known fields.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// What it is, as a message says it: `` provider `aws` ``.
    pub what: Cow<'static, str>,
    /// What its keys are, which decides how an unknown one is called.
    pub keys: Keys,
    /// The fields.
    pub fields: Vec<Field>,
    /// Fields of which exactly one must be given; none, if there is no such choice.
    pub one_of: &'static [&'static str],
}

/// What the keys of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// Fields.
    Fields,
    /// Fields, some of which are not known because the kind or the provider of a resource is wrong.
    SomeFields,
    /// Services.
    Services,
    /// Providers.
    Providers,
}

/// One field of a table.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Its key.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub shape: Shape,
    /// Whether it must be given.
    pub required: bool,
    /// What it is if it is not given.
    pub default: Option<Value>,
    /// When its value must be known.
    pub known: Known,
    /// One sentence for the schema and the reference.
    pub description: Cow<'static, str>,
}

/// When a value must be known, and so which interpolations may stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Known {
    /// It is written out: none.
    Written,
    /// Before apply: `${env.…}` and `${var.…}`.
    BeforeApply,
    /// During apply: also references to services and resources.
    DuringApply,
}

impl Table {
    /// Makes a table of fields.
    pub(crate) fn new(what: impl Into<Cow<'static, str>>, fields: Vec<Field>) -> Self {
        Self { what: what.into(), keys: Keys::Fields, fields, one_of: &[] }
    }

    /// Says of which fields exactly one must be given.
    pub(crate) fn one_of(self, one_of: &'static [&'static str]) -> Self {
        Self { one_of, ..self }
    }

    /// Returns the field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The names of its fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| &*field.name)
    }

    /// Whether some field in it has a value that nobody gave.
    pub(crate) fn has_defaults(&self) -> bool {
        self.fields.iter().any(|field| match &field.shape {
            Shape::Table(table) => table.has_defaults(),
            _ => field.default.is_some(),
        })
    }
}

impl Field {
    /// Makes an optional field whose value must be known before apply.
    pub(crate) fn new(
        name: impl Into<Cow<'static, str>>,
        shape: Shape,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (name, description) = (name.into(), description.into());
        Self { name, shape, required: false, default: None, known: Known::BeforeApply, description }
    }

    /// Makes the field that a provider declares.
    pub(crate) fn declared(setting: &Setting, known: Known) -> Self {
        let shape = match setting.holds {
            SettingType::Text if setting.words.is_empty() => Shape::Text,
            SettingType::Text => Shape::Words(setting.words),
            SettingType::Boolean => Shape::Boolean,
            SettingType::Integer => Shape::Integer(i64::MIN, i64::MAX),
            SettingType::Duration => Shape::Duration,
            SettingType::Memory => Shape::Memory,
            SettingType::TextList => Shape::List(Box::new(Shape::Text)),
            SettingType::Any => Shape::Any,
        };
        Self { required: setting.required, known, ..Self::new(setting.name, shape, setting.description) }
    }

    /// Says that it must be given.
    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// Says what it is if it is not given.
    pub(crate) fn or(self, default: impl Into<Value>) -> Self {
        Self { default: Some(default.into()), ..self }
    }

    /// Says when it must be known.
    pub(crate) fn known(self, known: Known) -> Self {
        Self { known, ..self }
    }
}
