//! Secrets that are planted in every input come out nowhere: not in what is printed, not in a file, not in the
//! environment of the host; neither plain nor in base64 or hexadecimal.

use crate::sandbox::{Run, Sandbox};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SPEC: &str = "version: 1
name: demo
providers: { local: { listen: auto } }
variables:
  flag: { sensitive: true }
  file: { sensitive: true }
  surroundings: { sensitive: true }
services: { registry: {}, identity: {} }
resources:
  a: { kind: marker, input: \"${var.flag}\" }
  b: { kind: marker, input: [\"${var.file}\", { deep: \"x${var.surroundings}y\" }], needs: [a] }
  s: { kind: secret }
  w: { kind: secret, service: registry, admin_username: root }
";

/// What is planted, and where.
const FLAG: &str = "canary-Flag-4hJ8sQ2x";
const FLAG_CHANGED: &str = "canary-Flag-z7Pm3VtK";
const FILE: &str = "canary-File-9Lw5RbNc";
const SURROUNDINGS: &str = "canary-Surroundings-Yk6TgXd1";
const PASSPHRASE: &str = "canary-Passphrase-Mv2QeHs8";
const CREDENTIAL: &str = "canary-Credential-Bn4WuZj0";
const PASSWORD: &str = "Canary-Password-Rf3KxCp7";
/// The file of variables: an input, so it may hold its own secret.
const VALUES: &str = "values.yaml";

/// A deployment with planted secrets, and all that was said.
struct Planted {
    sandbox: Sandbox,
    said: Vec<(String, String)>,
}

impl Planted {
    fn new() -> Self {
        let sandbox = Sandbox::new(SPEC);
        fs::write(sandbox.path().join(VALUES), format!("file: {FILE}\n")).unwrap();
        Self { sandbox, said: Vec::new() }
    }

    /// A command with everything that is planted, and a fault.
    fn command(&self, arguments: &str, flag: &str, faults: &str) -> Command {
        let set = format!("flag={flag}");
        let mut words: Vec<&str> = arguments.split(' ').collect();
        words.extend(["--set", &set, "--var-file", VALUES]);
        let mut command = self.sandbox.command(&words);
        command
            .env("ACQUIRE_VAR_surroundings", SURROUNDINGS)
            .env("ACQUIRE_STATE_PASSPHRASE", PASSPHRASE)
            .env("AWS_SECRET_ACCESS_KEY", CREDENTIAL)
            .envs((!faults.is_empty()).then_some(("ACQUIRE_FAULTS", faults)));
        command
    }

    fn run_with(&mut self, arguments: &str, flag: &str, faults: &str) -> Run {
        let output = self.command(arguments, flag, faults).output().unwrap();
        self.note(arguments, output)
    }

    fn run(&mut self, arguments: &str) -> Run {
        self.run_with(arguments, FLAG, "")
    }

    fn note(&mut self, arguments: &str, output: Output) -> Run {
        let run = Run::from(output);
        self.said.push((arguments.to_owned(), format!("{run}")));
        run
    }

    fn good(&mut self, arguments: &str) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, 0, "{arguments}: {run}");
        run
    }

    /// The secrets that the deployment drew. What shows them is not part of what is looked through.
    fn drawn(&mut self) -> Vec<String> {
        let shown = self.good("output --show-secrets --json").stdout;
        self.said.pop();
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let text = |path: &str| shown.pointer(path).and_then(|value| value.as_str()).expect(path).to_owned();
        let code = |service: &str| {
            let uri = text(&format!("/services/{service}/admin/otp_uri"));
            uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned()
        };
        vec![
            text("/services/registry/admin/password"),
            text("/services/identity/admin/password"),
            code("registry"),
            code("identity"),
            text("/resources/s/secrets/value"),
            text("/resources/w/secrets/admin_password"),
        ]
    }

    /// Looks through all that was said and written, and what the host was started with.
    fn check(&self, secrets: &[String]) {
        let needles: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| needles(secret)).collect();
        let mut found = Vec::new();
        let mut look = |place: &str, bytes: &[u8]| {
            let hits = needles.iter().filter(|needle| bytes.windows(needle.len()).any(|window| window == **needle));
            found.extend(hits.map(|needle| format!("{place}: {}", String::from_utf8_lossy(needle))));
        };
        for (command, said) in &self.said {
            look(command, said.as_bytes());
        }
        let files = Sandbox::files(self.sandbox.path());
        // What the host ran is there under its digest: it is no place for secrets, and long.
        let is_looked_through = |file: &&String| *file != VALUES && !file.contains("host/versions/");
        for file in files.iter().filter(is_looked_through) {
            look(file, file.as_bytes());
            look(file, &fs::read(self.sandbox.path().join(file)).unwrap());
        }
        for part in self.sandbox.host_pid().into_iter().flat_map(|pid| ["environ", "cmdline"].map(|part| (pid, part))) {
            let path = format!("/proc/{}/{}", part.0, part.1);
            look(&path, &fs::read(Path::new(&path)).unwrap());
        }
        assert!(found.is_empty(), "{found:#?}");
    }
}

/// All forms in which a secret is looked for. In base64 it may begin at any of three places of a group.
fn needles(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut needles = vec![secret.as_bytes().to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for before in 0..3 {
        let shifted = [vec![0; before], secret.as_bytes().to_vec()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            // The digits that depend on nothing but the secret.
            let digits = engine.encode(&shifted).into_bytes();
            needles.push(digits[(before * 8).div_ceil(6)..shifted.len() * 8 / 6].to_vec());
        }
    }
    needles
}

#[test]
fn secrets_are_looked_for_in_every_form() {
    let secret = "a secret?";
    for before in ["", "1", "12", "123"] {
        let around = format!("{before}{secret}after");
        let forms = [around.clone(), STANDARD_NO_PAD.encode(&around), URL_SAFE_NO_PAD.encode(&around)];
        for form in forms {
            let hit =
                needles(secret).iter().any(|needle| form.as_bytes().windows(needle.len()).any(|it| it == *needle));
            assert!(hit, "{form}");
        }
    }
}

#[test]
fn planted_secrets_come_out_nowhere() {
    let mut planted = Planted::new();
    for command in ["plan -v", "plan --json", "plan -out saved", "graph --plan", "spec", "spec --json", "validate"] {
        planted.good(command);
    }
    let failed =
        planted.run_with("apply --yes -v --json-into events", FLAG, "b/marker:create=fail, s/secret:create=fail");
    assert_eq!(failed.code, 3, "{failed}");
    planted.run("status");
    planted.good("apply --yes -v --json-into more-events");
    assert!(planted.good("plan").stdout.contains("No changes."));
    // A change is seen and named without either value.
    planted.run_with("plan -v", FLAG_CHANGED, "");
    let refused = planted.run_with("apply --yes -v", FLAG_CHANGED, "a/marker:update=fail");
    assert_eq!(refused.code, 3, "{refused}");
    for command in ["status --json", "output", "output --json", "logs", "verify --json", "drift", "plan -destroy -v"] {
        planted.run(command);
    }
    let mut register = planted.command("register alice --password-stdin", FLAG, "");
    let registered = planted.sandbox.typing(&mut register, PASSWORD).wait_with_output().unwrap();
    let registered = planted.note("register", registered);
    assert_eq!(registered.code, 0, "{registered}");

    let given = [FLAG, FLAG_CHANGED, FILE, SURROUNDINGS, PASSPHRASE, CREDENTIAL, PASSWORD].map(str::to_owned);
    let secrets = [given.to_vec(), planted.drawn()].concat();
    let files = Sandbox::files(planted.sandbox.path());
    for place in ["state/journal-", "host/host.log", "resources/s.secret.json", "saved", "events", "home/.config/"] {
        assert!(files.iter().any(|file| file.contains(place)), "{place} is looked through: {files:#?}");
    }
    planted.check(&secrets);
    let failed = planted.run_with("destroy --yes", FLAG, "s/secret:delete=fail");
    assert_eq!(failed.code, 3, "{failed}");
    planted.check(&secrets);
    planted.good("destroy --data --yes");
    planted.check(&secrets);
}
