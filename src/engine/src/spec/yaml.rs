use std::collections::HashMap;

use serde_saphyr::granit_parser::{self as yaml, ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, StrInput};

use super::report::Report;
use super::tree::{Entry, Node, Place, Tree};
use super::{Source, codes};
use crate::words::shown;

/// Deepest nesting of values.
const DEPTH_MAX: usize = 64;
/// Most memory that the values may take, with aliases replaced by what they stand for.
const TREE_BYTES_MAX: usize = 16 << 20;
/// What a value counts for beside its text.
const VALUE_BYTES: usize = 32;

/// Reads the one document of a file into a tree. What is wrong goes into the report; `None` if there is no tree.
pub(super) fn read(source: &Source, report: &mut Report<'_>) -> Option<Tree> {
    let mut options = yaml::options! { emit_unresolved_aliases: true };
    options.set_emit_comments(false);
    let parser = Parser::new_from_str_with_options(&source.text, options);
    Reader { parser, report, anchors: HashMap::new(), bytes: 0 }.document().ok()
}

/// Nothing more can be read; the report says why.
struct Stop;

struct Reader<'s, 'r, 'l> {
    parser: Parser<'s, StrInput<'s>>,
    report: &'r mut Report<'l>,
    anchors: HashMap<usize, Measured>,
    bytes: usize,
}

/// A tree and what it takes.
#[derive(Clone)]
struct Measured {
    tree: Tree,
    bytes: usize,
    height: usize,
}

impl Measured {
    fn leaf(node: Node, place: Place, text_bytes: usize) -> Self {
        Self { tree: Tree { node, place }, bytes: VALUE_BYTES + text_bytes, height: 1 }
    }
}

impl<'s> Reader<'s, '_, '_> {
    fn document(&mut self) -> Result<Tree, Stop> {
        loop {
            match self.next()? {
                (Event::DocumentStart(..), _) => break,
                (Event::StreamEnd, _) => return Err(self.empty()),
                _ => {}
            }
        }
        let (event, place) = self.next()?;
        let tree = self.node(event, place, 1)?.tree;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => break,
                (Event::DocumentStart(..), place) => {
                    let summary = "the file holds several documents";
                    self.report.error(codes::SEVERAL_DOCUMENTS, summary, place, "a second one begins here");
                    return Err(Stop);
                }
                _ => {}
            }
        }
        if matches!(tree.node, Node::Null) { Err(self.empty()) } else { Ok(tree) }
    }

    fn empty(&mut self) -> Stop {
        let place = Place { line: 1, column: 1, length: 1 };
        self.report.error(codes::EMPTY, "the file is empty", place, "begin with `version: 1`");
        Stop
    }

    fn next(&mut self) -> Result<(Event<'s>, Place), Stop> {
        match self.parser.next() {
            Some(Ok((event, span))) => {
                let place = self.place(span.start, span.end);
                if let Some(tag) = span.tag_span() {
                    let summary = "a spec has no tags";
                    let label = "write text in quotes, all else plain";
                    self.report.error(codes::UNSUPPORTED_YAML, summary, self.place(tag.start, tag.end), label);
                }
                Ok((event, place))
            }
            Some(Err(error)) => Err(self.broken(&error)),
            None => Err(Stop),
        }
    }

    fn broken(&mut self, error: &ScanError) -> Stop {
        let place = self.place(*error.marker(), *error.marker());
        match error.kind() {
            ErrorKind::RecursionLimitExceeded => self.too_deep(place),
            kind => {
                let label = match kind {
                    ErrorKind::TabNotAllowed
                    | ErrorKind::TabInPlainScalar
                    | ErrorKind::TabInIndentation
                    | ErrorKind::TabInBlockIndentation => "indent with spaces, not with tabs",
                    ErrorKind::MappingValueNotAllowed => "put a value with `: ` in it in quotes",
                    ErrorKind::UnclosedQuotedScalar => "this quote is not closed",
                    ErrorKind::UnclosedFlowCollection { .. } => "this bracket is not closed",
                    _ => "",
                };
                self.report.error(codes::NOT_YAML, format!("this is not YAML: {kind}"), place, label);
                Stop
            }
        }
    }

    fn too_deep(&mut self, place: Place) -> Stop {
        let summary = format!("values are nested more than {DEPTH_MAX} deep");
        self.report.error(codes::TOO_DEEP, summary, place, "");
        Stop
    }

    /// Counts what a value takes, and stops before it is too much.
    fn count(&mut self, bytes: usize, place: Place) -> Result<(), Stop> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= TREE_BYTES_MAX {
            return Ok(());
        }
        let summary = format!("the values take more than {} MiB with their aliases", TREE_BYTES_MAX >> 20);
        self.report.error(codes::TOO_BIG, summary, place, "the limit is passed here");
        Err(Stop)
    }

    fn node(&mut self, event: Event<'s>, place: Place, depth: usize) -> Result<Measured, Stop> {
        if depth > DEPTH_MAX {
            return Err(self.too_deep(place));
        }
        let (read, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (self.scalar(&text, style, place)?, anchor),
            Event::SequenceStart(_, anchor, _) => (self.list(place, depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(place, depth)?, anchor),
            Event::Alias(anchor) => return self.alias(anchor, place, depth),
            Event::UnresolvedAlias(name) => {
                let summary = format!("alias {} names nothing before it", shown(&format!("*{name}")));
                self.report.error(codes::BAD_ALIAS, summary, place, "");
                return Ok(Measured::leaf(Node::Null, place, 0));
            }
            _ => return Ok(Measured::leaf(Node::Null, place, 0)),
        };
        if anchor != 0 {
            self.count(read.bytes, place)?;
            self.anchors.insert(anchor, read.clone());
        }
        Ok(read)
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, place: Place) -> Result<Measured, Stop> {
        let node = if style == ScalarStyle::Plain { plain(text) } else { Some(Node::Text(text.to_owned())) };
        let node = node.unwrap_or_else(|| {
            let summary = format!("{} is not a number that a spec can hold", shown(text));
            self.report.error(codes::UNSUPPORTED_YAML, summary, place, "");
            Node::Null
        });
        let read = Measured::leaf(node, place, text.len());
        self.count(read.bytes, place)?;
        Ok(read)
    }

    fn list(&mut self, place: Place, depth: usize) -> Result<Measured, Stop> {
        self.count(VALUE_BYTES, place)?;
        let mut whole = Measured::leaf(Node::Null, place, 0);
        let mut items = Vec::new();
        loop {
            let (event, place) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            let item = self.node(event, place, depth + 1)?;
            whole.bytes += item.bytes;
            whole.height = whole.height.max(item.height + 1);
            items.push(item.tree);
        }
        whole.tree.node = Node::List(items);
        Ok(whole)
    }

    fn map(&mut self, place: Place, depth: usize) -> Result<Measured, Stop> {
        self.count(VALUE_BYTES, place)?;
        let mut whole = Measured::leaf(Node::Null, place, 0);
        let mut entries: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, Place> = HashMap::new();
        loop {
            let (event, key_place) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.key(event, key_place, depth)?;
            let (event, value_place) = self.next()?;
            let mut value = self.node(event, value_place, depth + 1)?;
            if value.tree.place.length == 0 || matches!(value.tree.node, Node::Map(_)) {
                value.tree.place = key_place;
            }
            let Some(key) = key else { continue };
            if let Some(first) = seen.get(&key) {
                let label = format!("first given at {}", self.report.span(*first));
                self.report.error(codes::DUPLICATE, format!("duplicate key {}", shown(&key)), key_place, label);
                continue;
            }
            seen.insert(key.clone(), key_place);
            whole.bytes += value.bytes + key.len();
            whole.height = whole.height.max(value.height + 1);
            entries.push(Entry { key, place: key_place, value: value.tree });
        }
        whole.tree.node = Node::Map(entries);
        Ok(whole)
    }

    /// Reads a key; `None` if it cannot be one, which the report then says.
    fn key(&mut self, event: Event<'s>, place: Place, depth: usize) -> Result<Option<String>, Stop> {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<" => {
                let label = "use an environment, or an alias for a whole value";
                self.report.error(codes::UNSUPPORTED_YAML, "a spec has no merge keys", place, label);
                Ok(None)
            }
            Event::Scalar(text, ..) => {
                self.count(text.len(), place)?;
                Ok(Some(text.into_owned()))
            }
            other => {
                self.node(other, place, depth + 1)?;
                self.report.error(codes::BAD_KEY, "a key must be plain text", place, "");
                Ok(None)
            }
        }
    }

    fn alias(&mut self, anchor: usize, place: Place, depth: usize) -> Result<Measured, Stop> {
        let Some((bytes, height)) = self.anchors.get(&anchor).map(|target| (target.bytes, target.height)) else {
            self.report.error(codes::BAD_ALIAS, "an alias must name a value that is complete before it", place, "");
            return Ok(Measured::leaf(Node::Null, place, 0));
        };
        if depth + height > DEPTH_MAX + 1 {
            return Err(self.too_deep(place));
        }
        self.count(bytes, place)?;
        Ok(self.anchors.get(&anchor).cloned().unwrap_or_else(|| Measured::leaf(Node::Null, place, 0)))
    }

    fn place(&self, start: Marker, end: Marker) -> Place {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let (line, column) = (number(start.line()), number(start.col()).saturating_add(1));
        let length = if start.line() == end.line() {
            number(end.col().saturating_sub(start.col()))
        } else {
            self.report.rest_of_line(line, column)
        };
        Place { line, column, length }
    }
}

/// What a scalar without quotes is by the core schema; `None` for what JSON cannot hold.
fn plain(text: &str) -> Option<Node> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Node::Null,
        "true" | "True" | "TRUE" => Node::Boolean(true),
        "false" | "False" | "FALSE" => Node::Boolean(false),
        _ if is_infinite(text) => return None,
        _ => integer(text).or_else(|| float(text)).unwrap_or_else(|| Node::Text(text.to_owned())),
    })
}

fn is_infinite(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn integer(text: &str) -> Option<Node> {
    let based = |digits: &str, base| {
        let digits = Some(digits).filter(|digits| digits.starts_with(|c: char| c.is_ascii_hexdigit()));
        digits.and_then(|digits| i64::from_str_radix(digits, base).ok())
    };
    match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => based(digits, 16),
        (_, Some(digits)) => based(digits, 8),
        _ => text.parse().ok(),
    }
    .map(Node::Integer)
}

fn float(text: &str) -> Option<Node> {
    // Rust also reads words such as `inf`, which are text in YAML.
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    if !text.chars().all(numeric) || !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Node::Number)
}
