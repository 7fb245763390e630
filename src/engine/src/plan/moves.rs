use crate::graph::Graph;
use crate::plan::{Call, Step, reason};
use crate::state::State;
use acquire_model::spec::Moved;
use acquire_model::{Action, Address, Name};
use std::collections::{BTreeMap, BTreeSet};

/// Plans what has another name than it had, and returns the state as it is after that; `None` if nothing has. A move is
/// done once: what the state holds under the new name already has been moved, or was made anew.
pub(super) fn of(graph: &Graph, state: &State) -> (Vec<Step>, Option<State>) {
    let mut after: Option<State> = None;
    let mut steps = Vec::new();
    for moved in graph.moved() {
        let (now, name) = (after.as_ref().unwrap_or(state), newest(graph.moved(), &moved.to));
        let owned = now.resources.keys().filter(|address| *address.owner() == moved.from);
        let pairs = owned.map(|from| (from.clone(), Address::new(name.clone(), from.kind().clone())));
        let pairs: Vec<(Address, Address)> = pairs.filter(|(_, to)| graph.node(to).is_some()).collect();
        for (from, to) in pairs {
            let next = after.get_or_insert_with(|| state.clone());
            if next.move_resource(&from, &to).is_ok() {
                steps.extend(step(graph, next, from, to));
            }
        }
    }
    (steps, after)
}

/// The name that a thing has in the end, if it moved more than once.
fn newest<'a>(moved: &'a [Moved], to: &'a Name) -> &'a Name {
    let next = |name: &&'a Name| moved.iter().find(|moved| moved.from == **name).map(|moved| &moved.to);
    std::iter::successors(Some(to), next).take(moved.len() + 1).last().unwrap_or(to)
}

fn step(graph: &Graph, state: &State, from: Address, to: Address) -> Option<Step> {
    let (node, recorded) = (graph.node(&to)?, state.resources.get(&to)?);
    Some(Step {
        reason: format!("{}{from}", reason::MOVED),
        moved_from: Some(from),
        made_as: recorded.made_as.clone(),
        address: to,
        action: Action::Move,
        call: Call::Move,
        provider: recorded.provider.clone(),
        token: recorded.token.clone(),
        desired: BTreeMap::new(),
        sensitive: BTreeSet::new(),
        prior: Some(recorded.attributes.clone()),
        changes: Vec::new(),
        origin: node.origin.clone(),
        needs: Vec::new(),
        dependencies: BTreeSet::new(),
        service: recorded.service,
        holds_data: recorded.holds_data,
        lifecycle: recorded.lifecycle.clone(),
    })
}

/// Makes every other step about a moved resource wait for its move.
pub(super) fn connect(drafted: &mut [Step]) {
    let moves = drafted.iter().enumerate().filter(|(_, step)| step.call == Call::Move);
    let moves: BTreeMap<Address, usize> = moves.map(|(place, step)| (step.address.clone(), place)).collect();
    if moves.is_empty() {
        return;
    }
    for (place, step) in drafted.iter_mut().enumerate() {
        step.needs.extend(moves.get(&step.address).filter(|of| **of != place));
    }
}
