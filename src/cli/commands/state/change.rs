use acquire_engine::state::{Event, Session, State};
use acquire_model::{Address, Diagnostic};

use super::look::absent;
use crate::cli::commands::apply::{must_answer, open_at, with};
use crate::cli::operation::counted;
use crate::cli::project::Project;
use crate::cli::terminal::{ask, tell};
use crate::cli::{World, codes, exit::Exit};

/// Gives a resource another address.
pub async fn mv(world: &World, from: &Address, to: &Address) -> Result<Exit, Vec<Diagnostic>> {
    let project = Project::open(world, None)?;
    let session = session(world, &project).await?;
    with(session, async |session| {
        settled(&project, session.state(), from)?;
        let taken = session.state().resources.contains_key(to) || session.state().in_doubt.contains_key(to);
        if taken || from.kind() != to.kind() {
            let why = if taken { format!("{to} is there already") } else { format!("it is a {}", from.kind()) };
            return Err(vec![Diagnostic::error(codes::USAGE, format!("{from} cannot become {to}: {why}"))]);
        }
        let moved = Event::Moved { from: from.clone(), to: to.clone() };
        session.append(&[moved]).await.map_err(|error| vec![error])?;
        tell(&format!("{from} is {to} now; the thing itself is as it was.\nNext: {}\n", project.command("plan")));
        Ok(Exit::Done)
    })
    .await
}

/// Forgets resources.
pub async fn rm(world: &World, addresses: &[Address], yes: bool) -> Result<Exit, Vec<Diagnostic>> {
    must_answer(world, yes)?;
    let project = Project::open(world, None)?;
    let session = session(world, &project).await?;
    with(session, async |session| {
        let mut forgotten = Vec::new();
        for address in addresses {
            settled(&project, session.state(), address)?;
            let event = Event::Forgotten { address: address.clone() };
            if !forgotten.contains(&event) {
                forgotten.push(event);
            }
        }
        let what = counted(forgotten.len(), "resource");
        if !yes && ask(&format!("Forget {what}, and leave what was made as it is? Only 'yes' goes on: "))? != "yes" {
            tell("Nothing was changed.\n");
            return Ok(Exit::Error);
        }
        session.append(&forgotten).await.map_err(|error| vec![error])?;
        let plan = project.command("plan");
        tell(&format!("Forgot {what}; what was made is as it was.\nNext: `{plan}` shows what the spec makes anew\n"));
        Ok(Exit::Done)
    })
    .await
}

/// Opens the state of a deployment that must be there.
async fn session(world: &World, project: &Project) -> Result<Session, Vec<Diagnostic>> {
    let _ = project.applied(world).await?;
    open_at(world, project).await
}

/// Checks that a resource is there, and that it is known how it is.
fn settled(project: &Project, state: &State, address: &Address) -> Result<(), Vec<Diagnostic>> {
    if state.in_doubt.contains_key(address) {
        let summary = format!("a step on {address} is in doubt");
        let hint = format!("`{}` finds out what became of it", project.command("apply"));
        return Err(vec![Diagnostic::error(codes::USAGE, summary).hint(hint)]);
    }
    if state.resources.contains_key(address) { Ok(()) } else { Err(absent(project, address)) }
}
