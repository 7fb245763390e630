//! The event stream of `--json` and `--json-into`: one JSON object a line, the first of them with the version of the
//! format. `acquire schema events` prints its schema, which is made from the types here.

use acquire_engine::apply::{Outcome, Resumed, progress};
use acquire_engine::plan::{AttributeChange, Call, Plan, Step};
use acquire_engine::state::State;
use acquire_model::{Action, Address, Diagnostic, Lineage, ProviderName, ServiceType, Span};
use acquire_provider::verify::Report;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cli::exit::Exit;
use crate::cli::project::unwritable;
use crate::cli::render::junit::Case;
use crate::cli::terminal::say;

/// The version of the format. Fields and events may be added within one; none changes or goes.
const FORMAT: u32 = 1;

/// Where events go: to standard output in the place of text, to a file beside it, to both, or nowhere.
#[derive(Clone, Debug, Default)]
pub struct Events {
    stdout: bool,
    file: Option<Arc<Into>>,
}

/// A file that events go into.
#[derive(Debug)]
struct Into {
    path: PathBuf,
    /// After the first error nothing more is written; the error is told at the end.
    file: Mutex<Result<File, std::io::Error>>,
}

impl Events {
    /// Opens the stream. What is in the file already is lost.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn open(stdout: bool, file: Option<&Path>) -> Result<Self, Vec<Diagnostic>> {
        let into = |path: &Path| -> Result<_, Vec<Diagnostic>> {
            let file = File::create(path).map_err(|error| unwritable(path, &error))?;
            Ok(Arc::new(Into { path: path.to_owned(), file: Mutex::new(Ok(file)) }))
        };
        Ok(Self { stdout, file: file.map(into).transpose()? })
    }

    /// Whether events stand in the place of text.
    pub fn is_on(&self) -> bool {
        self.stdout
    }

    /// A command begins.
    pub fn begin(&self, command: &str, name: &str, state: Option<&State>) {
        let (lineage, serial) = (state.map(|state| &state.lineage), state.map(|state| state.serial));
        let version = env!("CARGO_PKG_VERSION");
        self.write(&Event::Begin { format: FORMAT, version, command, name, lineage, serial });
    }

    /// What became of the steps of a run that was cut off.
    pub fn resumed(&self, Resumed { made, not_made }: &Resumed) {
        self.write(&Event::Resumed { there: made, not_there: not_made });
    }

    /// A plan: what drifted, what will be done, and the sums.
    pub fn plan(&self, plan: &Plan) {
        for drift in &plan.drift {
            self.write(&Event::Drift {
                address: &drift.address,
                provider: &drift.provider,
                gone: drift.gone,
                changes: &drift.changes,
                origin: drift.origin.as_ref(),
            });
        }
        for Step { address, action, provider, reason, origin, changes, .. } in plan.shown() {
            let (action, origin) = (*action, origin.as_ref());
            self.write(&Event::Change { address, action, provider, reason, origin, changes });
        }
        let summary = plan.summary();
        self.write(&Event::Planned {
            add: summary.add,
            change: summary.change,
            destroy: summary.destroy,
            unchanged: plan.unchanged,
            left: plan.left,
            kept: &plan.kept,
            empty: plan.is_empty(),
        });
    }

    /// Something happened to a step.
    pub fn step(&self, event: &progress::Event) {
        let progress::Event { address, action, call, at, what } = event;
        let at_seconds = at.as_secs_f64();
        self.write(&Event::Step { address, action: *action, call: *call, at_seconds, what: what.into() });
    }

    /// What an apply or destroy came to.
    pub fn outcome(&self, outcome: &Outcome) {
        self.write(&Event::Applied {
            added: outcome.added,
            changed: outcome.changed,
            destroyed: outcome.destroyed,
            failed: outcome.failed.iter().map(|(address, _)| address).collect(),
            skipped: &outcome.skipped,
            kept: &outcome.kept,
        });
    }

    /// What was proved.
    pub fn report(&self, report: &Report) {
        let services = report.services.iter().map(|verified| Verified {
            service: verified.service,
            uid: &verified.uid,
            url: &verified.url,
            binary: &verified.binary,
            took_seconds: verified.took.as_secs_f64(),
        });
        let services = services.collect();
        self.write(&Event::Verified { services, flow: &report.flow, failures: &report.failures });
    }

    /// An earlier binary was put back.
    pub fn rolled_back(&self, binary: &str, instead_of: &[String], verified: bool) {
        self.write(&Event::RolledBack { binary, instead_of, verified });
    }

    /// A run of a test.
    pub fn run(&self, file: &str, case: &Case) {
        self.write(&Event::Run {
            file,
            name: &case.name,
            command: case.command.as_str(),
            passed: case.failures.is_empty(),
            took_seconds: case.took.as_secs_f64(),
            failures: &case.failures,
        });
    }

    /// The sums of all tests.
    pub fn tested(&self, passed: usize, failed: usize) {
        self.write(&Event::Tested { passed, failed });
    }

    /// Something is wrong.
    pub fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        for diagnostic in diagnostics {
            self.write(&Event::Diagnostic { diagnostic });
        }
    }

    /// The command ends. Hands on what it came to, or that the file of events is not whole.
    pub fn end(&self, result: Result<Exit, Vec<Diagnostic>>) -> Result<Exit, Vec<Diagnostic>> {
        self.diagnostics(result.as_ref().err().map(Vec::as_slice).unwrap_or_default());
        let exit = result.as_ref().copied().unwrap_or(Exit::Error);
        self.write(&Event::End { exit: exit.code() });
        let Some(into) = &self.file else { return result };
        match &*into.file.lock().unwrap_or_else(PoisonError::into_inner) {
            Ok(_) => result,
            Err(error) => Err([result.err().unwrap_or_default(), unwritable(&into.path, error)].concat()),
        }
    }

    fn write(&self, event: &Event<'_>) {
        if !self.stdout && self.file.is_none() {
            return;
        }
        // Nothing in an event has a key that is not text, so it can always be written as JSON.
        let line = serde_json::to_string(event).unwrap_or_default() + "\n";
        if self.stdout {
            say(&line);
        }
        if let Some(into) = &self.file {
            let mut file = into.file.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = file.as_mut().map_or(Ok(()), |file| file.write_all(line.as_bytes())) {
                *file = Err(error);
            }
        }
    }
}

/// Returns the JSON Schema (2020-12) of one line of the stream.
pub fn json_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    generator.into_root_schema_for::<Event>().to_value()
}

/// One line of the event stream of `--json` and `--json-into`. Whoever reads passes over events and fields that it does
/// not know: within one version of the format some may be added, but none changes or goes.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
enum Event<'a> {
    /// A command begins. Comes first, unless the spec or the state is refused.
    Begin {
        /// The version of this format.
        #[schemars(extend("const" = FORMAT))]
        format: u32,
        /// The version of the binary.
        version: &'a str,
        /// The command, such as `apply`.
        command: &'a str,
        /// The name of the deployment; empty for `test`, which has none.
        name: &'a str,
        /// Its state; null if there is none yet.
        lineage: Option<&'a Lineage>,
        /// How far the state is; null if there is none yet.
        serial: Option<u64>,
    },
    /// What became of the steps of a run that was cut off.
    Resumed {
        /// Things that are there.
        there: &'a [Address],
        /// Things that are not there.
        not_there: &'a [Address],
    },
    /// Something that was changed outside.
    Drift {
        /// Which resource.
        address: &'a Address,
        /// Who provides it.
        provider: &'a ProviderName,
        /// Whether it is not there any more.
        gone: bool,
        /// What differs from the state.
        changes: &'a [AttributeChange],
        /// The place in the spec that asks for it.
        origin: Option<&'a Span>,
    },
    /// Something that a plan does.
    Change {
        /// To which resource.
        address: &'a Address,
        /// What.
        action: Action,
        /// Who provides it.
        provider: &'a ProviderName,
        /// Why, in words.
        reason: &'a str,
        /// The place in the spec that asks for it.
        origin: Option<&'a Span>,
        /// What will differ.
        changes: &'a [AttributeChange],
    },
    /// The sums of a plan.
    Planned {
        /// How many resources are made.
        add: usize,
        /// How many resources are changed in place.
        change: usize,
        /// How many resources are deleted. A replacement counts as added and destroyed.
        destroy: usize,
        /// How many resources need nothing.
        unchanged: usize,
        /// How many resources are outside its scope and left as they are, unseen.
        left: usize,
        /// What stays because it holds people's data.
        kept: &'a [Address],
        /// Whether there is nothing to do.
        empty: bool,
    },
    /// Something happened to a step.
    Step {
        /// To which resource.
        address: &'a Address,
        /// What the plan does to it.
        action: Action,
        /// What the step calls.
        call: Call,
        /// Time since the run began.
        at_seconds: f64,
        #[serde(flatten)]
        what: What<'a>,
    },
    /// What an apply or destroy came to.
    Applied {
        /// How many resources were made.
        added: usize,
        /// How many resources were changed in place.
        changed: usize,
        /// How many resources were deleted.
        destroyed: usize,
        /// What failed.
        failed: Vec<&'a Address>,
        /// What was not started.
        skipped: &'a [Address],
        /// What stays because it holds people's data.
        kept: &'a [Address],
    },
    /// What was proved of the services.
    Verified {
        /// The services that answered well.
        services: Vec<Verified<'a>>,
        /// The steps of the flow that worked, in order.
        flow: &'a [String],
        /// What did not hold.
        failures: &'a [Diagnostic],
    },
    /// After an apply that was not verified, the binary that was verified before was put back.
    RolledBack {
        /// SHA-256 of the binary that runs again.
        binary: &'a str,
        /// SHA-256 of the binary that was not verified.
        instead_of: &'a [String],
        /// Whether what runs again is verified.
        verified: bool,
    },
    /// A run of a test.
    Run {
        /// The test file.
        file: &'a str,
        /// What the run is called.
        name: &'a str,
        /// What it did: `plan` or `apply`.
        command: &'a str,
        /// Whether it came to what it should.
        passed: bool,
        /// How long it took.
        took_seconds: f64,
        /// Why it failed.
        failures: &'a [Diagnostic],
    },
    /// The sums of all tests.
    Tested {
        /// How many runs passed.
        passed: usize,
        /// How many failed.
        failed: usize,
    },
    /// Something is wrong.
    Diagnostic {
        /// What, where, and what to do next.
        diagnostic: &'a Diagnostic,
    },
    /// The command ends. Always comes last.
    End {
        /// The exit code.
        exit: u8,
    },
}

/// What happened to a step.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "what", rename_all = "kebab-case")]
enum What<'a> {
    /// Its call is made.
    Started,
    /// Its call is made again after a pause.
    Retrying {
        /// Which try failed, from 1.
        attempt: u32,
        /// The pause before the next.
        wait_seconds: f64,
        /// Why it failed.
        error: &'a str,
    },
    /// It succeeded.
    Finished {
        /// How long it took, with all tries.
        took_seconds: f64,
    },
    /// It failed for good.
    Failed {
        /// How long it took, with all tries.
        took_seconds: f64,
        /// What, where, and what to do next.
        diagnostic: &'a Diagnostic,
    },
    /// It is not started, because something it depends on failed.
    Skipped,
}

/// A service that answered a fresh challenge with the key it was given.
#[derive(Serialize, JsonSchema)]
struct Verified<'a> {
    /// Which.
    service: ServiceType,
    /// Its uid.
    uid: &'a str,
    /// Its URL.
    url: &'a str,
    /// SHA-256 of the binary it runs.
    binary: &'a str,
    /// How long the answer took.
    took_seconds: f64,
}

impl<'a> From<&'a progress::What> for What<'a> {
    fn from(what: &'a progress::What) -> Self {
        let seconds = Duration::as_secs_f64;
        match what {
            progress::What::Started => Self::Started,
            progress::What::Retrying { attempt, wait, error } => {
                Self::Retrying { attempt: *attempt, wait_seconds: seconds(wait), error }
            }
            progress::What::Finished { took } => Self::Finished { took_seconds: seconds(took) },
            progress::What::Failed { took, diagnostic } => Self::Failed { took_seconds: seconds(took), diagnostic },
            progress::What::Skipped => Self::Skipped,
        }
    }
}
