//! What is drawn: specs, their changes, faults, and when a run is cut off.

use super::deployment::Cut;
use acquire_model::spec::{Defaults, PlainResource, Service, Spec};
use acquire_model::{Address, Expression, Name, Reference, ServiceType};
use acquire_provider::faults::{Call, Fault, Rule};
use acquire_provider::memory::Seeded;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most plain resources of a spec.
const PLAIN_MAX: u64 = 8;

pub fn spec(dice: &Seeded) -> Spec {
    let mut spec = Spec {
        name: "demo".parse().unwrap(),
        environment: None,
        state_home: None,
        providers: BTreeMap::new(),
        defaults: Defaults::default(),
        services: BTreeMap::new(),
        resources: BTreeMap::new(),
        origins: BTreeMap::new(),
    };
    if dice.below(3) == 0 {
        spec.services.insert(ServiceType::Registry, service(dice));
    }
    for n in 0..dice.below(PLAIN_MAX) {
        let resource = plain(n, &spec, dice);
        spec.resources.insert(name(n), resource);
    }
    spec
}

/// The spec a person comes with next: some of it is taken out, some changed, some added.
pub fn next_spec(before: &Spec, dice: &Seeded) -> Spec {
    let mut next = before.clone();
    next.resources.clear();
    for n in 0..PLAIN_MAX {
        let old = before.resources.get(&name(n)).filter(|old| is_whole(old, &next));
        let resource = match (old, dice.below(4)) {
            (_, 0) => continue,
            (Some(old), 1 | 2) => old.clone(),
            _ => plain(n, &next, dice),
        };
        next.resources.insert(name(n), resource);
    }
    if dice.below(3) == 0 {
        next.services.clear();
    } else if dice.below(3) == 0 {
        next.services.insert(ServiceType::Registry, service(dice));
        next.services.insert(ServiceType::Identity, service(dice));
    }
    next
}

fn name(n: u64) -> Name {
    format!("r{n}").parse().unwrap()
}

/// Whether everything that a resource needs is in a spec.
fn is_whole(resource: &PlainResource, spec: &Spec) -> bool {
    let references = resource.inputs.values().flat_map(Expression::references);
    references
        .map(|reference| reference.address.owner())
        .chain(&resource.needs)
        .all(|of| spec.resources.contains_key(of))
}

fn service(dice: &Seeded) -> Service {
    Service {
        provider: provider(dice),
        domain: None,
        placed: BTreeMap::new(),
        memory_bytes: (1 + dice.below(2)) << 28,
        timeout_seconds: 60,
        rotate_seconds: 86_400,
        settings: BTreeMap::new(),
    }
}

fn provider(dice: &Seeded) -> acquire_model::ProviderName {
    if dice.below(4) == 0 { "two" } else { "one" }.parse().unwrap()
}

/// A marker that may need or refer to those which are in the spec already.
fn plain(n: u64, spec: &Spec, dice: &Seeded) -> PlainResource {
    let others: Vec<&Name> = spec.resources.keys().collect();
    let other = || others.get(usize::try_from(dice.below(others.len() as u64)).unwrap()).copied();
    let input = match (dice.below(2), other()) {
        (0, Some(other)) => Expression::Reference(Reference {
            address: format!("{other}/marker").parse().unwrap(),
            attribute: ["output", "id", "fixed"][usize::try_from(dice.below(3)).unwrap()].to_owned(),
        }),
        _ => json!(n * 10 + dice.below(3)).into(),
    };
    let needs: BTreeSet<Name> = (0..dice.below(3)).filter_map(|_| other()).cloned().collect();
    PlainResource {
        kind: "marker".parse().unwrap(),
        provider: provider(dice),
        needs: needs.into_iter().collect(),
        inputs: BTreeMap::from([("input".to_owned(), input), ("fixed".to_owned(), json!(dice.below(2)).into())]),
    }
}

pub fn faults(spec: &Spec, dice: &Seeded) -> Vec<Rule> {
    let faults = [
        Fault::Fail,
        Fault::Unavailable,
        Fault::Hang,
        Fault::LostReply,
        Fault::HangAfter,
        Fault::Throttle,
        Fault::Twice,
    ];
    let calls = [Call::Read, Call::Create, Call::Update, Call::Delete];
    let pick = |most: usize| usize::try_from(dice.below(most as u64)).unwrap();
    let addresses: Vec<Address> =
        spec.resources.iter().map(|(name, resource)| Address::new(name.clone(), resource.kind.clone())).collect();
    let rule = |_| Rule {
        address: addresses.get(pick(addresses.len().max(1))).cloned().filter(|_| dice.below(4) > 0),
        call: Some(calls[pick(calls.len())]),
        fault: faults[pick(faults.len())],
        times: Some(1 + u32::try_from(dice.below(4)).unwrap()).filter(|_| dice.below(4) > 0),
    };
    (0..dice.below(4)).map(rule).collect()
}

pub fn cut(dice: &Seeded) -> Cut {
    match dice.below(4) {
        0 => Cut::AfterEvents(usize::try_from(dice.below(40)).unwrap()),
        1 => Cut::After(Duration::from_millis(dice.below(8_000))),
        _ => Cut::Never,
    }
}
