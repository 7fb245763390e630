//! Text and JSON for people and programs.

/// What is wrong.
pub mod diagnostic;
/// The event stream of `--json`.
pub mod events;
/// The results of tests for other tools.
pub mod junit;
/// A plan.
pub mod plan;
/// An apply while it runs.
pub mod progress;
/// What an apply came to, and what was proved.
pub mod report;

use acquire_engine::spec::SOURCE_BYTES_MAX;
use acquire_model::{Action, Diagnostic};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

/// Renders diagnostics with the lines of the files that they are about.
pub fn diagnostics(diagnostics: &[Diagnostic], colour: bool) -> String {
    let files = diagnostics.iter().filter_map(|diagnostic| Some(diagnostic.span.as_ref()?.file.as_str()));
    // Read again rather than carried along: only a message needs them, and one about a file that is gone stands alone.
    let texts: BTreeMap<&str, String> = files.filter_map(|file| Some((file, text(file)?))).collect();
    let sources: Vec<(&str, &str)> = texts.iter().map(|(file, text)| (*file, text.as_str())).collect();
    diagnostic::render_all(diagnostics, &sources, colour)
}

fn text(file: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(SOURCE_BYTES_MAX as u64).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// Colours, or none. They only repeat what the text says.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Whether there are any.
    pub colour: bool,
}

impl Paint {
    /// Paints a text in the colour of an action.
    pub fn action(self, action: Action, text: &str) -> String {
        let style = match action {
            Action::Create => "32",
            Action::Update | Action::Replace => "33",
            Action::Delete => "31",
            Action::NoOp | Action::Read | Action::Forget | Action::Move => return text.to_owned(),
        };
        if self.colour { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}
