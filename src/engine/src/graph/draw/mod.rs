//! A graph as a picture: DOT and Mermaid for other programs, and an SVG that needs none.
//!
//! What this module deliberately does not know: what a plan is (it gets actions) and where a picture goes.

/// Text for Graphviz.
mod dot;
/// Where everything stands.
mod layout;
/// Text for Mermaid.
mod mermaid;
/// A picture that stands alone.
mod svg;

use super::{Graph, Node};
use acquire_model::{Action, Address, Name, ProviderName, ServiceType};
use std::collections::{BTreeMap, BTreeSet};

pub use svg::BOXES_MAX;

/// What is drawn: resources by owner, each with what it needs and what happens to it.
#[derive(Clone, Debug)]
pub struct Picture {
    name: String,
    groups: Vec<Group>,
}

/// What a plan does to a resource, which need not be in the graph any more.
#[derive(Clone, Copy, Debug)]
pub struct Mark<'a> {
    /// Which resource.
    pub address: &'a Address,
    /// What happens to it.
    pub action: Action,
    /// Who provides it.
    pub provider: &'a ProviderName,
    /// What it needs.
    pub needs: &'a BTreeSet<Address>,
    /// The service it is a part of.
    pub service: Option<ServiceType>,
}

/// The resources of one owner.
#[derive(Clone, Debug)]
struct Group {
    owner: Name,
    service: Option<ServiceType>,
    items: Vec<Item>,
}

/// One resource.
#[derive(Clone, Debug)]
struct Item {
    address: Address,
    provider: ProviderName,
    needs: BTreeSet<Address>,
    action: Option<Action>,
}

impl Picture {
    /// Takes a graph and the name of its deployment: services first, in the order in which they are set up.
    pub fn new(name: &str, graph: &Graph) -> Self {
        let items = graph.nodes().iter().map(|node| {
            let Node { address, provider, needs, service, .. } = node;
            let (address, provider, needs) = (address.clone(), provider.clone(), needs.clone());
            (*service, Item { address, provider, needs, action: None })
        });
        Self { name: name.to_owned(), groups: grouped(items) }
    }

    /// Adds what a plan does.
    #[must_use]
    pub fn marked<'a>(self, marks: impl IntoIterator<Item = Mark<'a>>) -> Self {
        let mut marks: BTreeMap<&Address, Mark> = marks.into_iter().map(|mark| (mark.address, mark)).collect();
        let mut items = Vec::new();
        for Group { service, items: of_group, .. } in self.groups {
            for item in of_group {
                let action = marks.remove(&item.address).map(|mark| mark.action);
                items.push((service, Item { action, ..item }));
            }
        }
        items.extend(marks.into_values().map(|mark| {
            let (address, provider, needs) = (mark.address.clone(), mark.provider.clone(), mark.needs.clone());
            (mark.service, Item { address, provider, needs, action: Some(mark.action) })
        }));
        Self { name: self.name, groups: grouped(items) }
    }

    /// Every resource.
    fn items(&self) -> impl Iterator<Item = &Item> {
        self.groups.iter().flat_map(|group| &group.items)
    }

    /// Every need of something that is drawn: who needs, and what.
    fn edges(&self) -> impl Iterator<Item = (&Address, &Address)> {
        let drawn: BTreeSet<&Address> = self.items().map(|item| &item.address).collect();
        let needs = self.items().flat_map(|item| item.needs.iter().map(move |need| (&item.address, need)));
        needs.filter(move |(_, need)| drawn.contains(need))
    }

    /// Whether it shows what a plan does.
    fn is_marked(&self) -> bool {
        self.items().any(|item| item.action.is_some())
    }
}

/// Puts resources together by owner: services first, then plain resources in the order in which they come.
fn grouped(items: impl IntoIterator<Item = (Option<ServiceType>, Item)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: BTreeMap<Name, usize> = BTreeMap::new();
    for (service, item) in items {
        let owner = item.address.owner();
        let place = *places.entry(owner.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.items.push(item),
            None => groups.push(Group { owner: owner.clone(), service, items: vec![item] }),
        }
    }
    groups.sort_by_key(|group| (group.service.is_none(), group.service));
    groups
}

/// An address below its owner: `bucket`, or `trust/access` where there are several of a kind.
fn part(address: &Address) -> String {
    let name = address.name().map(|name| format!("/{name}")).unwrap_or_default();
    format!("{}{name}", address.kind())
}

/// The colour of an action. It only repeats what the sign says.
fn colour(action: Action) -> &'static str {
    match action {
        Action::Create => "#1a7f37",
        Action::Update | Action::Replace => "#9a6700",
        Action::Delete => "#cf222e",
        Action::NoOp | Action::Read | Action::Forget | Action::Move => "#57606a",
    }
}

/// A label with the sign of what happens before it.
fn signed(action: Option<Action>, label: &str) -> String {
    action.map_or_else(|| label.to_owned(), |action| format!("{} {label}", action.sign().trim()).trim().to_owned())
}

#[cfg(test)]
mod tests;
