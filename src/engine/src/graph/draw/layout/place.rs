use super::GAP_X;
use super::layers::{Node, Slot};
use crate::graph::order::invert;

/// How often rows are moved below what is above and above what is below.
const SWEEPS: usize = 6;
/// Space beside a lane.
const LANE_GAP: f64 = 6.0;

/// Finds the middle of each node on the page: near the middle of those it has lines to, in the order of its row, and
/// with space to its neighbours. The leftmost edge is 0.
pub(super) fn centres(nodes: &[Node], rows: &[Vec<usize>]) -> Vec<f64> {
    let above: Vec<Vec<usize>> = nodes.iter().map(|node| node.above.clone()).collect();
    let below = invert(&above);
    let mut centres = vec![0.0; nodes.len()];
    for _ in 0..SWEEPS {
        for row in rows {
            settle(row, nodes, &above, &mut centres);
        }
        for row in rows.iter().rev() {
            settle(row, nodes, &below, &mut centres);
        }
    }
    let left = nodes.iter().zip(&centres).map(|(node, centre)| centre - node.size.width / 2.0);
    let left = left.reduce(f64::min).unwrap_or_default();
    centres.iter_mut().for_each(|centre| *centre = (*centre - left).round());
    centres
}

fn settle(row: &[usize], nodes: &[Node], neighbours: &[Vec<usize>], centres: &mut [f64]) {
    let centre = |place: usize| centres.get(place).copied().unwrap_or_default();
    let wanted = |place: &usize| {
        let of = neighbours.get(*place).map(Vec::as_slice).unwrap_or_default();
        let sum: f64 = of.iter().map(|neighbour| centre(*neighbour)).sum();
        if of.is_empty() { centre(*place) } else { sum / of.len() as f64 }
    };
    let wanted: Vec<f64> = row.iter().map(wanted).collect();
    for (place, found) in row.iter().zip(fitted(&wanted, &offsets(row, nodes))) {
        if let Some(centre) = centres.get_mut(*place) {
            *centre = found;
        }
    }
}

/// How far right of the first of the row each node stands at least.
fn offsets(row: &[usize], nodes: &[Node]) -> Vec<f64> {
    let mut offset = 0.0;
    let mut last: Option<&Node> = None;
    let mut offsets = Vec::with_capacity(row.len());
    for node in row.iter().filter_map(|place| nodes.get(*place)) {
        if let Some(last) = last {
            let is_lane = |node: &Node| matches!(node.slot, Slot::Lane(_));
            let gap = if is_lane(last) && is_lane(node) { LANE_GAP } else { GAP_X };
            offset += (last.size.width + node.size.width) / 2.0 + gap;
        }
        offsets.push(offset);
        last = Some(node);
    }
    offsets
}

/// Returns the places nearest to those that are wanted (least squares) that keep the distances: an isotonic regression
/// by pooling neighbours that stand too close.
fn fitted(wanted: &[f64], offsets: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (wanted, offset) in wanted.iter().zip(offsets) {
        let mut pool = (wanted - offset, 1);
        while let Some((mean, count)) = pools.pop_if(|(mean, _)| *mean > pool.0) {
            let total = count + pool.1;
            pool = ((mean * count as f64 + pool.0 * pool.1 as f64) / total as f64, total);
        }
        pools.push(pool);
    }
    let means = pools.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count));
    means.zip(offsets).map(|(mean, offset)| mean + offset).collect()
}
