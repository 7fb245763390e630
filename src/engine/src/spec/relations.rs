use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::build::{self, Parts};
use super::check::Checked;
use super::codes;
use super::grammar::{Grammar, PARTS, needed_by};
use super::policies;
use super::report::Report;
use super::tree::Tree;
use crate::words::{closest, did_you_mean, shown};
use acquire_model::spec::ROTATE_SECONDS_MIN;
use acquire_model::{Code, Diagnostic, Expression, ProviderName, ServiceType};

/// Where the age at which keys are rotated stands for all services.
const DEFAULT_ROTATION: &str = "defaults.keys.rotate";

/// Checks what services and resources say of each other.
pub(super) fn check(grammar: &Grammar<'_>, report: &mut Report<'_>, tree: &Tree, parts: &Parts, checked: &Checked) {
    let mut relations = Relations { report, checked };
    relations.needed_services(tree);
    relations.domains(parts);
    relations.provided_parts(grammar, parts);
    relations.names(tree);
    relations.needs(tree);
    relations.ignored(grammar, parts);
    relations.moved(parts);
    relations.kept_in_plain(grammar, parts);
    relations.rotations(parts);
    relations.provider_settings(grammar, parts);
    relations.policy_names();
}

struct Relations<'a, 's> {
    report: &'a mut Report<'s>,
    checked: &'a Checked,
}

impl Relations<'_, '_> {
    fn error(&mut self, code: Code, path: &str, summary: String, label: String) {
        let diagnostic = Diagnostic::error(code, summary);
        self.report.add(match self.checked.origins.get(path) {
            Some(span) => diagnostic.at(span.clone(), label),
            None => diagnostic.hint(label),
        });
    }

    /// Every service has those that it needs. One whose name is misspelt counts as there: that is reported already.
    fn needed_services(&mut self, tree: &Tree) {
        let keys = || tree.entry("services").map(|services| services.value.entries()).unwrap_or_default().iter();
        let meant = |key: &str| closest(key, ServiceType::ALL.map(ServiceType::as_str))?.parse::<ServiceType>().ok();
        let there: BTreeSet<ServiceType> = keys().filter_map(|entry| meant(&entry.key)).collect();
        for service in keys().filter_map(|entry| entry.key.parse::<ServiceType>().ok()) {
            for needed in needed_by(service).iter().filter(|needed| !there.contains(needed)) {
                let summary = format!("service `{service}` needs `{needed}`, which this spec does not have");
                let label = format!("add `{needed}:` under `services`");
                self.error(codes::MISSING_SERVICE, &format!("services.{service}"), summary, label);
            }
        }
    }

    /// No two services publish one URL.
    fn domains(&mut self, parts: &Parts) {
        let mut first: BTreeMap<&str, ServiceType> = BTreeMap::new();
        for (service, domain) in
            parts.services.iter().filter_map(|(service, it)| Some((*service, it.domain.as_deref()?)))
        {
            let Some(other) = first.get(domain) else {
                first.insert(domain, service);
                continue;
            };
            let summary = format!("services `{other}` and `{service}` cannot both be at one domain");
            let place = self.checked.origins.get(&format!("services.{other}.domain"));
            let label = place.map_or_else(String::new, |place| format!("`{other}` has it at {place}"));
            self.error(codes::SAME_URL, &format!("services.{service}.domain"), summary, label);
        }
    }

    /// The provider of each part of a service has such a thing.
    fn provided_parts(&mut self, grammar: &Grammar<'_>, parts: &Parts) {
        for (name, service) in &parts.services {
            for kind in ["function"].into_iter().chain(PARTS) {
                let placed = service.placed.iter().find(|(placed, _)| placed.as_str() == kind);
                let (provider, path) = match placed {
                    Some((_, provider)) => (provider, format!("services.{name}.{kind}.provider")),
                    None => (&service.provider, format!("services.{name}.provider")),
                };
                if !lacks(grammar, provider, kind) {
                    continue;
                }
                let path = if self.checked.origins.contains_key(&path) { path } else { format!("services.{name}") };
                let summary = format!("provider `{provider}` does not provide `{kind}`, which service `{name}` needs");
                let label = match kind {
                    "function" => "name another provider".to_owned(),
                    _ => format!("name another, or place it with `{kind}: {{ provider: … }}`"),
                };
                self.error(codes::UNKNOWN_KIND, &path, summary, label);
            }
        }
    }

    /// No plain resource has the name of a service.
    fn names(&mut self, tree: &Tree) {
        for entry in tree.entry("resources").map(|entry| entry.value.entries()).unwrap_or_default() {
            if entry.key.parse::<ServiceType>().is_ok() {
                let summary = format!("resource `{}` has the name of a service", entry.key);
                self.report.error(codes::SERVICE_NAME, summary, entry.place, "give it another name");
            }
        }
    }

    /// Everything that a resource needs is in the spec, right or wrong.
    fn needs(&mut self, tree: &Tree) {
        let keys = |section| tree.entry(section).map(|entry| entry.value.entries()).unwrap_or_default();
        let owners: BTreeSet<&str> =
            ["services", "resources"].into_iter().flat_map(keys).map(|entry| entry.key.as_str()).collect();
        for (name, resource) in build::objects(&self.checked.fields, "resources") {
            let Some(Expression::List(needs)) = resource.get("needs") else { continue };
            let path = format!("resources.{name}.needs");
            for (position, need) in needs.iter().enumerate() {
                let Expression::Literal(Value::String(need)) = need else { continue };
                if owners.contains(need.as_str()) {
                    continue;
                }
                let is_sensitive = self.checked.sensitive.contains(&path);
                let shown = if is_sensitive { "something".to_owned() } else { shown(need) };
                let summary = format!("`{name}` needs {shown}, which this spec does not have");
                let label = did_you_mean(need, owners.iter().copied()).unwrap_or_default();
                self.error(codes::UNKNOWN_NEED, &format!("{path}.{position}"), summary, label);
            }
        }
    }

    /// What a resource ignores are inputs that it can have.
    fn ignored(&mut self, grammar: &Grammar<'_>, parts: &Parts) {
        for (name, resource) in &parts.resources {
            let kinds = grammar.declaration(resource.provider.as_str()).map(|declaration| &declaration.kinds);
            let Some(inputs) = kinds.and_then(|kinds| kinds.get(&resource.kind)) else { continue };
            let is_input = |ignored: &String| inputs.iter().any(|input| input.name == ignored);
            for (position, ignored) in resource.lifecycle.ignore.iter().enumerate() {
                if !is_input(ignored) {
                    let summary =
                        format!("`{name}` ignores {}, which a `{}` does not have", shown(ignored), resource.kind);
                    let label = did_you_mean(ignored, inputs.iter().map(|input| input.name)).unwrap_or_default();
                    let path = format!("resources.{name}.lifecycle.ignore.{position}");
                    self.error(codes::UNKNOWN_FIELD, &path, summary, label);
                }
            }
        }
    }

    /// Sensitive values stand only where their provider keeps them nowhere in plain.
    fn kept_in_plain(&mut self, grammar: &Grammar<'_>, parts: &Parts) {
        let is_kept_sealed = |path: &str| {
            let mut keys = path.split('.');
            let (Some("resources"), Some(name), Some(input)) = (keys.next(), keys.next(), keys.next()) else {
                return !["services.", "defaults.", "resources."].iter().any(|section| path.starts_with(section));
            };
            let resource =
                parts.resources.iter().find(|(given, _)| given.as_str() == name).map(|(_, resource)| resource);
            let declared = resource.and_then(|resource| {
                grammar
                    .declaration(resource.provider.as_str())?
                    .kinds
                    .get(&resource.kind)?
                    .iter()
                    .find(|it| it.name == input)
            });
            declared.is_none_or(|declared| declared.sensitive)
        };
        for path in self.checked.sensitive.iter().filter(|path| !is_kept_sealed(path)) {
            let summary = format!("`{path}` cannot be sensitive: it would be kept in plain");
            self.error(
                codes::KEPT_IN_PLAIN,
                path,
                summary,
                "use a `secret`, or a variable that is not sensitive".to_owned(),
            );
        }
    }

    /// No keys are rotated so often that a registry would always ask for them.
    fn rotations(&mut self, parts: &Parts) {
        let own = |service| format!("services.{service}.rotate");
        let is_own = |path: &String| self.checked.origins.contains_key(path);
        let services = parts.services.iter().map(|(service, it)| {
            (Some(own(service)).filter(is_own).unwrap_or_else(|| DEFAULT_ROTATION.to_owned()), it.rotate_seconds)
        });
        let all = services.chain([(DEFAULT_ROTATION.to_owned(), parts.defaults.rotate_seconds)]);
        let too_often: BTreeSet<String> =
            all.filter(|(_, seconds)| *seconds < u64::from(ROTATE_SECONDS_MIN)).map(|(path, _)| path).collect();
        for path in too_often {
            let summary = format!("`{path}` must be at least an hour");
            self.error(codes::BAD_DURATION, &path, summary, "such as `7d`".to_owned());
        }
    }

    /// No two policies have one name.
    fn policy_names(&mut self) {
        let mut first: BTreeMap<&str, usize> = BTreeMap::new();
        for (position, policy) in policies::items(self.checked.fields.get("policy")) {
            let Some(name) = build::text(policy, "name") else { continue };
            let path = |position: usize| format!("policy.{position}.name");
            let Some(other) = first.get(name) else {
                first.insert(name, position);
                continue;
            };
            let place = self.checked.origins.get(&path(*other));
            let label = place.map_or_else(String::new, |place| format!("first given at {place}"));
            self.error(codes::DUPLICATE, &path(position), format!("two policies are called `{name}`"), label);
        }
    }

    /// What moved is in the spec under the new name, and not under the old one.
    fn moved(&mut self, parts: &Parts) {
        let mut seen = BTreeSet::new();
        for (position, moved) in parts.moved.iter().enumerate() {
            let path = |field: &str| format!("moved.{position}.{field}");
            if parts.resources.contains_key(&moved.from) {
                let summary = format!("`{}` has moved, and is still in the spec", moved.from);
                self.error(codes::BAD_MOVE, &path("from"), summary, "name what the spec has no more".to_owned());
            }
            let moves_on = parts.moved.iter().any(|other| other.from == moved.to);
            if !parts.resources.contains_key(&moved.to) && !moves_on {
                let summary = format!("`{}` has moved to `{}`, which this spec does not have", moved.from, moved.to);
                let label = did_you_mean(moved.to.as_str(), parts.resources.keys().map(|name| name.as_str()));
                self.error(codes::BAD_MOVE, &path("to"), summary, label.unwrap_or_default());
            }
            for (field, name) in [("from", &moved.from), ("to", &moved.to)] {
                if !seen.insert((field, name)) {
                    let summary = format!("two moves are {field} `{name}`");
                    self.error(codes::BAD_MOVE, &path(field), summary, "one of them is meant otherwise".to_owned());
                }
            }
        }
    }

    /// A provider that is used has the settings that it cannot be without.
    fn provider_settings(&mut self, grammar: &Grammar<'_>, parts: &Parts) {
        let services = parts.services.iter().flat_map(|(name, service)| {
            let path = format!("services.{name}");
            let placed = service.placed.iter();
            let placed = placed.map(|(kind, provider)| (provider, format!("services.{name}.{kind}.provider")));
            placed.chain([(&service.provider, path)]).collect::<Vec<_>>()
        });
        let resources = parts.resources.iter();
        let resources = resources.map(|(name, resource)| (&resource.provider, format!("resources.{name}")));
        let mut seen = BTreeSet::new();
        for (provider, path) in services.chain(resources) {
            let is_given = self.checked.origins.contains_key(&format!("providers.{provider}"));
            let Some(declaration) = grammar.declaration(provider.as_str()) else { continue };
            if is_given || !seen.insert(provider) {
                continue;
            }
            for setting in declaration.settings.iter().filter(|setting| setting.required) {
                let summary = format!("provider `{provider}` lacks `{}`", setting.name);
                let label = format!("add `{provider}: {{ {}: … }}` under `providers`", setting.name);
                self.error(codes::MISSING_FIELD, &path, summary, label);
            }
        }
    }
}

/// Whether a provider is built in and has no such kind.
fn lacks(grammar: &Grammar<'_>, provider: &ProviderName, kind: &str) -> bool {
    let declaration = grammar.declaration(provider.as_str());
    declaration.is_some_and(|declaration| !declaration.kinds.keys().any(|provided| provided.as_str() == kind))
}
