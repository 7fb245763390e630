use super::layers::Node;
use crate::graph::order::invert;

/// How often rows are sorted by what is above and by what is below.
const SWEEPS: usize = 8;

/// Puts the nodes of each row in an order in which few lines cross: each near the middle of those it has lines to.
pub(super) fn order(nodes: &[Node], layers: usize) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layers];
    for (place, node) in nodes.iter().enumerate() {
        rows.get_mut(node.layer).into_iter().for_each(|row| row.push(place));
    }
    let above: Vec<Vec<usize>> = nodes.iter().map(|node| node.above.clone()).collect();
    let below = invert(&above);
    let mut shares = vec![0.5; nodes.len()];
    rows.iter().for_each(|row| note(row, &mut shares));
    for _ in 0..SWEEPS {
        for row in &mut rows {
            sort(row, &above, &mut shares);
        }
        for row in rows.iter_mut().rev() {
            sort(row, &below, &mut shares);
        }
    }
    rows
}

/// Sorts a row by the mean of what its nodes have lines to; without lines a node stays about where it is.
fn sort(row: &mut [usize], neighbours: &[Vec<usize>], shares: &mut [f64]) {
    let share = |place: usize| shares.get(place).copied().unwrap_or_default();
    let mut keyed: Vec<(f64, usize)> = row
        .iter()
        .map(|place| {
            let of = neighbours.get(*place).map(Vec::as_slice).unwrap_or_default();
            let sum: f64 = of.iter().map(|neighbour| share(*neighbour)).sum();
            (if of.is_empty() { share(*place) } else { sum / of.len() as f64 }, *place)
        })
        .collect();
    keyed.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    row.iter_mut().zip(keyed).for_each(|(slot, (_, place))| *slot = place);
    note(row, shares);
}

/// Notes how far along its row each node stands.
fn note(row: &[usize], shares: &mut [f64]) {
    for (position, place) in row.iter().enumerate() {
        if let Some(share) = shares.get_mut(*place) {
            *share = (position as f64 + 0.5) / row.len() as f64;
        }
    }
}
