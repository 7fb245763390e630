use crate::graph::{Graph, Node};
use crate::plan::refresh::{self, Observed};
use crate::plan::scope::Chosen;
use crate::plan::sensitive::{is_fingerprint, mask, show};
use crate::plan::{AttributeChange, Data, Options, Shown, codes, reason};
use crate::state::{Intent, Recorded, State};
use acquire_model::{Address, Attributes, Diagnostic, ProviderName, Reference, Resolved};
use acquire_provider::{Change, Providers, Resource};
use std::collections::BTreeMap;

/// The name under which a change of provider is shown.
const PROVIDER: &str = "provider";

/// Everything that decisions rest on.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) graph: &'a Graph,
    pub(super) state: &'a State,
    pub(super) observed: &'a Observed,
    pub(super) chosen: &'a Chosen,
    pub(super) providers: &'a dyn Providers,
    pub(super) options: &'a Options,
}

/// What happens to a resource of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    Stays,
    /// The state is brought up to date; the thing itself stays.
    Recorded,
    /// It is changed in place.
    Updated,
    /// It is deleted and made again.
    Replaced,
    /// It is made.
    Created,
}

/// A resource of the graph, how it is, and how it should be.
pub(super) struct Subject<'a> {
    pub(super) node: &'a Node,
    pub(super) recorded: Option<&'a Recorded>,
    pub(super) observed: Option<&'a Attributes>,
    pub(super) doubt: Option<&'a Intent>,
    pub(super) holds_data: bool,
    /// The inputs that are known; sensitive ones as fingerprints.
    pub(super) wanted: Attributes,
    /// Names of the inputs that are known only after other steps.
    pub(super) open: Vec<&'a String>,
}

/// A resource of the graph and what happens to it.
pub(super) struct Decided<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) fate: Fate,
    /// Names of the attributes that differ.
    pub(super) names: Vec<String>,
    pub(super) reason: String,
}

/// What others can know of a resource while the plan is made.
pub(super) enum Prospect<'a> {
    /// It stays as it is.
    Settled(&'a Attributes),
    /// Only these attributes are certain already.
    Changing {
        /// The attributes.
        certain: Attributes,
        /// What happens to it.
        fate: Fate,
    },
}

/// What others can know of each resource that was decided on.
pub(super) type Prospects<'a> = BTreeMap<&'a Address, Prospect<'a>>;

/// Decides what happens to each resource of the graph, in its order.
pub(super) fn decide(facts: Facts<'_>) -> Result<Vec<Decided<'_>>, Vec<Diagnostic>> {
    let mut prospects = Prospects::new();
    let mut decisions = Vec::with_capacity(facts.graph.nodes().len());
    let mut mistakes = Vec::new();
    for node in facts.graph.nodes().iter().filter(|node| !facts.chosen.left.contains(&node.address)) {
        match decide_one(facts, node, &mut prospects) {
            Ok(decided) => decisions.push(decided),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(decisions) } else { Err(mistakes) }
}

fn decide_one<'a>(facts: Facts<'a>, node: &'a Node, prospects: &mut Prospects<'a>) -> Result<Decided<'a>, Diagnostic> {
    let provider = refresh::provider(facts.providers, &node.provider, &node.address)?;
    let resource = refresh::resource(provider.as_ref(), &node.address)?;
    let subject = subject(facts, node, resource, prospects)?;
    let (fate, names) = match fate(&subject, resource) {
        (fate, _) if fate != Fate::Created && facts.chosen.replaced.contains(&node.address) => {
            (Fate::Replaced, Vec::new())
        }
        decided => decided,
    };
    if fate == Fate::Replaced && subject.is_protected() {
        return Err(protected(&subject, &names));
    }
    if fate == Fate::Replaced && subject.holds_data && facts.options.data == Data::Keep {
        return Err(data_would_go(&subject, &names));
    }
    let reason = reason::of(facts, &subject, (fate, &names), prospects);
    prospects.insert(&node.address, prospect(&subject, resource, fate, &names));
    Ok(Decided { subject, fate, names, reason })
}

fn subject<'a>(
    facts: Facts<'a>,
    node: &'a Node,
    resource: &dyn Resource,
    prospects: &Prospects<'a>,
) -> Result<Subject<'a>, Diagnostic> {
    let recorded = facts.state.resources.get(&node.address);
    let mut subject = Subject {
        node,
        recorded,
        observed: facts.observed.get(&node.address).and_then(Option::as_ref),
        doubt: facts.state.in_doubt.get(&node.address).map(|doubt| &doubt.intent),
        holds_data: node.holds_data
            || resource.declaration().holds_data
            || recorded.is_some_and(|recorded| recorded.holds_data),
        wanted: Attributes::new(),
        open: Vec::new(),
    };
    for (name, expression) in &node.desired {
        for reference in expression.references() {
            check_reference(node, name, reference, prospects)?;
        }
        if subject.ignored().any(|(ignored, _)| ignored == name) {
            continue;
        }
        match expression.resolve(&|reference| certain(reference, prospects).cloned()) {
            Resolved::Known(value) => {
                subject.wanted.insert(name.clone(), value);
            }
            Resolved::AfterApply => subject.open.push(name),
        }
    }
    let ignored: Attributes = subject.ignored().map(|(name, value)| (name.clone(), value.clone())).collect();
    subject.wanted.extend(ignored);
    if let Some(key) = &facts.options.key {
        mask(&mut subject.wanted, &node.sensitive, key);
    }
    Ok(subject)
}

/// Returns what a reference comes to, as far as that is certain.
fn certain<'p>(reference: &Reference, prospects: &'p Prospects<'_>) -> Option<&'p serde_json::Value> {
    match prospects.get(&reference.address)? {
        Prospect::Settled(attributes) => attributes.get(&reference.attribute),
        Prospect::Changing { certain, .. } => certain.get(&reference.attribute),
    }
}

/// Refuses a reference that no step can ever fill in.
fn check_reference(
    node: &Node,
    input: &str,
    reference: &Reference,
    prospects: &Prospects<'_>,
) -> Result<(), Diagnostic> {
    let Reference { address, attribute } = reference;
    let mistake = match (certain(reference, prospects), prospects.get(address)) {
        (Some(value), _) if is_fingerprint(value) => {
            let summary = format!("`{address}.{attribute}` is sensitive, and so it is not kept for others");
            Diagnostic::error(codes::SENSITIVE_REFERENCE, summary).hint("use the variable itself in both places")
        }
        (None, Some(Prospect::Settled(attributes))) => {
            let names: Vec<&str> = attributes.keys().map(String::as_str).collect();
            Diagnostic::error(codes::NO_ATTRIBUTE, format!("`{address}` has no attribute `{attribute}`"))
                .detail(format!("It has: {}.", names.join(", ")))
        }
        _ => return Ok(()),
    };
    let mistake = mistake.address(&node.address);
    Err(match node.origins.get(input).or(node.origin.as_ref()) {
        Some(span) => mistake.at(span.clone(), format!("its `{input}` refers to it")),
        None => mistake,
    })
}

fn fate(subject: &Subject<'_>, resource: &dyn Resource) -> (Fate, Vec<String>) {
    let create = || (Fate::Created, subject.node.desired.keys().cloned().collect());
    let Some(observed) = subject.observed else { return create() };
    if subject.provider().is_some_and(|provider| *provider != subject.node.provider) {
        return (Fate::Replaced, vec![PROVIDER.to_owned()]);
    }
    let (fate, mut names) = match resource.compare(&subject.wanted, observed) {
        Change::None => (Fate::Stays, Vec::new()),
        Change::Update(names) => (Fate::Updated, names),
        Change::Replace(names) => (Fate::Replaced, names),
    };
    let fixed = |name: &&String| resource.declaration().fixed.contains(&name.as_str());
    let fate = match (fate, subject.recorded) {
        _ if subject.open.iter().any(fixed) => Fate::Replaced,
        (Fate::Replaced, _) => Fate::Replaced,
        // A create in doubt whose thing is there: it is created again with the same token, which finishes it.
        (_, None) => return create(),
        (Fate::Stays, _) if !subject.open.is_empty() => Fate::Updated,
        (Fate::Stays, Some(recorded)) if is_out_of_date(subject, recorded, observed) => Fate::Recorded,
        (fate, _) => fate,
    };
    names.extend(subject.open.iter().map(|name| (*name).clone()));
    (fate, names)
}

/// Whether the state must be written although the thing itself is as it should be.
fn is_out_of_date(subject: &Subject<'_>, recorded: &Recorded, observed: &Attributes) -> bool {
    subject.doubt.is_some()
        || recorded.attributes != *observed
        || recorded.needs != subject.node.needs
        || recorded.service != subject.node.service
        || recorded.holds_data != subject.holds_data
        || recorded.lifecycle != subject.node.lifecycle
}

fn prospect<'a>(subject: &Subject<'a>, resource: &dyn Resource, fate: Fate, names: &[String]) -> Prospect<'a> {
    let certain = match (fate, subject.observed) {
        (Fate::Stays | Fate::Recorded, Some(observed)) => return Prospect::Settled(observed),
        (Fate::Updated, Some(observed)) => {
            let mut certain = observed.clone();
            for name in subject.open.iter().copied().chain(&resource.unsettled(names)) {
                certain.remove(name);
            }
            certain.extend(subject.wanted.clone());
            certain
        }
        _ => subject.wanted.clone(),
    };
    Prospect::Changing { certain, fate }
}

fn data_would_go(subject: &Subject<'_>, names: &[String]) -> Diagnostic {
    let summary = format!("`{}` holds data and would have to be deleted and made again", subject.node.address);
    let hint = "take the change back, or move the data away and destroy it with `--data` first";
    would_go(Diagnostic::error(codes::DATA_WOULD_GO, summary).hint(hint), subject, names)
}

fn protected(subject: &Subject<'_>, names: &[String]) -> Diagnostic {
    let summary = format!("`{}` is protected and would have to be deleted and made again", subject.node.address);
    let hint = "take the change back, or set `lifecycle: { protect: false }`, apply, and change it then";
    would_go(Diagnostic::error(codes::PROTECTED, summary).hint(hint), subject, names)
}

fn would_go(mistake: Diagnostic, subject: &Subject<'_>, names: &[String]) -> Diagnostic {
    let node = subject.node;
    let detail = match names {
        [] => "It was asked for with `-replace`.".to_owned(),
        names => format!("This cannot change in place: {}.", names.join(", ")),
    };
    let mistake = mistake.address(&node.address).detail(detail);
    match names.iter().find_map(|name| node.origins.get(name)).or(node.origin.as_ref()) {
        Some(span) => mistake.at(span.clone(), "asked for here"),
        None => mistake,
    }
}

impl Decided<'_> {
    /// Whether its replacement makes the new thing first. Not of what a run that was cut off may have made.
    pub(super) fn is_create_first(&self) -> bool {
        self.subject.node.lifecycle.create_first && self.subject.recorded.is_some() && self.subject.doubt.is_none()
    }

    /// What people are shown of the difference.
    pub(super) fn changes(&self) -> Vec<AttributeChange> {
        match self.fate {
            Fate::Stays | Fate::Recorded => Vec::new(),
            Fate::Created | Fate::Updated | Fate::Replaced => {
                self.names.iter().map(|name| self.subject.change(name)).collect()
            }
        }
    }
}

impl<'a> Subject<'a> {
    /// The inputs that stay as they are, whatever the spec says. One of which only a fingerprint is known cannot: it
    /// would have to be written with the next update, so the spec's value holds.
    pub(super) fn ignored(&self) -> impl Iterator<Item = (&'a String, &'a serde_json::Value)> {
        let (node, observed) = (self.node, self.observed);
        let ignored = node.lifecycle.ignore.iter().filter(|name| node.desired.contains_key(*name));
        ignored.filter_map(move |name| Some((name, observed?.get(name)?))).filter(|(_, value)| !is_fingerprint(value))
    }

    /// Whether it must not be deleted: what the state says counts too, so that a protection is taken away before the
    /// thing is.
    fn is_protected(&self) -> bool {
        self.node.lifecycle.protect || self.recorded.is_some_and(|recorded| recorded.lifecycle.protect)
    }

    /// Who provides the thing that is there, or may be there.
    fn provider(&self) -> Option<&ProviderName> {
        self.recorded.map(|recorded| &recorded.provider).or(self.doubt.map(|intent| &intent.provider))
    }

    fn change(&self, name: &str) -> AttributeChange {
        if let (PROVIDER, Some(before), false) = (name, self.provider(), self.node.desired.contains_key(name)) {
            let shown = |provider: &ProviderName| Shown::Known(provider.as_str().into());
            return AttributeChange { name: name.to_owned(), before: shown(before), after: shown(&self.node.provider) };
        }
        let sensitive = self.node.sensitive.contains(name);
        let before = self.observed.filter(|_| self.recorded.is_some()).and_then(|observed| observed.get(name));
        let after = match self.wanted.get(name) {
            // Known later, or an output that the provider says must change.
            None => Shown::AfterApply,
            value => show(value, sensitive),
        };
        AttributeChange { name: name.to_owned(), before: show(before, sensitive), after }
    }
}
