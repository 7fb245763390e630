//! `acquire graph`: what needs what, as a picture.

use acquire_engine::graph::draw::{Mark, Picture};
use acquire_engine::plan::Plan;
use acquire_engine::state::State;
use acquire_model::{Diagnostic, Lineage};
use std::path::{Path, PathBuf};

use crate::cli::flags::Planning;
use crate::cli::operation::{Operation, tell_if_first};
use crate::cli::project::{Project, unwritable};
use crate::cli::terminal::{say, tell};
use crate::cli::{World, exit::Exit};

/// Draws what needs what
///
/// As text for Graphviz or Mermaid, or as an SVG that any browser shows. Contacts nobody, unless `--plan` is given.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The spec [default: that of -f]
    spec: Option<PathBuf>,
    /// How it is written [default: as the name of -o ends, else dot]
    #[arg(long)]
    format: Option<Format>,
    /// Writes it into a file
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Plans, and shows by sign and colour what would change
    #[arg(long)]
    plan: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// Text for Graphviz
    Dot,
    /// Text for Mermaid, as GitHub shows it in Markdown
    Mermaid,
    /// A picture that needs nothing else; services are boxes that list their kinds
    Svg,
}

/// Draws it.
pub async fn run(world: &World, args: &Args) -> Result<Exit, Vec<Diagnostic>> {
    let picture = if args.plan { planned(world, args).await? } else { wanted(world, args)? };
    let format = args.format.or_else(|| args.out.as_deref().and_then(by_name)).unwrap_or(Format::Dot);
    let text = match format {
        Format::Dot => picture.dot(),
        Format::Mermaid => picture.mermaid(),
        Format::Svg => picture.svg().map_err(|error| vec![error])?,
    };
    match &args.out {
        Some(file) => {
            std::fs::write(file, &text).map_err(|error| unwritable(file, &error))?;
            tell(&format!("{} is written.\n", file.display()));
        }
        None => say(&text),
    }
    Ok(Exit::Done)
}

/// What the spec says alone.
fn wanted(world: &World, args: &Args) -> Result<Picture, Vec<Diagnostic>> {
    let project = Project::open(world, args.spec.as_deref())?;
    // Which binary the functions would run makes no difference to what needs what.
    Ok(Picture::new(project.decoded.spec.name.as_str(), &project.graph("")?))
}

/// What the spec says, and what a plan would do.
async fn planned(world: &World, args: &Args) -> Result<Picture, Vec<Diagnostic>> {
    let operation = Operation::open(world, args.spec.as_deref())?;
    let opened = operation.project.state(world).await?;
    let key = opened.as_ref().map(|opened| opened.key.clone());
    let state = opened.map(|opened| {
        tell_if_first(opened.seen, &opened.state);
        opened.state
    });
    // Before the first apply nothing is anybody's: any lineage will do to ask what is there.
    let state = state.unwrap_or_else(|| State::new(Lineage::draw(&*world.entropy)));
    let cx = operation.context(world, &state)?;
    let plan = operation.plan(&cx, &state, key.as_ref(), &Planning::default()).await?;
    let picture =
        Picture::new(operation.project.decoded.spec.name.as_str(), &operation.project.graph(&operation.binary.sha256)?);
    Ok(picture.marked(marks(&plan)))
}

fn marks(plan: &Plan) -> impl Iterator<Item = Mark<'_>> {
    plan.shown().map(|step| Mark {
        address: &step.address,
        action: step.action,
        provider: &step.provider,
        needs: &step.dependencies,
        service: step.service,
    })
}

fn by_name(file: &Path) -> Option<Format> {
    match file.extension()?.to_str()? {
        "dot" | "gv" => Some(Format::Dot),
        "mmd" | "mermaid" => Some(Format::Mermaid),
        "svg" => Some(Format::Svg),
        _ => None,
    }
}
