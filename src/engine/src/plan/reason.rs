use crate::plan::decide::{Facts, Fate, Prospect, Prospects, Subject};
use crate::state::Purpose;
use acquire_model::attributes::unit;
use acquire_model::{Address, Attributes, Expression, Reference};
use serde_json::Value;
use std::collections::BTreeSet;

/// The attribute of a function that says what runs: nothing, if it is null.
const BINARY: &str = "binary";
/// Why something is deleted when everything goes.
pub(super) const DESTROYED: &str = "destroy was asked for";
/// Why something that holds data is deleted when everything goes.
pub(super) const DATA_DESTROYED: &str = "destroy was asked for, with the data";
/// Why something is deleted that may not be there.
pub(super) const DOUBTFUL: &str = "a run that was cut off may have made it";
/// Why a resource that is missing is made again, or forgotten.
pub(super) const DELETED_OUTSIDE: &str = "somebody deleted it outside";
/// How a move begins to say where from.
pub(super) const MOVED: &str = "the spec calls it so now; it was ";
/// Why the state is brought up to date.
pub(super) const CHANGED_OUTSIDE: &str = "what changed outside is written down";
/// Why something that stays is written down, when what it needs is replaced.
pub(super) const NEEDS_THE_NEW: &str = "what it needs is another from now on";
/// Why a resource is deleted that the spec does not have.
pub(super) const NOT_IN_SPEC: &str = "no longer in the spec";

/// Says in words why something happens to a resource.
pub(super) fn of(
    facts: Facts<'_>,
    subject: &Subject<'_>,
    (fate, names): (Fate, &[String]),
    prospects: &Prospects<'_>,
) -> String {
    match fate {
        Fate::Stays => String::new(),
        Fate::Recorded => recorded(subject).to_owned(),
        Fate::Created => created(subject).to_owned(),
        Fate::Updated => changed(facts, subject, names, prospects),
        Fate::Replaced if names.is_empty() => "asked for with -replace".to_owned(),
        Fate::Replaced => format!("{}; it cannot change in place", changed(facts, subject, names, prospects)),
    }
}

fn created(subject: &Subject<'_>) -> &'static str {
    match (subject.recorded, subject.observed, subject.doubt.is_some()) {
        (None, Some(_), _) => "a run that was cut off made it; this finishes it",
        (Some(_), None, false) => DELETED_OUTSIDE,
        _ => "not there yet",
    }
}

fn recorded(subject: &Subject<'_>) -> &'static str {
    let as_recorded = subject.recorded.map(|recorded| &recorded.attributes) == subject.observed;
    match (subject.doubt.is_some(), as_recorded) {
        (true, _) => "a run that was cut off is written down",
        (false, true) => "what it needs changed in the spec",
        (false, false) => CHANGED_OUTSIDE,
    }
}

/// One reason for each thing that differs, each said once.
fn changed(facts: Facts<'_>, subject: &Subject<'_>, names: &[String], prospects: &Prospects<'_>) -> String {
    let mut in_spec: Vec<String> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for name in names {
        match cause(facts, subject, name, prospects) {
            Some(cause) if !others.contains(&cause) => others.push(cause),
            Some(_) => {}
            None => in_spec.extend(spoken(subject, name)),
        }
    }
    if !in_spec.is_empty() {
        others.insert(0, format!("{} changed in the spec", listed(&in_spec)));
    }
    others.join("; ")
}

/// The names under which the spec has an attribute. A service has its settings beside its memory, without units.
fn spoken(subject: &Subject<'_>, name: &str) -> Vec<String> {
    if subject.node.service.is_none() {
        return vec![name.to_owned()];
    }
    let fields = |attributes: Option<&Attributes>| attributes?.get(name)?.as_object().cloned();
    match (fields(subject.observed), fields(Some(&subject.wanted))) {
        (Some(before), Some(after)) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
            differing.map(|name| unit(name).0.to_owned()).collect()
        }
        _ => vec![unit(name).0.to_owned()],
    }
}

/// Why an attribute differs; `None` if the spec says something else now.
fn cause(facts: Facts<'_>, subject: &Subject<'_>, name: &str, prospects: &Prospects<'_>) -> Option<String> {
    let recorded = subject.recorded.and_then(|recorded| recorded.attributes.get(name));
    if name == BINARY && subject.observed.and_then(|observed| observed.get(name)) == Some(&Value::Null) {
        return Some("it is not running".to_owned());
    }
    if recorded.is_some() && recorded == subject.wanted.get(name) {
        return Some("somebody changed it outside".to_owned());
    }
    if name == BINARY {
        return Some(binary(facts).to_owned());
    }
    let expression = subject.node.desired.get(name)?;
    let behind = expression.references().into_iter().find_map(|reference| behind(facts, reference, prospects));
    match (behind, expression) {
        (None, Expression::Reference(of)) => Some(format!("{name} follows {}.{}", of.address, of.attribute)),
        (behind, _) => behind,
    }
}

/// Why a function runs another program. What a rollback put back differs from the present one until that is applied again.
fn binary(facts: Facts<'_>) -> &'static str {
    let newest = facts.state.run.as_ref().map(|run| run.purpose);
    match (facts.options.purpose, newest) {
        (Purpose::Rollback, _) => "goes back to a verified binary",
        (_, Some(Purpose::Rollback)) => "binary changed; a rollback had put the one before back",
        _ => "binary changed",
    }
}

/// What happened to the resource that a reference leads to, if anything did.
fn behind(facts: Facts<'_>, reference: &Reference, prospects: &Prospects<'_>) -> Option<String> {
    let depends = |address: &Address, word| Some(format!("depends on {address} which {word}"));
    match prospects.get(&reference.address)? {
        Prospect::Changing { fate: Fate::Replaced, .. } => depends(&reference.address, "is replaced"),
        Prospect::Changing { fate: Fate::Created, .. } => depends(&reference.address, "is made"),
        Prospect::Changing { .. } => depends(&reference.address, "is changed"),
        Prospect::Settled(now) => {
            let before = &facts.state.resources.get(&reference.address)?.attributes;
            let same = before.get(&reference.attribute) == now.get(&reference.attribute);
            if same { None } else { depends(&reference.address, "was changed outside") }
        }
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        names => names.concat(),
    }
}
