//! The resources that a spec comes to, and what each of them needs.
//!
//! What this module deliberately does not know: what is there already, and how anything is made.

/// Codes of this module.
pub mod codes;
/// A graph as a picture.
pub mod draw;
/// What needs what.
mod edges;
/// Orders in which everything comes after what it needs.
pub(crate) mod order;
/// The resources beside the services.
mod plain;
/// The table of what a service comes to.
mod services;

use crate::graph::edges::Draft;
use acquire_model::spec::{Lifecycle, Moved, Spec};
use acquire_model::{Address, Diagnostic, Expression, ProviderName, ServiceType, Span};
use std::collections::{BTreeMap, BTreeSet};

/// Most resources of one deployment.
pub const RESOURCES_MAX: usize = 100_000;

/// One resource that should be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its place.
    pub address: Address,
    /// Who provides it.
    pub provider: ProviderName,
    /// Its inputs.
    pub desired: BTreeMap<String, Expression>,
    /// Inputs whose values are never shown.
    pub sensitive: BTreeSet<String>,
    /// What must be there before it: everything it refers to, and what the spec says it needs.
    pub needs: BTreeSet<Address>,
    /// The place in the spec that asks for it.
    pub origin: Option<Span>,
    /// The places in the spec of single inputs, where they have one.
    pub origins: BTreeMap<String, Span>,
    /// Whether it holds people's data.
    pub holds_data: bool,
    /// What may happen to it.
    pub lifecycle: Lifecycle,
    /// The service it is a part of; `None` for a plain resource.
    pub service: Option<ServiceType>,
}

/// What the expansion must know beside the spec.
#[derive(Clone, Debug, Default)]
pub struct ExpandOptions {
    /// SHA-256 of the program that functions run, lower-case hex.
    pub binary_sha256: String,
    /// Dotted paths of the spec whose values are never shown.
    pub sensitive: BTreeSet<String>,
}

/// Resources and their edges, free of cycles, in an order in which each comes after what it needs.
#[derive(Clone, Debug)]
pub struct Graph {
    nodes: Vec<Node>,
    moved: Vec<Moved>,
    places: BTreeMap<Address, usize>,
}

impl Graph {
    /// All nodes, each after what it needs; the order depends on nothing but the nodes.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The plain resources that have another name than they had.
    pub fn moved(&self) -> &[Moved] {
        &self.moved
    }

    /// Returns the node at an address.
    pub fn node(&self, address: &Address) -> Option<&Node> {
        self.places.get(address).and_then(|place| self.nodes.get(*place))
    }
}

/// Expands a spec into its resources.
///
/// # Errors
/// Everything that is wrong at once: two resources at one address, a need or a reference of something that is not
/// there, a cycle (its path is named).
pub fn expand(spec: &Spec, options: &ExpandOptions) -> Result<Graph, Vec<Diagnostic>> {
    let mut draft = Draft::new(spec, options);
    let transforms: [fn(&mut Draft); 7] = [
        services::add,
        plain::add,
        edges::add_lifecycles,
        edges::check_size,
        edges::connect_references,
        edges::connect_owners,
        edges::check_needs,
    ];
    for transform in transforms {
        transform(&mut draft);
    }
    draft.finish()
}

#[cfg(test)]
mod tests;
