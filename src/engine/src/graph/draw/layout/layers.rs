use super::blocks::Block;
use super::{GAP_X, LANE, Size};
use std::collections::BTreeMap;

/// What stands at one place of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// A block.
    Block(usize),
    /// The lines to a block further up; all of them share one lane.
    Lane(usize),
}

impl Slot {
    /// The block that it is, or that its lines lead to.
    pub(super) fn block(self) -> usize {
        match self {
            Self::Block(block) | Self::Lane(block) => block,
        }
    }
}

/// One place of a row.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) slot: Slot,
    pub(super) layer: usize,
    pub(super) size: Size,
    /// The nodes of the row above that it has a line to.
    pub(super) above: Vec<usize>,
}

/// Gives every block a row below all that it needs, and lines that pass a row a place in it. The nodes of the blocks
/// come first, in their order. Returns the number of rows too.
pub(super) fn nodes(blocks: &[Block], width_max: f64) -> (Vec<Node>, usize) {
    let layers = layers(blocks, width_max);
    let layer = |block: usize| layers.get(block).copied().unwrap_or_default();
    let mut lanes: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (block, needed) in blocks.iter().enumerate().flat_map(|(block, of)| of.needs.iter().map(move |n| (block, *n))) {
        for passed in layer(needed) + 1..layer(block) {
            let next = blocks.len() + lanes.len();
            lanes.entry((needed, passed)).or_insert(next);
        }
    }
    // What a line to a block meets in the row above.
    let above = |needed: usize, from: usize| {
        let row = from.saturating_sub(1);
        if row == layer(needed) { Some(needed) } else { lanes.get(&(needed, row)).copied() }
    };
    let mut nodes: Vec<Node> = blocks
        .iter()
        .enumerate()
        .map(|(place, block)| Node {
            slot: Slot::Block(place),
            layer: layer(place),
            size: block.size,
            above: block.needs.iter().filter_map(|needed| above(*needed, layer(place))).collect(),
        })
        .collect();
    let mut numbered: Vec<_> = lanes.iter().map(|(of, number)| (*number, *of)).collect();
    numbered.sort_unstable();
    nodes.extend(numbered.into_iter().map(|(_, (needed, layer))| Node {
        slot: Slot::Lane(needed),
        layer,
        size: Size { width: LANE, height: 0.0 },
        above: above(needed, layer).into_iter().collect(),
    }));
    (nodes, layers.iter().max().map_or(0, |last| last + 1))
}

/// The row of each block: as high as what it needs allows, or the next one in which there is room.
fn layers(blocks: &[Block], width_max: f64) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::new();
    for block in blocks {
        let deepest = block.needs.iter().filter_map(|needed| depths.get(*needed)).max();
        depths.push(deepest.map_or(0, |depth| depth + 1));
    }
    let mut order: Vec<(usize, Option<usize>, usize)> = Vec::new();
    for (place, (block, depth)) in blocks.iter().zip(&depths).enumerate() {
        order.push((*depth, block.members.first().map(|(member, _)| *member), place));
    }
    order.sort_unstable();
    let mut layers = vec![0; blocks.len()];
    let mut widths: Vec<f64> = Vec::new();
    for (_, _, place) in order {
        let Some(block) = blocks.get(place) else { continue };
        let lowest = block.needs.iter().filter_map(|needed| layers.get(*needed)).max();
        let width = block.size.width + GAP_X;
        let mut row: usize = lowest.map_or(0, |row| row + 1);
        while widths.get(row).is_some_and(|taken| taken + width > width_max) {
            row += 1;
        }
        match widths.get_mut(row) {
            Some(taken) => *taken += width,
            None => widths.push(width),
        }
        if let Some(layer) = layers.get_mut(place) {
            *layer = row;
        }
    }
    layers
}
