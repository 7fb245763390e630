//! `acquire rollback`: the verified binary before the present one.

use acquire_engine::plan::{AttributeChange, Call, Plan, Shown, Step};
use acquire_engine::state::{Event, Session};
use acquire_model::{Diagnostic, Part};
use std::path::PathBuf;

use super::apply::{self, Run, must_answer, resume, with};
use super::verify;
use crate::cli::flags::{Expected, Planning, Show};
use crate::cli::operation::Operation;
use crate::cli::render::plan::render;
use crate::cli::render::report::{go_on, short};
use crate::cli::render::{self, Paint, report};
use crate::cli::terminal::{ask, tell};
use crate::cli::{World, codes, exit::Exit};

/// Goes back to the verified binary before the present one
///
/// The functions run the binary again that was proved alive last before the one that they run now, and prove it anew.
/// Nothing else is changed. The present binary is in the plan afterwards: `acquire apply` brings it back.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    /// Does not ask (also -auto-approve)
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    expected: Expected,
    #[command(flatten)]
    show: Show,
}

/// Plans, asks, goes back, verifies.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let events = args.show.events()?;
    let rolled_back = async {
        must_answer(world, args.yes)?;
        let operation = Operation::open(world, args.spec.as_deref())?;
        let _ = operation.project.applied(world).await?;
        let session = apply::open(world, &operation).await?;
        with(session, async |session| {
            args.expected.check(Some(session.state()))?;
            events.begin("rollback", operation.project.decoded.spec.name.as_str(), Some(session.state()));
            let cx = operation.context(world, session.state())?;
            resume(&operation, &cx, session, &events).await?;
            back(&Run { world, operation: &operation, cx: &cx, events: &events }, args, session).await
        })
        .await
    };
    events.end(rolled_back.await)
}

async fn back(run: &Run<'_>, args: &Args, session: &mut Session) -> Result<Exit, Vec<Diagnostic>> {
    let Run { world, operation, events, .. } = run;
    let binary = session.state().proved_before().map(str::to_owned).ok_or_else(|| nothing(session))?;
    let plan = plan(run, session, &binary).await?;
    events.plan(&plan);
    if !events.is_on() {
        let paint = Paint { colour: world.terminal.colour_err };
        let heading = operation.heading(Some(session.state()));
        tell(&format!("{heading}{}", render(&plan, args.show.detail(), paint)));
    }
    only_the_binary(&plan)?;
    operation.judge(world, events, &plan, &Planning::default())?;
    if !args.yes && ask(&format!("Go back to binary {}? Only 'yes' goes on: ", short(&binary)))? != "yes" {
        tell("Nothing was changed.\n");
        return Ok(Exit::Error);
    }
    let exit = go(run, &plan, session).await?;
    let [plan, logs, verify] = ["plan", "logs", "verify"].map(|words| operation.project.command(words));
    match exit {
        Exit::Done => tell(&format!("Next: `{plan}` shows what differs now, the binary first of all\n")),
        Exit::NotVerified => tell(&format!("Next: `{logs}` shows what services said last; `{verify}` tries again\n")),
        _ => {}
    }
    Ok(exit)
}

/// Puts the last verified binary back after an apply whose own is not proved alive. What it says comes after why that one
/// is not; what goes wrong here changes nothing of that.
pub async fn put_back(run: &Run<'_>, session: &mut Session) {
    let state = session.state();
    let present = state.binaries().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let Some(binary) = state.proved_before().map(str::to_owned) else { return };
    // One that was proved before has another trouble than its binary.
    if present.iter().any(|present| state.proved.contains(present)) {
        return;
    }
    let (old, new) = (short(&binary), present.iter().map(|present| short(present)).collect::<Vec<_>>().join(", "));
    tell(&format!("Not verified: binary {old}, which was verified last, is put back for {new}.\n"));
    let put_back = async {
        let plan = plan(run, session, &binary).await?;
        go(run, &plan, session).await
    };
    let result = put_back.await;
    let is_verified = matches!(result, Ok(Exit::Done));
    run.events.rolled_back(&binary, &present, is_verified);
    match result {
        Ok(Exit::Done) => {
            tell(&format!("Binary {old} runs again, and is verified. Binary {new} is in the plan again.\n"))
        }
        Ok(_) => tell(&format!("Binary {old} was put back, but is not verified either.\n")),
        Err(diagnostics) => {
            run.events.diagnostics(&diagnostics);
            tell(&render::diagnostics(&diagnostics, run.world.terminal.colour_err));
            tell(&format!("Binary {old} could not be put back.\n"));
        }
    }
}

async fn plan(run: &Run<'_>, session: &Session, binary: &str) -> Result<Plan, Vec<Diagnostic>> {
    let plan = run.operation.plan_rollback(run.cx, session.state(), session.key(), binary).await?;
    plan.ok_or_else(no_functions)
}

/// Runs a rollback and proves what runs then.
async fn go(run: &Run<'_>, plan: &Plan, session: &mut Session) -> Result<Exit, Vec<Diagnostic>> {
    let outcome = run.apply(plan, session).await?;
    apply::tell_outcome(run.world, run.events, report::Command::Rollback, &outcome);
    if !outcome.is_complete() {
        tell(&go_on(&run.operation.project, "rollback", &outcome));
        return outcome.refused.map_or(Ok(Exit::Partial), |refused| Err(vec![refused]));
    }
    let exit = verify::prove(run.world, run.operation, session.state(), run.events).await?;
    if exit == Exit::Done {
        session.append(&[Event::Verified]).await.map_err(|error| vec![error])?;
    }
    Ok(exit)
}

/// Refuses a plan that would change more than which binary the functions run, because the spec has changed meanwhile.
fn only_the_binary(plan: &Plan) -> Result<(), Vec<Diagnostic>> {
    let is_consequence = |change: &AttributeChange| change.name == "binary" || change.after == Shown::AfterApply;
    let is_asked_for = |step: &&Step| match step.call {
        Call::Update => {
            step.address.kind().as_str() == Part::Function.as_str() && step.changes.iter().all(is_consequence)
        }
        Call::Record => true,
        _ => false,
    };
    let Some(step) = plan.steps.iter().find(|step| !is_asked_for(step)) else { return Ok(()) };
    let summary = format!("the spec changes more than a rollback does: {} {}", step.action, step.address);
    let mistake = Diagnostic::error(codes::NO_VERSION, summary);
    Err(vec![mistake.hint("undo the change of the spec, or `acquire apply` it with the binary that should run")])
}

/// There is nothing whose binary could go back.
fn no_functions() -> Vec<Diagnostic> {
    let mistake = Diagnostic::error(codes::NO_VERSION, "there are no functions whose binary could go back");
    vec![mistake.hint("`acquire apply` brings up what the spec has")]
}

fn nothing(session: &Session) -> Vec<Diagnostic> {
    if session.state().binaries().is_empty() {
        return no_functions();
    }
    let mistake = Diagnostic::error(codes::NO_VERSION, "no binary was verified before the one that runs");
    vec![mistake.hint("apply with the binary that should run")]
}
