//! Who did what, when and why, and who signed it.

use crate::sandbox::Sandbox;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const SPEC: &str = "version: 1
name: demo
services: {}
resources:
  a: { kind: marker, input: one }
  b: { kind: marker, input: two, needs: [a] }
";

fn write(sandbox: &Sandbox, from: &str, to: &str) {
    fs::write(sandbox.path().join("acquire.yaml"), SPEC.replace(from, to)).unwrap();
}

/// The lines of `history`, and what there is of each run in its document.
fn history(sandbox: &Sandbox) -> (Vec<String>, Vec<Value>) {
    let lines = sandbox.good(&["history"]).stdout.lines().map(str::to_owned).collect();
    let document: Value = serde_json::from_str(&sandbox.good(&["history", "--json"]).stdout).unwrap();
    (lines, document["runs"].as_array().unwrap().clone())
}

#[test]
fn every_run_is_a_line_with_who_and_a_signature_that_is_checked() {
    let sandbox = Sandbox::new(SPEC);
    sandbox.bad(&["history"], "was not applied yet");
    let by = |user: &str, arguments: &[&str]| {
        let run = sandbox.run_with(arguments, &[("USER", user)]);
        assert!([0, 3].contains(&run.code), "{run}");
    };
    by("alice", &["apply", "--yes"]);
    by("alice", &["apply", "--yes"]);
    write(&sandbox, "two", "three");
    by("bob", &["apply", "--yes"]);
    by("bob", &["destroy", "--yes"]);
    let (lines, runs) = history(&sandbox);
    assert_eq!((lines.len(), runs.len()), (3, 3), "an apply that changes nothing is no run: {lines:#?}");
    for (place, (user, purpose, sums)) in
        [("alice", "apply", "+2 ~0 -0"), ("bob", "apply", "+0 ~1 -0"), ("bob", "destroy", "+0 ~0 -2")]
            .iter()
            .enumerate()
    {
        let (line, run) = (&lines[place], &runs[place]);
        let signed = format!("signed by {user}@");
        assert!(line.contains(purpose) && line.contains(sums) && line.contains(&signed), "{line}");
        assert!(line.starts_with(&format!("    {}  2", place + 1)) && line.contains(", key "), "{line}");
        assert!(line.contains(env!("CARGO_PKG_VERSION")), "{line}");
        assert_eq!((run["purpose"].as_str(), run["signature"]["holds"].as_bool()), (Some(*purpose), Some(true)));
        assert_eq!(run["binary"]["sha256"].as_str().unwrap().len(), 64);
    }
    assert!(runs[0]["spec_digest"] != runs[1]["spec_digest"] && runs[2]["spec_digest"].is_null());
    assert_eq!(runs[0]["signature"]["key"], runs[2]["signature"]["key"], "one key, since it is one home");
    let key = sandbox.configuration().join("operator.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&key).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
}

#[test]
fn a_run_that_was_cut_off_says_so_and_has_no_signature() {
    let sandbox = Sandbox::new(SPEC);
    let mut apply = sandbox.command(&["apply", "--yes"]);
    let mut apply = apply.env("ACQUIRE_FAULTS", "b/marker:create=hang").spawn().unwrap();
    while !sandbox.run(&["status"]).stdout.contains("In doubt") {
        assert!(apply.try_wait().unwrap().is_none(), "it hangs");
    }
    while sandbox.run(&["why", "b/marker"]).code != 0 {
        assert!(apply.try_wait().unwrap().is_none(), "it hangs");
    }
    apply.kill().unwrap();
    apply.wait().unwrap();
    let why = sandbox.good(&["why", "b/marker"]).stdout;
    assert!(why.contains("b/marker  in doubt: a run that was cut off began to create it 2"), "{why}");
    sandbox.good(&["apply", "--yes"]);
    let (lines, _) = history(&sandbox);
    assert!(
        lines[0].contains("+1 ~0 -0, cut off after 1 of 2 steps") && lines[0].ends_with("not signed"),
        "{lines:#?}"
    );
    assert!(lines[1].contains("+1 ~0 -0, not verified") && lines[1].contains("signed by "), "{lines:#?}");
}

#[test]
fn a_resource_tells_why_it_is_as_it_is_even_when_it_is_gone() {
    let sandbox = Sandbox::new(SPEC);
    sandbox.good(&["apply", "--yes"]);
    write(&sandbox, "one", "1");
    sandbox.good(&["apply", "--yes"]);
    let why = sandbox.good(&["why", "a/marker"]).stdout;
    assert!(why.starts_with("a/marker  marker, on this machine\n  made by"), "{why}");
    assert!(why.contains("): not there yet  acquire.yaml:5\n"), "{why}");
    assert!(why.contains("  changed last by  run 2 ("), "{why}");
    assert!(why.contains("): input changed in the spec  acquire.yaml:5\n"), "{why}");
    assert!(why.contains("  needed by  b/marker\n"), "{why}");
    let story = why.split("Story\n").nth(1).unwrap().lines().map(str::trim_start).collect::<Vec<_>>();
    assert!(story.len() == 2 && story[0].starts_with("1  2") && story[1].contains("  changed  input"), "{why}");
    assert!(sandbox.good(&["why", "b"]).stdout.contains("  needs  a/marker\n"));

    let refused = sandbox.bad(&["why", "a/marked"], "there never was a `a/marked`");
    assert!(refused.stderr.contains("did you mean `a/marker`?"), "{refused}");
    fs::write(
        sandbox.path().join("acquire.yaml"),
        SPEC.replace("  a: { kind: marker, input: one }\n", "").replace(", needs: [a]", ""),
    )
    .unwrap();
    sandbox.good(&["apply", "--yes"]);
    let gone = sandbox.good(&["why", "a/marker"]).stdout;
    assert!(gone.starts_with("a/marker  marker, not there any more\n"), "{gone}");
    assert!(
        gone.contains("gone since") && gone.contains("run 3 (") && gone.contains(": no longer in the spec"),
        "{gone}"
    );
}
