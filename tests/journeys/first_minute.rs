//! From an empty directory to six verified services and back to nothing.

use crate::sandbox::{LEAST, Sandbox, is_alive};

const SERVICES: [&str; 6] = ["registry", "identity", "accounting", "access", "storage", "compute"];

#[test]
fn apply_brings_up_six_verified_services_and_destroy_takes_them_away() {
    let sandbox = Sandbox::new(LEAST);
    let applied = sandbox.good(&["apply", "--yes"]);
    assert!(applied.stderr.contains("6 of 6") || applied.stdout.contains("6 of 6"), "{applied}");
    for service in SERVICES {
        assert!(format!("{applied}").contains(&format!("/t/{service}")), "{service}: {applied}");
    }

    let again = sandbox.good(&["plan"]);
    assert!(again.stdout.contains("No changes."), "{again}");
    assert_eq!(sandbox.run(&["plan", "-detailed-exitcode"]).code, 0);
    assert!(sandbox.good(&["verify"]).stderr.contains("6 of 6"));
    assert!(sandbox.good(&["status"]).stdout.contains("identity"));
    assert!(sandbox.good(&["logs"]).stdout.contains("listening on"));

    let pid = sandbox.host_pid().expect("the host runs");
    let destroyed = sandbox.good_or_partial(&["destroy", "--yes"]);
    assert!(!is_alive(pid), "plain destroy ends the host");
    assert!(sandbox.data().join("buckets").is_dir(), "plain destroy keeps the data");
    assert!(format!("{destroyed}").contains("--data"), "and says how to remove it: {destroyed}");
    assert_eq!(
        standings(&sandbox),
        "  registry    not running, 4 of 6 not there\n  identity    not running, 5 of 7 not there\n  \
         accounting  not running, 5 of 7 not there\n  access      not running, 5 of 7 not there\n  \
         storage     not running, 5 of 7 not there\n  compute     not running, 5 of 7 not there\n"
    );
    assert_eq!(sandbox.run(&["verify"]).code, 4, "what is not there is not verified");

    sandbox.good(&["destroy", "--data", "--yes"]);
    assert!(standings(&sandbox).starts_with("  registry    not there\n  identity    not there\n"));
    assert_eq!(Sandbox::files(&sandbox.data()), Vec::<String>::new());
    assert!(!sandbox.data().exists(), "no directory either");
    let left = Sandbox::files(&sandbox.configuration());
    let kept = |file: &String| ["state.key", "head", "operator.key"].iter().any(|kept| file.ends_with(kept));
    assert!(left.iter().all(kept), "{left:?}");
}

/// The lines of `status` that say how each service is.
fn standings(sandbox: &Sandbox) -> String {
    let status = sandbox.good(&["status"]).stdout;
    let table = status.split("\n\n").nth(1).unwrap_or_else(|| panic!("{status}"));
    table.lines().map(|line| format!("{line}\n")).collect()
}

#[test]
fn services_whose_host_was_killed_are_not_running() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    assert!(standings(&sandbox).lines().all(|line| line.ends_with("  as applied")), "{}", standings(&sandbox));
    let pid = sandbox.host_pid().expect("the host runs");
    assert!(std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    while is_alive(pid) {
        std::thread::yield_now();
    }
    assert!(standings(&sandbox).lines().all(|line| line.ends_with("  not running")), "{}", standings(&sandbox));
    let plan = sandbox.good(&["plan"]).stdout;
    assert!(plan.contains("~ registry/function    is not running  seen on this machine\n"), "{plan}");
    assert!(plan.contains("    ~   function") && plan.contains("more services, alike: "), "{plan}");
    sandbox.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn what_plain_destroy_keeps_is_there_after_the_next_apply() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    let uids = sandbox.output(&[])["services"].clone();
    assert!(sandbox.register("alice").status.success());
    sandbox.good_or_partial(&["destroy", "--yes"]);
    let applied = sandbox.good(&["apply", "--yes"]);
    assert!(format!("{applied}").contains("6 of 6"), "{applied}");
    let again = sandbox.register("alice");
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(!again.status.success() && said.contains("taken"), "{said}");
    for service in SERVICES {
        assert_eq!(sandbox.output(&[])["services"][service]["uid"], uids[service]["uid"], "{service}");
    }
    sandbox.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn output_lists_each_service_and_hides_what_is_secret() {
    let sandbox = Sandbox::new(LEAST);
    sandbox.good(&["apply", "--yes"]);
    let output = sandbox.output(&[]);
    for service in SERVICES {
        let service = &output["services"][service];
        assert!(service["uid"].is_string() && service["url"].is_string(), "{output}");
        assert!(service["canonical_url"].is_string(), "{output}");
        assert!(service["admin"].is_null(), "{output}");
    }
    assert_eq!(output["services"]["registry"]["uid"], "a0-a0");
    let shown = sandbox.output(&["--show-secrets"]);
    for field in ["username", "password", "otp_uri"] {
        assert!(shown["services"]["identity"]["admin"][field].is_string(), "{field}");
    }
    sandbox.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn secrets_stand_in_no_output_no_log_no_state_and_no_object() {
    let sandbox = Sandbox::new(LEAST);
    let applied = sandbox.good(&["apply", "--yes"]);
    let shown = sandbox.output(&["--show-secrets"]);
    let mut said = vec![applied.stdout, applied.stderr];
    for command in [&["plan"][..], &["status"], &["output"], &["output", "--json"], &["logs"], &["verify"]] {
        let run = sandbox.good(command);
        said.extend([run.stdout, run.stderr]);
    }
    let mut bytes: Vec<Vec<u8>> = said.into_iter().map(String::into_bytes).collect();
    for root in [sandbox.path().join(".acquire"), sandbox.home()] {
        // What the host ran is there under its digest: it is no place for secrets, and long.
        let files = Sandbox::files(&root).into_iter().filter(|file| !file.contains("host/versions/"));
        bytes.extend(files.map(|file| std::fs::read(root.join(file)).unwrap()));
    }
    for service in SERVICES {
        let admin = &shown["services"][service]["admin"];
        let password = admin["password"].as_str().unwrap();
        let otp = admin["otp_uri"].as_str().unwrap();
        let otp = otp.split("secret=").nth(1).unwrap().split('&').next().unwrap();
        for secret in [password, otp] {
            let found = bytes.iter().any(|bytes| bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
            assert!(!found, "a secret of {service} was found in clear");
        }
    }
    sandbox.good(&["destroy", "--data", "--yes"]);
}
