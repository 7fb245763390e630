//! A small layered layout: what is needed stands above what needs it, and no line crosses a box.

/// What needs each other, as one.
mod blocks;
/// What stands in one row.
mod layers;
/// Who stands beside whom.
mod order;
/// Where in its row everything stands.
mod place;

use layers::{Node, Slot};
use std::collections::BTreeSet;

/// Space between boxes in a row.
const GAP_X: f64 = 28.0;
/// Least space between rows.
const GAP_Y: f64 = 48.0;
/// Most that is added to the space between rows that many lines run through.
const GAP_MORE_MAX: f64 = 48.0;
/// Width of the lane that lines take through a row.
const LANE: f64 = 10.0;
/// Width over height that the whole should have.
const ASPECT: f64 = 1.8;
/// Width in which any picture fits.
const WIDTH_MIN: f64 = 960.0;

/// How wide and high something is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A point; down is more.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// Where something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rect {
    pub(super) at: Point,
    pub(super) size: Size,
}

/// One box, or several that need each other in a frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub(super) rect: Rect,
    pub(super) members: Vec<(usize, Rect)>,
}

/// A piece of a line from one row to the row above it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    /// The block that needs, if the line begins here; else it comes from further below.
    pub(super) source: Option<usize>,
    /// The block that is needed.
    pub(super) target: usize,
    /// Whether it ends here; else it goes on further up.
    pub(super) is_last: bool,
    /// Its lower end.
    pub(super) start: Point,
    /// Where it has reached the row above.
    pub(super) bend: Point,
    /// Its upper end, straight above that.
    pub(super) end: Point,
}

/// Where everything stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    pub(super) size: Size,
    pub(super) blocks: Vec<Placed>,
    pub(super) lines: Vec<Line>,
}

/// Lays out boxes; `needs` holds, for each, the places of what it needs.
pub(super) fn layout(sizes: &[Size], needs: &[BTreeSet<usize>]) -> Layout {
    let blocks = blocks::blocks(sizes, needs);
    let (nodes, count) = layers::nodes(&blocks, width(&blocks));
    let rows = order::order(&nodes, count);
    let centres = place::centres(&nodes, &rows);
    let spans = spans(&nodes, &rows);
    let span = |layer: usize| spans.get(layer).copied().unwrap_or_default();
    let centre = |node: usize| centres.get(node).copied().unwrap_or_default();
    let placed: Vec<Placed> = blocks
        .iter()
        .zip(nodes.iter().zip(&centres))
        .map(|(block, (node, centre))| {
            let at = Point { x: centre - block.size.width / 2.0, y: span(node.layer).0 };
            let rect = Rect { at, size: block.size };
            let member = |(place, inner): &(usize, Rect)| {
                let at = Point { x: at.x + inner.at.x, y: at.y + inner.at.y };
                (*place, Rect { at, ..*inner })
            };
            Placed { rect, members: block.members.iter().map(member).collect() }
        })
        .collect();
    let height = |node: &Node| if let Slot::Block(_) = node.slot { node.size.height } else { 0.0 };
    let line = |from: usize, lower: &Node, to: usize| {
        let upper = nodes.get(to)?;
        let (top, bottom) = span(upper.layer);
        Some(Line {
            source: if let Slot::Block(block) = lower.slot { Some(block) } else { None },
            target: upper.slot.block(),
            is_last: matches!(upper.slot, Slot::Block(_)),
            start: Point { x: centre(from), y: span(lower.layer).0 },
            bend: Point { x: centre(to), y: bottom },
            end: Point { x: centre(to), y: top + height(upper) },
        })
    };
    let lines = nodes.iter().enumerate();
    let lines = lines.flat_map(|(from, lower)| lower.above.iter().filter_map(move |to| line(from, lower, *to)));
    let lines = lines.collect();
    let right = placed.iter().map(|placed| placed.rect.at.x + placed.rect.size.width);
    let right = right.chain(centres.iter().map(|x| x + LANE / 2.0)).fold(0.0, f64::max);
    Layout {
        size: Size { width: right, height: spans.last().map_or(0.0, |(_, bottom)| *bottom) },
        blocks: placed,
        lines,
    }
}

/// How wide a row may be, so that the whole has about the shape of a page.
fn width(blocks: &[blocks::Block]) -> f64 {
    let area: f64 = blocks.iter().map(|block| (block.size.width + GAP_X) * (block.size.height + GAP_Y)).sum();
    (area * ASPECT).sqrt().max(WIDTH_MIN)
}

/// The top and the bottom of each row. Between rows there is the more space the more lines run there.
fn spans(nodes: &[Node], rows: &[Vec<usize>]) -> Vec<(f64, f64)> {
    let mut spans = Vec::new();
    let mut top = 0.0;
    for (layer, row) in rows.iter().enumerate() {
        let of_row = || row.iter().filter_map(|node| nodes.get(*node));
        let lines: usize = of_row().map(|node| node.above.len()).sum();
        if layer > 0 {
            top += GAP_Y + (lines as f64).min(GAP_MORE_MAX);
        }
        let bottom = of_row().map(|node| node.size.height).fold(top, |bottom, height| bottom.max(top + height));
        spans.push((top, bottom));
        top = bottom;
    }
    spans
}

#[cfg(test)]
mod tests;
