use crate::graph::order;
use crate::plan::decide::{Decided, Fate, Subject};
use crate::plan::destroy::{self, Doomed};
use crate::plan::{Call, Step, codes, moves, reason};
use crate::state::{Recorded, State};
use acquire_crypto::hash::sha256_hex;
use acquire_model::{Action, Address, Diagnostic, Expression, Lineage};
use std::collections::{BTreeMap, BTreeSet};

/// How many names are tried for a thing whose own is taken.
const SPARE_NAMES_MAX: u64 = 1_000;

/// Writes the program: what is made and changed, then what is removed, each step after those it needs.
pub(super) fn steps(
    moves: &[Step],
    decisions: &[Decided<'_>],
    removed: &[Doomed<'_>],
    state: &State,
) -> Result<Vec<Step>, Diagnostic> {
    let mut drafted: Vec<Step> = moves.to_vec();
    let made_first = decisions.iter().filter(|decided| decided.fate == Fate::Replaced && decided.is_create_first());
    let made_first: BTreeSet<&Address> = made_first.map(|decided| &decided.subject.node.address).collect();
    for decided in decisions {
        draft(decided, state, &made_first, &mut drafted);
    }
    connect_makes(&mut drafted);
    drafted.extend(removed.iter().map(|doomed| doomed.step(reason::NOT_IN_SPEC.to_owned())));
    destroy::connect(&mut drafted);
    destroy::connect_makes(&mut drafted, state);
    moves::connect(&mut drafted);
    connect_asides(&mut drafted);
    arrange(drafted)
}

/// Drafts the steps of one resource: none, one, or the two or three of a replacement. What needs something that is made
/// first follows the old one aside, so it is written down anew, even if it stays.
fn draft(decided: &Decided<'_>, state: &State, made_first: &BTreeSet<&Address>, drafted: &mut Vec<Step>) {
    let needed = decided.subject.recorded.into_iter().flat_map(|recorded| &recorded.needs);
    let (action, call) = match decided.fate {
        Fate::Stays if needed.into_iter().any(|need| made_first.contains(need)) => {
            let step = step(decided, state, Action::Read, Call::Record);
            drafted.push(Step { reason: reason::NEEDS_THE_NEW.to_owned(), ..step });
            return;
        }
        Fate::Stays => return,
        Fate::Recorded => (Action::Read, Call::Record),
        Fate::Created => (Action::Create, Call::Create),
        Fate::Updated => (Action::Update, Call::Update),
        Fate::Replaced => (Action::Replace, Call::Create),
    };
    let step = step(decided, state, action, call);
    let old = first_half(decided, &step).filter(|_| decided.fate == Fate::Replaced);
    let aside = old.as_ref().filter(|_| decided.is_create_first()).and_then(|old| aside(decided, state, old, &step));
    match aside {
        Some(steps) => drafted.extend(steps),
        None => drafted.extend(old.into_iter().chain([step])),
    }
}

/// The steps of a replacement that makes the new thing first: the old one moves aside, the new one is made under another
/// name, and the old one is deleted.
fn aside(decided: &Decided<'_>, state: &State, old: &Step, new: &Step) -> Option<[Step; 3]> {
    let address = spare_name(state, &new.address, |name| state.resources.contains_key(name))?;
    let made_as = spare_name(state, &new.address, |name| is_known_as(state, name))?;
    let moved = Step {
        address: address.clone(),
        call: Call::Move,
        moved_from: Some(new.address.clone()),
        prior: decided.subject.recorded.map(|recorded| recorded.attributes.clone()),
        changes: Vec::new(),
        dependencies: BTreeSet::new(),
        ..old.clone()
    };
    let known_as = old.made_as.as_ref().unwrap_or(&new.address).clone();
    let old = Step { made_as: Some(known_as), address, ..old.clone() };
    Some([moved, Step { made_as: Some(made_as), prior: None, ..new.clone() }, old])
}

/// An address beside this one that is not taken.
fn spare_name(state: &State, beside: &Address, is_taken: impl Fn(&Address) -> bool) -> Option<Address> {
    let first = state.generations.get(beside).copied().unwrap_or_default() + 1;
    let names = (first..=first.saturating_add(SPARE_NAMES_MAX)).filter_map(|n| format!("g{n}").parse().ok());
    names.map(|name| beside.clone().named(name)).find(|name| !is_taken(name))
}

fn is_known_as(state: &State, name: &Address) -> bool {
    let recorded = state.resources.iter().map(|(address, recorded)| recorded.known_as(address));
    let in_doubt = state.in_doubt.iter().map(|(address, doubt)| doubt.intent.made_as.as_ref().unwrap_or(address));
    recorded.chain(in_doubt).any(|known_as| known_as == name)
}

/// The delete of a replacement: of what is recorded, or of what an earlier run made and could not write down.
fn first_half(decided: &Decided<'_>, step: &Step) -> Option<Step> {
    let (provider, token, needs, made_as) = match (decided.subject.recorded, decided.subject.doubt) {
        (Some(recorded), _) => (&recorded.provider, &recorded.token, &recorded.needs, &recorded.made_as),
        (None, Some(intent)) => (&intent.provider, &intent.token, &intent.needs, &intent.made_as),
        (None, None) => return None,
    };
    Some(Step {
        call: Call::Delete,
        provider: provider.clone(),
        token: token.clone(),
        made_as: made_as.clone(),
        desired: BTreeMap::new(),
        dependencies: needs.clone(),
        ..step.clone()
    })
}

fn step(decided: &Decided<'_>, state: &State, action: Action, call: Call) -> Step {
    let subject = &decided.subject;
    let node = subject.node;
    let (token, made_as) = identity(decided, state);
    let origin = decided.names.iter().find_map(|name| node.origins.get(name)).filter(|_| call == Call::Update);
    Step {
        address: node.address.clone(),
        action,
        call,
        provider: node.provider.clone(),
        moved_from: None,
        made_as,
        token,
        desired: desired(subject),
        sensitive: node.sensitive.clone(),
        prior: subject.observed.cloned(),
        changes: decided.changes(),
        reason: decided.reason.clone(),
        origin: origin.or(node.origin.as_ref()).cloned(),
        needs: Vec::new(),
        dependencies: node.needs.clone(),
        service: node.service,
        holds_data: subject.holds_data,
        lifecycle: node.lifecycle.clone(),
    }
}

/// The inputs of the node; those that may be other than the spec says stay as they are.
fn desired(subject: &Subject<'_>) -> BTreeMap<String, Expression> {
    let mut desired = subject.node.desired.clone();
    desired.extend(subject.ignored().map(|(name, value)| (name.clone(), value.clone().into())));
    desired
}

/// The token of the thing that a step is about, and the address that it was made under if that is another: those of the
/// thing that is there or may be there, or those of the one which comes after it.
fn identity(decided: &Decided<'_>, state: &State) -> (String, Option<Address>) {
    let address = &decided.subject.node.address;
    let generation = state.generations.get(address).copied().unwrap_or_default();
    match (decided.fate, decided.subject.recorded, decided.subject.doubt) {
        (Fate::Replaced, _, _) | (Fate::Created, Some(_), _) => {
            (token_of(&state.lineage, address, generation + 1), unknown_name(state, address))
        }
        (_, Some(recorded), _) => (recorded.token.clone(), recorded.made_as.clone()),
        (_, None, Some(intent)) => (intent.token.clone(), intent.made_as.clone()),
        (_, None, None) => (token_of(&state.lineage, address, generation), unknown_name(state, address)),
    }
}

/// The name for a new thing at an address, if another thing is known to its provider by that address.
fn unknown_name(state: &State, address: &Address) -> Option<Address> {
    let is_other =
        |(other, recorded): (&Address, &Recorded)| other != address && recorded.made_as.as_ref() == Some(address);
    let is_taken = state.resources.iter().any(is_other);
    is_taken.then(|| spare_name(state, address, |name| is_known_as(state, name))).flatten()
}

/// Computes the token of the n-th thing at an address: the same whenever it is asked for, so that a create which is
/// tried again finds what the first try made.
pub(crate) fn token_of(lineage: &Lineage, address: &Address, generation: u64) -> String {
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
        if step.action == Action::Replace && step.call == Call::Create {
            step.needs.extend(place.checked_sub(1));
        }
    }
}

/// Makes the delete of what was moved aside wait until the new thing is there, and nothing uses the old one any more.
fn connect_asides(drafted: &mut [Step]) {
    let is_aside = |step: &Step| step.action == Action::Replace && step.call == Call::Move;
    let asides: BTreeMap<Address, Address> = drafted
        .iter()
        .filter(|step| is_aside(step))
        .filter_map(|step| Some((step.address.clone(), step.moved_from.clone()?)))
        .collect();
    if asides.is_empty() {
        return;
    }
    let mut users: BTreeMap<Address, Vec<usize>> = BTreeMap::new();
    for (place, step) in drafted.iter().enumerate().filter(|(_, step)| !is_aside(step)) {
        let used = step.dependencies.iter().chain(Some(&step.address).filter(|_| step.call == Call::Create));
        used.for_each(|used| users.entry(used.clone()).or_default().push(place));
    }
    for (place, step) in drafted.iter_mut().enumerate().filter(|(_, step)| step.call == Call::Delete) {
        let users = asides.get(&step.address).and_then(|from| users.get(from));
        step.needs.extend(users.into_iter().flatten().filter(|user| **user != place));
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
