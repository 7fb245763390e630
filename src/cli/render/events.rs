//! The event stream of `--json`: one JSON object a line, the first of them with the version of the format.

use acquire_engine::apply::{Outcome, Resumed, progress};
use acquire_engine::plan::{Plan, Step};
use acquire_engine::state::State;
use acquire_model::Diagnostic;
use acquire_provider::verify::Report;
use serde_json::{Value, json};
use std::time::Duration;

use crate::cli::exit::Exit;
use crate::cli::terminal::say;

/// The version of the format. Fields may be added within one; none changes or goes.
const FORMAT: u32 = 1;

/// Where events go: to standard output, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// A person reads text instead.
    Off,
    /// A program reads.
    On,
}

impl Events {
    /// The stream, if it was asked for.
    pub fn new(json: bool) -> Self {
        if json { Self::On } else { Self::Off }
    }

    /// Whether a program reads.
    pub fn is_on(self) -> bool {
        self == Self::On
    }

    /// A command begins.
    pub fn begin(self, command: &str, name: &str, state: Option<&State>) {
        self.write(|| {
            json!({
                "event": "begin", "format": FORMAT, "version": env!("CARGO_PKG_VERSION"), "command": command, "name": name,
                "lineage": state.map(|state| &state.lineage), "serial": state.map(|state| state.serial),
            })
        });
    }

    /// What became of the steps of a run that was cut off.
    pub fn resumed(self, resumed: &Resumed) {
        self.write(|| json!({ "event": "resumed", "there": resumed.made, "not_there": resumed.not_made }));
    }

    /// A plan: what drifted, what will be done, and the sums.
    pub fn plan(self, plan: &Plan) {
        for drift in &plan.drift {
            self.write(|| {
                json!({
                    "event": "drift", "address": drift.address, "provider": drift.provider, "gone": drift.gone,
                    "changes": drift.changes, "origin": drift.origin,
                })
            });
        }
        for step in plan.shown() {
            self.write(|| planned(step));
        }
        let summary = plan.summary();
        self.write(|| {
            json!({
                "event": "planned", "add": summary.add, "change": summary.change, "destroy": summary.destroy,
                "unchanged": plan.unchanged, "kept": plan.kept, "empty": plan.is_empty(),
            })
        });
    }

    /// Something happened to a step.
    pub fn step(self, event: &progress::Event) {
        self.write(|| {
            let mut line = json!({
                "event": "step", "address": event.address, "action": event.action, "call": event.call,
                "at_seconds": event.at.as_secs_f64(),
            });
            if let (Some(line), Value::Object(what)) = (line.as_object_mut(), what(&event.what)) {
                line.extend(what);
            }
            line
        });
    }

    /// What an apply or destroy came to.
    pub fn outcome(self, outcome: &Outcome) {
        self.write(|| {
            json!({
                "event": "applied", "added": outcome.added, "changed": outcome.changed, "destroyed": outcome.destroyed,
                "failed": outcome.failed.iter().map(|(address, _)| address).collect::<Vec<_>>(),
                "skipped": outcome.skipped, "kept": outcome.kept,
            })
        });
    }

    /// What was proved.
    pub fn report(self, report: &Report) {
        self.write(|| {
            let services = report.services.iter().map(|verified| {
                json!({
                    "service": verified.service, "uid": verified.uid, "url": verified.url, "binary": verified.binary,
                    "took_seconds": verified.took.as_secs_f64(),
                })
            });
            json!({
                "event": "verified", "services": services.collect::<Vec<_>>(), "flow": report.flow,
                "failures": report.failures,
            })
        });
    }

    /// Something is wrong.
    pub fn diagnostics(self, diagnostics: &[Diagnostic]) {
        for diagnostic in diagnostics {
            self.write(|| json!({ "event": "diagnostic", "diagnostic": diagnostic }));
        }
    }

    /// The command ends. Hands on what it came to.
    pub fn end(self, result: Result<Exit, Vec<Diagnostic>>) -> Result<Exit, Vec<Diagnostic>> {
        self.diagnostics(result.as_ref().err().map(Vec::as_slice).unwrap_or_default());
        let exit = result.as_ref().copied().unwrap_or(Exit::Error);
        self.write(|| json!({ "event": "end", "exit": exit.code() }));
        result
    }

    fn write(self, event: impl FnOnce() -> Value) {
        if self.is_on() {
            say(&format!("{}\n", event()));
        }
    }
}

fn planned(step: &Step) -> Value {
    json!({
        "event": "change", "address": step.address, "action": step.action, "provider": step.provider,
        "reason": step.reason, "origin": step.origin, "changes": step.changes,
    })
}

fn what(what: &progress::What) -> Value {
    let seconds = Duration::as_secs_f64;
    match what {
        progress::What::Started => json!({ "what": "started" }),
        progress::What::Retrying { attempt, wait, error } => {
            json!({ "what": "retrying", "attempt": attempt, "wait_seconds": seconds(wait), "error": error })
        }
        progress::What::Finished { took } => json!({ "what": "finished", "took_seconds": seconds(took) }),
        progress::What::Failed { took, diagnostic } => {
            json!({ "what": "failed", "took_seconds": seconds(took), "diagnostic": diagnostic })
        }
        progress::What::Skipped => json!({ "what": "skipped" }),
    }
}
