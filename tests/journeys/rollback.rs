//! A new binary that is not good, and the way back to the one before.

use crate::sandbox::{BINARY, LEAST, Run, Sandbox};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Two services are enough to see it. They are proved alive again and again, which is not to wait for the next code.
fn two() -> Sandbox {
    let services = LEAST.find("services:").unwrap();
    Sandbox::new(&format!("{}services: {{ registry: {{}}, identity: {{ otp_reuse: allow }} }}\n", &LEAST[..services]))
}

/// A binary that does the same and is another.
fn another(sandbox: &Sandbox, name: &str) -> PathBuf {
    let path = sandbox.path().canonicalize().unwrap().join(name);
    fs::copy(BINARY, &path).unwrap();
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(name.as_bytes()).unwrap();
    path
}

fn by(sandbox: &Sandbox, binary: &Path, arguments: &[&str], faults: &str) -> Run {
    let mut command = sandbox.command_of(binary, arguments);
    if !faults.is_empty() {
        command.env("ACQUIRE_FAULTS", faults);
    }
    Run::from(command.output().unwrap())
}

fn good(sandbox: &Sandbox, binary: &Path, arguments: &[&str]) -> Run {
    let run = by(sandbox, binary, arguments, "");
    assert_eq!(run.code, 0, "{arguments:?} {run}");
    run
}

/// The digest of the binary that all services prove to run.
fn proved(sandbox: &Sandbox) -> String {
    let verified = sandbox.good(&["verify", "--json"]).stdout;
    let events = verified.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let services: Vec<Value> = events.filter_map(|event| event["services"].as_array().cloned()).flatten().collect();
    let binary = services[0]["binary"].as_str().unwrap();
    assert!(services.len() == 2 && services.iter().all(|service| service["binary"] == binary), "{services:?}");
    binary.to_owned()
}

#[test]
fn a_binary_that_is_not_proved_alive_gives_way_to_the_one_before() {
    let sandbox = two();
    sandbox.good(&["apply", "--yes"]);
    assert!(sandbox.register("alice").status.success());
    let (first, places) = (proved(&sandbox), sandbox.output(&[])["services"].clone());

    let bad = another(&sandbox, "bad");
    let applied = by(&sandbox, &bad, &["apply", "--yes", "--json-into", "events"], "identity/function:verify=fail");
    assert_eq!(applied.code, 4, "{applied}");
    let old = format!("{}…", &first[..4]);
    assert!(applied.stderr.contains("does not answer") && applied.stderr.contains("ACQ0401"), "{applied}");
    assert!(applied.stderr.contains(&format!("Not verified: binary {old}, which was verified last, is put back")));
    assert!(applied.stderr.contains(&format!("Binary {old} runs again, and is verified.")), "{applied}");
    assert!(applied.stderr.trim_end().ends_with("`acquire apply` tries the new binary again"), "{applied}");
    let events = crate::events::check(&fs::read_to_string(sandbox.path().join("events")).unwrap());
    let put_back = events.iter().find(|event| event["event"] == "rolled-back").unwrap();
    assert!(put_back["binary"] == first.as_str() && put_back["verified"] == true, "{put_back}");

    assert_eq!(proved(&sandbox), first);
    assert_eq!(sandbox.output(&[])["services"], places, "every service is where and who it was");
    let said = String::from_utf8(sandbox.register("alice").stderr).unwrap();
    assert!(said.contains("taken"), "{said}");
    let plan = good(&sandbox, &bad, &["plan"]).stdout;
    assert!(plan.contains("binary changed; a rollback had put the one before back"), "{plan}");
    assert!(sandbox.good(&["plan"]).stdout.contains("No changes."), "the binary before has nothing to change");
    let history = sandbox.good(&["history"]).stdout;
    let lines: Vec<&str> = history.lines().collect();
    assert!(lines[1].contains("apply") && lines[1].contains(", not verified"), "{history}");
    assert!(lines[2].contains("rollback") && lines[2].contains(", verified"), "{history}");

    // Tried again, it is good.
    good(&sandbox, &bad, &["apply", "--yes"]);
    assert_ne!(proved(&sandbox), first);
    sandbox.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn a_rollback_goes_back_to_the_verified_binary_before_the_present_one() {
    let sandbox = two();
    sandbox.bad(&["rollback", "--yes"], "was not applied yet");
    let first = another(&sandbox, "first");
    good(&sandbox, &first, &["apply", "--yes"]);
    let one = proved(&sandbox);
    sandbox.bad(&["rollback", "--yes"], "ACQ0530");
    fs::remove_file(&first).unwrap();
    sandbox.good(&["apply", "--yes"]);
    let two = proved(&sandbox);
    assert_ne!(one, two);

    sandbox.bad(&["rollback"], "--yes");
    let rolled_back = sandbox.good(&["rollback", "--yes"]);
    assert!(rolled_back.stderr.contains("goes back to a verified binary"), "{rolled_back}");
    assert!(rolled_back.stderr.contains("Rollback complete: 2 changed.\nVerified: 2 of 2"), "{rolled_back}");
    assert!(!rolled_back.stderr.contains("Left as they are"), "{rolled_back}");
    assert_eq!(proved(&sandbox), one);
    let plan = sandbox.good(&["plan"]).stdout;
    assert!(plan.contains("a rollback had put the one before back"), "{plan}");
    sandbox.bad(&["rollback", "--yes"], "no binary was verified before");

    sandbox.good(&["apply", "--yes"]);
    assert_eq!(proved(&sandbox), two);
    let events = sandbox.good(&["rollback", "--yes", "--json"]).stdout;
    assert!(events.contains(&one) && proved(&sandbox) == one, "{events}");
    sandbox.good(&["destroy", "--data", "--yes"]);
    sandbox.bad(&["rollback", "--yes"], "no functions");
}

#[test]
fn a_rollback_changes_nothing_but_the_binary() {
    let sandbox = two();
    let first = another(&sandbox, "first");
    good(&sandbox, &first, &["apply", "--yes"]);
    sandbox.good(&["apply", "--yes"]);
    let spec = sandbox.path().join("acquire.yaml");
    let before = fs::read_to_string(&spec).unwrap();
    fs::write(&spec, before.replace("otp_reuse: allow", "otp_reuse: reject")).unwrap();
    let refused = sandbox.bad(&["rollback", "--yes"], "ACQ0530");
    assert!(refused.stderr.contains("the spec changes more than a rollback does"), "{refused}");
    assert!(sandbox.good(&["plan"]).stdout.contains("otp_reuse"), "it is still to be applied");
    fs::write(&spec, before).unwrap();
    sandbox.good(&["rollback", "--yes"]);
    sandbox.good(&["destroy", "--data", "--yes"]);
}

#[test]
fn a_kept_binary_that_somebody_changed_is_not_run() {
    let sandbox = two();
    let first = another(&sandbox, "first");
    good(&sandbox, &first, &["apply", "--yes"]);
    let kept = sandbox.data().join("host/versions").join(proved(&sandbox));
    sandbox.good(&["apply", "--yes"]);
    let two = proved(&sandbox);
    fs::OpenOptions::new().append(true).open(&kept).unwrap().write_all(b"evil").unwrap();
    let refused = sandbox.run(&["rollback", "--yes"]);
    assert!(
        refused.code == 3 && refused.stderr.contains(&kept.file_name().unwrap().to_string_lossy()[..8]),
        "{refused}"
    );
    assert_eq!(proved(&sandbox), two);
    sandbox.good(&["destroy", "--data", "--yes"]);
}
