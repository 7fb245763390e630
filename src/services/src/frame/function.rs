use super::{Cx, Fault, Grant};
use acquire_envelope::exception::Class;
use acquire_model::ServiceType;
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) use futures::future::BoxFuture;

/// What a handler comes to; `Value::Null` is nothing.
pub(crate) type Outcome = Result<Value, Fault>;

/// Names the resource that an authorisation must have been signed for. It may look things up, but changes nothing.
pub(crate) type Resource = fn(Arc<Cx>, Arguments) -> BoxFuture<'static, Result<String, Fault>>;

/// One function of a service: what it is called, what it asks of the caller, and what it does.
pub(crate) struct Function {
    /// Its name, without `admin/`.
    pub name: &'static str,
    /// Whether it may come unencrypted.
    pub plain: bool,
    /// Whether it changes anything: then an authorisation for it is burnt.
    pub mutates: bool,
    /// What the caller must show.
    pub proof: Proof,
    /// What it does.
    pub run: fn(Arc<Cx>, Grant, Arguments) -> BoxFuture<'static, Outcome>,
}

/// What a caller must show. An authorisation is always in the argument `authorisation`.
pub(crate) enum Proof {
    /// Nothing: the function is public.
    None,
    /// An authorisation by an admin of this service, for that resource.
    Admin(Resource),
    /// An authorisation by any user of a trusted service, for that resource.
    User(Resource),
    /// The handler checks a proof of its own: credentials, a signature, a cheque.
    Inside,
    /// The same, and the handler gives the very same call, sent again, the same answer.
    Repeatable,
}

/// The arguments of a call, and where it came from.
#[derive(Clone)]
pub(crate) struct Arguments {
    payload: Arc<Map<String, Value>>,
    remote: Option<IpAddr>,
    call: Option<[u8; 32]>,
}

impl Arguments {
    /// Takes the payload of a request.
    pub fn new(payload: Map<String, Value>) -> Self {
        Self { payload: Arc::new(payload), remote: None, call: None }
    }

    /// Notes the caller's address, as the host saw it.
    #[must_use]
    pub fn from(self, remote: Option<IpAddr>) -> Self {
        Self { remote, ..self }
    }

    /// The caller's address, as the host saw it; none from within the process.
    pub fn remote(&self) -> Option<IpAddr> {
        self.remote
    }

    /// Notes the digest of the bytes that the call came in.
    #[must_use]
    pub fn came_in(self, digest: [u8; 32]) -> Self {
        Self { call: Some(digest), ..self }
    }

    /// The digest of the bytes that the call came in: two calls that share it are one, sent twice. None from within the
    /// process.
    pub fn call(&self) -> Option<[u8; 32]> {
        self.call
    }

    /// Returns an argument; absent and null are both `None`.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.payload.get(name).filter(|value| !value.is_null())
    }

    /// Returns an argument that must be there: `KeyError` if absent or null.
    pub fn required(&self, name: &str) -> Result<&Value, Fault> {
        self.value(name).ok_or_else(|| Fault::new(Class::KeyError, format!("the argument '{name}' is missing")))
    }

    /// Returns a text that must be there: `KeyError` if absent or null, `TypeError` if it is not text.
    pub fn text(&self, name: &str) -> Result<&str, Fault> {
        self.required(name)?.as_str().ok_or_else(|| not_text(name))
    }

    /// Returns a text, or `None` if absent or null: `TypeError` if it is not text.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>, Fault> {
        self.value(name).map(|value| value.as_str().ok_or_else(|| not_text(name))).transpose()
    }

    /// Whether an argument counts as true for Python: not absent, null, false, zero, empty text, list or object.
    pub fn is_true(&self, name: &str) -> bool {
        match self.value(name) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Object(fields)) => !fields.is_empty(),
        }
    }

    /// All of them, sorted by name.
    pub fn all(&self) -> &Map<String, Value> {
        &self.payload
    }
}

fn not_text(name: &str) -> Fault {
    Fault::new(Class::TypeError, format!("the argument '{name}' must be text"))
}

/// The functions that every service has, and under which `admin/…` names them.
fn common() -> [&'static [Function]; 2] {
    [crate::common::FUNCTIONS, crate::users::FUNCTIONS]
}

/// A service's own functions.
fn own(service: ServiceType) -> &'static [Function] {
    match service {
        ServiceType::Registry => crate::registry::FUNCTIONS,
        ServiceType::Identity => crate::identity::FUNCTIONS,
        ServiceType::Accounting => crate::accounting::FUNCTIONS,
        ServiceType::Access => crate::access::FUNCTIONS,
        ServiceType::Storage => crate::storage::FUNCTIONS,
        ServiceType::Compute => crate::compute::FUNCTIONS,
    }
}

/// Finds a function by the rules of protocol 01 §3.5: the service's own shadow the common ones, `admin/…` names a
/// common one only, and no name means root.
///
/// # Errors
/// `LookupError` that names `admin/<name>`.
pub(crate) fn route(service: ServiceType, name: Option<&str>) -> Result<&'static Function, Fault> {
    let Some(name) = name else { return Ok(&crate::common::ROOT) };
    let bare = name.strip_prefix("admin/");
    let is_own = |function: &&Function| bare.is_none() && function.name == name;
    let is_common = |function: &&Function| function.name == bare.unwrap_or(name);
    own(service).iter().find(is_own).or_else(|| common().into_iter().flatten().find(is_common)).ok_or_else(|| {
        let name: String = bare.unwrap_or(name).chars().take(64).collect();
        Fault::new(Class::LookupError, format!("No function called 'admin/{name}'"))
    })
}
