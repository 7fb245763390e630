use super::layout::{Layout, Line, Placed, Point, Rect, Size, layout};
use super::{Group, Picture, colour, part, signed};
use crate::graph::codes;
use acquire_model::{Action, Diagnostic, Name};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Most boxes that are drawn.
pub const BOXES_MAX: usize = 2_000;
/// Most lines of text in a box; the rest is counted.
const LINES_MAX: usize = 12;
/// Most needs that are named where the pointer rests.
const NEEDS_MAX: usize = 12;
/// Space around everything.
const MARGIN: f64 = 24.0;
/// Space for the heading.
const HEADING: f64 = 52.0;
/// Space between the edge of a box and its text.
const PADDING: f64 = 10.0;
const BOX_WIDTH_MIN: f64 = 84.0;

/// How text is written. Widths are given to the reader too, so that no font makes text wider than its box.
struct Font {
    class: &'static str,
    character: f64,
    line: f64,
}

const TITLE: Font = Font { class: "t", character: 8.0, line: 20.0 };
const LINE: Font = Font { class: "k", character: 7.0, line: 16.0 };

const STYLE: &str = "text{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;fill:#24292f}\
.t{font-size:13px;font-weight:bold}.k{font-size:11px}.b{fill:#fff;stroke:#57606a}.s{fill:#f3f6fa;stroke:#0969da}\
.f{fill:#fafbfc;stroke:#8c959f;stroke-dasharray:4 3}.l{fill:none;stroke:#8c959f;stroke-width:1.2}\
.l:hover{stroke:#0969da;stroke-width:2.5}";

/// What stands in a box.
struct Face {
    lines: Vec<(Option<Action>, String)>,
    size: Size,
}

impl Picture {
    /// Draws the graph: one box for each owner, with its kinds, below whatever it needs; owners that need each other in
    /// one frame. Stands alone: no script, no font and no image from elsewhere.
    ///
    /// # Errors
    /// If there are more than [`BOXES_MAX`] owners.
    pub fn svg(&self) -> Result<String, Diagnostic> {
        let count = self.groups.len();
        if count > BOXES_MAX {
            let summary = format!("a picture of {count} boxes could not be read; {BOXES_MAX} are drawn at most");
            let hint = "`--format dot` or `--format mermaid` writes a graph of any size for another program";
            return Err(Diagnostic::error(codes::TOO_LARGE_TO_DRAW, summary).hint(hint));
        }
        let faces: Vec<Face> = self.groups.iter().map(face).collect();
        let sizes: Vec<Size> = faces.iter().map(|face| face.size).collect();
        let drawing = Drawing { picture: self, faces, layout: layout(&sizes, &self.needs()) };
        Ok(drawing.svg())
    }

    /// For each group, the places of the others that it needs.
    fn needs(&self) -> Vec<BTreeSet<usize>> {
        let places: BTreeMap<&Name, usize> =
            self.groups.iter().enumerate().map(|(place, group)| (&group.owner, place)).collect();
        let mut needs = vec![BTreeSet::new(); self.groups.len()];
        for (item, need) in self.edges().filter(|(item, need)| item.owner() != need.owner()) {
            let of = places.get(item.owner()).and_then(|place| needs.get_mut(*place));
            of.into_iter().for_each(|of| of.extend(places.get(need.owner())));
        }
        needs
    }
}

fn face(group: &Group) -> Face {
    let mut lines: Vec<(Option<Action>, String)> =
        group.items.iter().map(|item| (item.action, signed(item.action, &part(&item.address)))).collect();
    if lines.len() > LINES_MAX {
        let more = lines.len() - (LINES_MAX - 1);
        lines.truncate(LINES_MAX - 1);
        lines.push((None, format!("… {more} more")));
    }
    let wide = |text: &str, font: &Font| text.chars().count() as f64 * font.character;
    let widths = lines.iter().map(|(_, line)| wide(line, &LINE)).chain([wide(group.owner.as_str(), &TITLE)]);
    let width = widths.fold(BOX_WIDTH_MIN - 2.0 * PADDING, f64::max) + 2.0 * PADDING;
    let height = PADDING + TITLE.line + lines.len() as f64 * LINE.line;
    Face { lines, size: Size { width, height } }
}

/// A picture with all that is needed to write it.
struct Drawing<'a> {
    picture: &'a Picture,
    faces: Vec<Face>,
    layout: Layout,
}

impl Drawing<'_> {
    fn svg(&self) -> String {
        let heading = self.heading();
        let wide = heading.iter().map(|(font, text)| text.chars().count() as f64 * font.character).fold(0.0, f64::max);
        let width = self.layout.size.width.max(wide) + 2.0 * MARGIN;
        let height = self.layout.size.height + HEADING + 2.0 * MARGIN;
        let name = escaped(&self.picture.name);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{name}</title>\n<style>{STYLE}</style>\n\
             <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
             orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#8c959f\"/></marker></defs>\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
        );
        for (line, (font, words)) in heading.iter().enumerate() {
            let at = Point { x: MARGIN, y: MARGIN + 12.0 + line as f64 * TITLE.line };
            text(&mut out, at, font, words, None);
        }
        // Writing into a string cannot fail.
        let _ = writeln!(out, "<g transform=\"translate({MARGIN} {})\">", MARGIN + HEADING);
        self.layout.blocks.iter().filter(|block| block.members.len() > 1).for_each(|block| frame(&mut out, block));
        self.layout.lines.iter().for_each(|line| self.line(&mut out, line));
        for (member, rect) in self.layout.blocks.iter().flat_map(|block| &block.members) {
            if let (Some(group), Some(face)) = (self.picture.groups.get(*member), self.faces.get(*member)) {
                self.boxed(&mut out, (group, face), *rect);
            }
        }
        out + "</g>\n</svg>\n"
    }

    /// What the picture shows, and how to read it.
    fn heading(&self) -> [(&'static Font, String); 2] {
        let groups = self.picture.groups.len();
        let services = self.picture.groups.iter().filter(|group| group.service.is_some()).count();
        let resources = self.picture.items().count();
        let counts =
            format!("services: {services}, plain resources: {}, resources in all: {resources}", groups - services);
        let signs = if self.picture.is_marked() { "; + add, ~ change, - destroy, -/+ replace" } else { "" };
        let legend = format!("{counts}. An arrow points at what must be there first{signs}.");
        [(&TITLE, self.picture.name.clone()), (&LINE, legend)]
    }

    fn boxed(&self, out: &mut String, (group, face): (&Group, &Face), rect: Rect) {
        let Rect { at, size } = rect;
        let class = if group.service.is_some() { "s" } else { "b" };
        let stroke = overall(group).map(|action| format!(" style=\"stroke:{}\"", colour(action))).unwrap_or_default();
        let _ = writeln!(
            out,
            "<g><title>{}</title><rect class=\"{class}\"{stroke} x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>",
            escaped(&self.tooltip(group)),
            at.x,
            at.y,
            size.width,
            size.height
        );
        let left = at.x + PADDING;
        text(out, Point { x: left, y: at.y + TITLE.line - 2.0 }, &TITLE, group.owner.as_str(), None);
        for (number, (action, line)) in face.lines.iter().enumerate() {
            let y = at.y + TITLE.line + (number + 1) as f64 * LINE.line - 2.0;
            text(out, Point { x: left, y }, &LINE, line, *action);
        }
        out.push_str("</g>\n");
    }

    /// All that is known of a group: its resources with their providers, and what it needs.
    fn tooltip(&self, group: &Group) -> String {
        let resource = |item: &super::Item| {
            let action = item.action.map(|action| format!(": {action}")).unwrap_or_default();
            format!("{} on {}{action}", item.address, item.provider)
        };
        let mut lines: Vec<String> = group.items.iter().map(resource).collect();
        let needed = group.items.iter().flat_map(|item| &item.needs).map(|need| need.owner().as_str());
        let needed: BTreeSet<&str> = needed.filter(|owner| *owner != group.owner.as_str()).collect();
        if !needed.is_empty() {
            lines.push(format!("needs {}", listed(&needed.into_iter().collect::<Vec<_>>())));
        }
        lines.join("\n")
    }

    fn line(&self, out: &mut String, line: &Line) {
        let Line { start, bend, end, .. } = line;
        let middle = (start.y + bend.y) / 2.0;
        let (x, y, to, bottom) = (start.x, start.y, bend.x, bend.y);
        let mut path = format!("M{x} {y}C{x} {middle} {to} {middle} {to} {bottom}");
        if end.y < bend.y {
            let _ = write!(path, "V{}", end.y);
        }
        let head = if line.is_last { " marker-end=\"url(#a)\"" } else { "" };
        let target = self.names(line.target);
        let words = match line.source {
            Some(source) => format!("{} needs {target}", self.names(source)),
            None => format!("… needs {target}"),
        };
        let _ = writeln!(out, "<path class=\"l\" d=\"{path}\"{head}><title>{}</title></path>", escaped(&words));
    }

    fn names(&self, block: usize) -> String {
        let members = self.layout.blocks.get(block).map(|block| block.members.as_slice()).unwrap_or_default();
        let names = members.iter().filter_map(|(member, _)| self.picture.groups.get(*member));
        listed(&names.map(|group| group.owner.as_str()).collect::<Vec<_>>())
    }
}

fn frame(out: &mut String, block: &Placed) {
    let Rect { at, size } = block.rect;
    let (x, y, width, height) = (at.x, at.y, size.width, size.height);
    let _ = writeln!(out, "<rect class=\"f\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>");
    text(out, Point { x: x + PADDING, y: y + TITLE.line - 2.0 }, &LINE, "need each other", None);
}

/// What happens to a whole group: the same to all of it, or a change.
fn overall(group: &Group) -> Option<Action> {
    let actions: BTreeSet<Option<Action>> = group.items.iter().map(|item| item.action).collect();
    match (actions.first(), actions.len()) {
        (Some(only), 1) => *only,
        _ => Some(Action::Update),
    }
}

fn text(out: &mut String, at: Point, font: &Font, words: &str, action: Option<Action>) {
    let Font { class, character, .. } = font;
    let fill = action.map(|action| format!(" style=\"fill:{}\"", colour(action))).unwrap_or_default();
    let wide = words.chars().count() as f64 * character;
    let (x, y, words) = (at.x, at.y, escaped(words));
    let _ = writeln!(
        out,
        "<text class=\"{class}\"{fill} x=\"{x}\" y=\"{y}\" textLength=\"{wide}\" lengthAdjust=\"spacingAndGlyphs\">{words}</text>"
    );
}

fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(NEEDS_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NEEDS_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
