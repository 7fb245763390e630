//! Random specs without cycles, as one sketch for each marker. The laws beside this file and `tests/simulation` draw the
//! sketches, each in its own way.

use acquire_model::spec::{Lifecycle, PlainResource};
use acquire_model::{Expression, Name, Reference};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// One marker of a random spec, which may or may not be there.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    pub(crate) is_there: bool,
    /// Whether the second provider makes it.
    pub(crate) elsewhere: bool,
    /// Who has a lower rank never needs who has a higher one.
    pub(crate) rank: u8,
    pub(crate) input: u8,
    pub(crate) fixed: u8,
    /// Which of those below its input refers to, counted around.
    pub(crate) refers: Option<usize>,
    /// Which of those below it needs, counted around.
    pub(crate) needs: Vec<usize>,
}

/// The markers that are there; the n-th is called `r<n>`.
pub(crate) fn resources(sketches: &[Sketch]) -> BTreeMap<Name, PlainResource> {
    let there = sketches.iter().enumerate().filter(|(_, sketch)| sketch.is_there);
    let mut there: Vec<(u8, usize)> = there.map(|(n, sketch)| (sketch.rank, n)).collect();
    there.sort_unstable();
    let ranked = there.iter().enumerate();
    ranked.map(|(position, (_, n))| (name(*n), resource(&sketches[*n], &there[..position]))).collect()
}

fn resource(sketch: &Sketch, below: &[(u8, usize)]) -> PlainResource {
    let other = |which: &usize| (!below.is_empty()).then(|| name(below[which % below.len()].1));
    let input = match sketch.refers.as_ref().and_then(other) {
        Some(other) => Expression::Reference(Reference {
            address: format!("{other}/marker").parse().unwrap(),
            attribute: ["output", "id", "fixed"][usize::from(sketch.input) % 3].to_owned(),
        }),
        None => json!(sketch.input).into(),
    };
    let needs: BTreeSet<Name> = sketch.needs.iter().filter_map(other).collect();
    PlainResource {
        kind: "marker".parse().unwrap(),
        provider: if sketch.elsewhere { "two" } else { "one" }.parse().unwrap(),
        needs: needs.into_iter().collect(),
        lifecycle: Lifecycle::default(),
        inputs: BTreeMap::from([("input".to_owned(), input), ("fixed".to_owned(), json!(sketch.fixed).into())]),
    }
}

fn name(n: usize) -> Name {
    format!("r{n}").parse().unwrap()
}
