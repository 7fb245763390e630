use std::collections::BTreeMap;

use serde_json::Value;

use super::check::Checked;
use super::grammar::{self, PARTS};
use super::policies::{self, Policy};
use acquire_model::spec::{Defaults, Lifecycle, Moved, PlainResource, Service};
use acquire_model::{Expression, Kind, Name, ProviderName, ServiceType};

pub(crate) type Fields = BTreeMap<String, Expression>;

/// The parts of a spec, as far as they are right.
pub(super) struct Parts {
    /// Where the state is kept.
    pub state_home: Option<String>,
    /// The settings of each provider.
    pub providers: BTreeMap<ProviderName, Fields>,
    /// Values for services that say nothing themselves.
    pub defaults: Defaults,
    /// The services.
    pub services: BTreeMap<ServiceType, Service>,
    /// The plain resources that have another name than they had.
    pub moved: Vec<Moved>,
    /// The plain resources.
    pub resources: BTreeMap<Name, PlainResource>,
    /// The policies and the preconditions.
    pub policies: Vec<Policy>,
}

/// Makes the parts of a spec from a checked tree. What lacks something that it cannot be without is left out.
pub(super) fn build(checked: &Checked) -> Parts {
    let fields = &checked.fields;
    let defaults = defaults(fields);
    let services = objects(fields, "services").filter_map(|(name, fields)| {
        let service: ServiceType = name.parse().ok()?;
        Some((service, self::service(service, fields, &defaults)?))
    });
    let resources =
        objects(fields, "resources").filter_map(|(name, fields)| Some((name.parse().ok()?, resource(fields)?)));
    let providers =
        objects(fields, "providers").filter_map(|(name, fields)| Some((name.parse().ok()?, fields.clone())));
    Parts {
        state_home: object(fields, "state").and_then(|state| text(state, "home")).map(ToOwned::to_owned),
        providers: providers.collect(),
        services: services.collect(),
        resources: resources.collect(),
        moved: policies::items(fields.get("moved")).filter_map(|(_, fields)| moved(fields)).collect(),
        policies: policies::build(checked),
        defaults,
    }
}

fn defaults(fields: &Fields) -> Defaults {
    let unset = Defaults::default();
    let group = |name| object(fields, "defaults").and_then(|defaults| object(defaults, name));
    let value = |name, field| group(name).and_then(|group| number(group, field));
    Defaults {
        memory_bytes: value("function", "memory").unwrap_or(unset.memory_bytes),
        timeout_seconds: value("function", "timeout").unwrap_or(unset.timeout_seconds),
        rotate_seconds: value("keys", "rotate").unwrap_or(unset.rotate_seconds),
    }
}

fn service(service: ServiceType, fields: &Fields, defaults: &Defaults) -> Option<Service> {
    let placed = PARTS.iter().filter_map(|part| {
        let provider = object(fields, part).and_then(|part| text(part, "provider"))?;
        Some((part.parse::<Kind>().ok()?, provider.parse().ok()?))
    });
    let settings = grammar::settings(service).into_iter().filter_map(|setting| {
        let value = fields.get(&*setting.name)?;
        Some((setting.name.into_owned(), value.clone()))
    });
    Some(Service {
        provider: text(fields, "provider")?.parse().ok()?,
        domain: text(fields, "domain").map(ToOwned::to_owned),
        placed: placed.collect(),
        memory_bytes: number(fields, "memory").unwrap_or(defaults.memory_bytes),
        timeout_seconds: number(fields, "timeout").unwrap_or(defaults.timeout_seconds),
        rotate_seconds: number(fields, "rotate").unwrap_or(defaults.rotate_seconds),
        lifecycle: lifecycle(fields),
        settings: settings.collect(),
    })
}

fn resource(fields: &Fields) -> Option<PlainResource> {
    let needs = texts(fields, "needs").filter_map(|need| need.parse().ok());
    let mut inputs = fields.clone();
    inputs.retain(|name, _| !matches!(name.as_str(), "kind" | "provider" | "needs" | "lifecycle"));
    Some(PlainResource {
        kind: text(fields, "kind")?.parse().ok()?,
        provider: text(fields, "provider")?.parse().ok()?,
        needs: needs.collect(),
        lifecycle: lifecycle(fields),
        inputs,
    })
}

fn moved(fields: &Fields) -> Option<Moved> {
    let name = |field| text(fields, field)?.parse().ok();
    Some(Moved { from: name("from")?, to: name("to")? })
}

fn lifecycle(fields: &Fields) -> Lifecycle {
    let Some(fields) = object(fields, "lifecycle") else { return Lifecycle::default() };
    let is = |name| fields.get(name) == Some(&Expression::Literal(true.into()));
    Lifecycle {
        protect: is("protect"),
        retain: is("retain"),
        create_first: text(fields, "replace") == Some("create-first"),
        ignore: texts(fields, "ignore").map(str::to_owned).collect(),
    }
}

/// Returns the texts in a list.
fn texts<'f>(fields: &'f Fields, name: &str) -> impl Iterator<Item = &'f str> {
    let list = match fields.get(name) {
        Some(Expression::List(list)) => list.as_slice(),
        _ => &[],
    };
    list.iter().filter_map(|item| match item {
        Expression::Literal(Value::String(text)) => Some(text.as_str()),
        _ => None,
    })
}

/// Returns the objects in a field, with their names.
pub(crate) fn objects<'f>(fields: &'f Fields, name: &str) -> impl Iterator<Item = (&'f String, &'f Fields)> {
    object(fields, name).into_iter().flatten().filter_map(|(name, value)| match value {
        Expression::Object(fields) => Some((name, fields)),
        _ => None,
    })
}

pub(crate) fn object<'f>(fields: &'f Fields, name: &str) -> Option<&'f Fields> {
    match fields.get(name) {
        Some(Expression::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// Returns the text of a field, if it has one.
pub(crate) fn text<'f>(fields: &'f Fields, name: &str) -> Option<&'f str> {
    match fields.get(name) {
        Some(Expression::Literal(Value::String(text))) => Some(text),
        _ => None,
    }
}

fn number(fields: &Fields, name: &str) -> Option<u64> {
    match fields.get(name) {
        Some(Expression::Literal(value)) => value.as_u64(),
        _ => None,
    }
}
