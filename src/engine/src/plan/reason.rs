use crate::plan::decide::{Facts, Fate, Prospect, Prospects, Subject};
use acquire_model::{Address, Expression, Reference};

/// What a resource is given as a reason when everything goes.
pub(super) const DESTROYED: &str = "everything is destroyed";
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
        Fate::Replaced => format!("{}; it cannot change in place", changed(facts, subject, names, prospects)),
    }
}

fn created(subject: &Subject<'_>) -> &'static str {
    match (subject.recorded, subject.observed, subject.doubt.is_some()) {
        (None, Some(_), _) => "a run that was cut off made it; this finishes it",
        (Some(_), None, false) => "somebody deleted it outside",
        _ => "not there yet",
    }
}

fn recorded(subject: &Subject<'_>) -> &'static str {
    let as_recorded = subject.recorded.map(|recorded| &recorded.attributes) == subject.observed;
    match (subject.doubt.is_some(), as_recorded) {
        (true, _) => "a run that was cut off is written down",
        (false, true) => "what it needs changed in the spec",
        (false, false) => "what changed outside is written down",
    }
}

/// One reason for each thing that differs, each said once.
fn changed(facts: Facts<'_>, subject: &Subject<'_>, names: &[String], prospects: &Prospects<'_>) -> String {
    let mut in_spec: Vec<&str> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for name in names {
        match cause(facts, subject, name, prospects) {
            Some(cause) if !others.contains(&cause) => others.push(cause),
            Some(_) => {}
            None => in_spec.push(name),
        }
    }
    if !in_spec.is_empty() {
        others.insert(0, format!("{} changed in the spec", listed(&in_spec)));
    }
    others.join("; ")
}

/// Why an attribute differs; `None` if the spec says something else now.
fn cause(facts: Facts<'_>, subject: &Subject<'_>, name: &str, prospects: &Prospects<'_>) -> Option<String> {
    let recorded = subject.recorded.and_then(|recorded| recorded.attributes.get(name));
    if recorded.is_some() && recorded == subject.wanted.get(name) {
        return Some("somebody changed it outside".to_owned());
    }
    if name == "binary" {
        return Some("binary changed".to_owned());
    }
    let expression = subject.node.desired.get(name)?;
    let behind = expression.references().into_iter().find_map(|reference| behind(facts, reference, prospects));
    match (behind, expression) {
        (None, Expression::Reference(of)) => Some(format!("{name} follows {}.{}", of.address, of.attribute)),
        (behind, _) => behind,
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

fn listed(names: &[&str]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        names => names.concat(),
    }
}
