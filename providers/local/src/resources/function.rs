use super::{declare, forget, found, with};
use crate::client::files;
use crate::client::process::{Home, Running, Settings};
use crate::client::record::Records;
use acquire_model::spec::{Setting, SettingType};
use acquire_model::{Attributes, attributes};
use acquire_provider::{Change, Context, Declaration, Deleted, Error, Found, Resource, Target};
use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Mutex;

/// Where the services live below the host's address (protocol 01 §4.2: siblings differ in the last word only).
pub(crate) const BASE: &str = "/t/";

const fn input(name: &'static str, holds: SettingType, required: bool, description: &'static str) -> Setting {
    Setting { name, holds, words: &[], required, description }
}

const INPUTS: [Setting; 12] = [
    input("service", SettingType::Text, true, "The service that it runs."),
    input("binary", SettingType::Text, true, "SHA-256 of the binary that it runs."),
    input("bucket", SettingType::Text, true, "Location of the bucket that the service keeps its state in."),
    input("key", SettingType::Text, true, "Handle of the key that wraps the service's data keys."),
    input("secret", SettingType::Text, true, "Handle of the secret that the service is born with."),
    input("registry_url", SettingType::Text, false, "URL of the deployment's registry."),
    input("registry_public_key", SettingType::Text, false, "The key that the registry was provisioned with."),
    input(
        "registry_public_certificate",
        SettingType::Text,
        false,
        "The certificate that the registry was provisioned with.",
    ),
    input("settings", SettingType::Any, false, "What the spec says of the service."),
    input("memory_bytes", SettingType::Integer, false, "Memory that it may use; the local host does not enforce it."),
    input("timeout_seconds", SettingType::Integer, false, "Longest run of one call."),
    input("domain", SettingType::Text, false, "Host name that the service publishes; a front must send it here."),
];

/// A service in the host process of the deployment.
pub(crate) struct Function {
    declaration: Declaration,
    settings: Settings,
    /// Only one change at a time starts or ends the host.
    host: Mutex<()>,
}

impl Function {
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        Ok(Self { declaration: declare("function", &INPUTS, &["service"], false)?, settings, host: Mutex::new(()) })
    }

    /// Brings up the host with the binary and settings that are wanted, if it is not up with them already.
    async fn ensure_host(&self, cx: &Context) -> Result<Running, Error> {
        let _one = self.host.lock().await;
        let home = Home::new(&cx.deployment.data);
        files::make_directory(home.directory())?;
        let as_wanted = |running: &Running| {
            running.binary == cx.deployment.binary.sha256 && home.settings().ok().as_ref() == Some(&self.settings)
        };
        if let Some(running) = home.running()?.filter(as_wanted) {
            return Ok(running);
        }
        home.stop(cx.clock.as_ref()).await?;
        home.write_settings(&self.settings)?;
        home.start(cx).await
    }

    fn observed(cx: &Context, recorded: &Attributes) -> Result<Attributes, Error> {
        let running = Home::new(&cx.deployment.data).running()?;
        // The binary is what the host runs, not what was asked for: a host that is gone runs none.
        let binary = running.as_ref().map_or(Value::Null, |running| running.binary.clone().into());
        let mut observed = with(recorded, [("binary", binary)]);
        if let Some(running) = running {
            observed.extend(urls(recorded, &running).map(|(name, value)| (name.to_owned(), value.into())));
        }
        Ok(observed)
    }
}

/// The URL that the service publishes, and its canonical form (protocol 01 §4.2): no scheme, no port, and no path
/// where the host name has no dot.
fn urls(inputs: &Attributes, running: &Running) -> [(&'static str, String); 2] {
    let service = attributes::text(inputs, "service").unwrap_or_default();
    let path = format!("{BASE}{service}");
    let (url, domain) = match attributes::text(inputs, "domain") {
        Some(domain) => (format!("https://{domain}{path}"), domain),
        None => {
            let domain = running.address.rsplit_once(':').map_or(running.address.as_str(), |(host, _)| host);
            (format!("{}://{}{path}", running.scheme, running.address), domain)
        }
    };
    let canonical = if domain.contains('.') { format!("{domain}{path}") } else { domain.to_owned() };
    [("url", url), ("canonical_url", canonical)]
}

#[async_trait]
impl Resource for Function {
    fn declaration(&self) -> &Declaration {
        &self.declaration
    }

    fn compare(&self, desired: &Attributes, observed: &Attributes) -> Change {
        let differing: Vec<String> = desired
            .iter()
            .filter(|(name, value)| observed.get(*name) != Some(value))
            .map(|(name, _)| name.clone())
            .collect();
        if differing.iter().any(|name| name == "service") {
            return Change::Replace(differing);
        }
        let listens_elsewhere =
            attributes::text(observed, "listen").is_some_and(|listen| listen != self.settings.listen);
        match (differing.is_empty(), listens_elsewhere) {
            (true, false) => Change::None,
            (false, false) => Change::Update(differing),
            (_, true) => Change::Update(differing.into_iter().chain(["listen".to_owned()]).collect()),
        }
    }

    /// A host that starts anew on any free port may get another one.
    fn unsettled(&self, changed: &[String]) -> Vec<String> {
        let any_port = self.settings.listen.ends_with(":0");
        let moves = |name: &String| matches!(name.as_str(), "domain" | "listen") || (any_port && name == "binary");
        let urls = ["url", "canonical_url"].map(str::to_owned);
        if changed.iter().any(moves) { urls.to_vec() } else { Vec::new() }
    }

    async fn read(
        &self,
        cx: &Context,
        target: &Target,
        _prior: Option<&Attributes>,
    ) -> Result<Option<Attributes>, Error> {
        Records::of(cx).read(&target.address)?.map(|record| Self::observed(cx, &record.attributes)).transpose()
    }

    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        let records = Records::of(cx);
        records.read(&target.address)?;
        let running = self.ensure_host(cx).await?;
        let listen = Value::String(self.settings.listen.clone());
        let outputs = urls(desired, &running).map(|(name, value)| (name, value.into())).into_iter();
        let attributes = with(desired, outputs.chain([("listen", listen)]));
        // The host opens the service anew when it sees another record file.
        Ok(records.write(target, attributes, None)?.attributes)
    }

    async fn update(
        &self,
        cx: &Context,
        target: &Target,
        _prior: &Attributes,
        desired: &Attributes,
    ) -> Result<Attributes, Error> {
        self.create(cx, target, desired).await
    }

    async fn delete(&self, cx: &Context, target: &Target, _prior: &Attributes) -> Result<Deleted, Error> {
        let _one = self.host.lock().await;
        let records = Records::of(cx);
        records.remove(&target.address)?;
        let kind = &self.declaration.kind;
        if !records.all()?.iter().any(|record| record.address.kind() == kind) {
            Home::new(&cx.deployment.data).stop(cx.clock.as_ref()).await?;
        }
        forget(cx, &target.address)
    }

    async fn list(&self, cx: &Context) -> Result<Vec<Found>, Error> {
        let mut all = found(cx, &self.declaration.kind, |function| {
            format!("function at {}", attributes::text(function, "url").unwrap_or("?"))
        })?;
        if let Some(running) = Home::new(&cx.deployment.data).running()?.filter(|_| all.is_empty()) {
            let address =
                "host/function".parse().map_err(|_| Error::Bug("`host/function` is an address".to_owned()))?;
            all.push(Found { address, description: format!("host process {} at {}", running.pid, running.address) });
        }
        Ok(all)
    }

    /// All services share the host's log: its own lines, and those of this service.
    async fn logs(
        &self,
        cx: &Context,
        _target: &Target,
        prior: &Attributes,
        most: usize,
    ) -> Result<Vec<String>, Error> {
        let here = format!("{BASE}{} ", attributes::text(prior, "service").unwrap_or_default());
        let lines = Home::new(&cx.deployment.data).log_lines(usize::MAX)?;
        let ours: Vec<String> = lines.into_iter().filter(|line| !line.contains(BASE) || line.contains(&here)).collect();
        Ok(ours.into_iter().rev().take(most).rev().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_urls_have_no_port_and_no_path_without_a_dot() {
        let inputs = Attributes::from([("service".to_owned(), "identity".into())]);
        let mut running =
            Running { pid: 1, address: "127.0.0.1:8080".into(), scheme: "http".into(), binary: String::new() };
        let [url, canonical] = urls(&inputs, &running);
        assert_eq!(url.1, "http://127.0.0.1:8080/t/identity");
        assert_eq!(canonical.1, "127.0.0.1/t/identity");
        running.address = "localhost:1".into();
        assert_eq!(urls(&inputs, &running)[1].1, "localhost");
        let inputs = with(&inputs, [("domain", "identity.example.org".into())]);
        let [url, canonical] = urls(&inputs, &running);
        assert_eq!(
            (url.1.as_str(), canonical.1.as_str()),
            ("https://identity.example.org/t/identity", "identity.example.org/t/identity")
        );
    }
}
