//! The stock Python client, `acquire==0.1.2`, against a deployment of the real binary over real HTTP: once with today's
//! `cryptography` and `pyotp`, once with those of its own time. `cargo xtask peers` makes the two environments.

use crate::sandbox::{LEAST, Sandbox};
use acquire_client::{Account, Session, Wallet};
use acquire_model::uid::ServiceUid;
use acquire_model::{Clock, Entropy, SecretText, Timestamp};
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

/// What the wallet of the Python client is locked with; `client.py` types the same.
const WALLET_PASSWORD: &str = "Wallet1Password";

/// A deployment, a home with a seeded wallet, and a Python environment.
struct Peer {
    sandbox: Sandbox,
    python: PathBuf,
    /// The identity service.
    url: String,
    uid: ServiceUid,
}

impl Peer {
    fn new(environment: &str) -> Self {
        let target = Path::new(env!("CARGO_BIN_EXE_acquire")).ancestors().nth(2).unwrap();
        let python = target.join("peers").join(environment).join("bin/python");
        assert!(python.exists(), "{} is not there: run `cargo xtask peers`", python.display());
        let sandbox = Sandbox::new(LEAST);
        sandbox.good(&["apply", "--yes"]);
        let home = sandbox.home();
        sandbox.good(&["wallet", "seed", "--home", home.to_str().unwrap()]);
        let identity = sandbox.output(&[])["services"]["identity"].take();
        let url = identity["url"].as_str().unwrap().to_owned();
        let uid = identity["uid"].as_str().unwrap().parse().unwrap();
        Self { sandbox, python, url, uid }
    }

    /// Runs a part of `client.py` and returns what its steps came to.
    fn part(&self, part: &str, mut asked: Value) -> Value {
        asked["part"] = json!(part);
        asked["url"] = json!(self.url);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/client.py");
        let mut child = std::process::Command::new(&self.python)
            .arg(script)
            .current_dir(self.sandbox.path())
            .env_clear()
            .env("HOME", self.sandbox.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(asked.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{part}: {said}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{part}: {error}: {said}"))
    }

    /// Runs our client as a user does, with a password on standard input.
    fn ours(&self, arguments: &[&str], password: &str) -> String {
        let mut command = self.sandbox.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}\n{out}\n{err}");
        out.into_owned()
    }

    /// Registers and logs in a user with our client; returns the one-time-code secret and the saved session.
    fn our_user(&self, name: &str, password: &str) -> (SecretText, Session) {
        let shown = self.ours(&["register", name, "--password-stdin"], password);
        let secret = shown.split("secret=").nth(1).unwrap().split('&').next().unwrap();
        let secret = SecretText::new(secret);
        let code = acquire_client::one_time_code(&secret, Real.now()).unwrap();
        let shown = self.ours(&["login", name, "--password-stdin", "--otp-code", &code], password);
        assert!(shown.contains(&format!("Logged in as {name}@{}", self.uid)), "{shown}");
        let directory = self.sandbox.configuration().join("user");
        let saved = Sandbox::files(&directory).into_iter().find(|file| file.starts_with("session-")).unwrap();
        let saved: Value = serde_json::from_slice(&std::fs::read(directory.join(saved)).unwrap()).unwrap();
        (secret, Session::from_text(&SecretText::new(saved["session"].as_str().unwrap())).unwrap())
    }

    fn end(self) {
        self.sandbox.good(&["destroy", "--data", "--yes"]);
    }
}

/// The world as it is.
struct Real;

#[async_trait::async_trait]
impl Clock for Real {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}

impl Entropy for Real {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).unwrap();
    }
}

/// What a step came to: its value, or the class of its error.
fn came_to<'a>(results: &'a Value, step: &str) -> Result<&'a Value, &'a str> {
    let result = &results[step];
    match result["error"].as_str() {
        Some(class) => Err(class),
        None => Ok(result.get("ok").unwrap_or_else(|| panic!("no step `{step}` in {results:#}"))),
    }
}

#[track_caller]
fn is_refused(results: &Value, step: &str, class: &str) {
    assert_eq!(came_to(results, step), Err(class), "{step}: {results:#}");
}

#[track_caller]
fn is<'a>(results: &'a Value, step: &str) -> &'a Value {
    came_to(results, step).unwrap_or_else(|class| panic!("{step}: {class} in {results:#}"))
}

fn a_user_does_everything(peer: &Peer) {
    let done = peer.part("users", json!({ "username": "alice", "password": "Alice1Password" }));
    assert_eq!(is(&done, "register")["secret"].as_str().unwrap().len(), 32);
    is_refused(&done, "register a taken name", "UsernameError");
    for wrong in ["wrong user", "wrong password", "wrong code", "reused code"] {
        is_refused(&done, wrong, "LoginError");
    }
    let user = is(&done, "typed code");
    assert_eq!(user["in"], true);
    assert_eq!(user["guid"], json!(format!("{}@{}", user["uid"].as_str().unwrap(), peer.uid)));
    is_refused(&done, "reused code, as the service says it", "RepeatedOTPCodeError");

    assert!(is(&done, "authorisation by Python")["devices"].is_array());
    for wrong in ["authorisation for another resource", "no authorisation"] {
        is_refused(&done, wrong, "PermissionError");
    }
    assert_eq!(is(&done, "remember this device"), true);
    let remembered = is(&done, "remembered device");
    assert_eq!(remembered["uid"], user["uid"]);
    assert_eq!(remembered["devices"].as_array().unwrap().len(), 1);

    is_refused(&done, "logout without proof", "PermissionError");
    is_refused(&done, "logout of another session", "PermissionError");
    assert!(is(&done, "still logged in")["devices"].is_array());
    assert!(is(&done, "logout").is_null());
    assert_eq!(is(&done, "the session after logout"), "logged_out");
    is_refused(&done, "signed after logout", "PermissionError");
    assert!(is(&done, "logout while pending").is_null());
    assert_eq!(is(&done, "the pending session after logout"), "logged_out");
    assert!(is(&done, "deny").is_null());
    assert_eq!(is(&done, "wait for a denied log-in"), false);

    // The account that the Python client remembered opens for our client.
    let wallet = Wallet::beneath(&peer.sandbox.home());
    let key = wallet.unlock(&SecretText::new(WALLET_PASSWORD)).unwrap();
    let accounts = wallet.accounts(&key, &peer.uid).unwrap();
    assert_eq!((accounts.len(), accounts[0].username.as_str()), (1, "alice"));
    assert_eq!(json!(accounts[0].user_uid), user["uid"]);
    assert!(accounts[0].device_uid.is_some() && accounts[0].otp_secret.is_some());
}

fn what_ours_signs_python_verifies(peer: &Peer) {
    let (secret, session) = peer.our_user("bob", "Bob1Password");
    let signed = session.authorise("UserDrives", &Real, &Real).unwrap();
    let asked = json!({ "authorisation": signed.to_json(), "resource": "UserDrives" });
    let done = peer.part("verify", asked);
    let guid = format!("{}@{}", session.holder.user_uid, peer.uid);
    assert_eq!(is(&done, "ours, verified by Python"), &json!({ "user_guid": guid }));
    is_refused(&done, "ours, for another resource", "PermissionError");

    let whoami = peer.sandbox.good(&["whoami"]);
    assert!(whoami.stdout.starts_with(&format!("bob@{}\n", peer.uid)), "{whoami}");
    peer.sandbox.good(&["logout"]);
    peer.sandbox.bad(&["whoami"], "ACQ0416");
    what_ours_remembers_python_uses(peer, &secret, &session);
}

/// This machine becomes a remembered device of our client, and the Python client logs in as that device.
fn what_ours_remembers_python_uses(peer: &Peer, secret: &SecretText, session: &Session) {
    let next = Real.now().plus_seconds(acquire_client::code::STEP_SECONDS);
    let code = acquire_client::one_time_code(secret, next).unwrap();
    peer.ours(&["login", "bob", "--password-stdin", "--otp-code", &code, "--remember-device"], "Bob1Password");
    let directory = peer.sandbox.configuration().join("user");
    let device = Sandbox::files(&directory).into_iter().find(|file| file.starts_with("device-")).unwrap();
    let device: Value = serde_json::from_slice(&std::fs::read(directory.join(device)).unwrap()).unwrap();
    let account = Account {
        username: "bob".to_owned(),
        user_uid: session.holder.user_uid.clone(),
        password: SecretText::new("Bob1Password"),
        device_uid: device["device_uid"].as_str().map(|uid| uid.parse().unwrap()),
        otp_secret: device["otp_secret"].as_str().map(SecretText::new),
    };
    let wallet = Wallet::beneath(&peer.sandbox.home());
    let key = wallet.unlock(&SecretText::new(WALLET_PASSWORD)).unwrap();
    wallet.remember(&key, &peer.uid, &account).unwrap();
    let done = peer.part("wallet", json!({ "username": "bob" }));
    assert_eq!(is(&done, "our wallet, used by Python"), &json!(session.holder.user_uid));
    // The device's present code is used up; our client takes the next one.
    peer.ours(&["login", "bob", "--password-stdin"], "Bob1Password");
}

fn siblings_are_found_by_the_last_word(peer: &Peer) {
    let found = peer.part("siblings", json!({}));
    let services = &peer.sandbox.output(&[])["services"];
    for kind in ["accounting", "access", "storage"] {
        let expected = json!({ "type": kind, "uid": services[kind]["uid"] });
        assert_eq!(is(&found, kind), &expected);
    }
}

fn everything_works(environment: &str) {
    let peer = Peer::new(environment);
    siblings_are_found_by_the_last_word(&peer);
    a_user_does_everything(&peer);
    what_ours_signs_python_verifies(&peer);
    peer.end();
}

#[test]
fn the_python_client_with_todays_packages_does_everything() {
    everything_works("new");
}

#[test]
fn the_python_client_with_the_packages_of_its_time_does_everything() {
    everything_works("old");
}
