use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::build::{self, Parts};
use super::check::Checked;
use super::codes;
use super::grammar::{Grammar, PARTS, needed_by};
use super::report::Report;
use super::tree::Tree;
use super::words::{closest, did_you_mean, shown};
use acquire_model::{Code, Diagnostic, Expression, ProviderName, ServiceType};

/// Checks what services and resources say of each other.
pub(super) fn check(grammar: &Grammar<'_>, report: &mut Report<'_>, tree: &Tree, parts: &Parts, checked: &Checked) {
    let mut relations = Relations { report, checked };
    relations.needed_services(tree);
    relations.domains(parts);
    relations.provided_parts(grammar, parts);
    relations.names(tree);
    relations.needs(tree);
    relations.provider_settings(grammar, parts);
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
