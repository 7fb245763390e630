use crate::graph::Graph;
use crate::plan::{codes, destroy};
use crate::state::State;
use crate::words::did_you_mean;
use acquire_model::{Address, Diagnostic, Name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// What somebody named on the command line: an owner with all that is its own, or one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A service or a plain resource, such as `identity`.
    Owner(Name),
    /// One resource, such as `identity/function`.
    Address(Address),
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('/') {
            return text.parse().map(Self::Address).map_err(|error| format!("{error}"));
        }
        text.parse().map(Self::Owner).map_err(|error| format!("{error}"))
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Selector {
    fn selects(&self, address: &Address) -> bool {
        match self {
            Self::Owner(name) => address.owner() == name,
            Self::Address(one) => address == one,
        }
    }
}

/// Which resources a plan is about; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only these, and what must come before them.
    pub targets: Vec<Selector>,
    /// Not these, and not what they must come before.
    pub excludes: Vec<Selector>,
    /// These are deleted and made again whatever they are like.
    pub replaced: Vec<Selector>,
}

/// The scope of a plan, resource by resource.
#[derive(Default)]
pub(super) struct Chosen {
    /// What the plan leaves as it is, unseen.
    pub(super) left: BTreeSet<Address>,
    /// What is deleted and made again in any case.
    pub(super) replaced: BTreeSet<Address>,
}

impl Scope {
    /// Resolves the scope of a plan for a graph; without one, for the removal of everything.
    ///
    /// # Errors
    /// `NOT_SELECTED` for every selector that selects nothing.
    pub(super) fn choose(&self, graph: Option<&Graph>, state: &State) -> Result<Chosen, Vec<Diagnostic>> {
        let before = before(graph, state);
        let mut mistakes = Vec::new();
        let mut select = |selectors: &[Selector]| {
            let mut selected = BTreeSet::new();
            for selector in selectors {
                let found: Vec<&Address> = before.keys().copied().filter(|one| selector.selects(one)).collect();
                if found.is_empty() {
                    mistakes.push(nothing(selector, before.keys().copied()));
                }
                selected.extend(found);
            }
            selected
        };
        let (targets, excludes, replaced) = (select(&self.targets), select(&self.excludes), select(&self.replaced));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let mut left = BTreeSet::new();
        if !self.targets.is_empty() {
            let chosen = reach(targets, &before);
            left.extend(before.keys().filter(|one| !chosen.contains(*one)).map(|one| (*one).clone()));
        }
        left.extend(reach(excludes, &invert(&before)).into_iter().cloned());
        Ok(Chosen { left, replaced: replaced.into_iter().cloned().collect() })
    }
}

type Edges<'a> = BTreeMap<&'a Address, Vec<&'a Address>>;

/// What must come before each thing: for what is wanted, all that it needs; for what goes, all that needs it and goes.
fn before<'a>(graph: Option<&'a Graph>, state: &'a State) -> Edges<'a> {
    let nodes = graph.map(Graph::nodes).unwrap_or_default();
    let mut before: Edges<'a> = nodes.iter().map(|node| (&node.address, node.needs.iter().collect())).collect();
    let is_wanted = |address: &Address| graph.is_some_and(|graph| graph.node(address).is_some());
    let going: Vec<_> = destroy::everything(state).into_iter().filter(|thing| !is_wanted(thing.address)).collect();
    before.extend(going.iter().map(|thing| (thing.address, Vec::new())));
    for thing in &going {
        for need in thing.needs.iter().filter(|need| !is_wanted(need)) {
            if let Some(of) = before.get_mut(need) {
                of.push(thing.address);
            }
        }
    }
    before
}

fn invert<'a>(edges: &Edges<'a>) -> Edges<'a> {
    let mut inverted: Edges<'a> = Edges::new();
    for (address, of) in edges {
        of.iter().for_each(|one| inverted.entry(*one).or_default().push(*address));
    }
    inverted
}

fn reach<'a>(from: BTreeSet<&'a Address>, edges: &Edges<'a>) -> BTreeSet<&'a Address> {
    let mut open: Vec<&Address> = from.iter().copied().collect();
    let mut reached = from;
    while let Some(address) = open.pop() {
        for next in edges.get(address).into_iter().flatten() {
            if reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}

fn nothing<'a>(selector: &Selector, addresses: impl Iterator<Item = &'a Address>) -> Diagnostic {
    let names: BTreeSet<String> = match selector {
        Selector::Owner(_) => addresses.map(|address| address.owner().to_string()).collect(),
        Selector::Address(_) => addresses.map(ToString::to_string).collect(),
    };
    let wrong = selector.to_string();
    let hint = did_you_mean(&wrong, names.iter().map(String::as_str));
    let summary = format!("there is no `{wrong}`, neither in the spec nor in the state");
    let hint = hint
        .unwrap_or_else(|| "name a service, a plain resource, or one address such as `identity/function`".to_owned());
    Diagnostic::error(codes::NOT_SELECTED, summary).hint(hint)
}
