use crate::client::host_key::HostKey;
use crate::client::record::{Record, Records};
use crate::resources::function::BASE;
use crate::resources::key::Wrapping;
use crate::resources::secret;
use crate::store;
use acquire_model::lineage::Lineage;
use acquire_model::{Address, Attributes, Clock, Entropy, ServiceType, attributes};
use acquire_provider::host::RegistryRoot;
use acquire_provider::http::{Request, Response, StatusCode};
use acquire_provider::{Error, OpenService, Provision, Service, Siblings};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::Mutex;

/// The longest run of a call whose function says nothing.
const TIMEOUT_SECONDS: u64 = 60;

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

struct Opened {
    /// Which record file it was opened from: inode and change time.
    version: Version,
    service: Arc<dyn Service>,
    timeout: Duration,
}

type Version = (u64, i64, i64);

impl Functions {
    pub(super) fn new(parts: Parts) -> Arc<Self> {
        let records = Records::new(&parts.data, parts.lineage.clone());
        let opened = ServiceType::ALL.into_iter().map(|service| (service, Mutex::new(None))).collect();
        Arc::new_cyclic(|this| Self { parts, records, opened, this: this.clone() })
    }

    /// Answers a request; `path` is the whole path.
    pub(super) async fn answer(&self, path: &str, mut request: Request) -> Response {
        let Some((service, below)) = split(path) else {
            return plain(StatusCode::NOT_FOUND, "no service here; services are at /t/<service>\n".to_owned());
        };
        match self.service(service).await {
            Ok((service, timeout)) => {
                request.path = below.to_owned();
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
                Ok((service, _)) => service.sweep().await,
                Err(error) => Err(error),
            };
            match swept {
                Ok(0) => {}
                Ok(things) => tracing::info!("{service} swept: {things} done"),
                Err(error) => tracing::warn!("{service} sweep failed: {error}"),
            }
        }
    }

    async fn service(&self, service: ServiceType) -> Result<(Arc<dyn Service>, Duration), Error> {
        let address = address(service)?;
        let version = version(&self.records.path(&address))?;
        let slot = self.opened.get(&service).ok_or_else(|| Error::Bug(format!("no place for {service}")))?;
        let mut slot = slot.lock().await;
        if let Some(opened) = slot.as_ref().filter(|opened| opened.version == version) {
            return Ok((opened.service.clone(), opened.timeout));
        }
        let record = self.records.read(&address)?.ok_or_else(|| Error::NotFound(address.to_string()))?;
        let timeout = record.attributes.get("timeout_seconds").and_then(Value::as_u64).unwrap_or(TIMEOUT_SECONDS);
        let timeout = Duration::from_secs(timeout);
        let opened = self.parts.open.open(self.provision(service, &record)?).await?;
        *slot = Some(Opened { version, service: opened.clone(), timeout });
        Ok((opened, timeout))
    }

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
            registry: self.registry(service, record)?,
            settings: settings.unwrap_or_default(),
            binary: parts.binary.clone(),
            body_bytes_max: parts.body_bytes_max,
            clock: parts.clock.clone(),
            entropy: parts.entropy.clone(),
            siblings: Arc::new(LocalSiblings { functions: self.this.clone() }),
        })
    }

    /// The registry that the function was provisioned with; for the registry itself, its own.
    fn registry(&self, service: ServiceType, record: &Record) -> Result<RegistryRoot, Error> {
        let text = |attributes: &Attributes, name: &str| {
            attributes::text(attributes, name)
                .map(str::to_owned)
                .ok_or_else(|| Error::Invalid(format!("the record of {} lacks `{name}`", record.address)))
        };
        if service != ServiceType::Registry {
            return Ok(RegistryRoot {
                url: text(&record.attributes, "registry_url")?,
                public_key: text(&record.attributes, "registry_public_key")?,
                public_certificate: text(&record.attributes, "registry_public_certificate")?,
            });
        }
        let handle: Address =
            text(&record.attributes, "secret")?.parse().map_err(|_| Error::Invalid("bad handle".into()))?;
        let secret = self.records.read(&handle)?.ok_or_else(|| Error::NotFound(handle.to_string()))?.attributes;
        Ok(RegistryRoot {
            url: text(&record.attributes, "url")?,
            public_key: text(&secret, "public_key")?,
            public_certificate: text(&secret, "public_certificate")?,
        })
    }
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
            Ok((service, _)) => service.invoke(function, arguments).await,
            Err(error) => Err(serde_json::json!({
                "class": "ServiceError",
                "module": "Acquire.Service._errors",
                "error": format!("the {} service cannot be opened: {error}", self.service),
            })),
        }
    }

    async fn sweep(&self) -> Result<u64, Error> {
        self.functions.service(self.service).await?.0.sweep().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_service_and_what_is_below_it() {
        assert_eq!(split("/t/identity"), Some((ServiceType::Identity, "/")));
        assert_eq!(split("/t/identity/metrics"), Some((ServiceType::Identity, "/metrics")));
        for bad in ["/", "/t/", "/t/nobody", "/identity", "/t/identityx"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
