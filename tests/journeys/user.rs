//! What a user does with our own client: register, log in, be remembered, log out — and everything that goes wrong.

use crate::sandbox::{LEAST, Run, Sandbox};
use acquire_model::{SecretText, Timestamp};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::SystemTime;

const PASSWORD: &str = "Alice1Password";

/// Runs a command with a password on standard input.
fn typed(sandbox: &Sandbox, arguments: &[&str], password: &str) -> Run {
    let mut command = sandbox.command(arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses before it reads has closed its end.
    let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
    Run::from(child.wait_with_output().unwrap())
}

#[track_caller]
fn refused(run: &Run, code: &str) {
    assert!(run.code == 1 && run.stderr.contains(code), "should be refused as {code}\n{run}");
}

/// The one-time code of now, or of a step ahead.
fn code(secret: &str, ahead: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap()).plus_seconds(30 * ahead);
    acquire_client::one_time_code(&SecretText::new(secret), now).unwrap()
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
    refused(&login(PASSWORD, &[]), "ACQ0419");
    refused(&sandbox.run(&["login", "alice"]), "ACQ0419");
    let now = code(&secret, 0);
    refused(&login("Wrong1Password", &["--otp-code", &now]), "ACQ0414");
    refused(&login(PASSWORD, &["--otp-code", "000000"]), "ACQ0414");
    refused(&typed(&sandbox, &["login", "eve", "--password-stdin", "--otp-code", &now], PASSWORD), "ACQ0414");

    let begun = login(PASSWORD, &["--otp-code", &now]);
    assert!(begun.code == 0 && begun.stdout.contains("Logged in as alice@a0-"), "{begun}");
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
    let registry = operator.output(&[])["services"]["registry"]["url"].as_str().unwrap().to_owned();

    let user = Sandbox::new("");
    fs::remove_file(user.path().join("acquire.yaml")).unwrap();
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
