use std::collections::HashMap;

use super::codes;
use super::convert::{Summary, ruled, scalar, wrong_type};
use super::grammar::{ENVIRONMENT_NAME, Grammar};
use super::report::Report;
use super::shape::Shape;
use super::tree::{Entry, Node, Tree};
use crate::words::{closest, listed, shown};
use acquire_model::{Diagnostic, Name};

/// Most environments of one spec: each is checked with the whole spec.
const ENVIRONMENTS_MAX: usize = 64;

/// Checks what `environments` holds as far as it can be checked alone, and returns the environments that it holds.
pub(super) fn overlays<'t>(
    grammar: &Grammar<'_>,
    report: &mut Report<'_>,
    environments: Option<&'t Entry>,
) -> Vec<&'t Entry> {
    let Some(environments) = environments else { return Vec::new() };
    if !matches!(environments.value.node, Node::Map(_)) {
        mapping(report, "environments", &environments.value);
    }
    let entries = environments.value.entries();
    if entries.len() > ENVIRONMENTS_MAX {
        let summary = format!("more than {ENVIRONMENTS_MAX} environments");
        report.error(codes::TOO_BIG, summary, environments.place, "");
    }
    let table = grammar.environment();
    for environment in entries {
        if let Err(misfit) = ruled(&ENVIRONMENT_NAME, &environment.key)
            && let Summary::Whole(summary) = misfit.summary
        {
            report.error(misfit.code, summary, environment.place, misfit.label);
        }
        if !matches!(environment.value.node, Node::Map(_)) {
            mapping(report, &format!("environments.{}", environment.key), &environment.value);
        }
        for entry in environment.value.entries().iter().filter(|entry| table.field(&entry.key).is_none()) {
            let summary = format!("unknown field {} in environment {}", shown(&entry.key), shown(&environment.key));
            let label = match closest(&entry.key, table.names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("an environment may change {}", listed(table.names())),
            };
            report.error(codes::UNKNOWN_FIELD, summary, entry.place, label);
        }
    }
    entries.iter().take(ENVIRONMENTS_MAX).collect()
}

fn mapping(report: &mut Report<'_>, path: &str, tree: &Tree) {
    let misfit = wrong_type(&Shape::Resource, &scalar(tree));
    if let Summary::OfPath(rest) = misfit.summary {
        report.error(misfit.code, format!("`{path}` {rest}"), tree.place, misfit.label);
    }
}

/// Returns the overlay that was chosen, if any; reports one that is not there.
pub(super) fn chosen<'t>(report: &mut Report<'_>, overlays: &[&'t Entry], name: Option<&Name>) -> Option<&'t Entry> {
    let name = name?;
    let found = overlays.iter().find(|overlay| overlay.key == name.as_str()).copied();
    if found.is_none() {
        let names = || overlays.iter().map(|overlay| overlay.key.as_str());
        let hint = match (closest(name.as_str(), names()), overlays.is_empty()) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, true) => "it has none; add one under `environments`".to_owned(),
            (None, false) => format!("it has {}", listed(names())),
        };
        let summary = format!("this spec has no environment `{name}`");
        report.add(Diagnostic::error(codes::UNKNOWN_ENVIRONMENT, summary).hint(hint));
    }
    found
}

/// Merges an overlay into a tree: mappings are merged, everything else replaces. What an environment may not change
/// is left out.
pub(super) fn merged(grammar: &Grammar<'_>, base: &Tree, overlay: &Tree) -> Tree {
    let table = grammar.environment();
    let changes = overlay.entries().iter().filter(|entry| table.field(&entry.key).is_some()).cloned();
    let mut whole = base.clone();
    merge(&mut whole, &Tree { node: Node::Map(changes.collect()), place: overlay.place });
    whole
}

fn merge(base: &mut Tree, overlay: &Tree) {
    let (Node::Map(entries), Node::Map(changes)) = (&mut base.node, &overlay.node) else {
        *base = overlay.clone();
        return;
    };
    let positions: HashMap<String, usize> =
        entries.iter().enumerate().map(|(position, entry)| (entry.key.clone(), position)).collect();
    for change in changes {
        match positions.get(&change.key).and_then(|position| entries.get_mut(*position)) {
            Some(entry) if matches!(change.value.node, Node::Map(_)) => merge(&mut entry.value, &change.value),
            Some(entry) => *entry = change.clone(),
            None => entries.push(change.clone()),
        }
    }
}
