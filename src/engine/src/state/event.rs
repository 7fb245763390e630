use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use acquire_crypto::signing::{Signature, VerifyingKey};
use acquire_model::spec::Lifecycle;
use acquire_model::{
    Action, Address, Attributes, Kind, Lineage, Part, ProviderName, ServiceType, Span, Timestamp, attributes,
};

/// Most programs that a state remembers to have been proved alive.
const PROVED_MAX: usize = 5;

/// What is known of a deployment: the fold of its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The identity of the state.
    pub lineage: Lineage,
    /// The number of the newest record, counted over all epochs; 0 before the first.
    pub serial: u64,
    /// The resources that are there.
    pub resources: BTreeMap<Address, Recorded>,
    /// Steps that were started and whose outcome is not recorded. A resource that is being changed or deleted is in
    /// `resources` too, as it was before.
    pub in_doubt: BTreeMap<Address, InDoubt>,
    /// How many things were at an address before and are gone; absent means none. A thing that is made anew gets
    /// another token than those before it.
    pub generations: BTreeMap<Address, u64>,
    /// The newest run, ended or not.
    pub run: Option<Run>,
    /// SHA-256 of the programs with which the functions were proved alive, newest last, at most 5. When one is proved
    /// again, as after a rollback, those after it are forgotten.
    pub proved: Vec<String>,
}

/// A resource that is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// Who provides it.
    pub provider: ProviderName,
    /// What it is.
    pub kind: Kind,
    /// Its inputs and outputs.
    pub attributes: Attributes,
    /// What must outlive it.
    pub needs: BTreeSet<Address>,
    /// The service it belongs to, if it belongs to one.
    pub service: Option<ServiceType>,
    /// Whether it holds people's data.
    pub holds_data: bool,
    /// What may happen to it.
    #[serde(default, skip_serializing_if = "Lifecycle::is_default")]
    pub lifecycle: Lifecycle,
    /// The token that it was made or last changed with.
    pub token: String,
    /// The address that it was made under, if it was moved since: its provider knows it by that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_as: Option<Address>,
}

impl Recorded {
    /// The address by which the provider of the resource at that address knows it.
    pub fn known_as<'a>(&'a self, address: &'a Address) -> &'a Address {
        self.made_as.as_ref().unwrap_or(address)
    }
}

/// What a step is about to do: everything that a later run must know to find out whether it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// `Create`, `Update` or `Delete`; a replacement is a delete and then a create.
    pub action: Action,
    /// Who provides it.
    pub provider: ProviderName,
    /// What must outlive it.
    pub needs: BTreeSet<Address>,
    /// The service it belongs to, if it belongs to one.
    pub service: Option<ServiceType>,
    /// Whether it holds people's data.
    pub holds_data: bool,
    /// What may happen to it.
    #[serde(default, skip_serializing_if = "Lifecycle::is_default")]
    pub lifecycle: Lifecycle,
    /// Idempotency token: the same for every try of the step.
    pub token: String,
    /// The address that it was made under, if it was moved since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_as: Option<Address>,
    /// Why, in the words of the plan.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// The place in the spec that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Span>,
}

/// A step that was started and whose outcome is not recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct InDoubt {
    /// What it was about to do.
    pub intent: Intent,
    /// When it was last tried.
    pub since: Timestamp,
}

/// One apply or destroy.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its lock epoch.
    pub epoch: u64,
    /// How many steps it set out to do.
    pub steps: u64,
    /// How many of them are done.
    pub done: u64,
    /// When it began.
    pub began: Timestamp,
    /// When it ended; `None` if it was cut off.
    pub ended: Option<Timestamp>,
    /// When everything was proved alive after it, if it was.
    pub verified: Option<Timestamp>,
    /// SHA-256 of the merged spec it followed, if it followed one.
    pub spec_digest: Option<String>,
    /// What it was for.
    pub purpose: Purpose,
}

/// What a run is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// To make it as the spec says.
    #[default]
    Apply,
    /// To write down what was changed outside.
    Refresh,
    /// To take it away.
    Destroy,
    /// To take into the state what is there.
    Import,
    /// To run an earlier program again that was proved alive.
    Rollback,
}

impl Purpose {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Apply => "apply",
            Self::Refresh => "refresh",
            Self::Destroy => "destroy",
            Self::Import => "import",
            Self::Rollback => "rollback",
        }
    }

    fn is_apply(&self) -> bool {
        *self == Self::Apply
    }
}

/// The program of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binary {
    /// Its version.
    pub version: String,
    /// Its SHA-256, lower-case hex.
    pub sha256: String,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// An apply or destroy begins.
    Begun {
        /// How many steps it sets out to do.
        steps: u64,
        /// SHA-256 of the merged spec it follows, if it follows one.
        spec_digest: Option<String>,
        /// What it is for.
        #[serde(default, skip_serializing_if = "Purpose::is_apply")]
        purpose: Purpose,
        /// Who runs it, `user@host`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The program that runs it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        binary: Option<Binary>,
    },
    /// A provider is about to be called. Legal again, with the same token, for another try, even if the spec wants
    /// something else by now.
    Started {
        /// Which resource.
        address: Address,
        /// What is about to be done.
        intent: Intent,
    },
    /// A create or update has had its effect.
    Done {
        /// Which resource.
        address: Address,
        /// Its inputs and outputs now.
        attributes: Attributes,
    },
    /// It is not there: deleted, found missing, or a create in doubt that never happened.
    Gone {
        /// Which resource.
        address: Address,
    },
    /// The step had no effect, for certain: what was before still holds.
    Failed {
        /// Which resource.
        address: Address,
        /// What the provider said, without secrets.
        reason: String,
    },
    /// A refresh saw it as it is now, or the spec changed what only the state holds of it (`needs`).
    Observed {
        /// Which resource.
        address: Address,
        /// All of it, as it is now.
        recorded: Recorded,
    },
    /// It is left alone from now on.
    Forgotten {
        /// Which resource.
        address: Address,
    },
    /// It has another address from now on; the thing itself is as it was.
    Moved {
        /// The address that it had.
        from: Address,
        /// The address that it has.
        to: Address,
    },
    /// The apply or destroy is over, whatever came of it.
    Ended,
    /// After it ended, everything was proved alive.
    Verified,
    /// After it ended, whoever ran it signed the chain up to here.
    Signed {
        /// Who, `user@host`.
        by: String,
        /// The operator's public key.
        key: VerifyingKey,
        /// Over lineage, serial and hash at the record before, and over who.
        signature: Signature,
    },
}

impl Event {
    /// The resource it is about, if it is about one.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Self::Started { address, .. }
            | Self::Done { address, .. }
            | Self::Gone { address }
            | Self::Failed { address, .. }
            | Self::Observed { address, .. }
            | Self::Forgotten { address } => Some(address),
            Self::Moved { to, .. } => Some(to),
            Self::Begun { .. } | Self::Ended | Self::Verified | Self::Signed { .. } => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Begun { .. } => "begun",
            Self::Started { .. } => "started",
            Self::Done { .. } => "done",
            Self::Gone { .. } => "gone",
            Self::Failed { .. } => "failed",
            Self::Observed { .. } => "observed",
            Self::Forgotten { .. } => "forgotten",
            Self::Moved { .. } => "moved",
            Self::Ended => "ended",
            Self::Verified => "verified",
            Self::Signed { .. } => "signed",
        }
    }
}

/// Why an event does not follow from what was before it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event `{event}` is not legal: {status}")]
pub(crate) struct Illegal {
    event: &'static str,
    status: String,
}

/// What a state held before an event, to take the event back.
#[derive(Debug)]
pub(crate) struct Undo {
    run: Option<Run>,
    place: Option<Place>,
    /// What was at the address that it was moved from.
    moved: Option<Place>,
    proved: Option<Vec<String>>,
}

/// What a state held at one address.
#[derive(Debug)]
struct Place {
    address: Address,
    recorded: Option<Recorded>,
    in_doubt: Option<InDoubt>,
    generation: Option<u64>,
}

impl State {
    /// The state before the first record.
    pub fn new(lineage: Lineage) -> Self {
        Self {
            lineage,
            serial: 0,
            resources: BTreeMap::new(),
            in_doubt: BTreeMap::new(),
            generations: BTreeMap::new(),
            run: None,
            proved: Vec::new(),
        }
    }

    /// How many resources there are, or may be.
    pub fn resource_count(&self) -> usize {
        self.resources.len() + self.in_doubt.keys().filter(|address| !self.resources.contains_key(*address)).count()
    }

    /// SHA-256 of the programs that the functions of services run; one, unless a run was cut off.
    pub fn binaries(&self) -> BTreeSet<&str> {
        let functions = self.resources.iter().filter(|(address, recorded)| {
            recorded.service.is_some() && address.kind().as_str() == Part::Function.as_str()
        });
        functions.filter_map(|(_, recorded)| attributes::text(&recorded.attributes, "binary")).collect()
    }

    /// SHA-256 of the newest program that was proved alive and is not the one that all functions run now; `None` without
    /// functions.
    pub fn proved_before(&self) -> Option<&str> {
        let present = self.binaries();
        let mut proved = self.proved.iter().rev().map(String::as_str);
        proved.find(|proved| present.iter().any(|present| present != proved))
    }

    /// Takes the next event in. An illegal one changes nothing.
    pub(crate) fn fold(&mut self, epoch: u64, at: Timestamp, event: &Event) -> Result<Undo, Illegal> {
        let undo = self.remember(event);
        match event {
            Event::Begun { steps, spec_digest, purpose, .. } => {
                let (spec_digest, purpose) = (spec_digest.clone(), *purpose);
                let (ended, verified) = (None, None);
                self.run =
                    Some(Run { epoch, steps: *steps, done: 0, began: at, ended, verified, spec_digest, purpose });
            }
            Event::Ended => match &mut self.run {
                Some(run) if run.ended.is_none() => run.ended = Some(at),
                _ => return Err(Illegal { event: event.name(), status: "nothing has begun".to_owned() }),
            },
            Event::Verified => match &mut self.run {
                Some(run) if run.ended.is_some() => {
                    run.verified = Some(at);
                    self.prove();
                }
                _ => return Err(Illegal { event: event.name(), status: "nothing has ended".to_owned() }),
            },
            Event::Signed { .. } => {
                if self.run.as_ref().is_none_or(|run| run.ended.is_none()) {
                    return Err(Illegal { event: event.name(), status: "nothing has ended".to_owned() });
                }
            }
            Event::Started { address, .. }
            | Event::Done { address, .. }
            | Event::Gone { address }
            | Event::Failed { address, .. }
            | Event::Observed { address, .. }
            | Event::Forgotten { address } => self.transition(address, at, event)?,
            Event::Moved { from, to } => self.move_resource(from, to)?,
        }
        self.serial += 1;
        Ok(undo)
    }

    /// Takes the newest event back.
    pub(crate) fn undo(&mut self, undo: Undo) {
        self.serial -= 1;
        self.run = undo.run;
        if let Some(proved) = undo.proved {
            self.proved = proved;
        }
        if let Some(Place { address: from, recorded, generation, .. }) = undo.moved {
            if let Some(to) = &undo.place {
                self.rename_needs(&to.address, &from);
            }
            put(&mut self.resources, &from, recorded);
            put(&mut self.generations, &from, generation);
        }
        if let Some(Place { address, recorded, in_doubt, generation }) = undo.place {
            put(&mut self.resources, &address, recorded);
            put(&mut self.in_doubt, &address, in_doubt);
            put(&mut self.generations, &address, generation);
        }
    }

    fn remember(&self, event: &Event) -> Undo {
        let place = |address: &Address| Place {
            address: address.clone(),
            recorded: self.resources.get(address).cloned(),
            in_doubt: self.in_doubt.get(address).cloned(),
            generation: self.generations.get(address).copied(),
        };
        let moved = match event {
            Event::Moved { from, .. } => Some(place(from)),
            _ => None,
        };
        let place = event.address().map(place);
        let proved = (*event == Event::Verified).then(|| self.proved.clone());
        Undo { run: self.run.clone(), place, moved, proved }
    }

    /// Remembers what the functions run as proved alive.
    fn prove(&mut self) {
        let present: Vec<String> = self.binaries().into_iter().map(str::to_owned).collect();
        for binary in present {
            if let Some(place) = self.proved.iter().position(|proved| *proved == binary) {
                self.proved.truncate(place);
            }
            self.proved.push(binary);
        }
        let excess = self.proved.len().saturating_sub(PROVED_MAX);
        self.proved.drain(..excess);
    }

    /// The one table of what may happen to a resource, and what it is afterwards.
    fn transition(&mut self, address: &Address, at: Timestamp, event: &Event) -> Result<(), Illegal> {
        let doubt = self.in_doubt.get(address).cloned();
        let present = self.resources.contains_key(address);
        let doubted = doubt.as_ref().map(|doubt| doubt.intent.action);
        match (event, doubt, present) {
            (Event::Started { intent, .. }, doubt, _) if intent.may_start(doubt.as_ref(), present) => {
                self.in_doubt.insert(address.clone(), InDoubt { intent: intent.clone(), since: at });
            }
            (Event::Done { attributes, .. }, Some(doubt), _) if doubt.intent.action != Action::Delete => {
                self.settle(address);
                self.resources.insert(address.clone(), doubt.intent.outcome(address, attributes));
            }
            (Event::Gone { .. }, Some(doubt), _) if doubt.intent.action == Action::Delete => {
                self.settle(address);
                self.resources.remove(address);
                // Even if nothing was recorded: what is deleted now may have been made by a create in doubt.
                *self.generations.entry(address.clone()).or_default() += 1;
            }
            (Event::Gone { .. }, Some(_), _) => {
                self.in_doubt.remove(address);
                self.remove(address);
            }
            (Event::Failed { .. }, Some(_), _) => {
                self.in_doubt.remove(address);
            }
            (Event::Gone { .. } | Event::Forgotten { .. }, None, true) => self.remove(address),
            (Event::Observed { recorded, .. }, None, true) => {
                self.resources.insert(address.clone(), recorded.clone());
            }
            (Event::Observed { recorded, .. }, Some(_), _) => {
                self.settle(address);
                self.resources.insert(address.clone(), recorded.clone());
            }
            (_, _, present) => {
                let status = match doubted {
                    Some(action) => format!("{address} has a {action} in doubt"),
                    None if present => format!("{address} is there"),
                    None => format!("{address} is not there"),
                };
                return Err(Illegal { event: event.name(), status });
            }
        }
        Ok(())
    }

    /// Gives a resource another address, and tells those that need it.
    pub(crate) fn move_resource(&mut self, from: &Address, to: &Address) -> Result<(), Illegal> {
        let illegal = |status: String| Err(Illegal { event: "moved", status });
        let in_doubt = [from, to].into_iter().find(|address| self.in_doubt.contains_key(*address));
        if let Some(address) = in_doubt {
            return illegal(format!("{address} is in doubt"));
        }
        if from.kind() != to.kind() || self.resources.contains_key(to) {
            return illegal(format!("{from} cannot become {to}"));
        }
        let Some(mut recorded) = self.resources.remove(from) else {
            return illegal(format!("{from} is not there"));
        };
        recorded.made_as = Some(recorded.known_as(from).clone()).filter(|made_as| made_as != to);
        self.resources.insert(to.clone(), recorded);
        self.rename_needs(from, to);
        // The next thing at the address that it leaves gets another token.
        *self.generations.entry(from.clone()).or_default() += 1;
        Ok(())
    }

    fn rename_needs(&mut self, from: &Address, to: &Address) {
        let recorded = self.resources.values_mut().map(|recorded| &mut recorded.needs);
        let in_doubt = self.in_doubt.values_mut().map(|doubt| &mut doubt.intent.needs);
        for needs in recorded.chain(in_doubt) {
            if needs.remove(from) {
                needs.insert(to.clone());
            }
        }
    }

    /// Removes a resource; the next one at its address is another generation.
    fn remove(&mut self, address: &Address) {
        if self.resources.remove(address).is_some() {
            *self.generations.entry(address.clone()).or_default() += 1;
        }
    }

    /// Counts a step as done.
    fn settle(&mut self, address: &Address) {
        self.in_doubt.remove(address);
        if let Some(run) = &mut self.run {
            run.done += 1;
        }
    }
}

impl Intent {
    /// Whether this may be tried. On a thing in doubt only what is about the very same thing.
    fn may_start(&self, doubt: Option<&InDoubt>, present: bool) -> bool {
        let fits = match self.action {
            Action::Create => !present,
            Action::Update => present,
            Action::Delete => present || doubt.is_some(),
            Action::NoOp | Action::Read | Action::Replace | Action::Forget | Action::Move => false,
        };
        fits && doubt.is_none_or(|doubt| doubt.intent.token == self.token)
    }

    fn outcome(self, address: &Address, attributes: &Attributes) -> Recorded {
        Recorded {
            provider: self.provider,
            kind: address.kind().clone(),
            attributes: attributes.clone(),
            needs: self.needs,
            service: self.service,
            holds_data: self.holds_data,
            lifecycle: self.lifecycle,
            token: self.token,
            made_as: self.made_as,
        }
    }
}

fn put<T>(map: &mut BTreeMap<Address, T>, address: &Address, value: Option<T>) {
    match value {
        Some(value) => map.insert(address.clone(), value),
        None => map.remove(address),
    };
}
