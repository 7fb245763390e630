//! The one place that knows in which order things are deleted, and what is spared.

use crate::plan::refresh::Observed;
use crate::plan::{Call, Data, FORMAT, Plan, Scope, Step, reason, steps};
use crate::state::{Purpose, State};
use acquire_model::spec::Lifecycle;
use acquire_model::{Action, Address, Attributes, Diagnostic, ProviderName, ServiceType};
use std::collections::{BTreeMap, BTreeSet};

/// A thing that can be deleted: it is in the state, or may be there.
pub(super) struct Doomed<'a> {
    pub(super) address: &'a Address,
    provider: &'a ProviderName,
    pub(super) needs: &'a BTreeSet<Address>,
    service: Option<ServiceType>,
    holds_data: bool,
    lifecycle: &'a Lifecycle,
    token: &'a str,
    made_as: Option<&'a Address>,
    prior: Option<&'a Attributes>,
}

/// Plans the removal of everything in the state, from the state alone: dependants first. Nothing is read, since
/// deleting what is not there succeeds.
///
/// # Errors
/// If the scope names something that is not there; or if an invariant of planning does not hold.
pub fn destroy(state: &State, data: Data, scope: &Scope, binary_sha256: &str) -> Result<Plan, Vec<Diagnostic>> {
    let chosen = scope.choose(None, state)?;
    let doomed = everything(state).into_iter().filter(|thing| !chosen.left.contains(thing.address));
    let (deleted, kept) = spare(doomed.collect(), data);
    let mut drafted: Vec<Step> = deleted.iter().map(|doomed| doomed.step(doomed.reason().to_owned())).collect();
    connect(&mut drafted);
    Ok(Plan {
        format: FORMAT,
        lineage: state.lineage.clone(),
        serial: state.serial,
        spec_digest: None,
        binary_sha256: binary_sha256.to_owned(),
        purpose: Purpose::Destroy,
        steps: steps::arrange(drafted).map_err(|mistake| vec![mistake])?,
        drift: Vec::new(),
        kept,
        unchanged: 0,
        left: chosen.left.len(),
    })
}

/// Everything that is recorded, and everything that may have been made.
pub(super) fn everything(state: &State) -> Vec<Doomed<'_>> {
    let recorded = state.resources.iter().map(|(address, recorded)| Doomed {
        address,
        provider: &recorded.provider,
        needs: &recorded.needs,
        service: recorded.service,
        holds_data: recorded.holds_data,
        lifecycle: &recorded.lifecycle,
        token: &recorded.token,
        made_as: recorded.made_as.as_ref(),
        prior: Some(&recorded.attributes),
    });
    let in_doubt = state.in_doubt.iter().filter(|(address, _)| !state.resources.contains_key(*address));
    let in_doubt = in_doubt.map(|(address, doubt)| Doomed {
        address,
        provider: &doubt.intent.provider,
        needs: &doubt.intent.needs,
        service: doubt.intent.service,
        holds_data: doubt.intent.holds_data,
        lifecycle: &doubt.intent.lifecycle,
        token: &doubt.intent.token,
        made_as: doubt.intent.made_as.as_ref(),
        prior: None,
    });
    recorded.chain(in_doubt).collect()
}

/// Everything that the spec does not have any more.
pub(super) fn removed<'a>(
    state: &'a State,
    is_wanted: impl Fn(&Address) -> bool,
    observed: &'a Observed,
) -> Vec<Doomed<'a>> {
    let gone = everything(state).into_iter().filter(|doomed| !is_wanted(doomed.address));
    gone.map(|doomed| Doomed {
        prior: observed.get(doomed.address).and_then(Option::as_ref).or(doomed.prior),
        ..doomed
    })
    .collect()
}

/// Spares what is protected, what holds data, unless told otherwise, and whatever the spared needs.
pub(super) fn spare(doomed: Vec<Doomed<'_>>, data: Data) -> (Vec<Doomed<'_>>, Vec<Address>) {
    let by_address: BTreeMap<&Address, &Doomed> = doomed.iter().map(|thing| (thing.address, thing)).collect();
    let mut open: Vec<&Doomed> = doomed.iter().filter(|thing| thing.is_spared(data)).collect();
    let mut kept: BTreeSet<Address> = BTreeSet::new();
    while let Some(thing) = open.pop() {
        if kept.insert(thing.address.clone()) {
            open.extend(thing.needs.iter().filter_map(|need| by_address.get(need).copied()));
        }
    }
    let deleted = doomed.into_iter().filter(|thing| !kept.contains(thing.address)).collect();
    (deleted, kept.into_iter().collect())
}

impl Doomed<'_> {
    /// Why it goes when everything does.
    fn reason(&self) -> &'static str {
        match (self.prior, self.holds_data) {
            (None, _) => reason::DOUBTFUL,
            (Some(_), true) => reason::DATA_DESTROYED,
            (Some(_), false) => reason::DESTROYED,
        }
    }

    fn is_spared(&self, data: Data) -> bool {
        self.lifecycle.protect || (self.holds_data && data == Data::Keep && !self.is_retained())
    }

    /// Whether it is forgotten instead of deleted. Of what may not be there, nothing is known to forget.
    fn is_retained(&self) -> bool {
        self.lifecycle.retain && self.prior.is_some()
    }

    /// The step that removes it.
    pub(super) fn step(&self, reason: String) -> Step {
        let (action, call, reason) = if self.is_retained() {
            (Action::Forget, Call::Forget, format!("{reason}; it is left where it is"))
        } else {
            (Action::Delete, Call::Delete, reason)
        };
        Step {
            address: self.address.clone(),
            action,
            call,
            provider: self.provider.clone(),
            moved_from: None,
            made_as: self.made_as.cloned(),
            token: self.token.to_owned(),
            desired: BTreeMap::new(),
            sensitive: BTreeSet::new(),
            prior: self.prior.cloned(),
            changes: Vec::new(),
            reason,
            origin: None,
            needs: Vec::new(),
            dependencies: self.needs.clone(),
            service: self.service,
            holds_data: self.holds_data,
            lifecycle: self.lifecycle.clone(),
        }
    }
}

/// Makes each delete wait for the deletes of everything that needed the thing.
pub(super) fn connect(drafted: &mut [Step]) {
    let deletes: BTreeMap<Address, usize> = places(drafted, |step| step.call == Call::Delete);
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for (address, dependant) in &deletes {
        let needs = drafted.get(*dependant).map(|step| &step.dependencies).into_iter().flatten();
        edges.extend(needs.filter(|need| *need != address).filter_map(|need| Some((*deletes.get(need)?, *dependant))));
    }
    add(drafted, edges);
}

/// Makes each delete as late as it can be: a removal waits until everything that used the thing has been changed not
/// to, and the delete of a replacement until everything is there that the new thing needs. A thing that must go before
/// something else is replaced cannot wait: what it would wait for may itself wait for that replacement.
pub(super) fn connect_makes(drafted: &mut [Step], state: &State) {
    let replaced = places(drafted, |step| step.call == Call::Delete && step.action == Action::Replace);
    let removals = places(drafted, |step| step.call == Call::Delete && step.action == Action::Delete);
    let makes = places(drafted, |step| step.call != Call::Delete);
    let early = dependants(replaced.keys(), state);
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for (place, step) in drafted.iter().enumerate() {
        if matches!(step.call, Call::Update | Call::Record) {
            let used = state.resources.get(&step.address).map(|recorded| &recorded.needs).into_iter().flatten();
            let used = used.filter(|need| !early.contains(*need));
            edges.extend(used.filter_map(|need| Some((*removals.get(need)?, place))));
        }
        if let (Call::Create, Some(delete), false) =
            (step.call, replaced.get(&step.address), early.contains(&step.address))
        {
            edges.extend(step.dependencies.iter().filter_map(|need| Some((*delete, *makes.get(need)?))));
        }
    }
    add(drafted, edges);
}

/// Everything that needs one of these things, directly or not.
fn dependants<'a>(of: impl Iterator<Item = &'a Address>, state: &'a State) -> BTreeSet<&'a Address> {
    let mut open: Vec<&Address> = of.collect();
    if open.is_empty() {
        return BTreeSet::new();
    }
    let mut needed_by: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    for (address, recorded) in &state.resources {
        for need in &recorded.needs {
            needed_by.entry(need).or_default().push(address);
        }
    }
    let mut found = BTreeSet::new();
    while let Some(address) = open.pop() {
        for dependant in needed_by.get(address).into_iter().flatten() {
            if found.insert(*dependant) {
                open.push(dependant);
            }
        }
    }
    found
}

fn places(drafted: &[Step], wanted: impl Fn(&Step) -> bool) -> BTreeMap<Address, usize> {
    let found = drafted.iter().enumerate().filter(|(_, step)| wanted(step));
    found.map(|(place, step)| (step.address.clone(), place)).collect()
}

fn add(drafted: &mut [Step], edges: Vec<(usize, usize)>) {
    for (step, need) in edges {
        if let Some(step) = drafted.get_mut(step) {
            step.needs.push(need);
        }
    }
}
