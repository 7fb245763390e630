use crate::plan::call::Policy;
use crate::plan::{Options, Refresh, codes, sensitive};
use crate::state::{InDoubt, State, StateKey};
use acquire_model::{Address, Attributes, Diagnostic, ProviderName};
use acquire_provider::{Context, Provider, Providers, Resource, Target};
use futures::StreamExt;
use std::collections::BTreeMap;
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
) -> Result<Observed, Vec<Diagnostic>> {
    let readings = readings(state);
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
        recorded: Some(&recorded.attributes),
    });
    let doubtful = state.in_doubt.iter().filter(|(address, _)| !state.resources.contains_key(*address));
    recorded.chain(doubtful.map(|(address, doubt)| Reading::of_doubt(address, doubt, state))).collect()
}

impl<'a> Reading<'a> {
    /// The thing that a step in doubt is about.
    pub(crate) fn of_doubt(address: &'a Address, doubt: &'a InDoubt, state: &'a State) -> Self {
        let recorded = state.resources.get(address).map(|recorded| &recorded.attributes);
        Self { address, provider: &doubt.intent.provider, token: &doubt.intent.token, recorded }
    }
}

impl Reader<'_> {
    /// Reads many things, a few at once.
    ///
    /// # Errors
    /// Every one that cannot be read.
    pub(crate) async fn read_all(&self, readings: Vec<Reading<'_>>) -> Result<Observed, Vec<Diagnostic>> {
        let mut reads = futures::stream::iter(readings).map(|reading| self.read(reading)).buffer_unordered(AT_ONCE);
        let mut observed = Observed::new();
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

    /// Reads one thing. What the state holds only a fingerprint of is given as a fingerprint.
    pub(crate) async fn read(&self, reading: Reading<'_>) -> Result<(Address, Option<Attributes>), Diagnostic> {
        let provider = provider(self.providers, reading.provider, reading.address)?;
        let resource = resource(provider.as_ref(), reading.address)?;
        let target = Target { address: reading.address.clone(), token: reading.token.to_owned() };
        let call = || resource.read(self.cx, &target, reading.recorded);
        let mut observed = self.policy.call(self.cx, call, |_| ()).await.map_err(|failure| {
            Diagnostic::error(codes::NOT_READ, format!("cannot read `{}`: {}", target.address, failure.error))
                .address(&target.address)
                .detail(format!("`{}` was asked {} times.", reading.provider, failure.attempts))
                .hint("try again when it answers")
        })?;
        if let (Some(observed), Some(recorded), Some(key)) = (&mut observed, reading.recorded, self.key) {
            let masked = recorded.iter().filter(|(_, value)| sensitive::is_fingerprint(value)).map(|(name, _)| name);
            sensitive::mask(observed, masked, key);
        }
        Ok((target.address, observed))
    }
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
