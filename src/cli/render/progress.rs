//! An apply while it runs: a live tree on a terminal, plain lines elsewhere, events for a program.

use acquire_engine::apply::Progress;
use acquire_engine::apply::progress::{Event, What};
use acquire_engine::plan::{Call, Plan};
use acquire_model::{Action, Kind, Name};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::Paint;
use super::diagnostic::printable;
use super::events::Events;
use super::plan::owners;
use crate::cli::terminal::tell;

/// Owners that each get a line of the live tree; with more, one bar stands for all.
const OWNERS_LIVE_MAX: usize = 16;
/// How often the live tree moves.
const TICK: Duration = Duration::from_millis(100);

/// Makes whatever shows progress here.
pub fn new(plan: &Plan, events: &Events, is_live: bool, paint: Paint) -> Box<dyn Progress> {
    let text: Box<dyn Progress> = match (events.is_on(), is_live) {
        (true, _) => Box::new(Quiet),
        (false, true) => Box::new(Live::new(plan)),
        (false, false) => Box::new(Lines(paint)),
    };
    Box::new(Shown { text, events: events.clone() })
}

/// What a person reads, and the events beside it.
struct Shown {
    text: Box<dyn Progress>,
    events: Events,
}

impl Progress for Shown {
    fn event(&self, event: &Event) {
        self.events.step(event);
        self.text.event(event);
    }
}

/// Shows nothing: for work that has its own words.
pub struct Quiet;

impl Progress for Quiet {
    fn event(&self, _event: &Event) {}
}

/// One line when something ends or is tried again.
struct Lines(Paint);

impl Progress for Lines {
    fn event(&self, event: &Event) {
        let (address, sign) = (&event.address, self.0.action(event.action, event.action.sign()));
        match &event.what {
            What::Finished { took } => tell(&format!("  {sign} {address}  {}  {}\n", done(event), seconds(*took))),
            What::Failed { took, .. } => tell(&format!("  ! {address}  failed  {}\n", seconds(*took))),
            What::Retrying { attempt, wait, error } => {
                let (error, wait) = (printable(error), seconds(*wait));
                tell(&format!("  … {address}  try {attempt} failed ({error}), again in {wait}\n"));
            }
            // How many were not started is said once, at the end.
            What::Started | What::Skipped => {}
        }
    }
}

fn done(event: &Event) -> &'static str {
    match (event.call, event.action) {
        (Call::Record, _) => "written down",
        (Call::Forget, _) => "forgotten",
        (Call::Move, _) => "moved",
        (Call::Create, Action::Replace) => "made anew",
        (Call::Create, _) => "made",
        (Call::Update, _) => "changed",
        (Call::Delete, Action::Replace) => "removed, to be made anew",
        (Call::Delete, _) => "removed",
    }
}

/// `0.4 s`.
pub fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// A line for each owner, with a mark before each kind; or one bar for many owners. At the end the lines stay, as
/// plain text.
struct Live {
    lines: Mutex<Vec<Line>>,
    whole: Option<ProgressBar>,
    bars: MultiProgress,
}

/// The line of one owner.
struct Line {
    owner: Name,
    bar: ProgressBar,
    marks: Vec<(Kind, char)>,
    /// From the first to the newest of its events, since the run began.
    span: Option<(Duration, Duration)>,
}

impl Live {
    fn new(plan: &Plan) -> Self {
        let bars = MultiProgress::new();
        let owners = owners(plan);
        if owners.len() > OWNERS_LIVE_MAX {
            let bar = bars.add(ProgressBar::new(plan.steps.len() as u64));
            bar.set_style(style("  {spinner} {pos}/{len} {bar:30} {elapsed} {wide_msg}"));
            bar.enable_steady_tick(TICK);
            return Self { lines: Mutex::default(), whole: Some(bar), bars };
        }
        let width = owners.iter().map(|owner| owner.as_str().len()).max().unwrap_or_default();
        let line = |owner: &Name| {
            let steps = plan.steps.iter().filter(|step| step.address.owner() == owner).count();
            let bar = bars.add(ProgressBar::new(steps as u64));
            bar.set_style(style("  {prefix}  {wide_msg} {elapsed}"));
            bar.set_prefix(format!("{:<width$}", owner.as_str()));
            Line { owner: owner.clone(), bar, marks: Vec::new(), span: None }
        };
        let lines = owners.into_iter().map(line).collect();
        Self { lines: Mutex::new(lines), whole: None, bars }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // A bar that cannot be wiped away only looks untidy.
        let _ = self.bars.clear();
        for line in self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let took = line.span.map(|(first, last)| seconds(last.saturating_sub(first))).unwrap_or_default();
            tell(&format!("  {}  {}  {took}\n", line.bar.prefix(), line.bar.message()));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template of ours that cannot be read would only look plainer.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress for Live {
    fn event(&self, event: &Event) {
        if let Some(bar) = &self.whole {
            bar.set_message(event.address.to_string());
            if !matches!(event.what, What::Started | What::Retrying { .. }) {
                bar.inc(1);
            }
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.iter_mut().find(|line| line.owner == *event.address.owner()) {
            line.event(event);
        }
    }
}

impl Line {
    fn event(&mut self, event: &Event) {
        let mark = match event.what {
            What::Started => '·',
            What::Retrying { .. } => '…',
            What::Finished { .. } => '✓',
            What::Failed { .. } => '!',
            What::Skipped => '-',
        };
        self.span = Some((self.span.map_or(event.at, |(first, _)| first), event.at));
        let kind = event.address.kind();
        match self.marks.iter_mut().find(|(known, _)| known == kind) {
            Some((_, old)) => *old = mark,
            None => self.marks.push((kind.clone(), mark)),
        }
        let marks: Vec<String> = self.marks.iter().map(|(kind, mark)| format!("{mark} {kind}")).collect();
        self.bar.set_message(marks.join(" "));
        match event.what {
            What::Started => self.bar.enable_steady_tick(TICK),
            What::Retrying { .. } => {}
            What::Finished { .. } | What::Failed { .. } | What::Skipped => self.bar.inc(1),
        }
        if self.bar.length() == Some(self.bar.position()) {
            self.bar.finish();
        }
    }
}
