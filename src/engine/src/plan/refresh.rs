use crate::plan::call::{Failure, Policy};
use crate::plan::{Options, Refresh, codes, sensitive};
use crate::state::{InDoubt, State, StateKey};
use acquire_model::{Address, Attributes, Diagnostic, Kind, ProviderName};
use acquire_provider::{Context, Provider, Providers, Resource, Target};
use futures::StreamExt;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Reads at once.
const AT_ONCE: usize = 16;

/// How everything is that the state knows of: `None` for what is not there.
pub(crate) type Observed = BTreeMap<Address, Option<Attributes>>;

/// A thing to be read.
pub(crate) struct Reading<'a> {
    /// Its place.
    pub(crate) address: &'a Address,
    /// Who provides it.
    pub(crate) provider: &'a ProviderName,
    /// Its token.
    pub(crate) token: &'a str,
    /// The address by which its provider knows it.
    pub(crate) known_as: &'a Address,
    /// What the state holds of it.
    pub(crate) recorded: Option<&'a Attributes>,
}

/// Whoever asks the providers how things are.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    /// What every call is given.
    pub(crate) cx: &'a Context,
    /// Whom to ask.
    pub(crate) providers: &'a dyn Providers,
    /// How to ask.
    pub(crate) policy: &'a Policy,
    /// What fingerprints are made with.
    pub(crate) key: Option<&'a StateKey>,
}

/// Asks the providers how everything is that is recorded or in doubt, or believes the state.
pub(super) async fn refresh(
    cx: &Context,
    state: &State,
    providers: &dyn Providers,
    options: &Options,
    left: &BTreeSet<Address>,
) -> Result<Observed, Vec<Diagnostic>> {
    let readings: Vec<Reading<'_>> =
        readings(state).into_iter().filter(|reading| !left.contains(reading.address)).collect();
    if options.refresh == Refresh::Skip {
        let believed = readings.into_iter().map(|reading| (reading.address.clone(), reading.recorded.cloned()));
        return Ok(believed.collect());
    }
    Reader { cx, providers, policy: &options.policy, key: options.key.as_ref() }.read_all(readings).await
}

fn readings(state: &State) -> Vec<Reading<'_>> {
    let recorded = state.resources.iter().map(|(address, recorded)| Reading {
        address,
        provider: &recorded.provider,
        token: &recorded.token,
        known_as: recorded.known_as(address),
        recorded: Some(&recorded.attributes),
    });
    let doubtful = state.in_doubt.iter().filter(|(address, _)| !state.resources.contains_key(*address));
    recorded.chain(doubtful.map(|(address, doubt)| Reading::of_doubt(address, doubt, state))).collect()
}

impl<'a> Reading<'a> {
    /// The thing that a step in doubt is about.
    pub(crate) fn of_doubt(address: &'a Address, doubt: &'a InDoubt, state: &'a State) -> Self {
        let recorded = state.resources.get(address).map(|recorded| &recorded.attributes);
        let intent = &doubt.intent;
        let known_as = intent.made_as.as_ref().unwrap_or(address);
        Self { address, provider: &intent.provider, token: &intent.token, known_as, recorded }
    }
}

impl Reader<'_> {
    /// Reads many things, a few at once.
    ///
    /// # Errors
    /// Every one that cannot be read.
    pub(crate) async fn read_all(&self, readings: Vec<Reading<'_>>) -> Result<Observed, Vec<Diagnostic>> {
        let mut observed = Observed::new();
        let readings = self.list_all(readings, &mut observed).await;
        let mut reads = futures::stream::iter(readings).map(|reading| self.read(reading)).buffer_unordered(AT_ONCE);
        let mut failures = Vec::new();
        while let Some(answer) = reads.next().await {
            match answer {
                Ok((address, attributes)) => {
                    observed.insert(address, attributes);
                }
                Err(failure) => failures.push(failure),
            }
        }
        failures.sort_by(|a: &Diagnostic, b| a.address.cmp(&b.address));
        if failures.is_empty() { Ok(observed) } else { Err(failures) }
    }

    /// Asks for whole kinds at once where a list tells everything, and returns what still must be read: what was not
    /// listed is read, since a list may be late, and so is everything that cannot be listed.
    async fn list_all<'r>(&self, readings: Vec<Reading<'r>>, observed: &mut Observed) -> Vec<Reading<'r>> {
        let mut kinds: BTreeMap<(&ProviderName, &Kind), Vec<Reading<'r>>> = BTreeMap::new();
        for reading in readings {
            kinds.entry((reading.provider, reading.address.kind())).or_default().push(reading);
        }
        let mut left = Vec::new();
        for ((name, kind), readings) in kinds {
            let mut listed = match self.providers.provider(name) {
                Some(provider) if readings.len() > 1 => self.list(provider.as_ref(), kind).await,
                _ => BTreeMap::new(),
            };
            for reading in readings {
                match listed.remove(reading.known_as) {
                    Some(attributes) => {
                        let attributes = self.masked(attributes, reading.recorded);
                        observed.insert(reading.address.clone(), Some(attributes));
                    }
                    None => left.push(reading),
                }
            }
        }
        left
    }

    /// Lists a kind; nothing if that does not work, since reading one by one says better why.
    async fn list(&self, provider: &dyn Provider, kind: &Kind) -> BTreeMap<Address, Attributes> {
        let resource = provider.resource(kind).filter(|resource| resource.declaration().listed);
        let Some(resource) = resource else { return BTreeMap::new() };
        let found = self.policy.call(self.cx, || resource.list(self.cx), |_| ()).await.unwrap_or_default();
        found.into_iter().filter_map(|found| Some((found.address, found.attributes?))).collect()
    }

    fn masked(&self, mut observed: Attributes, recorded: Option<&Attributes>) -> Attributes {
        if let (Some(recorded), Some(key)) = (recorded, self.key) {
            let masked = recorded.iter().filter(|(_, value)| sensitive::is_fingerprint(value)).map(|(name, _)| name);
            sensitive::mask(&mut observed, masked, key);
        }
        observed
    }

    /// Reads one thing. What the state holds only a fingerprint of is given as a fingerprint.
    pub(crate) async fn read(&self, reading: Reading<'_>) -> Result<(Address, Option<Attributes>), Diagnostic> {
        let provider = provider(self.providers, reading.provider, reading.address)?;
        let resource = resource(provider.as_ref(), reading.address)?;
        let target = Target { address: reading.known_as.clone(), token: reading.token.to_owned() };
        let call = || resource.read(self.cx, &target, reading.recorded);
        let observed = self.policy.call(self.cx, call, |_| ()).await.map_err(|failure| not_read(&reading, &failure))?;
        Ok((reading.address.clone(), observed.map(|observed| self.masked(observed, reading.recorded))))
    }
}

/// Says that something cannot be read. Only what nobody answered is worth another try.
fn not_read(reading: &Reading<'_>, Failure { error, attempts, .. }: &Failure) -> Diagnostic {
    let summary = format!("cannot read `{}`: {error}", reading.address);
    let diagnostic = Diagnostic::error(codes::NOT_READ, summary).address(reading.address);
    if error.is_retryable() {
        let detail = format!("`{}` was asked {attempts} times.", reading.provider);
        return diagnostic.detail(detail).hint("try again when it answers");
    }
    diagnostic.hint("put right what it says; nothing was changed")
}

/// Returns a provider, or says that it is not built in.
pub(crate) fn provider(
    providers: &dyn Providers,
    name: &ProviderName,
    address: &Address,
) -> Result<Arc<dyn Provider>, Diagnostic> {
    providers.provider(name).ok_or_else(|| {
        Diagnostic::error(codes::NO_PROVIDER, format!("the provider `{name}` is not built into this binary"))
            .address(address)
            .hint(format!("use a binary with `{name}`, or place `{address}` with another provider"))
    })
}

/// Returns a provider's resource of an address' kind, or says that it has none.
pub(crate) fn resource<'a>(provider: &'a dyn Provider, address: &Address) -> Result<&'a dyn Resource, Diagnostic> {
    let kind = address.kind();
    provider.resource(kind).ok_or_else(|| {
        let summary = format!("the provider `{}` has no resources of the kind `{kind}`", provider.name());
        Diagnostic::error(codes::NO_KIND, summary)
            .address(address)
            .hint(format!("place `{address}` with another provider"))
    })
}
