//! Flags that commands share; and flags as fingers know them: long ones with a single dash, of a closed list, become what
//! clap reads.

use super::World;
use super::project::Project;
use super::render::events::Events;
use super::render::plan::Detail;
use acquire_engine::plan::{Refresh, Scope, Selector};
use acquire_engine::state::{self, State};
use acquire_model::Diagnostic;
use clap::ArgAction;
use std::path::PathBuf;

/// Where a command puts its events.
#[derive(clap::Args, Clone, Debug)]
pub struct Stream {
    /// Prints events, one JSON object a line, instead (also -json)
    #[arg(long)]
    json: bool,
    /// Writes events into this file, and prints text all the same (also -json-into)
    #[arg(long, value_name = "FILE")]
    json_into: Option<PathBuf>,
}

impl Stream {
    /// Opens the stream.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn open(&self) -> Result<Events, Vec<Diagnostic>> {
        Events::open(self.json, self.json_into.as_deref())
    }
}

/// How a command that plans shows it.
#[derive(clap::Args, Clone, Debug)]
pub struct Show {
    /// Shows every service and every input
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    stream: Stream,
}

impl Show {
    /// How much of a plan is shown.
    pub fn detail(&self) -> Detail {
        if self.verbose { Detail::Whole } else { Detail::Brief }
    }

    /// Opens the stream of events.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn events(&self) -> Result<Events, Vec<Diagnostic>> {
        self.stream.open()
    }
}

/// Which state a command expects.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Expected {
    /// Refuses the state at any other serial; 0 stands for none yet
    #[arg(long, value_name = "N")]
    expect_serial: Option<u64>,
}

impl Expected {
    /// Compares it with the state that is there.
    ///
    /// # Errors
    /// If that is at another serial.
    pub fn check(self, state: Option<&State>) -> Result<(), Vec<Diagnostic>> {
        let checked = self.expect_serial.map(|serial| state::expect_serial(serial, state));
        checked.transpose().map(drop).map_err(|error| vec![error])
    }

    /// Compares it with the state that is there before one is made or locked.
    ///
    /// # Errors
    /// If that is at another serial, or refused.
    pub async fn check_first(self, world: &World, project: &Project) -> Result<(), Vec<Diagnostic>> {
        if self.expect_serial.is_none() {
            return Ok(());
        }
        self.check(project.state(world).await?.as_ref().map(|opened| &opened.state))
    }
}

/// Which resources a command is about.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Aim {
    /// Only this service, plain resource or address, and what must come before it; may be given several times (also
    /// -target)
    #[arg(long, value_name = "WHAT")]
    target: Vec<Selector>,
    /// All but this, and what it must come before; may be given several times (also -exclude)
    #[arg(long, value_name = "WHAT")]
    exclude: Vec<Selector>,
}

impl Aim {
    /// The scope of a plan.
    pub fn scope(&self) -> Scope {
        Scope { targets: self.target.clone(), excludes: self.exclude.clone(), replaced: Vec::new() }
    }
}

/// How a command plans.
#[derive(clap::Args, Clone, Debug)]
pub struct Planning {
    #[command(flatten)]
    aim: Aim,
    /// Deletes this and makes it again, whatever it is like; may be given several times (also -replace)
    #[arg(long, value_name = "WHAT")]
    replace: Vec<Selector>,
    /// Whether to ask the providers how things are; `false` believes the state (also -refresh=false)
    #[arg(long, value_name = "TRUTH", default_value_t = true, action = ArgAction::Set)]
    refresh: bool,
    /// Writes down what was changed outside, and does nothing else (also -refresh-only)
    #[arg(long, conflicts_with_all = ["refresh", "replace"])]
    refresh_only: bool,
}

impl Default for Planning {
    fn default() -> Self {
        Self { aim: Aim::default(), replace: Vec::new(), refresh: true, refresh_only: false }
    }
}

impl Planning {
    /// To see what was changed outside.
    pub fn refresh_only() -> Self {
        Self { refresh_only: true, ..Self::default() }
    }

    /// The scope of the plan.
    pub fn scope(&self) -> Scope {
        Scope { replaced: self.replace.clone(), ..self.aim.scope() }
    }

    /// Whether providers are asked.
    pub fn refresh(&self) -> Refresh {
        match (self.refresh_only, self.refresh) {
            (true, _) => Refresh::Only,
            (false, true) => Refresh::Read,
            (false, false) => Refresh::Skip,
        }
    }

    /// Whether it says nothing that a saved plan would not say already.
    pub fn is_default(&self) -> bool {
        self.scope() == Scope::default() && self.refresh() == Refresh::Read
    }
}

/// What is typed, and what it means.
const SINGLE_DASH: [(&str, &str); 11] = [
    ("-auto-approve", "--yes"),
    ("-destroy", "--destroy"),
    ("-detailed-exitcode", "--detailed-exitcode"),
    ("-exclude", "--exclude"),
    ("-json", "--json"),
    ("-json-into", "--json-into"),
    ("-out", "--out"),
    ("-refresh", "--refresh"),
    ("-refresh-only", "--refresh-only"),
    ("-replace", "--replace"),
    ("-target", "--target"),
];

/// Rewrites the arguments before clap sees them; everything after `--` is left alone.
pub fn rewrite(arguments: Vec<String>) -> Vec<String> {
    let mut is_flags = true;
    let rewrite = |argument: String| {
        is_flags &= argument != "--";
        if is_flags { rewritten(&argument).unwrap_or(argument) } else { argument }
    };
    arguments.into_iter().map(rewrite).collect()
}

fn rewritten(argument: &str) -> Option<String> {
    let (name, value) = match argument.split_once('=') {
        Some((name, value)) => (name, format!("={value}")),
        None => (argument, String::new()),
    };
    let (_, meant) = SINGLE_DASH.iter().find(|(typed, _)| *typed == name)?;
    Some(format!("{meant}{value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        rewrite(text.split(' ').map(str::to_owned).collect()).join(" ")
    }

    #[test]
    fn only_known_flags_before_the_double_dash_are_rewritten() {
        assert_eq!(rewritten("acquire apply -auto-approve"), "acquire apply --yes");
        assert_eq!(rewritten("acquire plan -out=a=b -detailed-exitcode"), "acquire plan --out=a=b --detailed-exitcode");
        assert_eq!(rewritten("acquire plan -out file"), "acquire plan --out file");
        assert_eq!(rewritten("acquire plan -f x -e out"), "acquire plan -f x -e out");
        assert_eq!(rewritten("acquire apply -- -auto-approve"), "acquire apply -- -auto-approve");
        assert_eq!(rewritten("acquire plan -outside"), "acquire plan -outside");
    }
}
