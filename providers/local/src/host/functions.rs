use super::server::Answer;
use crate::client::host_key::HostKey;
use crate::client::record::{Record, Records};
use crate::resources::function::BASE;
use crate::resources::key::Wrapping;
use crate::resources::secret;
use crate::store;
use acquire_model::lineage::Lineage;
use acquire_model::{Address, Attributes, Clock, Entropy, ServiceType, attributes};
use acquire_provider::host::RegistryRoot;
use acquire_provider::http::{HeaderMap, Request, Response, StatusCode};
use acquire_provider::{Error, OpenService, Provision, Service, Siblings};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;

/// The longest run of a call whose function says nothing.
const TIMEOUT_SECONDS: u64 = 60;

/// The header in which a front says, last, who called it.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// What the host was started with.
pub(super) struct Parts {
    pub(super) data: PathBuf,
    pub(super) configuration: PathBuf,
    pub(super) lineage: Lineage,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) binary: String,
    pub(super) body_bytes_max: usize,
    pub(super) open: Arc<dyn OpenService>,
}

/// The functions of the deployment. Each is opened when first asked for, and again when its record file was replaced.
pub(super) struct Functions {
    parts: Parts,
    records: Records,
    opened: BTreeMap<ServiceType, Mutex<Option<Opened>>>,
    this: Weak<Self>,
}

#[derive(Clone)]
struct Opened {
    /// Which record file it was opened from: inode and change time.
    version: Version,
    service: Arc<dyn Service>,
    timeout: Duration,
    /// Whether it publishes a domain: then a TLS front on this machine sends its calls here.
    is_fronted: bool,
}

type Version = (u64, i64, i64);

impl Functions {
    pub(super) fn new(parts: Parts) -> Arc<Self> {
        let records = Records::new(&parts.data, parts.lineage.clone());
        let opened = ServiceType::ALL.into_iter().map(|service| (service, Mutex::new(None))).collect();
        Arc::new_cyclic(|this| Self { parts, records, opened, this: this.clone() })
    }

    /// Sweeps the services whose schedules are due; `last` says when each was swept last.
    pub(super) async fn sweep(&self, last: &mut BTreeMap<Address, Duration>) {
        let now = self.parts.clock.monotonic();
        let schedules = self.records.all().unwrap_or_default();
        for schedule in schedules.iter().filter(|record| record.address.kind().as_str() == "schedule") {
            let every = schedule.attributes.get("every_seconds").and_then(Value::as_u64).unwrap_or(TIMEOUT_SECONDS);
            let due = *last.entry(schedule.address.clone()).or_insert(now) + Duration::from_secs(every) <= now;
            let service = attributes::text(&schedule.attributes, "service").and_then(|name| name.parse().ok());
            let Some(service) = service.filter(|_| due) else { continue };
            last.insert(schedule.address.clone(), now);
            let swept = match self.service(service).await {
                Ok(opened) => opened.service.sweep().await,
                Err(error) => Err(error),
            };
            match swept {
                Ok(0) => {}
                Ok(things) => tracing::info!("{service} swept: {things} done"),
                Err(error) => tracing::warn!("{service} sweep failed: {error}"),
            }
        }
    }

    async fn service(&self, service: ServiceType) -> Result<Opened, Error> {
        let address = address(service)?;
        let version = version(&self.records.path(&address))?;
        let slot = self.opened.get(&service).ok_or_else(|| Error::Bug(format!("no place for {service}")))?;
        let mut slot = slot.lock().await;
        if let Some(opened) = slot.as_ref().filter(|opened| opened.version == version) {
            return Ok(opened.clone());
        }
        let record = self.records.read(&address)?.ok_or_else(|| Error::NotFound(format!("{address} is not there")))?;
        let provision = self.provision(service, &record)?;
        let timeout = record.attributes.get("timeout_seconds").and_then(Value::as_u64).unwrap_or(TIMEOUT_SECONDS);
        let opened = Opened {
            version,
            service: self.parts.open.open(provision).await?,
            timeout: Duration::from_secs(timeout),
            is_fronted: attributes::text(&record.attributes, "domain").is_some(),
        };
        *slot = Some(opened.clone());
        Ok(opened)
    }

    /// What the record gives the service, if nobody but `apply` wrote it.
    fn provision(&self, service: ServiceType, record: &Record) -> Result<Provision, Error> {
        let parts = &self.parts;
        let text = |name: &str| {
            attributes::text(&record.attributes, name)
                .ok_or_else(|| Error::Invalid(format!("the record of {} lacks `{name}`", record.address)))
        };
        let handle = |name: &str| -> Result<Address, Error> {
            text(name)?.parse().map_err(|error| Error::Invalid(format!("the record of {}: {error}", record.address)))
        };
        let host_key = HostKey::read(&parts.configuration, &parts.lineage)?;
        if !record.is_genuine(&host_key) {
            let path = self.records.path(&record.address);
            return Err(Error::Denied(format!(
                "{} was written by somebody else than `acquire apply` with the host key of this deployment; look who can write there, then apply again to mend it",
                path.display()
            )));
        }
        let wrapping = Wrapping::open(&self.records, &host_key, &handle("key")?, parts.entropy.clone())?;
        let settings = record.attributes.get("settings").cloned().unwrap_or(Value::Null);
        let settings: Option<Attributes> = serde_json::from_value(settings)
            .map_err(|error| Error::Invalid(format!("the settings of {}: {error}", record.address)))?;
        Ok(Provision {
            service,
            url: text("url")?.to_owned(),
            store: store::open(Path::new(text("bucket")?))?,
            key: Arc::new(wrapping),
            secret: secret::open_service(&self.records, &host_key, &handle("secret")?)?,
            registry: RegistryRoot {
                // The registry is its own.
                url: text("registry_url").or_else(|_| text("url"))?.to_owned(),
                public_key: text("registry_public_key")?.to_owned(),
                public_certificate: text("registry_public_certificate")?.to_owned(),
            },
            settings: settings.unwrap_or_default(),
            binary: parts.binary.clone(),
            body_bytes_max: parts.body_bytes_max,
            clock: parts.clock.clone(),
            entropy: parts.entropy.clone(),
            siblings: Arc::new(LocalSiblings { functions: self.this.clone() }),
        })
    }
}

#[async_trait]
impl Answer for Functions {
    async fn answer(&self, path: &str, mut request: Request) -> Response {
        let Some((service, below)) = split(path) else {
            return plain(StatusCode::NOT_FOUND, "no service here; services are at /t/<service>\n".to_owned());
        };
        match self.service(service).await {
            Ok(Opened { service, timeout, is_fronted, .. }) => {
                request.path = below.to_owned();
                if is_fronted {
                    request.remote = request.remote.and_then(|peer| behind(peer, &request.headers));
                }
                let answer = tokio::time::timeout(timeout, service.call(request)).await;
                answer.unwrap_or_else(|_| {
                    plain(StatusCode::GATEWAY_TIMEOUT, format!("no answer within {} s\n", timeout.as_secs()))
                })
            }
            Err(Error::NotFound(_)) => plain(StatusCode::NOT_FOUND, format!("no {service} service here\n")),
            Err(error) => {
                tracing::error!("{service} cannot be opened: {error}");
                plain(StatusCode::SERVICE_UNAVAILABLE, format!("the {service} service cannot be opened; see the log\n"))
            }
        }
    }
}

/// Who called the front, if the peer is one: it adds the address that it saw at the end of the header, and what stands
/// before that, or comes from anybody else, may be made up.
fn behind(peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    if !peer.to_canonical().is_loopback() {
        return Some(peer);
    }
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
    last.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

fn split(path: &str) -> Option<(ServiceType, &str)> {
    let rest = path.strip_prefix(BASE)?;
    let (service, below) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    Some((service.parse().ok()?, below))
}

fn address(service: ServiceType) -> Result<Address, Error> {
    format!("{service}/function").parse().map_err(|_| Error::Bug("a service's function has an address".to_owned()))
}

fn version(path: &Path) -> Result<Version, Error> {
    let metadata = fs::metadata(path).map_err(|error| crate::client::files::failed("read", path, &error))?;
    Ok((metadata.ino(), metadata.ctime(), metadata.ctime_nsec()))
}

fn plain(status: StatusCode, text: String) -> Response {
    Response::new(status, "text/plain; charset=utf-8", text)
}

/// Finds the services of this process by their canonical URLs.
struct LocalSiblings {
    functions: Weak<Functions>,
}

impl Siblings for LocalSiblings {
    fn sibling(&self, canonical_url: &str) -> Option<Arc<dyn Service>> {
        let functions = self.functions.upgrade()?;
        let record = ServiceType::ALL.into_iter().find(|service| {
            let record = address(*service).ok().and_then(|address| functions.records.read(&address).ok().flatten());
            record.is_some_and(|record| attributes::text(&record.attributes, "canonical_url") == Some(canonical_url))
        })?;
        Some(Arc::new(Sibling { functions, service: record }))
    }
}

/// A service of this process, opened when it is called.
struct Sibling {
    functions: Arc<Functions>,
    service: ServiceType,
}

#[async_trait]
impl Service for Sibling {
    async fn call(&self, request: Request) -> Response {
        let path = format!("{BASE}{}{}", self.service, request.path);
        self.functions.answer(&path, request).await
    }

    async fn invoke(&self, function: &str, arguments: Value) -> Result<Value, Value> {
        match self.functions.service(self.service).await {
            Ok(opened) => opened.service.invoke(function, arguments).await,
            Err(error) => Err(serde_json::json!({
                "class": "ServiceError",
                "module": "Acquire.Service._errors",
                "error": format!("the {} service cannot be opened: {error}", self.service),
            })),
        }
    }

    async fn sweep(&self) -> Result<u64, Error> {
        self.functions.service(self.service).await?.service.sweep().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::bucket::Bucket;
    use crate::resources::function::record;
    use crate::resources::key::Key;
    use crate::resources::schedule::Schedule;
    use crate::resources::secret::Secret;
    use crate::testing::{Bench, attributes, tamper};
    use acquire_provider::Resource;
    use acquire_provider::http::{Body, Method};
    use serde_json::json;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn a_path_names_a_service_and_what_is_below_it() {
        assert_eq!(split("/t/identity"), Some((ServiceType::Identity, "/")));
        assert_eq!(split("/t/identity/metrics"), Some((ServiceType::Identity, "/metrics")));
        for bad in ["/", "/t/", "/t/nobody", "/identity", "/t/identityx"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }

    /// A service that answers with the address of who asks, and counts how often it was swept.
    #[derive(Default)]
    struct Mirror(Arc<AtomicU64>);

    #[async_trait]
    impl Service for Mirror {
        async fn call(&self, request: Request) -> Response {
            plain(StatusCode::OK, request.remote.map_or_else(|| "nobody".to_owned(), |remote| remote.to_string()))
        }

        async fn invoke(&self, _: &str, _: Value) -> Result<Value, Value> {
            unreachable!("nobody calls it from within")
        }

        async fn sweep(&self) -> Result<u64, Error> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(0)
        }
    }

    #[derive(Default)]
    struct Mirrors(Arc<AtomicU64>);

    #[async_trait]
    impl OpenService for Mirrors {
        async fn open(&self, _: Provision) -> Result<Arc<dyn Service>, Error> {
            Ok(Arc::new(Mirror(Arc::clone(&self.0))))
        }
    }

    /// The functions of a deployment with a registry, and the attributes of that.
    async fn functions(bench: &Bench) -> (Arc<Functions>, Attributes) {
        functions_of(bench, Mirrors::default()).await
    }

    async fn functions_of(bench: &Bench, mirrors: Mirrors) -> (Arc<Functions>, Attributes) {
        let cx = &bench.cx;
        let made = async |kind: &dyn Resource, name: &str, inputs| {
            kind.create(cx, &Bench::target(&format!("registry/{name}")), &attributes(inputs)).await.unwrap()
        };
        let bucket = made(&Bucket::new().unwrap(), "bucket", json!({})).await;
        let key = made(&Key::new().unwrap(), "key", json!({})).await;
        let secret = made(&Secret::new().unwrap(), "secret", json!({ "service": "registry" })).await;
        let functions = Functions::new(Parts {
            data: cx.deployment.data.clone(),
            configuration: cx.deployment.configuration.clone(),
            lineage: cx.deployment.lineage.clone(),
            clock: cx.clock.clone(),
            entropy: cx.entropy.clone(),
            binary: "b1".to_owned(),
            body_bytes_max: 1 << 20,
            open: Arc::new(mirrors),
        });
        let registry = json!({
            "service": "registry",
            "url": "http://127.0.0.1:8080/t/registry",
            "bucket": bucket["location"],
            "key": key["handle"],
            "secret": secret["handle"],
            "registry_public_key": secret["public_key"],
            "registry_public_certificate": secret["public_certificate"],
        });
        (functions, attributes(registry))
    }

    async fn ask(functions: &Functions, peer: &str, forwarded: &[&'static str]) -> (u16, String) {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let remote = Some(peer.parse().unwrap());
        let (path, query, body) = (String::new(), None, Body::empty());
        let request = Request { method: Method::POST, path, query, headers, body, remote };
        let answer = functions.answer("/t/registry", request).await;
        let text = answer.body.read(1_000).await.unwrap();
        (answer.status.as_u16(), String::from_utf8(text.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_function_that_somebody_else_recorded_is_not_run_until_apply_mends_it() {
        let bench = Bench::new();
        let (functions, registry) = functions(&bench).await;
        let target = Bench::target("registry/function");
        record(&bench.cx, &target, registry.clone()).unwrap();
        assert_eq!(ask(&functions, "127.0.0.1", &[]).await.0, 200);
        let file = functions.records.path(&target.address).display().to_string();
        for (name, value) in [
            ("bucket", json!("/tmp")),
            ("key", json!("identity/key")),
            ("url", json!("https://evil.example/t/registry")),
            ("settings", json!({ "otp_reuse": "allow" })),
            ("registry_public_certificate", json!("")),
        ] {
            tamper(&bench.cx, &target, |record| record["attributes"][name] = value);
            assert_eq!(ask(&functions, "127.0.0.1", &[]).await.0, 503, "{name}");
            let Err(Error::Denied(why)) = functions.service(ServiceType::Registry).await else { panic!("{name}") };
            assert!(why.contains(&file) && why.contains("apply again"), "{why}");
            record(&bench.cx, &target, registry.clone()).unwrap();
            assert_eq!(ask(&functions, "127.0.0.1", &[]).await.0, 200, "{name}");
        }
        tamper(&bench.cx, &target, |record| record["address"] = json!("identity/function"));
        assert_eq!(ask(&functions, "127.0.0.1", &[]).await.0, 503, "the record of another function");
    }

    #[tokio::test]
    async fn a_schedule_sweeps_its_service_when_it_is_due() {
        let (bench, mirrors) = (Bench::new(), Mirrors::default());
        let swept = Arc::clone(&mirrors.0);
        let (functions, registry) = functions_of(&bench, mirrors).await;
        record(&bench.cx, &Bench::target("registry/function"), registry).unwrap();
        let every = attributes(json!({ "service": "registry", "every_seconds": 60, "function": "" }));
        let target = Bench::target("registry/schedule");
        Schedule::new().unwrap().create(&bench.cx, &target, &every).await.unwrap();
        let mut last = BTreeMap::new();
        for (seconds, times) in [(0, 0), (59, 0), (1, 1), (1, 1), (59, 2), (600, 3)] {
            bench.clock.run(bench.cx.clock.sleep(Duration::from_secs(seconds))).unwrap();
            functions.sweep(&mut last).await;
            assert_eq!(swept.load(Ordering::SeqCst), times, "{seconds} s later");
        }
    }

    #[tokio::test]
    async fn only_a_front_on_this_machine_is_believed_who_calls() {
        let bench = Bench::new();
        let (functions, registry) = functions(&bench).await;
        let target = Bench::target("registry/function");
        record(&bench.cx, &target, registry.clone()).unwrap();
        let header = ["10.0.0.1, 10.0.0.2"];
        assert_eq!(ask(&functions, "127.0.0.1", &header).await.1, "127.0.0.1", "there is no front");
        let fronted = [("domain".to_owned(), json!("registry.example.org"))];
        record(&bench.cx, &target, registry.into_iter().chain(fronted).collect()).unwrap();
        for (peer, forwarded, expected) in [
            ("127.0.0.1", &header[..], "10.0.0.2"),
            ("::1", &header, "10.0.0.2"),
            ("::ffff:127.0.0.1", &header, "10.0.0.2"),
            ("127.0.0.1", &["10.0.0.1", "2001:db8::7"], "2001:db8::7"),
            ("127.0.0.1", &["10.0.0.1, 10.0.0.2:4711"], "10.0.0.2"),
            ("127.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("127.0.0.1", &[], "nobody"),
            ("127.0.0.1", &["10.0.0.1, unknown"], "nobody"),
            ("127.0.0.1", &["10.0.0.1,"], "nobody"),
            ("192.0.2.1", &header, "192.0.2.1"),
        ] {
            assert_eq!(ask(&functions, peer, forwarded).await.1, expected, "{peer} {forwarded:?}");
        }
    }
}
