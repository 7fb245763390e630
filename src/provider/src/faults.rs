//! A wrapper that makes chosen calls to a provider go wrong: for tests, simulation and rehearsals.

use crate::verify::Report;
use crate::{Change, Context, Declaration, Deleted, Error, Found, Provider, Providers, Resource, Target, Verify};
use acquire_model::spec::ProviderDeclaration;
use acquire_model::{Address, Attributes, Code, Diagnostic, Kind, Part, ProviderName, SecretText};
use async_trait::async_trait;
use object_store::ObjectStore;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a throttled call is asked to wait.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused for good and has no effect.
    Fail,
    /// It does not get through and has no effect.
    Unavailable,
    /// It never answers and has no effect.
    Hang,
    /// It has its effect, but its answer is lost.
    LostReply,
    /// It has its effect, then never answers.
    HangAfter,
    /// It is asked to come back later and has no effect.
    Throttle,
    /// It arrives twice; the second answer counts.
    Twice,
}

/// Every fault with the word that names it.
const FAULTS: [(&str, Fault); 7] = [
    ("fail", Fault::Fail),
    ("unavailable", Fault::Unavailable),
    ("hang", Fault::Hang),
    ("lost-reply", Fault::LostReply),
    ("hang-after", Fault::HangAfter),
    ("throttle", Fault::Throttle),
    ("twice", Fault::Twice),
];

/// The calls that can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `read`.
    Read,
    /// `create`.
    Create,
    /// `update`.
    Update,
    /// `delete`.
    Delete,
    /// `reveal`.
    Reveal,
    /// The challenge to the service of a function; whatever goes wrong with it, it is not proved alive.
    Verify,
}

const CALLS: [(&str, Call); 6] = [
    ("read", Call::Read),
    ("create", Call::Create),
    ("update", Call::Update),
    ("delete", Call::Delete),
    ("reveal", Call::Reveal),
    ("verify", Call::Verify),
];

/// Which calls go wrong, how, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Calls about this resource; `None`: about any.
    pub address: Option<Address>,
    /// This call; `None`: any.
    pub call: Option<Call>,
    /// What goes wrong.
    pub fault: Fault,
    /// With how many calls; `None`: with every one.
    pub times: Option<u32>,
}

/// Why a text is not a list of faults.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a fault such as `identity/bucket:create=lost-reply` or `*:read=throttle x3`")]
pub struct Invalid(String);

impl FromStr for Rule {
    type Err = Invalid;

    /// Reads `ADDRESS:CALL=FAULT`, and ` xN` or ` x*` behind it for how often (once, if it is not said). `*` stands for
    /// any address or any call.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid(text.to_owned());
        let word = |text: &str| text.trim().to_owned();
        let (calls, fault) = text.split_once('=').ok_or_else(invalid)?;
        let (address, call) = calls.split_once(':').ok_or_else(invalid)?;
        let (fault, times) = fault.split_once('x').filter(|(_, times)| is_count(times)).unwrap_or((fault, "1"));
        let any = |text: &str| text.trim() == "*";
        Ok(Self {
            address: if any(address) { None } else { Some(word(address).parse().map_err(|_| invalid())?) },
            call: if any(call) { None } else { Some(named(&CALLS, &word(call)).ok_or_else(invalid)?) },
            fault: named(&FAULTS, &word(fault)).ok_or_else(invalid)?,
            times: if any(times) { None } else { Some(times.trim().parse().map_err(|_| invalid())?) },
        })
    }
}

fn is_count(text: &str) -> bool {
    text.trim() == "*" || text.trim().parse::<u32>().is_ok()
}

fn named<T: Copy>(table: &[(&str, T)], word: &str) -> Option<T> {
    table.iter().find(|(name, _)| *name == word).map(|(_, value)| *value)
}

/// A plan of what goes wrong. The first rule that fits a call and is not used up decides.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Vec<Rule>>);

impl Faults {
    /// Takes the rules.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(Mutex::new(rules))
    }

    /// Adds a rule behind the others.
    pub fn add(&self, rule: Rule) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rule);
    }

    /// Forgets all rules.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn next(&self, address: &Address, call: Call) -> Option<Fault> {
        let mut rules = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rule = rules.iter_mut().find(|rule| {
            rule.times != Some(0)
                && rule.address.as_ref().is_none_or(|of| of == address)
                && rule.call.is_none_or(|of| of == call)
        })?;
        rule.times = rule.times.map(|times| times - 1);
        Some(rule.fault)
    }

    /// Makes a call, or what becomes of it.
    async fn call<T, F>(&self, target: &Target, call: Call, make: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let injected = |what: &str| format!("{what} (injected fault)");
        match self.next(&target.address, call) {
            None => make().await,
            Some(Fault::Fail) => Err(Error::Invalid(injected("refused"))),
            Some(Fault::Unavailable) => Err(Error::Unavailable(injected("not reached"))),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::LostReply) => {
                make().await?;
                Err(Error::Unavailable(injected("the answer was lost")))
            }
            Some(Fault::HangAfter) => {
                make().await?;
                std::future::pending().await
            }
            Some(Fault::Throttle) => {
                Err(Error::Throttled { message: injected("too many calls"), retry_after: Some(RETRY_AFTER) })
            }
            Some(Fault::Twice) => {
                make().await?;
                make().await
            }
        }
    }
}

impl FromStr for Faults {
    type Err = Invalid;

    /// Reads rules with commas between them.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty()).map(str::parse);
        Ok(Self::new(rules.collect::<Result<_, _>>()?))
    }
}

/// Providers whose calls go wrong as planned.
pub struct FaultyProviders {
    inner: Arc<dyn Providers>,
    faults: Arc<Faults>,
}

impl FaultyProviders {
    /// Wraps the providers.
    pub fn new(inner: Arc<dyn Providers>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

impl Providers for FaultyProviders {
    fn provider(&self, name: &ProviderName) -> Option<Arc<dyn Provider>> {
        Some(Arc::new(Faulty::new(self.inner.provider(name)?, Arc::clone(&self.faults))))
    }
}

/// A provider whose calls go wrong as planned.
pub struct Faulty {
    inner: Arc<dyn Provider>,
    resources: BTreeMap<Kind, FaultyResource>,
}

impl Faulty {
    /// Wraps a provider.
    pub fn new(inner: Arc<dyn Provider>, faults: Arc<Faults>) -> Self {
        let kinds = inner.declaration().kinds.into_keys();
        let resources = kinds.filter_map(|kind| {
            let declaration = inner.resource(&kind)?.declaration().clone();
            let (inner, faults) = (Arc::clone(&inner), Arc::clone(&faults));
            Some((kind, FaultyResource { inner, faults, declaration }))
        });
        let resources = resources.collect();
        Self { inner, resources }
    }
}

impl Provider for Faulty {
    fn name(&self) -> &ProviderName {
        self.inner.name()
    }

    fn declaration(&self) -> ProviderDeclaration {
        self.inner.declaration()
    }

    fn resource(&self, kind: &Kind) -> Option<&dyn Resource> {
        self.resources.get(kind).map(|resource| resource as &dyn Resource)
    }
}

/// A verification that services fail as planned.
pub struct FaultyVerify {
    inner: Arc<dyn Verify>,
    faults: Arc<Faults>,
    /// The code of what is told of a service that failed so.
    code: Code,
}

impl FaultyVerify {
    /// Wraps a verification.
    pub fn new(inner: Arc<dyn Verify>, faults: Arc<Faults>, code: Code) -> Self {
        Self { inner, faults, code }
    }
}

#[async_trait]
impl Verify for FaultyVerify {
    async fn verify(&self, cx: &Context, resources: &BTreeMap<Address, Attributes>) -> Result<Report, Error> {
        let mut report = self.inner.verify(cx, resources).await?;
        let fails = |service| self.faults.next(&Address::part(service, Part::Function), Call::Verify).is_some();
        let (failed, good) = report.services.into_iter().partition(|verified| fails(verified.service));
        report.services = good;
        let failed: Vec<crate::verify::Verified> = failed;
        report.failures.extend(failed.into_iter().map(|verified| {
            let summary = format!("{} does not answer at {} (injected fault)", verified.service, verified.url);
            Diagnostic::error(self.code, summary).address(Address::part(verified.service, Part::Function))
        }));
        Ok(report)
    }
}

struct FaultyResource {
    inner: Arc<dyn Provider>,
    faults: Arc<Faults>,
    declaration: Declaration,
}

impl FaultyResource {
    fn inner(&self) -> Result<&dyn Resource, Error> {
        let kind = &self.declaration.kind;
        self.inner.resource(kind).ok_or_else(|| Error::Bug(format!("the kind `{kind}` is gone from its provider")))
    }
}

#[async_trait]
impl Resource for FaultyResource {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    fn compare(&self, desired: &Attributes, observed: &Attributes) -> Change {
        self.inner().map_or(Change::None, |inner| inner.compare(desired, observed))
    }

    fn unsettled(&self, changed: &[String]) -> Vec<String> {
        self.inner().map(|inner| inner.unsettled(changed)).unwrap_or_default()
    }

    async fn read(
        &self,
        cx: &Context,
        target: &Target,
        prior: Option<&Attributes>,
    ) -> Result<Option<Attributes>, Error> {
        let inner = self.inner()?;
        self.faults.call(target, Call::Read, || inner.read(cx, target, prior)).await
    }

    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        let inner = self.inner()?;
        self.faults.call(target, Call::Create, || inner.create(cx, target, desired)).await
    }

    async fn update(
        &self,
        cx: &Context,
        target: &Target,
        prior: &Attributes,
        desired: &Attributes,
    ) -> Result<Attributes, Error> {
        let inner = self.inner()?;
        self.faults.call(target, Call::Update, || inner.update(cx, target, prior, desired)).await
    }

    async fn delete(&self, cx: &Context, target: &Target, prior: &Attributes) -> Result<Deleted, Error> {
        let inner = self.inner()?;
        self.faults.call(target, Call::Delete, || inner.delete(cx, target, prior)).await
    }

    async fn adopt(&self, cx: &Context, target: &Target, id: &str) -> Result<Option<Attributes>, Error> {
        let inner = self.inner()?;
        self.faults.call(target, Call::Create, || inner.adopt(cx, target, id)).await
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Found>, Error> {
        self.inner()?.list(cx).await
    }

    fn open_bucket(&self, cx: &Context, observed: &Attributes) -> Result<Arc<dyn ObjectStore>, Error> {
        self.inner()?.open_bucket(cx, observed)
    }

    async fn reveal(
        &self,
        cx: &Context,
        target: &Target,
        prior: &Attributes,
    ) -> Result<BTreeMap<String, SecretText>, Error> {
        let inner = self.inner()?;
        self.faults.call(target, Call::Reveal, || inner.reveal(cx, target, prior)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_text() {
        let rule: Rule = "identity/bucket:create=lost-reply".parse().unwrap();
        assert_eq!(
            rule,
            Rule {
                address: Some("identity/bucket".parse().unwrap()),
                call: Some(Call::Create),
                fault: Fault::LostReply,
                times: Some(1),
            }
        );
        let rule: Rule = " *:read = throttle x3 ".parse().unwrap();
        assert_eq!(rule, Rule { address: None, call: Some(Call::Read), fault: Fault::Throttle, times: Some(3) });
        let rule: Rule = "m1/marker:*=hang x*".parse().unwrap();
        assert_eq!((rule.call, rule.times), (None, None));
    }

    #[test]
    fn what_is_not_a_fault_is_refused() {
        for bad in [
            "identity/bucket:create",
            "create=fail",
            "a/b:make=fail",
            "a/b:create=explode",
            "A:create=fail",
            "a/b:create=failx",
        ] {
            assert!(bad.parse::<Faults>().is_err(), "{bad}");
        }
        assert!("".parse::<Faults>().is_ok());
    }

    #[test]
    fn a_rule_is_used_up() {
        let faults: Faults = "a/marker:create=fail x2, *:create=hang".parse().unwrap();
        let address = "a/marker".parse().unwrap();
        let told: Vec<_> = (0..4).map(|_| faults.next(&address, Call::Create)).collect();
        assert_eq!(told, [Some(Fault::Fail), Some(Fault::Fail), Some(Fault::Hang), None]);
        assert_eq!(faults.next(&address, Call::Delete), None);
    }
}
