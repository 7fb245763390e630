//! What a user does with our own client: register, log in, be remembered, log out — and everything that goes wrong.

use crate::sandbox::{LEAST, Run, Sandbox, now};
use acquire_model::SecretText;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Stdio};

const PASSWORD: &str = "Alice1Password";

/// Runs a command with a password on standard input.
fn typed(sandbox: &Sandbox, arguments: &[&str], password: &str) -> Run {
    typed_in(sandbox, sandbox.path(), arguments, password)
}

/// Runs it in another directory.
fn typed_in(sandbox: &Sandbox, directory: &Path, arguments: &[&str], password: &str) -> Run {
    let mut command = sandbox.command(arguments);
    command.current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that refuses before it reads has closed its end.
    let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
    Run::from(child.wait_with_output().unwrap())
}

#[track_caller]
fn refused(run: &Run, code: &str) {
    assert!(run.code == 1 && run.stderr.contains(code), "should be refused as {code}\n{run}");
}

/// Refused, in these words and no others.
#[track_caller]
fn refused_so(run: &Run, words: &str) {
    let said = run.stderr.trim_end();
    assert!(run.code == 1 && said.ends_with(words), "should say\n{words}\n{run}");
}

/// The one-time code of now, or of a step ahead.
fn code(secret: &str, ahead: i64) -> String {
    acquire_client::one_time_code(&SecretText::new(secret), now().plus_seconds(30 * ahead)).unwrap()
}

/// The registry of an applied deployment.
fn registry_of(operator: &Sandbox) -> String {
    operator.output(&[])["services"]["registry"]["url"].as_str().unwrap().to_owned()
}

/// A machine without a spec.
fn elsewhere() -> Sandbox {
    let user = Sandbox::new("");
    fs::remove_file(user.path().join("acquire.yaml")).unwrap();
    user
}

/// A log-in that waits for another device.
struct Waiting {
    child: Child,
    stderr: BufReader<ChildStderr>,
    url: String,
}

impl Waiting {
    fn begin(sandbox: &Sandbox, arguments: &[&str]) -> Self {
        let mut command = sandbox.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("?id=") {
            let mut line = String::new();
            assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "it ended without a URL: {said}");
            said += &line;
        }
        let url = said.lines().last().unwrap().trim().to_owned();
        Self { child, stderr, url }
    }

    fn end(mut self) -> Run {
        let mut stderr = String::new();
        self.stderr.read_to_string(&mut stderr).unwrap();
        Run { stderr, ..Run::from(self.child.wait_with_output().unwrap()) }
    }
}

/// Registers a user and returns the one-time-code secret.
fn register(sandbox: &Sandbox, name: &str, more: &[&str]) -> String {
    let run = typed(sandbox, &[&["register", name, "--password-stdin"], more].concat(), PASSWORD);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.stdout.contains("Recovery codes") && run.stdout.contains(&format!("Next: acquire login {name}")));
    run.stdout.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned()
}

#[test]
fn a_user_registers_logs_in_is_remembered_and_logs_out() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    refused(&sandbox.run(&["whoami"]), "ACQ0416");
    refused(&typed(&sandbox, &["register", "alice", "--password-stdin"], "short"), "ACQ0421");
    refused(&typed(&sandbox, &["register", "al", "--password-stdin"], PASSWORD), "ACQ0413");
    let secret = register(&sandbox, "alice", &[]);
    refused(&typed(&sandbox, &["register", "alice", "--password-stdin"], PASSWORD), "ACQ0413");

    let login = |password: &str, more: &[&str]| {
        typed(&sandbox, &[&["login", "alice", "--password-stdin"], more].concat(), password)
    };
    for unanswered in [login(PASSWORD, &[]), sandbox.run(&["login", "alice"]), login("", &["--otp-code", "123456"])] {
        refused(&unanswered, "ACQ0419");
        assert!(!unanswered.stderr.contains("?id="), "no session waits in vain: {unanswered}");
    }
    let now = code(&secret, 0);
    refused(&login("Wrong1Password", &["--otp-code", &now]), "ACQ0414");
    refused(&login(PASSWORD, &["--otp-code", "000000"]), "ACQ0414");
    refused(&typed(&sandbox, &["login", "eve", "--password-stdin", "--otp-code", &now], PASSWORD), "ACQ0414");

    let begun = login(PASSWORD, &["--otp-code", &now]);
    assert!(begun.code == 0 && begun.stdout.contains("Logged in as alice@a0-"), "{begun}");
    assert!(begun.stdout.contains(" until 20") && begun.stderr.contains("/t/identity\n  session  "), "{begun}");
    assert!(begun.stderr.contains("waits until  20"), "{begun}");
    assert!(
        begun.stderr.contains("?id=a0-") && !begun.stderr.contains('█'),
        "a URL, and no picture in a pipe: {begun}"
    );
    refused(&login(PASSWORD, &["--otp-code", &now]), "ACQ0415");
    assert!(sandbox.good(&["whoami"]).stdout.starts_with("alice@a0-"));

    assert_eq!(login(PASSWORD, &["--otp-code", &code(&secret, 1), "--remember-device"]).code, 0);
    // The device makes its own codes, each once: the second log-in takes the next one.
    assert_eq!((login(PASSWORD, &[]).code, login(PASSWORD, &[]).code), (0, 0));
    let user = sandbox.configuration().join("user");
    for file in Sandbox::files(&user) {
        assert_eq!(fs::metadata(user.join(&file)).unwrap().permissions().mode() & 0o777, 0o600, "{file}");
        let text = fs::read_to_string(user.join(&file)).unwrap();
        assert!(!text.contains(PASSWORD), "{file} holds the password");
    }
    sandbox.good(&["logout"]);
    refused(&sandbox.run(&["whoami"]), "ACQ0416");
    refused(&sandbox.run(&["logout"]), "ACQ0416");
    sandbox.good(&["destroy", "--data", "--yes"]);
    refused(&sandbox.run(&["whoami"]), "ACQ0410");
}

#[test]
fn a_user_elsewhere_names_the_registry_once_and_another_one_there_is_not_taken_for_it() {
    let operator = Sandbox::new(LEAST);
    operator.good(&["apply", "--yes"]);
    let registry = registry_of(&operator);
    let user = elsewhere();
    refused(&user.run(&["whoami"]), "ACQ0410");
    let secret = register(&user, "bob", &["--registry", &registry]);
    let run = typed(&user, &["login", "bob", "--password-stdin", "--otp-code", &code(&secret, 0)], PASSWORD);
    assert_eq!(run.code, 0, "the registry used last is the default: {run}");
    assert!(user.run_with(&["whoami"], &[("ACQUIRE_REGISTRY", &registry)]).stdout.starts_with("bob@a0-"));
    refused(&user.run(&["whoami", "--registry", "ftp://example.org/"]), "ACQ0410");
    refused(&user.run(&["whoami", "--registry", "http://127.0.0.1:1/t/registry"]), "ACQ0411");
    refused(&user.run(&["whoami", "--registry", "http://10.0.0.1/t/registry"]), "ACQ0411");

    operator.good(&["destroy", "--data", "--yes"]);
    refused(&user.run(&["whoami"]), "ACQ0411");
    let address = registry.trim_start_matches("http://").trim_end_matches("/t/registry");
    let anew = Sandbox::new(&LEAST.replace("auto", &format!("\"{address}\"")));
    anew.good(&["apply", "--yes"]);
    let run = user.run(&["whoami"]);
    refused(&run, "ACQ0412");
    assert!(run.stderr.contains("registry-") && run.stderr.contains("last.json"), "the hint names the files: {run}");
    anew.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn a_log_in_that_waits_is_approved_on_another_device() {
    let known = Sandbox::new(LEAST);
    known.good(&["apply", "--yes"]);
    let registry = registry_of(&known);
    let secret = register(&known, "alice", &[]);
    let new = elsewhere();
    let waiting = Waiting::begin(&new, &["login", "alice", "--wait", "--registry", &registry]);
    let approve =
        |url: &str, code: &str| typed(&known, &["login", url, "--password-stdin", "--otp-code", code], PASSWORD);

    let url = waiting.url.clone();
    let (base, id) = url.split_once("?id=").unwrap();
    let (uid, short) = id.split_once('/').unwrap();
    let other = if short.starts_with('0') { "1" } else { "0" };
    refused_so(
        &approve(&url, "000000"),
        &format!(
            "error[ACQ0414]: {base} does not let `alice` in: user name, password or one-time code is wrong\n\
             hint: log in again with a fresh code; after many tries wait some minutes; an account may also be disabled"
        ),
    );
    refused_so(
        &approve(&format!("{base}?id={uid}/{other}{}", &short[1..]), "000000"),
        &format!(
            "error[ACQ0417]: {base} has no such log-in that waits: it expired, or was approved, denied or ended\n\
             hint: `acquire login NAME` begins a new one"
        ),
    );
    refused_so(
        &approve(&format!("https://example.org/t/identity?id={id}"), "000000"),
        &format!(
            "error[ACQ0423]: that log-in waits at https://example.org/t/identity, but {uid} of {registry} is at {base}\n\
             hint: `--registry https://example.org/t/registry` names its deployment"
        ),
    );
    refused_so(
        &approve("https://login.example.org?id=Z9-a0/80.b2.30.ab", "000000"),
        &format!(
            "error[ACQ0423]: {registry} knows no service Z9-a0, where that log-in waits\n\
             hint: `--registry URL` names its deployment"
        ),
    );
    refused_so(
        &approve(base, "000000"),
        &format!(
            "error[ACQ0423]: `{base}` is not a login URL, such as https://example.org/t/identity?id=a0-a1/0c.00.a3.4d\n\
             hint: copy the whole URL that the other device shows, in quotes"
        ),
    );
    refused(&known.run(&["login", &url, "--wait"]), "ACQ0508");
    refused(&known.run(&["login", &url]), "ACQ0419");

    let approved = approve(&url, &code(&secret, 0));
    let expected = format!("Approved: session {short} of alice@{uid}. The other device goes on.\n");
    assert!(approved.code == 0 && approved.stdout == expected, "{approved}");
    assert!(approved.stderr.contains("alice") && approved.stderr.contains("127.0.0.1"), "who asks: {approved}");
    let begun = waiting.end();
    assert!(begun.code == 0 && begun.stdout.starts_with(&format!("Logged in as alice@{uid} until 20")), "{begun}");
    assert!(new.good(&["whoami"]).stdout.starts_with(&format!("alice@{uid}")));
    refused(&known.run(&["whoami"]), "ACQ0416");
    refused(&approve(&url, &code(&secret, 1)), "ACQ0417");
    known.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn a_log_in_that_nobody_approves_ends_on_both_devices() {
    let sandbox = Sandbox::new(&LEAST.replace("identity: {}", "identity: { session: { pending: 5s } }"));
    sandbox.good(&["apply", "--yes"]);
    let waiting = Waiting::begin(&sandbox, &["login", "alice", "--wait"]);
    let (url, service) = (waiting.url.clone(), waiting.url.split('?').next().unwrap().to_owned());
    refused_so(
        &waiting.end(),
        &format!(
            "error[ACQ0417]: the log-in at {service} was denied, or has expired\n\
             hint: `acquire login NAME` begins a new one"
        ),
    );
    refused(&typed(&sandbox, &["login", &url, "--password-stdin", "--otp-code", "123456"], PASSWORD), "ACQ0417");
    sandbox.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn what_was_applied_is_found_from_everywhere_until_it_is_destroyed() {
    let sandbox = Sandbox::new(LEAST);
    let other = tempfile::tempdir().unwrap();
    let there = |arguments: &[&str], password: &str| typed_in(&sandbox, other.path(), arguments, password);
    refused(&there(&["whoami"], ""), "ACQ0410");
    sandbox.good(&["apply", "--yes"]);
    let made = there(&["register", "alice", "--password-stdin"], PASSWORD);
    assert!(made.code == 0 && made.stdout.starts_with("alice@a0-"), "{made}");
    let secret = made.stdout.split("secret=").nth(1).unwrap().split('&').next().unwrap();
    let login = ["login", "alice", "--password-stdin", "--otp-code", &code(secret, 0), "--remember-device"];
    assert_eq!(there(&login, PASSWORD).code, 0);

    sandbox.good_or_partial(&["destroy", "--yes", "--target", "compute"]);
    assert_eq!(there(&["whoami"], "").code, 0, "the rest is still there");
    sandbox.good_or_partial(&["destroy", "--yes"]);
    refused(&there(&["whoami"], ""), "ACQ0410");
    sandbox.good(&["destroy", "--data", "--yes"]);
    assert_eq!(Sandbox::files(&sandbox.configuration().join("user")), Vec::<String>::new());
}

#[test]
fn a_mistake_is_told_with_the_place_and_the_next_step() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    let registry = registry_of(&sandbox);
    let base = registry.strip_suffix("registry").unwrap().to_owned();
    register(&sandbox, "alice", &[]);
    let nobody = "http://127.0.0.1:1/t/registry";
    let told = [
        (
            vec!["whoami", "--registry", nobody],
            format!(
                "error[ACQ0411]: {nobody} cannot be reached: connection refused\n\
                 hint: check address and network; whoever applied the deployment sees with `acquire status` whether it runs"
            ),
        ),
        (
            vec!["register", "alice", "--password-stdin"],
            format!(
                "error[ACQ0413]: {base}identity does not take the user name: this user name is taken\n\
                 hint: choose another, of 3 to 150 characters; if it is yours, `acquire login NAME`"
            ),
        ),
        (
            vec!["register", "bob", "--password-stdin", "--identity", "a9-a9"],
            format!(
                "error[ACQ0422]: {registry} knows no service a9-a9\n\
                 hint: `--registry URL` names another deployment, `--identity UID|URL` another identity service"
            ),
        ),
        (
            vec!["register", "bob"],
            "error[ACQ0419]: password must be typed, but there is no terminal\n\
             hint: without one, give `--password-stdin`"
                .to_owned(),
        ),
        (
            vec!["login", "alice"],
            "error[ACQ0419]: password and one-time code must be typed, but there is no terminal\n\
             hint: without one, give `--password-stdin` and `--otp-code CODE`"
                .to_owned(),
        ),
        (
            vec!["logout"],
            format!(
                "error[ACQ0416]: nobody is logged in here at {registry}\n\
                 hint: `acquire login NAME` logs in"
            ),
        ),
    ];
    for (arguments, words) in &told {
        refused_so(&typed(&sandbox, arguments, PASSWORD), words);
    }
    let elsewhere = sandbox.run(&["whoami", "--registry", &format!("{base}identity")]);
    refused_so(
        &elsewhere,
        &format!(
            "error[ACQ0412]: what answers at {base}identity is no registry: it says that it is 127.0.0.1/t/identity, the \
             identity service\nhint: `acquire output` shows the registry's URL to whoever applied the deployment"
        ),
    );
    let service = sandbox.run(&["register", "bob", "--identity", &format!("{base}storage")]);
    refused(&service, "ACQ0422");
    sandbox.good(&["destroy", "--data", "--yes"]);
}
