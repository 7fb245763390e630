use super::{GAP_X, Point, Rect, Size};
use crate::graph::order::invert;
use std::collections::{BTreeMap, BTreeSet};

/// Space between a frame and what is in it; above there is the frame's own line of text.
const FRAME: f64 = 14.0;
const FRAME_TOP: f64 = 30.0;

/// Boxes that need each other, in a grid; mostly there is just one.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The boxes, and where each stands in the block.
    pub(super) members: Vec<(usize, Rect)>,
    pub(super) size: Size,
    /// The earlier blocks that it needs.
    pub(super) needs: BTreeSet<usize>,
}

/// Puts together what needs each other, so that nothing is left that goes round in a circle. Each block comes after
/// those it needs.
pub(super) fn blocks(sizes: &[Size], needs: &[BTreeSet<usize>]) -> Vec<Block> {
    let needs: Vec<Vec<usize>> = needs.iter().map(|of| of.iter().copied().collect()).collect();
    let components = components(&needs);
    let homes: BTreeMap<usize, usize> =
        components.iter().enumerate().flat_map(|(home, members)| members.iter().map(move |it| (*it, home))).collect();
    let block = |(home, members): (usize, &Vec<usize>)| {
        let needed = members.iter().filter_map(|member| needs.get(*member)).flatten();
        let needed = needed.filter_map(|need| homes.get(need).copied()).filter(|other| *other != home);
        let (members, size) = grid(members, sizes);
        Block { members, size, needs: needed.collect() }
    };
    components.iter().enumerate().map(block).collect()
}

/// The sets of those that need each other, each set after those it needs (Kosaraju).
fn components(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let finished = trees(&invert(needs), 0..needs.len()).concat();
    let mut components = trees(needs, finished.into_iter().rev());
    components.iter_mut().for_each(|component| component.sort_unstable());
    components
}

/// Walks along edges, from each start to all that was not reached before; each tree is in the order in which it is
/// left.
fn trees(edges: &[Vec<usize>], starts: impl Iterator<Item = usize>) -> Vec<Vec<usize>> {
    let mut seen = vec![false; edges.len()];
    let mut is_new = |place: usize| seen.get_mut(place).is_some_and(|seen| !std::mem::replace(seen, true));
    let mut trees = Vec::new();
    for start in starts {
        let mut tree = Vec::new();
        let mut path = if is_new(start) { vec![(start, 0)] } else { continue };
        while let Some((place, next)) = path.pop() {
            match edges.get(place).and_then(|of| of.get(next)) {
                Some(child) => {
                    path.push((place, next + 1));
                    if is_new(*child) {
                        path.push((*child, 0));
                    }
                }
                None => tree.push(place),
            }
        }
        trees.push(tree);
    }
    trees
}

/// Puts boxes into rows of equal cells.
fn grid(members: &[usize], sizes: &[Size]) -> (Vec<(usize, Rect)>, Size) {
    let sized = members.iter().map(|member| (*member, sizes.get(*member).copied().unwrap_or_default()));
    let sized: Vec<(usize, Size)> = sized.collect();
    if let [(member, size)] = sized.as_slice() {
        return (vec![(*member, Rect { at: Point::default(), size: *size })], *size);
    }
    let cell = sized.iter().fold(Size::default(), |cell, (_, size)| Size {
        width: cell.width.max(size.width),
        height: cell.height.max(size.height),
    });
    let (across, down) = (cell.width + GAP_X, cell.height + FRAME);
    let columns = (1..sized.len()).find(|columns| columns * columns >= sized.len()).unwrap_or(1);
    let place = |(position, (member, size)): (usize, &(usize, Size))| {
        let (column, row) = (position % columns, position / columns);
        let at = Point { x: FRAME + column as f64 * across, y: FRAME_TOP + row as f64 * down };
        (*member, Rect { at, size: *size })
    };
    let rows = sized.len().div_ceil(columns);
    let size = Size { width: FRAME * 2.0 + columns as f64 * across - GAP_X, height: FRAME_TOP + rows as f64 * down };
    (sized.iter().enumerate().map(place).collect(), size)
}
