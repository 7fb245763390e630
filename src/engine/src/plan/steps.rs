use crate::graph::order;
use crate::plan::decide::{Decided, Fate};
use crate::plan::destroy::{self, Doomed};
use crate::plan::{Call, Step, codes, reason};
use crate::state::State;
use acquire_crypto::hash::sha256_hex;
use acquire_model::{Action, Address, Diagnostic, Lineage};
use std::collections::BTreeMap;

/// Writes the program: what is made and changed, then what is removed, each step after those it needs.
pub(super) fn steps(decisions: &[Decided<'_>], removed: &[Doomed<'_>], state: &State) -> Result<Vec<Step>, Diagnostic> {
    let mut drafted: Vec<Step> = Vec::new();
    for decided in decisions {
        draft(decided, state, &mut drafted);
    }
    connect_makes(&mut drafted);
    drafted.extend(removed.iter().map(|doomed| doomed.step(Action::Delete, reason::NOT_IN_SPEC.to_owned())));
    destroy::connect(&mut drafted);
    destroy::connect_makes(&mut drafted, state);
    arrange(drafted)
}

/// Drafts the steps of one resource: none, one, or the two of a replacement.
fn draft(decided: &Decided<'_>, state: &State, drafted: &mut Vec<Step>) {
    let (action, call) = match decided.fate {
        Fate::Stays => return,
        Fate::Recorded => (Action::Read, Call::Record),
        Fate::Created => (Action::Create, Call::Create),
        Fate::Updated => (Action::Update, Call::Update),
        Fate::Replaced => (Action::Replace, Call::Create),
    };
    let step = step(decided, state, action, call);
    if decided.fate == Fate::Replaced {
        drafted.extend(first_half(decided, &step));
    }
    drafted.push(step);
}

/// The delete of a replacement: of what is recorded, or of what an earlier run made and could not write down.
fn first_half(decided: &Decided<'_>, step: &Step) -> Option<Step> {
    let (provider, token, needs) = match (decided.subject.recorded, decided.subject.doubt) {
        (Some(recorded), _) => (&recorded.provider, &recorded.token, &recorded.needs),
        (None, Some(intent)) => (&intent.provider, &intent.token, &intent.needs),
        (None, None) => return None,
    };
    Some(Step {
        call: Call::Delete,
        provider: provider.clone(),
        token: token.clone(),
        desired: BTreeMap::new(),
        dependencies: needs.clone(),
        ..step.clone()
    })
}

fn step(decided: &Decided<'_>, state: &State, action: Action, call: Call) -> Step {
    let subject = &decided.subject;
    let node = subject.node;
    let origin = decided.names.iter().find_map(|name| node.origins.get(name)).filter(|_| call == Call::Update);
    Step {
        address: node.address.clone(),
        action,
        call,
        provider: node.provider.clone(),
        token: token(decided, state),
        desired: node.desired.clone(),
        sensitive: node.sensitive.clone(),
        prior: subject.observed.cloned(),
        changes: decided.changes(),
        reason: decided.reason.clone(),
        origin: origin.or(node.origin.as_ref()).cloned(),
        needs: Vec::new(),
        dependencies: node.needs.clone(),
        service: node.service,
        holds_data: subject.holds_data,
    }
}

/// The token of the thing that a step is about: that of the thing that is there or may be there, or that of the one
/// which comes after it.
fn token(decided: &Decided<'_>, state: &State) -> String {
    let address = &decided.subject.node.address;
    let generation = state.generations.get(address).copied().unwrap_or_default();
    match (decided.fate, decided.subject.recorded, decided.subject.doubt) {
        (Fate::Replaced, _, _) | (Fate::Created, Some(_), _) => token_of(&state.lineage, address, generation + 1),
        (_, Some(recorded), _) => recorded.token.clone(),
        (_, None, Some(intent)) => intent.token.clone(),
        (_, None, None) => token_of(&state.lineage, address, generation),
    }
}

/// Computes the token of the n-th thing at an address: the same whenever it is asked for, so that a create which is
/// tried again finds what the first try made.
fn token_of(lineage: &Lineage, address: &Address, generation: u64) -> String {
    let hash = sha256_hex(format!("acquire token 1\n{lineage}\n{address}\n{generation}").as_bytes());
    hash.chars().take(32).collect()
}

/// Makes each step that makes or changes something wait for those of everything it needs, and for the delete before it.
fn connect_makes(drafted: &mut [Step]) {
    let is_make = |step: &Step| step.call != Call::Delete;
    let makes: BTreeMap<Address, usize> = drafted
        .iter()
        .enumerate()
        .filter(|(_, step)| is_make(step))
        .map(|(place, step)| (step.address.clone(), place))
        .collect();
    for (place, step) in drafted.iter_mut().enumerate().filter(|(_, step)| is_make(step)) {
        step.needs.extend(step.dependencies.iter().filter_map(|need| makes.get(need).copied()));
        if step.action == Action::Replace {
            step.needs.extend(place.checked_sub(1));
        }
    }
}

/// Sorts the steps so that each comes after those it needs.
///
/// The needs that a state recorded over time can form a circle that no single spec had; then one delete does not wait.
///
/// # Errors
/// `BUG` if there is a circle without a delete.
pub(super) fn arrange(drafted: Vec<Step>) -> Result<Vec<Step>, Diagnostic> {
    let mut needs: Vec<Vec<usize>> = drafted.iter().map(|step| step.needs.clone()).collect();
    let sorted = loop {
        match order::sort(&needs) {
            Ok(sorted) => break sorted,
            Err(cycle) => open_circle(&drafted, &mut needs, &cycle)?,
        }
    };
    let mut places = vec![0; sorted.len()];
    for (place, drafted) in sorted.iter().enumerate() {
        if let Some(slot) = places.get_mut(*drafted) {
            *slot = place;
        }
    }
    let mut unplaced: Vec<Option<Step>> = drafted.into_iter().map(Some).collect();
    let arranged = sorted.iter().filter_map(|drafted| {
        let step = unplaced.get_mut(*drafted)?.take()?;
        let mut needs: Vec<usize> = needs.get(*drafted)?.iter().filter_map(|need| places.get(*need).copied()).collect();
        needs.sort_unstable();
        needs.dedup();
        Some(Step { needs, ..step })
    });
    Ok(arranged.collect())
}

fn open_circle(drafted: &[Step], needs: &mut [Vec<usize>], cycle: &[usize]) -> Result<(), Diagnostic> {
    let is_delete = |place: usize| drafted.get(place).is_some_and(|step| step.call == Call::Delete);
    let mut edges = cycle.iter().copied().zip(cycle.iter().copied().cycle().skip(1));
    let Some((from, to)) = edges.find(|(from, to)| is_delete(*from) && is_delete(*to)) else {
        let summary = "the steps of a plan need each other in a circle";
        return Err(Diagnostic::error(codes::BUG, summary).hint("please report this together with the spec"));
    };
    if let Some(needs) = needs.get_mut(from) {
        needs.retain(|need| *need != to);
    }
    Ok(())
}
