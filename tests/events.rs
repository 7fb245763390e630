//! The event stream: every line that any test sees must be of the published schema.

use jsonschema::Validator;
use serde_json::Value;
use std::path::Path;
use std::sync::LazyLock;

/// The commands that have events.
const STREAMING: [&str; 7] = ["plan", "apply", "destroy", "drift", "rollback", "verify", "test"];

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/events.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
});

/// Whether a command with these arguments has events.
pub fn is_stream(arguments: &[impl AsRef<str>]) -> bool {
    arguments.first().is_some_and(|command| STREAMING.contains(&command.as_ref()))
}

/// Checks every line; hands them on as values.
pub fn check(text: &str) -> Vec<Value> {
    let event = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let errors: Vec<String> = SCHEMA.iter_errors(&event).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{line}: {errors:?}");
        event
    };
    text.lines().map(event).collect()
}

#[test]
fn the_schema_refuses_what_is_not_an_event() {
    for (line, is_good) in [
        (r#"{"event":"end","exit":0}"#, true),
        (r#"{"event":"end","exit":0,"more":"what a later version may add"}"#, true),
        (r#"{"event":"end"}"#, false),
        (r#"{"event":"ended","exit":0}"#, false),
        (
            r#"{"event":"step","address":"a/marker","action":"create","call":"create","at_seconds":0.1,"what":"started"}"#,
            true,
        ),
        (
            r#"{"event":"step","address":"a/marker","action":"create","call":"create","at_seconds":0.1,"what":"stopped"}"#,
            false,
        ),
        (
            r#"{"event":"step","address":"a/marker","action":"create","call":"create","at_seconds":0.1,"what":"retrying"}"#,
            false,
        ),
        (
            r#"{"event":"begin","format":2,"version":"9","command":"plan","name":"demo","lineage":null,"serial":null}"#,
            false,
        ),
    ] {
        assert_eq!(SCHEMA.is_valid(&serde_json::from_str(line).unwrap()), is_good, "{line}");
    }
}
