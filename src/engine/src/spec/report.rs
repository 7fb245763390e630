use std::ops::Range;

use super::tree::Place;
use super::{Source, codes};
use acquire_model::{Code, Diagnostic, Span};

/// Most diagnostics of one run; what is beyond is counted as one.
const DIAGNOSTICS_MAX: usize = 1_000;

/// Collects everything that is wrong with one file.
pub(super) struct Report<'s> {
    file: &'s str,
    lines: Vec<&'s str>,
    diagnostics: Vec<Diagnostic>,
    is_cut: bool,
}

impl<'s> Report<'s> {
    /// Starts an empty report.
    pub(super) fn new(source: &'s Source) -> Self {
        Self { file: &source.file, lines: source.text.lines().collect(), diagnostics: Vec::new(), is_cut: false }
    }

    /// Starts a report that nobody reads.
    pub(super) fn unread() -> Self {
        Self { file: "", lines: Vec::new(), diagnostics: Vec::new(), is_cut: false }
    }

    /// Adds an error at a place; an empty label writes nothing under the caret.
    pub(super) fn error(&mut self, code: Code, summary: impl Into<String>, place: Place, label: impl Into<String>) {
        self.add(Diagnostic::error(code, summary).at(self.span(place), label));
    }

    /// Adds a diagnostic, if there are not too many already.
    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics.push(diagnostic);
        } else {
            self.is_cut = true;
        }
    }

    /// Adds what is wrong with another file.
    pub(super) fn extend(&mut self, other: Report<'_>) {
        self.is_cut |= other.is_cut;
        other.diagnostics.into_iter().for_each(|diagnostic| self.add(diagnostic));
    }

    /// The place with the name of the file.
    pub(super) fn span(&self, place: Place) -> Span {
        place.in_file(self.file)
    }

    /// How many characters stand on the line from that column on.
    pub(super) fn rest_of_line(&self, line: u32, column: u32) -> u32 {
        let characters = self.line(line).chars().count();
        u32::try_from(characters).unwrap_or(u32::MAX).saturating_sub(column.saturating_sub(1))
    }

    /// Narrows a place to where a piece of text stands in it, if it can be found there.
    pub(super) fn narrowed(&self, place: Place, piece: &str) -> Place {
        if self.is_cut {
            return place;
        }
        let before = usize::try_from(place.column).unwrap_or(usize::MAX).saturating_sub(1);
        let length = usize::try_from(place.length).unwrap_or(usize::MAX);
        let covered: String = self.line(place.line).chars().skip(before).take(length).collect();
        let Some((ahead, _)) = covered.split_once(piece) else { return place };
        let characters = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        Place { line: place.line, column: place.column.saturating_add(characters(ahead)), length: characters(piece) }
    }

    /// Narrows the place of a text to where a part of it stands, given in bytes of the text. The text may be in quotes,
    /// on several lines, or a block; where it cannot be followed, the place stays as it is.
    pub(super) fn within(&self, place: Place, text: &str, part: &Range<usize>) -> Place {
        let Some(characters) = self.followed(place, text) else { return place };
        let inside = |(offset, _): &&(usize, Place)| part.contains(offset);
        let Some((_, first)) = characters.iter().find(inside) else {
            // Nothing stands there: it is behind what comes before.
            let before = characters.iter().rev().find(|(offset, _)| *offset < part.start);
            return before.map_or(place, |(_, last)| Place { column: last.column.saturating_add(1), ..*last });
        };
        let on_line = characters.iter().filter(inside).filter(|(_, at)| at.line == first.line);
        let end = on_line.map(|(_, at)| at.column).max().unwrap_or(first.column);
        Place { length: end.saturating_sub(first.column).saturating_add(1), ..*first }
    }

    /// Where each character of a text stands that is no blank; `None` if the text cannot be found there.
    fn followed(&self, place: Place, text: &str) -> Option<Vec<(usize, Place)>> {
        let index = |number: u32| usize::try_from(number).unwrap_or(usize::MAX).saturating_sub(1);
        let numbered = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).saturating_add(1);
        let lines = self.lines.iter().enumerate().skip(index(place.line));
        let mut source = lines
            .flat_map(|(line, text)| text.chars().enumerate().map(move |(column, c)| (line, column, c)))
            .filter(|(line, column, _)| *line > index(place.line) || *column >= index(place.column))
            .filter(|(.., c)| !c.is_whitespace())
            .peekable();
        // A block begins after the line of its sign.
        if let Some((line, ..)) = source.next_if(|(.., c)| matches!(c, '|' | '>')) {
            while source.next_if(|(at, ..)| *at == line).is_some() {}
        }
        let mut characters = Vec::new();
        for (offset, wanted) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            // Quotes, and what escapes them, are in the source and not in the text.
            while source.next_if(|(.., c)| *c != wanted && matches!(c, '"' | '\'' | '\\')).is_some() {}
            let (line, column, _) = source.next_if(|(.., c)| *c == wanted)?;
            characters.push((offset, Place { line: numbered(line), column: numbered(column), length: 1 }));
        }
        Some(characters)
    }

    /// Returns everything in the order of the file, each once; what stands nowhere comes last.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        let key = |diagnostic: &Diagnostic| {
            let span = diagnostic.span.as_ref();
            (span.is_none(), span.map(|span| (span.file != self.file, span.line, span.column)))
        };
        self.diagnostics.sort_by_key(key);
        let mut seen = std::collections::BTreeSet::new();
        self.diagnostics
            .retain(|diagnostic| seen.insert((diagnostic.span.clone(), diagnostic.code, diagnostic.summary.clone())));
        if self.is_cut {
            let summary = format!("more than {DIAGNOSTICS_MAX} things are wrong; the rest is not listed");
            self.diagnostics.push(Diagnostic::error(codes::TOO_BIG, summary));
        }
        self.diagnostics
    }

    fn line(&self, line: u32) -> &'s str {
        let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
        self.lines.get(index).copied().unwrap_or_default()
    }
}
