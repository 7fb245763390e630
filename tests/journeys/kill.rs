//! `kill -9` of the host while people register and log in: nothing that was acknowledged is lost.

use crate::sandbox::{LEAST, Sandbox, is_alive};
use acquire_client::one_time_code;
use acquire_model::{SecretText, Timestamp};
use std::process::{Child, Command};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Rounds in CI; by hand `ACQUIRE_KILL_ROUNDS=50`.
const ROUNDS: u32 = 8;

/// Somebody who uses the deployment, with a configuration directory of their own.
struct Person {
    name: String,
    secret: SecretText,
}

impl Person {
    fn register(sandbox: &Sandbox, name: String) -> Option<Self> {
        let output = sandbox.register(&name);
        let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        let secret = said.split("secret=").nth(1)?.split('&').next()?;
        output.status.success().then(|| Self { name, secret: SecretText::new(secret) })
    }

    fn command(&self, sandbox: &Sandbox, registry: &str, arguments: &[&str]) -> Command {
        let mut command = sandbox.command(arguments);
        command.args(["--registry", registry]).env("ACQUIRE_CONFIG_DIR", sandbox.path().join(&self.name));
        command
    }

    fn logging_in(&self, sandbox: &Sandbox, registry: &str) -> Child {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let code = one_time_code(&self.secret, Timestamp::from_micros(i64::try_from(now).unwrap())).unwrap();
        let arguments = ["login", &self.name, "--password-stdin", "--otp-code", &code];
        sandbox.with_password(&mut self.command(sandbox, registry, &arguments))
    }

    fn is_logged_in(&self, sandbox: &Sandbox, registry: &str) -> bool {
        self.command(sandbox, registry, &["whoami"]).output().unwrap().status.success()
    }
}

fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
    while is_alive(pid) {
        std::thread::yield_now();
    }
}

#[test]
fn every_acknowledged_registration_and_session_survives_a_killed_host() {
    let rounds = std::env::var("ACQUIRE_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    // Codes may be used twice here: each apply proves itself by a login, and would wait for the next code.
    let sandbox = Sandbox::new(&LEAST.replace("identity: {}", "identity: { otp_reuse: allow }"));
    sandbox.good(&["apply", "--yes"]);
    let registry = sandbox.output(&[])["services"]["registry"]["url"].as_str().unwrap().to_owned();
    let mut registered: Vec<Person> = Vec::new();
    let mut logged_in: Vec<usize> = Vec::new();
    for round in 0..rounds {
        let pid = sandbox.host_pid().expect("the host runs");
        let person = Person::register(&sandbox, format!("person-{round}")).expect("nobody disturbs this");
        let unsure = format!("unsure-{round}");
        let (login, register) = (person.logging_in(&sandbox, &registry), sandbox.registering(&unsure));
        // Somewhere in the middle: another point in each round.
        std::thread::sleep(Duration::from_millis(u64::from(100 + round * 37 % 400)));
        kill(pid);
        let (login, register) = (login.wait_with_output().unwrap(), register.wait_with_output().unwrap());
        registered.push(person);
        if login.status.success() {
            logged_in.push(registered.len() - 1);
        }
        let applied = sandbox.good(&["apply", "--yes"]);
        assert!(format!("{applied}").contains("6 of 6"), "round {round}: {applied}");
        let taken = !sandbox.register(&unsure).status.success();
        assert!(taken || !register.status.success(), "{unsure} was acknowledged and is gone");
    }
    for person in &registered {
        let said = String::from_utf8(sandbox.register(&person.name).stderr).unwrap();
        assert!(said.contains("taken"), "{}: {said}", person.name);
    }
    for person in logged_in.iter().map(|place| &registered[*place]) {
        assert!(person.is_logged_in(&sandbox, &registry), "{} was logged in", person.name);
    }
    eprintln!(
        "{rounds} kills, {} registrations and {} sessions acknowledged, all there",
        registered.len(),
        logged_in.len()
    );
    sandbox.good(&["destroy", "--data", "--yes"]);
}
