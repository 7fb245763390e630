use cel::IdedExpr;
use cel::common::ast::{Expr, SourceInfo, operators};
use std::ops::Range;

/// Where the parts of an expression stand in its text.
///
/// The parser notes one token of each part: the operator, the dot, the opening bracket. The rest follows from the
/// parts below and from the brackets. All places are in bytes.
pub(super) struct Extents<'t> {
    /// The text of the whole expression.
    pub text: &'t str,
    /// What the parser noted.
    pub tokens: &'t SourceInfo,
}

impl<'t> Extents<'t> {
    /// The text of a part.
    pub(super) fn slice(&self, part: &IdedExpr) -> &'t str {
        self.text.get(self.of(part)).unwrap_or(self.text)
    }

    /// Where a part stands, without parentheses around it.
    pub(super) fn of(&self, part: &IdedExpr) -> Range<usize> {
        self.start(part)..self.end(part)
    }

    /// Where the name of a field or a function stands.
    pub(super) fn name(&self, part: &IdedExpr) -> Range<usize> {
        let token = self.token(part);
        match &part.expr {
            Expr::Select(select) if select.test => {
                let end = self.closing(token.start).saturating_sub(1);
                let inside = self.text.get(token.end..end).unwrap_or_default();
                let end = token.end + inside.trim_end().len();
                end.saturating_sub(select.field.len())..end
            }
            Expr::Select(select) => self.field(token.end, &select.field),
            Expr::Call(_) if self.opens(token.start) => self.word_before(token.start),
            _ => token,
        }
    }

    fn start(&self, part: &IdedExpr) -> usize {
        let token = self.token(part);
        match &part.expr {
            Expr::Select(select) if select.test => self.word_before(token.start).start,
            Expr::Select(select) => self.start(&select.operand),
            Expr::Comprehension(comprehension) => self.start(&comprehension.iter_range),
            Expr::Call(call) => match (&call.target, call.args.first()) {
                (Some(target), _) => self.start(target),
                (None, _) if self.is_function(part) => self.word_before(token.start).start,
                (None, Some(first)) => token.start.min(self.start(first)),
                (None, None) => token.start,
            },
            _ => token.start,
        }
    }

    fn end(&self, part: &IdedExpr) -> usize {
        let token = self.token(part);
        match &part.expr {
            Expr::Select(select) if !select.test => self.field(token.end, &select.field).end,
            Expr::Call(call) if !self.opens(token.start) => match (call.func_name.as_str(), call.args.last()) {
                (operators::OPT_SELECT, Some(field)) => self.token(field).end.max(token.end),
                (_, Some(last)) => self.end(last),
                (_, None) => token.end,
            },
            _ if self.opens(token.start) => self.closing(token.start),
            _ => token.end,
        }
    }

    /// Whether a call is written as a function, with its name before the bracket.
    fn is_function(&self, part: &IdedExpr) -> bool {
        let start = self.token(part).start;
        self.text.get(start..).is_some_and(|rest| rest.starts_with('(')) && !self.word_before(start).is_empty()
    }

    fn token(&self, part: &IdedExpr) -> Range<usize> {
        let place = |offset: u32| usize::try_from(offset).unwrap_or(usize::MAX).min(self.text.len());
        match self.tokens.offset_for(part.id) {
            Some((first, last)) => place(first)..place(last.saturating_add(1)).max(place(first)),
            None => 0..self.text.len(),
        }
    }

    /// A name that follows a dot.
    fn field(&self, from: usize, name: &str) -> Range<usize> {
        let rest = self.text.get(from..).unwrap_or_default();
        let start = from + (rest.len() - rest.trim_start().len());
        start..(start + name.len()).min(self.text.len())
    }

    fn word_before(&self, end: usize) -> Range<usize> {
        let before = self.text.get(..end).unwrap_or_default().trim_end();
        let word = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        // The character before a word is ASCII or not; either way the word begins at a border of characters.
        let start = (word..=before.len()).find(|at| before.is_char_boundary(*at)).unwrap_or(before.len());
        start..before.len()
    }

    fn opens(&self, at: usize) -> bool {
        self.text.get(at..).is_some_and(|rest| rest.starts_with(['(', '[', '{']))
    }

    /// Where what is opened there is closed, after the bracket.
    fn closing(&self, from: usize) -> usize {
        let mut depth = 0_usize;
        for (at, c) in code(self.text.get(from..).unwrap_or_default()) {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return from + at + c.len_utf8();
            }
        }
        self.text.len()
    }
}

/// The first bracket that nothing closes.
pub(super) fn unclosed(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    for (at, c) in code(text) {
        match c {
            '(' | '[' | '{' => open.push(at),
            ')' | ']' | '}' => drop(open.pop()),
            _ => {}
        }
    }
    open.first().copied()
}

/// The characters of a text that stand in no quotes.
fn code(text: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut escaped) = (None, false);
    text.char_indices().filter(move |(_, c)| {
        match (quote, *c) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), c) if c == open => quote = None,
            (None, c @ ('"' | '\'')) => quote = Some(c),
            (None, _) => return true,
            (Some(_), _) => {}
        }
        false
    })
}
