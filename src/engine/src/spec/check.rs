use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::convert::{Misfit, Summary, convert, ruled, scalar, withheld, wrong_type};
use super::grammar::Grammar;
use super::interpolate::{Scope, is_interpolated};
use super::report::Report;
use super::shape::{Field, Keys, Known, Rule, Shape, Table};
use super::tree::{Node, Place, Tree};
use super::{MergedValue, Origin, codes};
use crate::condition::{Condition, Vocabulary};
use crate::words::{closest, did_you_mean, listed, shown};
use acquire_model::{Diagnostic, Expression, Kind, Reference, Resolved, Span};

/// What is shown instead of a sensitive value.
const REDACTED: &str = "[redacted]";

/// What a tree came to. Values that were wrong are left out; the report says why.
#[derive(Default)]
pub(crate) struct Checked {
    /// The fields at the top.
    pub fields: BTreeMap<String, Expression>,
    /// Where each value stands, by dotted path.
    pub origins: BTreeMap<String, Span>,
    /// Every value in the order of the file.
    pub merged: Vec<MergedValue>,
    /// The paths of the values that must not be shown.
    pub sensitive: BTreeSet<String>,
    /// The conditions, by dotted path.
    pub conditions: BTreeMap<String, Condition>,
}

/// Compares a tree with a shape and collects everything that does not fit.
pub(super) struct Checker<'a, 's> {
    grammar: &'a Grammar<'a>,
    scope: &'a Scope<'a>,
    report: &'a mut Report<'s>,
    checked: Checked,
}

/// Where the checker is.
#[derive(Clone, Copy)]
struct At<'p> {
    path: &'p str,
    known: Known,
}

/// A value as it was written.
#[derive(Clone, Copy)]
struct Written<'t> {
    tree: &'t Tree,
    at: At<'t>,
    /// Whether what it came to must not be shown.
    sensitive: bool,
}

/// Where a value comes from beside its place.
#[derive(Default)]
struct Provenance {
    from: Vec<String>,
    sensitive: bool,
}

impl<'a, 's> Checker<'a, 's> {
    /// Prepares to check.
    pub(super) fn new(grammar: &'a Grammar<'a>, scope: &'a Scope<'a>, report: &'a mut Report<'s>) -> Self {
        Self { grammar, scope, report, checked: Checked::default() }
    }

    /// Checks a mapping, which stands at a path of the spec.
    pub(super) fn check(mut self, tree: &Tree, shape: &Shape, path: &str) -> Checked {
        if let Some(Expression::Object(fields)) = self.value(tree, shape, At { path, known: Known::Written }) {
            self.checked.fields = fields;
        }
        self.checked
    }

    fn value(&mut self, tree: &Tree, shape: &Shape, at: At<'_>) -> Option<Expression> {
        match shape {
            Shape::Table(table) => self.table(tree, table, at.path),
            Shape::Map(rule, item) => self.map(tree, rule, item, at),
            Shape::Resource => {
                let table = self.resource(tree);
                self.table(tree, &table, at.path)
            }
            Shape::List(item) => self.list(tree, item, at),
            _ => self.leaf(tree, shape, at),
        }
    }

    fn table(&mut self, tree: &Tree, table: &Table, path: &str) -> Option<Expression> {
        let Node::Map(entries) = &tree.node else {
            let summary = format!("{} must be a mapping", table.what);
            self.misfit(&wrong_type(&Shape::Table(table.clone()), &scalar(tree)), path, tree.place, Some(summary));
            return None;
        };
        let mut values = BTreeMap::new();
        for entry in entries {
            let Some(field) = table.field(&entry.key) else {
                self.unknown(&entry.key, entry.place, table);
                continue;
            };
            let path = joined(path, &entry.key);
            self.checked.origins.insert(path.clone(), self.report.span(entry.value.place));
            let at = At { path: &path, known: field.known };
            values.extend(self.value(&entry.value, &field.shape, at).map(|value| (entry.key.clone(), value)));
        }
        self.one_of(tree, table);
        for field in &table.fields {
            if tree.entry(&field.name).is_none() {
                let value = self.absent(tree, field, table, &joined(path, &field.name));
                values.extend(value.map(|value| (field.name.to_string(), value)));
            }
        }
        Some(Expression::Object(values))
    }

    /// Of the fields that exclude each other, exactly one is given.
    fn one_of(&mut self, tree: &Tree, table: &Table) {
        let mut given = table.one_of.iter().filter_map(|name| tree.entry(name));
        let choice = || listed(table.one_of.iter().copied());
        let (code, summary, place, label) = match (given.next(), given.next()) {
            (None, _) if !table.one_of.is_empty() => {
                let summary = format!("{} lacks one of {}", table.what, choice());
                (codes::MISSING_FIELD, summary, tree.place, "add one of them")
            }
            (Some(_), Some(second)) => {
                let summary = format!("{} has more than one of {}", table.what, choice());
                (codes::NOT_ONE_OF, summary, second.place, "take one of them out")
            }
            _ => return,
        };
        self.report.error(code, summary, place, label);
    }

    /// Returns what a field is that was not given.
    fn absent(&mut self, tree: &Tree, field: &Field, table: &Table, path: &str) -> Option<Expression> {
        match (&field.shape, &field.default) {
            (Shape::Table(inner), _) if table.keys == Keys::Fields && inner.has_defaults() => {
                let nothing = Tree { node: Node::Map(Vec::new()), place: tree.place };
                self.table(&nothing, inner, path)
            }
            (shape, Some(default)) => {
                let (value, origin) = (default.to_string(), Origin::Default);
                self.checked.merged.push(MergedValue { path: path.to_owned(), value, origin });
                convert(shape, default, false).ok().map(Expression::Literal)
            }
            (..) if field.required => {
                let summary = format!("{} lacks `{}`", table.what, field.name);
                self.report.error(codes::MISSING_FIELD, summary, tree.place, format!("add `{}: …`", field.name));
                None
            }
            _ => None,
        }
    }

    fn unknown(&mut self, key: &str, place: Place, table: &Table) {
        match table.keys {
            Keys::Fields => {
                let (label, hint) = match closest(key, table.names()) {
                    Some(meant) => (format!("did you mean `{meant}`?"), None),
                    None if table.fields.is_empty() => ("it takes none".to_owned(), None),
                    None => (String::new(), Some(format!("it takes {}", listed(table.names())))),
                };
                let summary = format!("unknown field {} in {}", shown(key), table.what);
                let diagnostic = Diagnostic::error(codes::UNKNOWN_FIELD, summary).at(self.report.span(place), label);
                self.report.add(Diagnostic { hint, ..diagnostic });
            }
            Keys::SomeFields => {}
            Keys::Services => {
                let label = did_you_mean(key, table.names());
                let label = label.unwrap_or_else(|| format!("there are {}", listed(table.names())));
                let summary = format!("there is no service {}", shown(key));
                self.report.error(codes::UNKNOWN_SERVICE, summary, place, label);
            }
            Keys::Providers => self.unknown_provider(key, place),
        }
    }

    fn unknown_provider(&mut self, name: &str, place: Place) {
        let summary = format!("provider {} is not built into this binary", shown(name));
        let names = || self.grammar.provider_names();
        let label = did_you_mean(name, names()).unwrap_or_else(|| match names().next() {
            Some(_) => format!("built in: {}", listed(names())),
            None => String::new(),
        });
        // The binary that runs another environment may have it.
        let diagnostic = match self.scope.is_lenient() {
            true => Diagnostic::warning(codes::UNKNOWN_PROVIDER, summary),
            false => Diagnostic::error(codes::UNKNOWN_PROVIDER, summary),
        };
        self.report.add(diagnostic.at(self.report.span(place), label));
    }

    fn map(&mut self, tree: &Tree, rule: &'static Rule, item: &Shape, at: At<'_>) -> Option<Expression> {
        let Node::Map(entries) = &tree.node else {
            self.misfit(&wrong_type(&Shape::Map(rule, Box::new(Shape::Any)), &scalar(tree)), at.path, tree.place, None);
            return None;
        };
        let mut values = BTreeMap::new();
        for entry in entries {
            let path = joined(at.path, &entry.key);
            self.checked.origins.insert(path.clone(), self.report.span(entry.value.place));
            let value = self.value(&entry.value, item, At { path: &path, ..at });
            match ruled(rule, &entry.key) {
                Ok(_) => values.extend(value.map(|value| (entry.key.clone(), value))),
                Err(misfit) => self.misfit(&misfit, at.path, entry.place, None),
            }
        }
        Some(Expression::Object(values))
    }

    /// Finds the table of a plain resource by its kind and its provider.
    fn resource(&mut self, tree: &Tree) -> Table {
        let kind = tree.entry("kind").map(|kind| &kind.value);
        let provider = self.provider_of(tree).and_then(|provider| self.grammar.declaration(&provider));
        // What is wrong with the kind itself, or with the provider, is reported where they are checked.
        let (Some(kind), Some(provider)) = (kind, provider) else { return self.grammar.resource("", None) };
        let Some(name) = kind.text().filter(|name| !is_interpolated(name)) else {
            return self.grammar.resource("", None);
        };
        if let Some((_, inputs)) = provider.kinds.iter().find(|(kind, _)| kind.as_str() == name) {
            return self.grammar.resource(name, Some(inputs));
        }
        let kinds = || provider.kinds.keys().map(Kind::as_str);
        let summary = format!("provider `{}` does not provide {}", provider.name, shown(name));
        let label = did_you_mean(name, kinds()).unwrap_or_else(|| format!("it provides {}", listed(kinds())));
        self.report.error(codes::UNKNOWN_KIND, summary, kind.place, label);
        self.grammar.resource("", None)
    }

    /// The provider that a mapping names, or the default one. What is wrong with it is reported when it is checked.
    fn provider_of(&self, tree: &Tree) -> Option<String> {
        let Some(entry) = tree.entry("provider") else {
            return self.grammar.default_provider.map(ToString::to_string);
        };
        let text = entry.value.text()?;
        match self.scope.interpolate(&mut Report::unread(), text, entry.value.place).value {
            Some(Expression::Literal(Value::String(provider))) => Some(provider),
            _ => None,
        }
    }

    fn list(&mut self, tree: &Tree, item: &Shape, at: At<'_>) -> Option<Expression> {
        let Node::List(items) = &tree.node else {
            let shape = Shape::List(Box::new(item.clone()));
            self.misfit(&wrong_type(&shape, &scalar(tree)), at.path, tree.place, None);
            return None;
        };
        let mut provenance = Provenance::default();
        let mut values = Vec::new();
        for (position, tree) in items.iter().enumerate() {
            let path = joined(at.path, &position.to_string());
            self.checked.origins.insert(path.clone(), self.report.span(tree.place));
            let at = At { path: &path, ..at };
            if let Shape::Table(table) = item {
                values.push(self.table(tree, table, &path).unwrap_or(Expression::Literal(Value::Null)));
                continue;
            }
            let value = self.computed(tree, at, &mut provenance);
            let value =
                value.and_then(|value| self.fitted(value, item, Written { tree, at, sensitive: provenance.sensitive }));
            // What is wrong keeps its position, so that the others are still at theirs.
            values.push(value.unwrap_or(Expression::Literal(Value::Null)));
        }
        let whole = Expression::List(values);
        // What is in tables is noted where it stands in them.
        if !matches!(item, Shape::Table(_)) {
            self.note(tree, &whole, at, provenance);
        }
        Some(whole)
    }

    fn leaf(&mut self, tree: &Tree, shape: &Shape, at: At<'_>) -> Option<Expression> {
        let mut provenance = Provenance::default();
        let value = self.computed(tree, at, &mut provenance)?;
        let written = Written { tree, at, sensitive: provenance.sensitive };
        let fitted = self.fitted(value.clone(), shape, written)?;
        self.note(tree, &value, at, provenance);
        Some(fitted)
    }

    /// Replaces the interpolations in a value, and in all that is in it.
    fn computed(&mut self, tree: &Tree, at: At<'_>, provenance: &mut Provenance) -> Option<Expression> {
        match &tree.node {
            Node::Text(text) if is_interpolated(text) => self.interpolated(text, tree.place, at, provenance),
            Node::List(items) => {
                // Collected first, so that the errors of all are said and not only the first one.
                let items: Vec<_> = items.iter().map(|item| self.computed(item, at, provenance)).collect();
                Some(Expression::List(items.into_iter().collect::<Option<_>>()?))
            }
            Node::Map(entries) => {
                let fields: Vec<_> = entries
                    .iter()
                    .map(|entry| Some((entry.key.clone(), self.computed(&entry.value, at, provenance)?)))
                    .collect();
                Some(Expression::Object(fields.into_iter().collect::<Option<_>>()?))
            }
            _ => Some(Expression::Literal(scalar(tree))),
        }
    }

    fn interpolated(
        &mut self,
        text: &str,
        place: Place,
        at: At<'_>,
        provenance: &mut Provenance,
    ) -> Option<Expression> {
        if at.known == Known::Written {
            let summary = format!("`{}` cannot have interpolations", at.path);
            self.report.error(codes::NOT_COMPUTED, summary, place, "write its value out");
            return None;
        }
        let interpolated = self.scope.interpolate(self.report, text, place);
        for from in interpolated.from {
            if !provenance.from.contains(&from) {
                provenance.from.push(from);
            }
        }
        provenance.sensitive |= interpolated.sensitive;
        let value = interpolated.value?;
        if at.known == Known::BeforeApply && !value.references().is_empty() {
            self.known_too_late(at, place);
            return None;
        }
        Some(value)
    }

    fn known_too_late(&mut self, at: At<'_>, place: Place) {
        let summary = format!("`{}` must be known before apply", at.path);
        self.report.error(codes::KNOWN_TOO_LATE, summary, place, "this is known only afterwards");
    }

    /// Returns the value as the shape wants it.
    fn fitted(&mut self, value: Expression, shape: &Shape, written: Written<'_>) -> Option<Expression> {
        let Written { tree, at, sensitive } = written;
        let literal = match (value, shape) {
            (value, Shape::Any) => return Some(value),
            (Expression::Literal(literal), _) => literal,
            (Expression::List(_) | Expression::Object(_), _) => scalar(tree),
            (value, Shape::Text) => return Some(value),
            _ => {
                self.known_too_late(at, tree.place);
                return None;
            }
        };
        let is_inserted = tree.text().is_some_and(is_interpolated);
        match convert(shape, &literal, is_inserted) {
            Ok(value) => {
                if let (Shape::Provider, Some(name)) = (shape, value.as_str())
                    && self.grammar.declaration(name).is_none()
                {
                    self.unknown_provider(if sensitive { REDACTED } else { name }, tree.place);
                    return None;
                }
                if let (Shape::Condition(vocabulary), Some(text)) = (shape, value.as_str()) {
                    self.condition(text, vocabulary(), tree.place, at.path);
                }
                Some(Expression::Literal(value))
            }
            Err(misfit) => {
                let misfit = if sensitive { withheld(shape, &misfit) } else { misfit };
                self.misfit(&misfit, at.path, tree.place, None);
                None
            }
        }
    }

    /// Reads a condition, and says what is wrong with it where that stands.
    fn condition(&mut self, text: &str, vocabulary: &Vocabulary, place: Place, path: &str) {
        let whole = self.report.within(place, text, &(0..text.len()));
        match Condition::new(text, self.report.span(whole), vocabulary) {
            Ok(condition) => drop(self.checked.conditions.insert(path.to_owned(), condition)),
            Err(mistakes) => {
                for mistake in mistakes {
                    let place = self.report.within(place, text, &mistake.range);
                    self.report.error(mistake.code, mistake.summary, place, mistake.label);
                }
            }
        }
    }

    fn misfit(&mut self, misfit: &Misfit, path: &str, place: Place, summary: Option<String>) {
        let summary = summary.filter(|_| path.is_empty()).unwrap_or_else(|| match &misfit.summary {
            Summary::OfPath(rest) => format!("`{path}` {rest}"),
            Summary::Whole(summary) => summary.clone(),
        });
        self.report.error(misfit.code, summary, place, misfit.label.clone());
    }

    /// Writes down a value for `acquire spec`.
    fn note(&mut self, tree: &Tree, value: &Expression, at: At<'_>, provenance: Provenance) {
        if provenance.sensitive {
            self.checked.sensitive.insert(at.path.to_owned());
        }
        let used = self.report.span(tree.place);
        let origin = match provenance.from.is_empty() {
            true => Origin::Written(used),
            false => Origin::Variable { used, from: provenance.from.join(", ") },
        };
        let value = if provenance.sensitive { REDACTED.to_owned() } else { as_text(value) };
        self.checked.merged.push(MergedValue { path: at.path.to_owned(), value, origin });
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A value as JSON, with references as the interpolations that they are.
fn as_text(value: &Expression) -> String {
    let reference =
        |reference: &Reference| Some(Value::String(format!("${{{}.{}}}", reference.address, reference.attribute)));
    match value.resolve(&reference) {
        Resolved::Known(value) => value.to_string(),
        Resolved::AfterApply => String::new(),
    }
}
