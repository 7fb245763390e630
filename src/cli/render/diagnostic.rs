//! What is wrong, as people see it: the message, the line of the spec, a caret under the place, and what to do.
//!
//! Written out here rather than taken from a crate: one place per message needs little, and nothing may reach a
//! terminal that a file could use to steer it.

use unicode_width::UnicodeWidthStr;

use acquire_model::{Diagnostic, Severity, Span};

/// Longest piece of a source line that is shown, in characters.
const LINE_CHARACTERS_MAX: usize = 100;
/// How much of a long line is shown before the place, in characters.
const LINE_CHARACTERS_BEFORE: usize = 30;
/// What a tab is shown as.
const TAB: &str = "    ";

/// Renders one diagnostic, in whole lines. The source line is shown if `source` is the file that it is about.
pub fn render(diagnostic: &Diagnostic, source: Option<(&str, &str)>, colour: bool) -> String {
    let paint = Paint { severity: diagnostic.severity, colour };
    let word = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let heading = paint.mark(&format!("{word}[{}]", diagnostic.code));
    let mut lines = vec![format!("{heading}: {}", paint.strong(&printable(&diagnostic.summary)))];
    let label = diagnostic.label.as_deref().map(printable).unwrap_or_default();
    match &diagnostic.span {
        Some(span) => lines.extend(place(span, source, &label, paint)),
        None => lines.extend(diagnostic.address.iter().map(|address| format!("  {}", printable(address)))),
    }
    let detail = diagnostic.detail.iter().flat_map(|detail| detail.lines());
    lines.extend(detail.map(|line| format!("  {}", printable(line)).trim_end().to_owned()));
    lines.extend(diagnostic.hint.iter().map(|hint| format!("{}: {}", paint.strong("hint"), printable(hint))));
    lines.join("\n") + "\n"
}

/// Renders several diagnostics, an empty line after each. `sources` are the files that they may be about.
pub fn render_all(diagnostics: &[Diagnostic], sources: &[(&str, &str)], colour: bool) -> String {
    let rendered = diagnostics.iter().map(|diagnostic| {
        let file = diagnostic.span.as_ref().map(|span| span.file.as_str());
        let source = sources.iter().find(|(name, _)| Some(*name) == file).copied();
        render(diagnostic, source, colour) + "\n"
    });
    rendered.collect()
}

/// Says how many there are: `2 errors, 1 warning`.
pub fn tally(diagnostics: &[Diagnostic]) -> String {
    let count = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let words = [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")];
    let words = words.iter().filter(|(count, _)| *count > 0);
    let words = words.map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }));
    words.collect::<Vec<_>>().join(", ")
}

fn place(span: &Span, source: Option<(&str, &str)>, label: &str, paint: Paint) -> Vec<String> {
    let number = span.line.to_string();
    let margin = " ".repeat(number.len() + 1);
    let mut lines = vec![format!("{margin}{} {}", paint.rule("┌─"), printable(&span.to_string()))];
    let bar = paint.rule("│");
    match source.filter(|(file, _)| *file == span.file).and_then(|(_, text)| line(text, span.line)) {
        Some(line) => {
            let (shown, before, covered) = window(line, span);
            let carets = paint.mark(format!("{} {label}", "^".repeat(covered.max(1))).trim_end());
            lines.push(format!("{} {bar} {shown}", paint.rule(&number)).trim_end().to_owned());
            lines.push(format!("{margin}{bar} {}{carets}", " ".repeat(before)));
        }
        None if label.is_empty() => {}
        None => lines.push(format!("{margin}{bar} {label}")),
    }
    lines
}

fn line(text: &str, number: u32) -> Option<&str> {
    text.lines().nth(usize::try_from(number).ok()?.checked_sub(1)?)
}

/// Returns the part of a line that is shown, and how wide what is before the place and the place itself are in it.
fn window(line: &str, span: &Span) -> (String, usize, usize) {
    let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let column = index(span.column).saturating_sub(1);
    let is_long = line.chars().count() > LINE_CHARACTERS_MAX;
    let skipped = if is_long { column.saturating_sub(LINE_CHARACTERS_BEFORE) } else { 0 };
    let mut rest = line.chars().skip(skipped);
    let mut take = |most: usize| printable(&rest.by_ref().take(most).collect::<String>());
    let mut before = take(column - skipped);
    let covered = take(index(span.length).min(LINE_CHARACTERS_MAX));
    let mut after = take(LINE_CHARACTERS_MAX);
    if skipped > 0 {
        before.insert(0, '…');
    }
    if rest.next().is_some() {
        after.push('…');
    }
    (format!("{before}{covered}{after}"), before.width(), covered.width())
}

/// Replaces everything that a terminal would obey or show in another order.
pub fn printable(text: &str) -> String {
    let is_steering = |c: char| {
        c.is_control() || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace('\t', TAB).chars().map(|c| if is_steering(c) { '\u{fffd}' } else { c }).collect()
}

/// Colours, or none. They only repeat what the text says.
#[derive(Clone, Copy)]
struct Paint {
    severity: Severity,
    colour: bool,
}

impl Paint {
    fn mark(self, text: &str) -> String {
        match self.severity {
            Severity::Error => self.with("1;31", text),
            Severity::Warning => self.with("1;33", text),
        }
    }

    fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    fn rule(self, text: &str) -> String {
        self.with("34", text)
    }

    fn with(self, style: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use acquire_model::Code;

    fn span(line: u32, column: u32, length: u32) -> Span {
        Span { file: "acquire.yaml".to_owned(), line, column, length }
    }

    #[test]
    fn a_mistake_is_shown_under_its_line() {
        let text = "version: 1\nproviders:\n  aws:   { regoin: eu-west-2 }\n";
        let diagnostic = Diagnostic::error(Code(12), "unknown field `regoin` in provider `aws`")
            .at(span(3, 12, 6), "did you mean `region`?")
            .hint("see the reference");
        let expected = "\
error[ACQ0012]: unknown field `regoin` in provider `aws`
  ┌─ acquire.yaml:3:12
3 │   aws:   { regoin: eu-west-2 }
  │            ^^^^^^ did you mean `region`?
hint: see the reference
";
        assert_eq!(render(&diagnostic, Some(("acquire.yaml", text)), false), expected);
    }

    #[test]
    fn carets_stand_under_wide_characters_and_tabs() {
        let diagnostic = Diagnostic::error(Code(1), "x").at(span(1, 4, 2), "");
        let rendered = render(&diagnostic, Some(("acquire.yaml", "\t日: 本語")), false);
        assert_eq!(rendered.lines().nth(2), Some("1 │     日: 本語"));
        assert_eq!(rendered.lines().nth(3), Some("  │        ^^^"));
    }

    #[test]
    fn without_its_source_a_message_still_says_where() {
        let diagnostic = Diagnostic::warning(Code(1), "x").at(span(7, 4, 2), "here").detail("one\ntwo");
        let expected = "warning[ACQ0001]: x\n  ┌─ acquire.yaml:7:4\n  │ here\n  one\n  two\n";
        assert_eq!(render(&diagnostic, Some(("other.yaml", "a\nb")), false), expected);
        assert_eq!(render(&diagnostic, None, false), expected);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}: bad{}", "k".repeat(500), "v".repeat(500));
        let diagnostic = Diagnostic::error(Code(1), "x").at(span(1, 503, 3), "here");
        let rendered = render(&diagnostic, Some(("acquire.yaml", &text)), false);
        let line = rendered.lines().nth(2).unwrap_or_default();
        assert!(line.starts_with("1 │ …k") && line.ends_with("v…") && line.chars().count() < 150, "{line}");
        let column =
            |line: &str, piece: &str| line.find(piece).map(|at| line.get(..at).map(|before| before.chars().count()));
        assert_eq!(column(line, "bad"), column(rendered.lines().nth(3).unwrap_or_default(), "^^^ here"));
    }

    #[test]
    fn nothing_in_a_file_can_steer_the_terminal() {
        let diagnostic = Diagnostic::error(Code(3), "a \u{1b}[31m").at(span(1, 1, 1), "\u{202e}b").hint("c\r");
        let rendered = render(&diagnostic, Some(("acquire.yaml", "\u{1b}[2J\u{7}x")), false);
        assert!(!rendered.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{rendered:?}");
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let diagnostic = Diagnostic::error(Code(3), "a").at(span(1, 1, 1), "b").hint("c");
        let source = Some(("acquire.yaml", "x: y"));
        let mut coloured = render(&diagnostic, source, true);
        for code in ["1;31", "1", "34", "0"] {
            coloured = coloured.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(coloured, render(&diagnostic, source, false));
    }

    #[test]
    fn errors_and_warnings_are_counted_in_words() {
        let (error, warning) = (Diagnostic::error(Code(1), "x"), Diagnostic::warning(Code(1), "x"));
        assert_eq!(tally(&[error.clone(), warning.clone(), error.clone()]), "2 errors, 1 warning");
        assert_eq!(tally(&[warning]), "1 warning");
    }
}
