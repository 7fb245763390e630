use crate::plan::decide::Facts;
use crate::plan::{Call, Drift, FORMAT, Plan, Step, moves, reason};
use crate::state::Purpose;
use acquire_model::Action;
use std::collections::{BTreeMap, BTreeSet};

/// Plans to write down what was changed outside, and nothing else.
pub(super) fn plan(facts: Facts<'_>, mut steps: Vec<Step>, drift: Vec<Drift>) -> Plan {
    let Facts { state, observed, options, .. } = facts;
    let moves = steps.len();
    steps.extend(drift.iter().filter_map(|drift| step(drift, facts)));
    moves::connect(&mut steps);
    Plan {
        format: FORMAT,
        lineage: state.lineage.clone(),
        serial: state.serial,
        spec_digest: Some(options.spec_digest.clone()),
        binary_sha256: options.binary_sha256.clone(),
        purpose: Purpose::Refresh,
        unchanged: (observed.len() + moves).saturating_sub(steps.len()),
        left: facts.chosen.left.len(),
        steps,
        drift,
        kept: Vec::new(),
    }
}

fn step(drift: &Drift, facts: Facts<'_>) -> Option<Step> {
    let Facts { graph, state, observed, .. } = facts;
    let recorded = state.resources.get(&drift.address)?;
    let (action, call, reason) = if drift.gone {
        (Action::Forget, Call::Forget, reason::DELETED_OUTSIDE)
    } else {
        (Action::Read, Call::Record, reason::CHANGED_OUTSIDE)
    };
    Some(Step {
        address: drift.address.clone(),
        action,
        call,
        provider: recorded.provider.clone(),
        moved_from: None,
        made_as: recorded.made_as.clone(),
        token: recorded.token.clone(),
        desired: BTreeMap::new(),
        sensitive: graph.node(&drift.address).map_or_else(BTreeSet::new, |node| node.sensitive.clone()),
        prior: observed.get(&drift.address)?.clone(),
        changes: drift.changes.clone(),
        reason: reason.to_owned(),
        origin: drift.origin.clone(),
        needs: Vec::new(),
        dependencies: recorded.needs.clone(),
        service: recorded.service,
        holds_data: recorded.holds_data,
        lifecycle: recorded.lifecycle.clone(),
    })
}
