//! `acquire apply`: makes it so.

use acquire_engine::apply::{Applier, Outcome, Settings};
use acquire_engine::plan::Plan;
use acquire_engine::state::{Event, Purpose, Session, State};
use acquire_model::{Diagnostic, ServiceType};
use acquire_provider::Context;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::{plan, rollback, verify};
use crate::cli::flags::{Expected, Planning, Show};
use crate::cli::operation::{Operation, tell_if_first};
use crate::cli::project::Project;
use crate::cli::render::events::Events;
use crate::cli::render::plan::render;
use crate::cli::render::{self, Paint, progress, report};
use crate::cli::terminal::{ask, say, tell};
use crate::cli::{World, codes, exit::Exit, user};

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
    #[command(flatten)]
    planning: Planning,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    show: Show,
}

/// Plans, asks, applies, verifies.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = args.show.events()?;
    events.end(applied(world, args, &events).await)
}

async fn applied(world: &World, args: &Args, events: &Events) -> Result<Exit, Vec<Diagnostic>> {
    let saved = args.spec.as_deref().map(plan::saved).transpose()?.flatten();
    match saved {
        None => must_answer(world, args.yes)?,
        Some(_) if args.planning.is_default() => {}
        Some(_) => {
            let summary = "a saved plan says already what is done: flags that plan do not go with it";
            return Err(vec![Diagnostic::error(codes::USAGE, summary).hint("give them to `acquire plan -out FILE`")]);
        }
    }
    let spec = args.spec.as_deref().filter(|_| saved.is_none());
    let operation = Operation::open(world, spec)?;
    operation.project.prepare()?;
    args.expected.check_first(world, &operation.project).await?;
    let session = open(world, &operation).await?;
    with(session, async |session| {
        args.expected.check(Some(session.state()))?;
        let is_first = session.state().serial == 0;
        events.begin("apply", operation.project.decoded.spec.name.as_str(), Some(session.state()));
        let cx = operation.context(world, session.state())?;
        let plan = match &saved {
            Some(sealed) => plan::open(session, sealed)?,
            None => {
                resume(&operation, &cx, session, events).await?;
                operation.plan(&cx, session.state(), Some(session.key()), &args.planning).await?
            }
        };
        show(world, args, events, &operation.heading(Some(session.state())), &plan);
        operation.judge(world, events, &plan, &args.planning)?;
        if saved.is_none() && !args.yes && !plan.is_empty() && ask("Apply? Only 'yes' goes on: ")? != "yes" {
            tell("Nothing was changed.\n");
            return Ok(Exit::Error);
        }
        let run = Run { world, operation: &operation, cx: &cx, events };
        let cut_off = session.state().run.as_ref().filter(|run| run.ended.is_none());
        let before = cut_off.map_or(0, |run| run.done);
        let outcome = run.apply(&plan, session).await?;
        if !plan.is_empty() {
            tell_outcome(world, events, report::Command::Apply { before }, &outcome);
        }
        if let Some(refused) = outcome.refused {
            return Err(vec![refused]);
        }
        let advice = if is_first && !plan.is_empty() {
            let has_passphrase = operation.project.location(world)?.passphrase.is_some();
            report::back_up(&cx.deployment.configuration, has_passphrase)
        } else {
            String::new()
        };
        if !outcome.is_complete() {
            tell(&format!("{advice}{}", report::go_on(&operation.project, "apply", &outcome)));
            return Ok(Exit::Partial);
        }
        let exit = if plan.left == 0 { prove(&run, session).await? } else { Exit::Done };
        if exit == Exit::Done {
            user::remember(world, session.state());
        }
        if !events.is_on() {
            tell_end(&operation.project, session.state(), exit, &advice);
        }
        Ok(exit)
    })
    .await
}

/// Applied means proved alive: what this run changed, or what no run has proved yet.
async fn prove(run: &Run<'_>, session: &mut Session) -> Result<Exit, Vec<Diagnostic>> {
    let is_due = session.state().run.as_ref().is_some_and(|run| run.verified.is_none());
    if !is_due || verify::services(session.state()) == 0 {
        return Ok(Exit::Done);
    }
    let exit = verify::prove(run.world, run.operation, session.state(), run.events).await?;
    match exit {
        Exit::Done => session.append(&[Event::Verified]).await.map_err(|error| vec![error])?,
        _ => rollback::put_back(run, session).await,
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
pub async fn open(world: &World, operation: &Operation) -> Result<Session, Vec<Diagnostic>> {
    open_at(world, &operation.project).await
}

/// The same, for whoever calls no provider.
pub async fn open_at(world: &World, project: &Project) -> Result<Session, Vec<Diagnostic>> {
    let location = project.location(world)?;
    let session = Session::open(&location, world.clock.clone(), world.entropy.clone()).await;
    let session = session.map_err(|error| vec![error])?;
    tell_if_first(session.seen(), session.state());
    Ok(session)
}

/// Works on a state and gives its lock back, whatever came of it: in a bucket others would wait until it expires.
pub async fn with<T>(
    mut session: Session,
    work: impl AsyncFnOnce(&mut Session) -> Result<T, Vec<Diagnostic>>,
) -> Result<T, Vec<Diagnostic>> {
    let done = work(&mut session).await;
    let closed = session.close().await.map_err(|error| vec![error]);
    done.and_then(|done| closed.map(|()| done))
}

/// Finds out what became of the steps of a run that was cut off.
pub async fn resume(
    operation: &Operation,
    cx: &Context,
    session: &mut Session,
    events: &Events,
) -> Result<(), Vec<Diagnostic>> {
    let state = session.state();
    let is_cut_off = state.run.as_ref().is_some_and(|run| run.ended.is_none());
    if state.in_doubt.is_empty() && !is_cut_off {
        return Ok(());
    }
    tell(&report::resuming(state.run.as_ref(), state.in_doubt.len()));
    let settings = Settings::default();
    let applier = Applier { cx, providers: &operation.providers, progress: &progress::Quiet, settings: &settings };
    let wait = applier.until_settled(session).as_secs();
    if wait > 0 {
        tell(&format!("Waiting {wait} s: a call of the run that lost its lock may still have its effect.\n"));
    }
    let resumed = applier.resume(session).await?;
    tell(&report::resumed(&resumed));
    events.resumed(&resumed);
    Ok(())
}

fn show(world: &World, args: &Args, events: &Events, heading: &str, plan: &Plan) {
    events.plan(plan);
    if !events.is_on() {
        let paint = Paint { colour: world.terminal.colour_err };
        tell(&format!("{heading}{}", render(plan, args.show.detail(), paint)));
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
    pub events: &'a Events,
}

impl Run<'_> {
    /// Runs a plan and signs what was done. The first interrupt lets running steps finish, the second ends at once; neither loses anything.
    pub async fn apply(&self, plan: &Plan, session: &mut Session) -> Result<Outcome, Vec<Diagnostic>> {
        let project = &self.operation.project;
        let operator = project.operator(self.world)?;
        let settings = Settings {
            spec_digest: plan.spec_digest.as_ref().map(|_| project.decoded.digest.clone()),
            by: Some(operator.by().to_owned()),
            ..Settings::default()
        };
        let before = session.state().serial;
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
        let outcome = tokio::select! {
            outcome = applier.apply(plan, session) => outcome,
            () = interrupted => return Err(vec![
                Diagnostic::error(codes::INTERRUPTED, "ended before the running steps did")
                    .hint("run it again: what was started is in the journal, and the next run finds out"),
            ]),
        };
        if session.state().serial > before {
            session.sign(&operator).await.map_err(|error| vec![error])?;
        }
        Ok(outcome)
    }
}

/// Waits for Ctrl-C; for ever, if it cannot be caught.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Says what failed and what was done.
pub fn tell_outcome(world: &World, events: &Events, command: report::Command, outcome: &Outcome) {
    let failures: Vec<Diagnostic> = outcome.failed.iter().map(|(_, diagnostic)| diagnostic.clone()).collect();
    events.diagnostics(&failures);
    events.outcome(outcome);
    tell(&render::diagnostics(&failures, world.terminal.colour_err));
    if !events.is_on() && outcome.refused.is_none() {
        tell(&report::outcome(command, outcome));
    }
}

/// Says where the services are, and what to do next.
fn tell_end(project: &Project, state: &State, exit: Exit, advice: &str) {
    let places = report::places(state);
    if !places.is_empty() {
        say(&format!("\n{}", report::services(&places)));
    }
    let was_put_back = state.run.as_ref().is_some_and(|run| run.purpose == Purpose::Rollback);
    tell(&format!("{advice}{}", next(project, &places, exit, was_put_back)));
}

/// What a person does next, now that it is there, or that the binary before runs again.
fn next(project: &Project, places: &[report::Place], exit: Exit, was_put_back: bool) -> String {
    if exit != Exit::Done {
        let [logs, verify, apply] = ["logs", "verify", "apply"].map(|words| project.command(words));
        let again = if was_put_back {
            format!("`{apply}` tries the new binary again")
        } else {
            format!("`{verify}` tries again")
        };
        return format!("Next: `{logs}` shows what services said last; {again}\n");
    }
    if places.iter().any(|place| place.service == ServiceType::Identity) {
        let [register, login, seed] =
            ["register alice", "login alice", "wallet seed --home ~"].map(|words| project.command(words));
        return format!("Next: {register}, then {login}     or     {seed} && python3 your_script.py\n");
    }
    format!("Next: {}\n", project.command("status"))
}
