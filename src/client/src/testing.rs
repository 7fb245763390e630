//! Services made up for tests, which speak through the real envelope, under a clock that tests move.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "it is for tests alone, of this crate and of others")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use acquire_crypto::{Fingerprint, PrivateKey};
use acquire_envelope::service::ServiceRecord;
use acquire_envelope::{Exception, Keys, Limits, challenge, exception, reply, request};
use acquire_model::{Clock, Entropy, ServiceType, Timestamp};
use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::{Directory, Error, Transport, provisioned};

/// Time that passes only when somebody sleeps.
pub struct Still(AtomicI64);

impl Still {
    /// Begins in January 2027.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_800_000_000_000_000)))
    }

    /// Lets time pass.
    pub fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.load(Ordering::SeqCst)).unwrap())
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

/// Randomness that never repeats and is the same at every run.
#[derive(Default)]
pub struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let n = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            chunk.copy_from_slice(&n[..chunk.len()]);
        }
    }
}

/// Key pairs that all tests share, since making one takes long.
pub fn key(n: usize) -> PrivateKey {
    static KEYS: [OnceLock<PrivateKey>; 8] = [const { OnceLock::new() }; 8];
    KEYS[n].get_or_init(|| PrivateKey::generate().unwrap()).clone()
}

/// What a service does when it is asked for a function.
pub type Handler = dyn Fn(Option<&str>, &Map<String, Value>) -> Result<Value, Exception> + Send + Sync;

/// The record of a service at `http://127.0.0.1:8080/t/<type>` with the key pairs `n` and `n + 1`.
pub fn record(service: ServiceType, uid: &str, n: usize) -> ServiceRecord {
    let url = format!("http://127.0.0.1:8080/t/{service}");
    let record = provisioned(service, &url, key(n).public().pem(), key(n + 1).public().pem()).unwrap();
    ServiceRecord {
        uid: Some(uid.parse().unwrap()),
        last_key_update: Timestamp::from_micros(1_800_000_000_000_000),
        key_update_interval_seconds: 604_800,
        user_name: format!("{service}_principal"),
        ..record
    }
}

/// A service: its keys, what it says of itself and what it does.
pub struct Fake {
    /// What it says of itself.
    pub record: ServiceRecord,
    /// The keys that it can still use, the present one first.
    pub keys: Vec<PrivateKey>,
    /// As `keys`.
    pub certificates: Vec<PrivateKey>,
    /// What it does.
    pub handler: Box<Handler>,
}

impl Fake {
    /// A service at `http://127.0.0.1:8080/t/<type>` with the key pairs `n` and `n + 1`.
    pub fn new(service: ServiceType, uid: &str, n: usize, handler: Box<Handler>) -> Self {
        Self { record: record(service, uid, n), keys: vec![key(n)], certificates: vec![key(n + 1)], handler }
    }

    fn run(&self, function: Option<&str>, payload: &Map<String, Value>) -> Result<Value, Exception> {
        let Some(sealed) = payload.get("challenge").filter(|_| function.is_none()) else {
            return match function {
                None => Ok(json!({ "service_info": self.record.to_json() })),
                _ => (self.handler)(function, payload),
            };
        };
        let sealed = sealed.as_str().unwrap();
        let answer = self.keys.iter().find_map(|key| challenge::answer(key, sealed, challenge::accept).ok());
        let certificate = &self.certificates[0];
        let info = self.record.to_signed_json(certificate, self.certificates.last().unwrap()).unwrap();
        Ok(json!({ "service_info": info, "response": answer.unwrap() }))
    }
}

impl Keys for Fake {
    fn private_key(&self, fingerprint: Option<&Fingerprint>) -> Option<PrivateKey> {
        self.keys.iter().find(|key| fingerprint.is_none_or(|wanted| key.public().fingerprint() == wanted)).cloned()
    }

    fn certificate(&self, fingerprint: &Fingerprint) -> Option<PrivateKey> {
        self.certificates.iter().find(|key| key.public().fingerprint() == fingerprint).cloned()
    }
}

/// Several services, and everything that was asked of them: `<type> <function>`.
#[derive(Default)]
pub struct Net {
    services: Mutex<BTreeMap<String, Fake>>,
    calls: Mutex<Vec<String>>,
    silent: Mutex<BTreeSet<ServiceType>>,
    clock: OnceLock<Arc<Still>>,
}

impl Net {
    /// Joins services under a clock.
    pub fn new(services: impl IntoIterator<Item = Fake>) -> (Arc<Self>, Arc<Still>) {
        let net = Arc::new(Self::default());
        let clock = net.clock.get_or_init(Still::new).clone();
        for service in services {
            net.put(service);
        }
        (net, clock)
    }

    /// Puts a service at its URL, in the place of the one that was there.
    pub fn put(&self, service: Fake) {
        self.services.lock().unwrap().insert(service.record.url.full(), service);
    }

    /// Makes these services, and no others, answer nothing.
    pub fn silence(&self, services: &[ServiceType]) {
        *self.silent.lock().unwrap() = services.iter().copied().collect();
    }

    /// Returns what was asked since it was asked last.
    pub fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

#[async_trait]
impl Transport for Net {
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Vec<u8>, Error> {
        let services = self.services.lock().unwrap();
        let silent = self.silent.lock().unwrap();
        let service = services.get(url).filter(|service| !silent.contains(&service.record.service_type));
        let service = service.ok_or_else(|| Error::Unavailable("nobody is there".to_owned()))?;
        let now = self.clock.get().unwrap().now();
        let (outcome, reply) = match request::open(&body, service, &Limits::default()) {
            Ok(request) => {
                let name = request.function.as_deref().unwrap_or("root");
                self.calls.lock().unwrap().push(format!("{} {name}", service.record.service_type));
                (service.run(request.function.as_deref(), &request.payload), request.reply)
            }
            Err(refusal) => {
                self.calls.lock().unwrap().push(format!("{} refused", service.record.service_type));
                (Err(refusal.exception), refusal.reply)
            }
        };
        Ok(reply::seal(&outcome, &reply, service, now))
    }
}

/// A registry `a0-a0` that knows these records.
pub fn registry(known: Vec<ServiceRecord>) -> Fake {
    let handler = move |function: Option<&str>, payload: &Map<String, Value>| {
        let uid = payload.get("service_uid").and_then(Value::as_str);
        let url = payload.get("service_url").and_then(Value::as_str);
        let found = known.iter().find(|record| Some(record.uid_text()) == uid || Some(&*record.canonical_url()) == url);
        match (function, found) {
            (Some("get_service"), Some(record)) => Ok(json!({ "service_info": record.to_json() })),
            (Some("get_service"), None) => Err(exception::missing_service("no such service")),
            _ => Err(exception::lookup("no such function")),
        }
    };
    Fake::new(ServiceType::Registry, "a0-a0", 0, Box::new(handler))
}

/// A directory that knows of the registry what it was provisioned with.
pub fn directory_of(net: &Arc<Net>, clock: &Arc<Still>) -> Directory {
    let root = provisioned(
        ServiceType::Registry,
        "http://127.0.0.1:8080/t/registry",
        key(0).public().pem(),
        key(1).public().pem(),
    );
    Directory::new(root.unwrap(), net.clone(), clock.clone(), Arc::new(Counting::default())).with_reply_key(key(7))
}

/// A service that echoes what it is asked.
pub fn echo(service: ServiceType, uid: &str, n: usize) -> Fake {
    Fake::new(
        service,
        uid,
        n,
        Box::new(|function, payload| match function {
            Some("fail") => Err(exception::permission("no")),
            Some("echo") => Ok(Value::Object(payload.clone())),
            _ => Err(exception::lookup("no such function")),
        }),
    )
}
