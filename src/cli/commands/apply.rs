//! `acquire apply`: makes it so.

use acquire_engine::apply::{Applier, Outcome, Settings};
use acquire_engine::plan::Plan;
use acquire_engine::state::{Event, Session};
use acquire_model::{Diagnostic, ServiceType};
use acquire_provider::Context;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::{plan, verify};
use crate::cli::operation::{Operation, tell_if_first};
use crate::cli::render::events::Events;
use crate::cli::render::plan::{Detail, render};
use crate::cli::render::{self, Paint, progress, report};
use crate::cli::terminal::{ask, say, tell};
use crate::cli::{World, codes, exit::Exit};

/// Makes it so, and proves that it is alive
///
/// Plans, asks, does it, then sends every service a fresh challenge. Killed at any instant, run it again: it finds out what was done and goes on. `acquire apply PLAN` runs a plan saved by
/// `acquire plan -out PLAN`, without asking.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f], or a saved plan
    spec: Option<PathBuf>,
    /// Does not ask (also -auto-approve)
    #[arg(short, long)]
    yes: bool,
    /// Shows every service and every input
    #[arg(short, long)]
    verbose: bool,
    /// Prints events, one JSON object a line, instead
    #[arg(long)]
    json: bool,
}

/// Plans, asks, applies, verifies.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = Events::new(args.json);
    events.end(applied(world, args, events).await)
}

async fn applied(world: &World, args: &Args, events: Events) -> Result<Exit, Vec<Diagnostic>> {
    let saved = args.spec.as_deref().map(plan::saved).transpose()?.flatten();
    if saved.is_none() {
        must_answer(world, args.yes)?;
    }
    let spec = args.spec.as_deref().filter(|_| saved.is_none());
    let operation = Operation::open(world, spec)?;
    operation.project.prepare()?;
    let mut session = open(world, &operation)?;
    events.begin("apply", operation.project.decoded.spec.name.as_str(), Some(session.state()));
    let cx = operation.context(world, session.state())?;
    let plan = match &saved {
        Some(sealed) => plan::open(&session, sealed)?,
        None => {
            resume(&operation, &cx, &mut session, events).await?;
            operation.plan(&cx, session.state(), Some(session.key())).await?
        }
    };
    show(world, args, events, &operation.heading(Some(session.state())), &plan);
    if saved.is_none() && !args.yes && !plan.is_empty() && ask("Apply? Only 'yes' goes on: ")? != "yes" {
        tell("Nothing was changed.\n");
        return Ok(Exit::Error);
    }
    let run = Run { world, operation: &operation, cx: &cx, events };
    let outcome = run.apply(&plan, &mut session).await?;
    if !plan.is_empty() {
        tell_outcome(world, events, report::Command::Apply, &outcome);
    }
    if let Some(refused) = outcome.refused {
        return Err(vec![refused]);
    }
    if !outcome.is_complete() {
        session.close().map_err(|error| vec![error])?;
        tell(&report::go_on(report::Command::Apply, &outcome));
        return Ok(Exit::Partial);
    }
    let exit = prove(&run, &mut session).await?;
    let places = report::places(session.state());
    session.close().map_err(|error| vec![error])?;
    if !events.is_on() && !places.is_empty() {
        say(&format!("\n{}", report::services(&places)));
        tell(&next(&places));
    }
    Ok(exit)
}

/// Applied means proved alive: what this run changed, or what no run has proved yet.
async fn prove(run: &Run<'_>, session: &mut Session) -> Result<Exit, Vec<Diagnostic>> {
    let is_due = session.state().run.as_ref().is_some_and(|run| run.verified.is_none());
    if !is_due || verify::services(session.state()) == 0 {
        return Ok(Exit::Done);
    }
    let exit = verify::prove(run.world, run.operation, session.state(), run.events).await?;
    if exit == Exit::Done {
        session.append(&[Event::Verified]).map_err(|error| vec![error])?;
    }
    Ok(exit)
}

/// Fails at once if nobody can answer and no flag does.
pub fn must_answer(world: &World, yes: bool) -> Result<(), Vec<Diagnostic>> {
    if yes || world.terminal.can_ask {
        return Ok(());
    }
    let summary = "there is no terminal to ask on";
    Err(vec![Diagnostic::error(codes::NO_TERMINAL, summary).hint("`--yes` goes on without asking")])
}

/// Takes the lock, and says what must be said of the state.
pub fn open(world: &World, operation: &Operation) -> Result<Session, Vec<Diagnostic>> {
    let location = operation.project.location(world)?;
    let session = Session::open(&location, world.clock.clone(), world.entropy.clone());
    let session = session.map_err(|error| vec![error])?;
    tell_if_first(session.seen(), session.state());
    Ok(session)
}

/// Finds out what became of the steps of a run that was cut off.
pub async fn resume(
    operation: &Operation,
    cx: &Context,
    session: &mut Session,
    events: Events,
) -> Result<(), Vec<Diagnostic>> {
    let state = session.state();
    let is_cut_off = state.run.as_ref().is_some_and(|run| run.ended.is_none());
    if state.in_doubt.is_empty() && !is_cut_off {
        return Ok(());
    }
    tell(&report::resuming(state.run.as_ref(), state.in_doubt.len()));
    let settings = Settings::default();
    let applier = Applier { cx, providers: &operation.providers, progress: &progress::Quiet, settings: &settings };
    let resumed = applier.resume(session).await?;
    tell(&report::resumed(&resumed));
    events.resumed(&resumed);
    Ok(())
}

fn show(world: &World, args: &Args, events: Events, heading: &str, plan: &Plan) {
    events.plan(plan);
    if !events.is_on() {
        let detail = if args.verbose { Detail::Whole } else { Detail::Brief };
        tell(&format!("{heading}{}", render(plan, detail, Paint { colour: world.terminal.colour_err })));
    }
}

/// What it takes to run a plan.
pub struct Run<'a> {
    /// The world.
    pub world: &'a World,
    /// Spec, binary and providers.
    pub operation: &'a Operation,
    /// What calls are given.
    pub cx: &'a Context,
    /// Where events go.
    pub events: Events,
}

impl Run<'_> {
    /// Runs a plan. The first interrupt lets running steps finish, the second ends at once; neither loses anything.
    pub async fn apply(&self, plan: &Plan, session: &mut Session) -> Result<Outcome, Vec<Diagnostic>> {
        let settings = Settings {
            spec_digest: plan.spec_digest.as_ref().map(|_| self.operation.project.decoded.digest.clone()),
            ..Settings::default()
        };
        let terminal = self.world.terminal;
        let progress = progress::new(plan, self.events, terminal.is_live, Paint { colour: terminal.colour_err });
        let applier = Applier {
            cx: self.cx,
            providers: &self.operation.providers,
            progress: progress.as_ref(),
            settings: &settings,
        };
        let interrupted = async {
            interrupt().await;
            settings.stop.store(true, Ordering::SeqCst);
            tell("Stopping: what runs is finished, nothing more is started. Ctrl-C again ends at once.\n");
            interrupt().await;
        };
        tokio::select! {
            outcome = applier.apply(plan, session) => Ok(outcome),
            () = interrupted => Err(vec![
                Diagnostic::error(codes::INTERRUPTED, "ended before the running steps did")
                    .hint("run it again: what was started is in the journal, and the next run finds out"),
            ]),
        }
    }
}

/// Waits for Ctrl-C; for ever, if it cannot be caught.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Says what failed and what was done.
pub fn tell_outcome(world: &World, events: Events, command: report::Command, outcome: &Outcome) {
    let failures: Vec<Diagnostic> = outcome.failed.iter().map(|(_, diagnostic)| diagnostic.clone()).collect();
    events.diagnostics(&failures);
    events.outcome(outcome);
    tell(&render::diagnostics(&failures, world.terminal.colour_err));
    if !events.is_on() && outcome.refused.is_none() {
        tell(&report::outcome(command, outcome));
    }
}

fn next(places: &[report::Place]) -> String {
    if places.iter().any(|place| place.service == ServiceType::Identity) {
        "Next: acquire register alice     or     acquire wallet seed --home ~ && python3 your_script.py\n".to_owned()
    } else {
        "Next: acquire status\n".to_owned()
    }
}
