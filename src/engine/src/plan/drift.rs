use crate::graph::Graph;
use crate::plan::refresh::Observed;
use crate::plan::sensitive::show;
use crate::plan::{AttributeChange, Drift};
use crate::state::{Recorded, State};
use acquire_model::{Address, Attributes};
use std::collections::BTreeSet;

/// Compares what providers say with what the state holds. What is in doubt is ours, not drift.
pub(super) fn drift(graph: &Graph, state: &State, observed: &Observed) -> Vec<Drift> {
    let certain = state.resources.iter().filter(|(address, _)| !state.in_doubt.contains_key(*address));
    let compared = certain.filter_map(|(address, recorded)| {
        let (gone, changes) = match observed.get(address)? {
            None => (true, Vec::new()),
            Some(now) => (false, changes(address, recorded, now, graph)),
        };
        (gone || !changes.is_empty()).then(|| Drift {
            address: address.clone(),
            provider: recorded.provider.clone(),
            gone,
            changes,
            origin: graph.node(address).and_then(|node| node.origin.clone()),
        })
    });
    compared.collect()
}

fn changes(address: &Address, recorded: &Recorded, now: &Attributes, graph: &Graph) -> Vec<AttributeChange> {
    let before = &recorded.attributes;
    let sensitive = |name: &str| graph.node(address).is_some_and(|node| node.sensitive.contains(name));
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let differing = names.into_iter().filter(|name| before.get(*name) != now.get(*name));
    differing
        .map(|name| AttributeChange {
            name: name.clone(),
            before: show(before.get(name), sensitive(name)),
            after: show(now.get(name), sensitive(name)),
        })
        .collect()
}
