//! What is drawn: specs, their changes, faults, and when a run is cut off.

use super::deployment::Cut;
use super::sketch::{self, Sketch};
use acquire_model::spec::{Defaults, Lifecycle, Service, Spec};
use acquire_model::{Address, ServiceType};
use acquire_provider::faults::{Call, Fault, Rule};
use acquire_provider::memory::Seeded;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most plain resources of a spec.
const PLAIN_MAX: u64 = 8;

/// A spec that somebody writes and goes on writing.
pub struct Author {
    sketches: Vec<Sketch>,
    services: BTreeMap<ServiceType, Service>,
}

impl Author {
    pub fn new(dice: &Seeded) -> Self {
        let sketches = (0..PLAIN_MAX).map(|_| sketch(dice)).collect();
        let services = (dice.below(3) == 0).then(|| (ServiceType::Registry, service(dice)));
        Self { sketches, services: services.into_iter().collect() }
    }

    /// Some of it is taken out, some changed, some added.
    pub fn goes_on(&mut self, dice: &Seeded) {
        for sketch in &mut self.sketches {
            match dice.below(4) {
                0 => sketch.is_there = !sketch.is_there,
                1 => *sketch = self::sketch(dice),
                _ => {}
            }
        }
        match dice.below(6) {
            0 | 1 => self.services.clear(),
            2 => {
                let both = [ServiceType::Registry, ServiceType::Identity];
                self.services.extend(both.map(|service_type| (service_type, service(dice))));
            }
            _ => {}
        }
    }

    pub fn spec(&self) -> Spec {
        Spec {
            name: "demo".parse().unwrap(),
            environment: None,
            state_home: None,
            providers: BTreeMap::new(),
            defaults: Defaults::default(),
            services: self.services.clone(),
            resources: sketch::resources(&self.sketches),
            moved: Vec::new(),
            origins: BTreeMap::new(),
        }
    }
}

fn sketch(dice: &Seeded) -> Sketch {
    let byte = |bound| u8::try_from(dice.below(bound)).unwrap();
    let place = || usize::try_from(dice.below(PLAIN_MAX)).unwrap();
    Sketch {
        is_there: dice.below(2) == 0,
        elsewhere: dice.below(4) == 0,
        rank: byte(256),
        input: byte(3),
        fixed: byte(2),
        refers: (dice.below(2) == 0).then(place),
        needs: (0..dice.below(3)).map(|_| place()).collect(),
    }
}

fn service(dice: &Seeded) -> Service {
    Service {
        provider: if dice.below(4) == 0 { "two" } else { "one" }.parse().unwrap(),
        domain: None,
        placed: BTreeMap::new(),
        memory_bytes: (1 + dice.below(2)) << 28,
        timeout_seconds: 60,
        rotate_seconds: 86_400,
        lifecycle: Lifecycle::default(),
        settings: BTreeMap::new(),
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
