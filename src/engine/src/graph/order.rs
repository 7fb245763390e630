use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Sorts things so that each comes after what it needs. `needs` holds, for each thing, the places of what it needs;
/// a place beyond the end is ignored. Of things that could come next, the one with the lowest place does, so the
/// order depends on nothing else. Takes time in proportion to things and needs (and a logarithm).
///
/// # Errors
/// If there is no such order: the places of a cycle, each needing the next and the last needing the first.
pub(crate) fn sort(needs: &[Vec<usize>]) -> Result<Vec<usize>, Vec<usize>> {
    let mut open: Vec<usize> = needs.iter().map(|of| of.iter().filter(|need| **need < needs.len()).count()).collect();
    let dependents = invert(needs);
    let mut ready: BinaryHeap<Reverse<usize>> =
        open.iter().enumerate().filter(|(_, open)| **open == 0).map(|(place, _)| Reverse(place)).collect();
    let mut sorted = Vec::with_capacity(needs.len());
    while let Some(Reverse(place)) = ready.pop() {
        sorted.push(place);
        for dependent in dependents.get(place).into_iter().flatten() {
            if let Some(open) = open.get_mut(*dependent) {
                *open -= 1;
                if *open == 0 {
                    ready.push(Reverse(*dependent));
                }
            }
        }
    }
    if sorted.len() == needs.len() { Ok(sorted) } else { Err(cycle(needs, &open)) }
}

/// Turns "needs" round: for each thing, the places of the things that need it.
pub(crate) fn invert(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut dependents = vec![Vec::new(); needs.len()];
    for (place, of) in needs.iter().enumerate() {
        for need in of {
            if let Some(list) = dependents.get_mut(*need) {
                list.push(place);
            }
        }
    }
    dependents
}

/// Walks along needs that are still open until some place comes a second time.
fn cycle(needs: &[Vec<usize>], open: &[usize]) -> Vec<usize> {
    let is_open = |place: &usize| open.get(*place).is_some_and(|open| *open > 0);
    let mut path: Vec<usize> = Vec::new();
    let mut seen = vec![false; needs.len()];
    let mut next = (0..needs.len()).find(is_open);
    while let Some(place) = next {
        let Some(seen) = seen.get_mut(place) else { break };
        if *seen {
            let start = path.iter().position(|passed| *passed == place).unwrap_or_default();
            return path.split_off(start);
        }
        *seen = true;
        path.push(place);
        next = needs.get(place).and_then(|of| of.iter().copied().find(is_open));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cycle_is_named_in_the_order_of_its_needs() {
        // 0 needs 1, 1 needs 2, 2 needs 1; 3 stands alone.
        assert_eq!(sort(&[vec![1], vec![2], vec![1], vec![]]), Err(vec![1, 2]));
        assert_eq!(sort(&[vec![0]]), Err(vec![0]));
    }

    #[test]
    fn of_things_that_could_come_next_the_first_does() {
        assert_eq!(sort(&[vec![2], vec![], vec![], vec![0]]), Ok(vec![1, 2, 0, 3]));
        assert_eq!(sort(&[]), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn everything_comes_after_what_it_needs(graph in acyclic()) {
            let sorted = sort(&graph).unwrap();
            let mut place = vec![0; graph.len()];
            for (n, thing) in sorted.iter().enumerate() {
                place[*thing] = n;
            }
            for (thing, needs) in graph.iter().enumerate() {
                for need in needs {
                    prop_assert!(place[*need] < place[thing]);
                }
            }
        }
    }

    fn acyclic() -> impl Strategy<Value = Vec<Vec<usize>>> {
        proptest::collection::vec(proptest::collection::vec(any::<prop::sample::Index>(), 0..5), 0..60).prop_map(
            |graph| {
                let needs = |thing: usize, of: &Vec<prop::sample::Index>| {
                    if thing == 0 { Vec::new() } else { of.iter().map(|need| need.index(thing)).collect() }
                };
                graph.iter().enumerate().map(|(thing, of)| needs(thing, of)).collect()
            },
        )
    }
}
