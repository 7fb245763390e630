use super::{declare, forget, found, with};
use crate::client::files;
use crate::client::host_key::HostKey;
use crate::client::process::{Home, Running, Settings};
use crate::client::record::{Record, Records, digest, file_name};
use crate::client::versions::Versions;
use crate::host::cannot_listen;
use acquire_model::spec::{Setting, SettingType};
use acquire_model::{Attributes, attributes};
use acquire_provider::{Change, Context, Declaration, Deleted, Error, Found, Resource, Target};
use async_trait::async_trait;
use serde_json::Value;
use std::net::TcpListener;
use tokio::sync::Mutex;

/// Where the services live below the host's address (protocol 01 §4.2: siblings differ in the last word only).
pub(crate) const BASE: &str = "/t/";

const fn input(name: &'static str, holds: SettingType, required: bool, description: &'static str) -> Setting {
    Setting { name, holds, words: &[], required, sensitive: false, description }
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
    async fn ensure_host(&self, cx: &Context, binary: &str) -> Result<Running, Error> {
        let _one = self.host.lock().await;
        let home = Home::new(&cx.deployment.data);
        files::make_directory(home.directory())?;
        let running = home.running()?;
        let program = Versions::of(&home).program(
            &cx.deployment,
            binary,
            running.as_ref().map(|running| running.binary.as_str()),
        )?;
        let settings = home.settings().ok();
        let is_wanted = |running: &&Running| running.binary == binary && settings.as_ref() == Some(&self.settings);
        if let Some(running) = running.as_ref().filter(is_wanted) {
            return Ok(running.clone());
        }
        self.check_port(running.as_ref())?;
        home.stop(cx.clock.as_ref()).await?;
        home.write_settings(&self.settings)?;
        let started = home.start(cx, &program).await;
        match (started, running.zip(settings)) {
            (Err(error), Some((before, settings))) => Err(put_back(cx, &home, &before, &settings, error).await),
            (started, _) => started,
        }
    }

    /// Refuses an address that another program has, before the host that runs is ended for it.
    fn check_port(&self, running: Option<&Running>) -> Result<(), Error> {
        let (listen, port) = (&self.settings.listen, |address: &str| address.rsplit(':').next().map(str::to_owned));
        // Our own host gives its port back.
        if running.is_some_and(|running| port(&running.address) == port(listen)) {
            return Ok(());
        }
        TcpListener::bind(listen).map(drop).map_err(|error| cannot_listen(listen, &error))
    }

    fn observed(cx: &Context, record: &Record) -> Result<Attributes, Error> {
        let (deployment, recorded) = (&cx.deployment, &record.attributes);
        let running = Home::new(&deployment.data).running()?;
        let host_key = HostKey::read(&deployment.configuration, &deployment.lineage);
        // The binary is what the host runs, not what was asked for: a host that is gone runs none, and no host runs what
        // somebody else recorded.
        let binary = match &running {
            None => Value::Null,
            Some(running) if host_key.is_ok_and(|host_key| record.is_genuine(&host_key)) => {
                running.binary.clone().into()
            }
            Some(_) => format!("not run: {} was changed outside", file_name(&record.address)).into(),
        };
        let mut observed = with(recorded, [("binary", binary)]);
        if let Some(running) = running {
            observed.extend(urls(recorded, &running).map(|(name, value)| (name.to_owned(), value.into())));
        }
        Ok(observed)
    }
}

/// Starts the host again that was ended for one which does not start, and tells of that beside why it does not.
async fn put_back(cx: &Context, home: &Home, before: &Running, settings: &Settings, why: Error) -> Error {
    let program = Versions::of(home).program(&cx.deployment, &before.binary, None);
    let again = match (program, home.write_settings(settings)) {
        (Ok(program), Ok(())) => home.start(cx, &program).await.map(drop),
        (Err(error), _) | (_, Err(error)) => Err(error),
    };
    let then = match again {
        Ok(()) => "the host that ran before runs again".to_owned(),
        Err(error) => format!("nor does the one that ran before: {}", error.told().0),
    };
    Error::Invalid(format!("{}; {then}", why.told().0))
}

/// Records a function, so that the host sees whether anybody else did. It opens the service anew when it sees another
/// record file.
pub(crate) fn record(cx: &Context, target: &Target, attributes: Attributes) -> Result<Record, Error> {
    let (configuration, lineage) = (&cx.deployment.configuration, &cx.deployment.lineage);
    let host_key = HostKey::read_or_make(configuration, lineage, cx.entropy.as_ref())?;
    let sealed = host_key.seal(cx.entropy.as_ref(), &target.address, &digest(&attributes)?)?;
    Records::of(cx).write(target, attributes, Some(sealed))
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
        Records::of(cx).read(&target.address)?.map(|record| Self::observed(cx, &record)).transpose()
    }

    async fn create(&self, cx: &Context, target: &Target, desired: &Attributes) -> Result<Attributes, Error> {
        let records = Records::of(cx);
        records.read(&target.address)?;
        let binary = attributes::text(desired, "binary").unwrap_or(&cx.deployment.binary.sha256);
        let running = self.ensure_host(cx, binary).await?;
        let listen = Value::String(self.settings.listen.clone());
        let outputs = urls(desired, &running).map(|(name, value)| (name, value.into())).into_iter();
        let attributes = with(desired, outputs.chain([("listen", listen)]));
        Ok(record(cx, target, attributes)?.attributes)
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
            let description = format!("host process {} at {}", running.pid, running.address);
            all.push(Found { address, description, attributes: None });
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
    use crate::testing::{Bench, attributes, tamper};
    use serde_json::json;

    fn function(listen: &str) -> Function {
        Function::new(Settings { listen: listen.to_owned(), ..Settings::default() }).unwrap()
    }

    /// A host that runs: whoever has the lock.
    fn run(bench: &Bench) -> std::fs::File {
        let home = Home::new(&bench.cx.deployment.data);
        let lock = home.lock().unwrap().unwrap();
        let address = "127.0.0.1:8080".to_owned();
        home.write_running(&Running { pid: 1, address, scheme: "http".to_owned(), binary: "b1".to_owned() }).unwrap();
        lock
    }

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

    #[tokio::test]
    async fn a_function_whose_host_is_gone_runs_nothing_and_differs_in_nothing_else() {
        let bench = Bench::new();
        let (function, target) = (function("127.0.0.1:8080"), Bench::target("identity/function"));
        let desired = attributes(json!({ "service": "identity", "binary": "b1" }));
        let recorded = record(&bench.cx, &target, desired.clone()).unwrap().attributes;
        let lock = run(&bench);
        let read = function.read(&bench.cx, &target, None).await.unwrap().unwrap();
        assert_eq!(function.compare(&desired, &read), Change::None);
        drop(lock);
        let read = function.read(&bench.cx, &target, None).await.unwrap().unwrap();
        assert_eq!(read, with(&recorded, [("binary", Value::Null)]));
        assert_eq!(function.compare(&desired, &read), Change::Update(vec!["binary".to_owned()]));
    }

    #[tokio::test]
    async fn a_record_that_somebody_else_wrote_is_a_change_until_it_is_written_again() {
        let bench = Bench::new();
        let (function, target) = (function("127.0.0.1:8080"), Bench::target("identity/function"));
        let desired = attributes(json!({ "service": "identity", "binary": "b1" }));
        let _lock = run(&bench);
        let change = async || {
            let read = function.read(&bench.cx, &target, None).await.unwrap().unwrap();
            function.compare(&desired, &read)
        };
        for change_record in [
            |record: &mut Value| record["attributes"]["url"] = json!("http://127.0.0.1:6666/t/identity"),
            |record: &mut Value| record["sealed"] = json!("AAAA"),
            |record: &mut Value| drop(record.as_object_mut().unwrap().remove("sealed")),
        ] {
            record(&bench.cx, &target, desired.clone()).unwrap();
            assert_eq!(change().await, Change::None);
            tamper(&bench.cx, &target, change_record);
            assert_eq!(change().await, Change::Update(vec!["binary".to_owned()]));
            let read = function.read(&bench.cx, &target, None).await.unwrap().unwrap();
            assert_eq!(read["binary"], "not run: identity.function.json was changed outside");
        }
    }

    #[test]
    fn a_new_binary_leaves_the_urls_as_they_are_unless_any_port_will_do() {
        let urls = ["url".to_owned(), "canonical_url".to_owned()];
        for (listen, changed, expected) in [
            ("127.0.0.1:8080", "binary", &urls[..0]),
            ("127.0.0.1:0", "binary", &urls),
            ("127.0.0.1:8080", "domain", &urls),
            ("127.0.0.1:8080", "listen", &urls),
            ("127.0.0.1:0", "settings", &urls[..0]),
        ] {
            assert_eq!(function(listen).unsettled(&[changed.to_owned()]), expected, "{listen} {changed}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_refused_before_anything_is_started_or_ended() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let listen = taken.local_addr().unwrap().to_string();
        let bench = Bench::new();
        let binary = &bench.cx.deployment.binary;
        let error = function(&listen).ensure_host(&bench.cx, &binary.sha256).await.unwrap_err();
        let (what, advice) = error.told();
        let port = taken.local_addr().unwrap().port();
        assert_eq!(
            what,
            format!("{listen} is taken by another program on this machine; `ss -ltnp 'sport = :{port}'` names it")
        );
        assert!(advice.unwrap().contains("listen: auto"));
        assert!(!Home::new(&bench.cx.deployment.data).log().exists(), "nothing was started");
    }
}
