use std::collections::BTreeMap;

use serde_json::Value;

use super::codes;
use super::report::Report;
use super::tree::{Entry, Place, Tree};
use super::variables::Variable;
use crate::words::{did_you_mean, listed, shown};
use acquire_model::{Address, Code, Environment, Expression, Kind, Name, Reference, Resolved, ServiceType};

/// The heads of the interpolations that there are.
const HEADS: [&str; 4] = ["env", "var", "services", "resources"];
/// What can be asked of a service: word, kind, attribute.
const SERVICE_ATTRIBUTES: [(&str, &str, &str); 3] =
    [("url", "function", "url"), ("canonical_url", "function", "canonical_url"), ("uid", "registration", "uid")];

/// What interpolations can name.
pub(super) struct Scope<'a> {
    environment: &'a Environment,
    variables: &'a BTreeMap<String, Variable>,
    services: Vec<&'a str>,
    /// The kind of each resource, if it says one.
    resources: BTreeMap<&'a str, Option<&'a str>>,
    /// Whether environment variables may be absent: this environment of the spec is not the chosen one.
    lenient: bool,
}

/// What a scalar with interpolations came to.
#[derive(Default)]
pub(super) struct Interpolated {
    /// Its value; `None` if it is not known, or was wrong, which the report then says.
    pub value: Option<Expression>,
    /// Where the inserted values come from.
    pub from: Vec<String>,
    /// Whether it must not be shown.
    pub sensitive: bool,
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    /// What stands between `${` and `}`.
    Insert(&'t str),
}

/// Whether a text has interpolations or escaped ones.
pub(super) fn is_interpolated(text: &str) -> bool {
    text.contains("${")
}

impl<'a> Scope<'a> {
    /// Takes what can be named from a merged spec.
    pub(super) fn new(
        tree: &'a Tree,
        variables: &'a BTreeMap<String, Variable>,
        environment: &'a Environment,
        lenient: bool,
    ) -> Self {
        let entries = |key| tree.entry(key).map(|entry| entry.value.entries()).unwrap_or_default();
        let services = entries("services").iter().map(|entry| entry.key.as_str());
        let kind = |entry: &'a Entry| entry.value.entry("kind").and_then(|kind| kind.value.text());
        let resources = entries("resources").iter().map(|entry| (entry.key.as_str(), kind(entry)));
        Self { environment, variables, services: services.collect(), resources: resources.collect(), lenient }
    }

    /// Whether environment variables and providers may be absent.
    pub(super) fn is_lenient(&self) -> bool {
        self.lenient
    }

    /// Computes a text that stands at a place.
    pub(super) fn interpolate(&self, report: &mut Report<'_>, text: &str, place: Place) -> Interpolated {
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(rest) => {
                let place = report.narrowed(place, rest);
                report.error(
                    codes::UNCLOSED,
                    "an interpolation is not closed",
                    place,
                    "write `${…}`, or `$${` for a plain `${`",
                );
                return Interpolated::default();
            }
        };
        let mut whole = Interpolated::default();
        let mut values = Vec::new();
        for piece in pieces {
            values.push(match piece {
                Piece::Text(text) => Some(Expression::Literal(text.into())),
                Piece::Insert(inside) => self.insert(inside, &mut whole).unwrap_or_else(|wrong| {
                    let place = report.narrowed(place, &format!("${{{inside}}}"));
                    report.error(wrong.code, wrong.summary, place, wrong.label.unwrap_or_default());
                    None
                }),
            });
        }
        whole.value = values.into_iter().collect::<Option<Vec<_>>>().map(joined);
        whole
    }

    /// Computes what stands between `${` and `}`; `Ok(None)` if that is not known, or was reported elsewhere.
    fn insert(&self, inside: &str, whole: &mut Interpolated) -> Result<Option<Expression>, Wrong> {
        let parts: Vec<&str> = inside.split('.').collect();
        match parts.as_slice() {
            ["env", name] => {
                whole.from.push(format!("environment variable {name}"));
                self.environment_variable(name)
            }
            ["var", name] => {
                let variable = self.variables.get(*name).ok_or_else(|| self.undeclared(name))?;
                whole.from.push(variable.from.clone());
                whole.sensitive |= variable.sensitive;
                Ok(variable.value.clone().map(Expression::Literal))
            }
            ["services", service, attribute] => self.service(service, attribute),
            ["resources", name, attribute] if !attribute.is_empty() => self.resource(name, attribute),
            _ => Err(unknown(inside)),
        }
    }

    fn environment_variable(&self, name: &str) -> Result<Option<Expression>, Wrong> {
        match self.environment.variable(name) {
            Some(value) => Ok(Some(Expression::Literal(value.into()))),
            None if self.lenient => Ok(None),
            None => {
                let summary = format!("environment variable {} is not set", shown(name));
                Err(Wrong { code: codes::UNSET_ENVIRONMENT_VARIABLE, summary, label: None })
            }
        }
    }

    fn undeclared(&self, name: &str) -> Wrong {
        let label = did_you_mean(name, self.variables.keys().map(String::as_str));
        let label = label.or_else(|| Some("declare it under `variables`".to_owned()));
        Wrong { code: codes::UNDECLARED_VARIABLE, summary: format!("variable {} is not declared", shown(name)), label }
    }

    fn service(&self, service: &str, attribute: &str) -> Result<Option<Expression>, Wrong> {
        if !self.services.contains(&service) {
            let summary = format!("service {} is not in this spec", shown(service));
            let label = did_you_mean(service, self.services.iter().copied());
            return Err(Wrong { code: codes::UNKNOWN_REFERENCE, summary, label });
        }
        let Some((_, kind, attribute)) = SERVICE_ATTRIBUTES.iter().find(|(word, ..)| *word == attribute) else {
            let words = || SERVICE_ATTRIBUTES.iter().map(|(word, ..)| *word);
            let summary = format!("a service has no {}", shown(attribute));
            let label = did_you_mean(attribute, words()).or_else(|| Some(format!("it has {}", listed(words()))));
            return Err(Wrong { code: codes::UNKNOWN_INTERPOLATION, summary, label });
        };
        // A key under `services` that is no service is reported where it stands.
        Ok(service.parse::<ServiceType>().ok().and_then(|_| reference(service, kind, attribute)))
    }

    fn resource(&self, name: &str, attribute: &str) -> Result<Option<Expression>, Wrong> {
        match self.resources.get(name) {
            Some(kind) => Ok(kind.and_then(|kind| reference(name, kind, attribute))),
            None => {
                let summary = format!("resource {} is not in this spec", shown(name));
                let label = did_you_mean(name, self.resources.keys().copied());
                Err(Wrong { code: codes::UNKNOWN_REFERENCE, summary, label })
            }
        }
    }
}

/// Why an interpolation cannot be computed.
struct Wrong {
    code: Code,
    summary: String,
    label: Option<String>,
}

fn reference(owner: &str, kind: &str, attribute: &str) -> Option<Expression> {
    let (owner, kind): (Name, Kind) = (owner.parse().ok()?, kind.parse().ok()?);
    Some(Expression::Reference(Reference { address: Address::new(owner, kind), attribute: attribute.to_owned() }))
}

fn unknown(inside: &str) -> Wrong {
    let head = inside.split('.').next().unwrap_or_default();
    let label = Some(head).filter(|head| !HEADS.contains(head)).and_then(|head| did_you_mean(head, HEADS));
    let forms = "write `env.NAME`, `var.NAME`, `services.NAME.url` or `resources.NAME.ATTRIBUTE`";
    let summary = format!("unknown interpolation {}", shown(&format!("${{{inside}}}")));
    Wrong { code: codes::UNKNOWN_INTERPOLATION, summary, label: label.or_else(|| Some(forms.to_owned())) }
}

/// Joins pieces: one alone keeps its type, known ones become one text.
fn joined(mut pieces: Vec<Expression>) -> Expression {
    if pieces.len() > 1 {
        let whole = Expression::Text(pieces);
        return match whole.resolve(&|_| None) {
            Resolved::Known(text) => Expression::Literal(text),
            Resolved::AfterApply => whole,
        };
    }
    pieces.pop().unwrap_or(Expression::Literal(Value::String(String::new())))
}

/// Cuts a text into pieces; the error is what follows an opening that is never closed.
fn pieces(text: &str) -> Result<Vec<Piece<'_>>, &str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, opening) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            // `$${` is a plain `${`: keep the second dollar and the brace.
            pieces.extend(Some(Piece::Text(before)).filter(|piece| *piece != Piece::Text("")));
            let (escaped, after) = opening.split_at(2);
            pieces.push(Piece::Text(escaped));
            rest = after;
            continue;
        }
        pieces.extend(Some(Piece::Text(before)).filter(|piece| *piece != Piece::Text("")));
        let inside = opening.get(2..).unwrap_or_default();
        let Some((inside, after)) = inside.split_once('}') else { return Err(opening) };
        pieces.push(Piece::Insert(inside));
        rest = after;
    }
    pieces.extend(Some(Piece::Text(rest)).filter(|piece| *piece != Piece::Text("")));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_cut_at_its_interpolations() {
        use Piece::{Insert, Text};
        assert_eq!(pieces("${var.a}"), Ok(vec![Insert("var.a")]));
        assert_eq!(pieces("x ${a}-${b}"), Ok(vec![Text("x "), Insert("a"), Text("-"), Insert("b")]));
        assert_eq!(pieces("$${a}"), Ok(vec![Text("${"), Text("a}")]));
        assert_eq!(pieces("a $b"), Ok(vec![Text("a $b")]));
        assert_eq!(pieces("x ${a"), Err("${a"));
    }

    proptest! {
        #[test]
        fn an_escaped_text_comes_back_as_it_was(text in "[a${}. ]{0,20}") {
            let escaped = text.replace("${", "$${");
            let back: String = pieces(&escaped).unwrap().iter().map(|piece| match piece {
                Piece::Text(text) => *text,
                Piece::Insert(_) => "an interpolation",
            }).collect();
            prop_assert_eq!(back, text);
        }
    }
}
