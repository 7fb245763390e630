use crate::graph::codes;
use crate::graph::order;
use crate::graph::{ExpandOptions, Graph, Node, RESOURCES_MAX};
use acquire_model::spec::{Lifecycle, Spec};
use acquire_model::{Address, Diagnostic, Expression, Name, Part, ProviderName, Span};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A graph that is being built, with the mistakes found so far.
pub(super) struct Draft<'a> {
    pub(super) spec: &'a Spec,
    pub(super) options: &'a ExpandOptions,
    nodes: BTreeMap<Address, Node>,
    mistakes: Vec<Diagnostic>,
}

/// The inputs of a resource that is being described, and where they stand in the spec.
#[derive(Default)]
pub(super) struct Inputs {
    desired: BTreeMap<String, Expression>,
    paths: BTreeMap<String, Vec<String>>,
    needs: BTreeSet<Address>,
}

impl Inputs {
    /// Adds an input that follows from something else.
    pub(super) fn with(mut self, name: &str, value: Expression) -> Self {
        self.desired.insert(name.to_owned(), value);
        self
    }

    /// Adds an input that is always the same.
    pub(super) fn literal(self, name: &str, value: Value) -> Self {
        self.with(name, value.into())
    }

    /// Adds an input that stands in the spec, at the first of these dotted paths that is there.
    pub(super) fn written(mut self, name: &str, value: Expression, paths: Vec<String>) -> Self {
        self.paths.insert(name.to_owned(), paths);
        self.with(name, value)
    }

    /// Adds a need that no input shows.
    pub(super) fn needing(mut self, address: Address) -> Self {
        self.needs.insert(address);
        self
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(spec: &'a Spec, options: &'a ExpandOptions) -> Self {
        Self { spec, options, nodes: BTreeMap::new(), mistakes: Vec::new() }
    }

    /// Describes a resource that the spec asks for at a dotted path.
    pub(super) fn node(&self, address: Address, provider: ProviderName, path: &str, inputs: &Inputs) -> Node {
        let origin = |path: &String| self.spec.origins.get(path).cloned();
        let place = |(name, paths): (&String, &Vec<String>)| Some((name.clone(), paths.iter().find_map(origin)?));
        let sensitive = inputs.paths.iter().filter(|(_, paths)| paths.iter().any(|path| self.is_sensitive(path)));
        Node {
            desired: inputs.desired.clone(),
            sensitive: sensitive.map(|(name, _)| name.clone()).collect(),
            needs: inputs.needs.clone(),
            origin: origin(&path.to_owned()),
            origins: inputs.paths.iter().filter_map(place).collect(),
            holds_data: [Part::Bucket, Part::Key].iter().any(|part| part.as_str() == address.kind().as_str()),
            lifecycle: Lifecycle::default(),
            service: None,
            address,
            provider,
        }
    }

    /// Whether the value at a path, or some value below it, must not be shown.
    fn is_sensitive(&self, path: &str) -> bool {
        let mut from_here = self.options.sensitive.range(path.to_owned()..).map_while(|other| other.strip_prefix(path));
        from_here.any(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }

    /// Adds a resource; a second one at its address is a mistake.
    pub(super) fn add(&mut self, node: Node) {
        match self.nodes.get(&node.address) {
            None => {
                self.nodes.insert(node.address.clone(), node);
            }
            Some(_) => {
                let mistake = Diagnostic::error(
                    codes::TWO_AT_ONE_ADDRESS,
                    format!("two resources have the address `{}`", node.address),
                );
                let mistake = mistake.hint("give the plain resource another name than the service has");
                self.mistakes.push(placed(mistake, &node, node.origin.as_ref(), "it is also a part of a service"));
            }
        }
    }

    /// Puts everything in order, or says all that is wrong.
    pub(super) fn finish(self) -> Result<Graph, Vec<Diagnostic>> {
        if !self.mistakes.is_empty() {
            return Err(self.mistakes);
        }
        let addresses: BTreeMap<&Address, usize> = self.nodes.keys().enumerate().map(|(n, a)| (a, n)).collect();
        let needs: Vec<Vec<usize>> = self
            .nodes
            .values()
            .map(|node| node.needs.iter().filter_map(|need| addresses.get(need).copied()).collect())
            .collect();
        let sorted = order::sort(&needs).map_err(|cycle| vec![self.circle(&cycle)])?;
        let mut unplaced: Vec<Option<Node>> = self.nodes.into_values().map(Some).collect();
        let nodes: Vec<Node> = sorted.iter().filter_map(|n| unplaced.get_mut(*n)?.take()).collect();
        let places = nodes.iter().enumerate().map(|(place, node)| (node.address.clone(), place)).collect();
        Ok(Graph { nodes, moved: self.spec.moved.clone(), places })
    }

    fn circle(&self, cycle: &[usize]) -> Diagnostic {
        let nodes: Vec<&Node> = cycle.iter().filter_map(|n| self.nodes.values().nth(*n)).collect();
        let path: Vec<String> = nodes.iter().chain(nodes.first()).map(|node| node.address.to_string()).collect();
        let mistake = Diagnostic::error(codes::CYCLE, "these resources need each other in a circle")
            .detail(path.join(" → "))
            .hint("take one of these needs or references out");
        match nodes.first() {
            Some(first) => placed(mistake, first, first.origin.as_ref(), "the circle goes through here"),
            None => mistake,
        }
    }
}

fn placed(mistake: Diagnostic, node: &Node, span: Option<&Span>, label: &str) -> Diagnostic {
    let mistake = mistake.address(&node.address);
    match span {
        Some(span) => mistake.at(span.clone(), label),
        None => mistake,
    }
}

/// Lets happen to each resource what its owner says.
pub(super) fn add_lifecycles(draft: &mut Draft) {
    for node in draft.nodes.values_mut() {
        let owner = node.address.owner();
        let lifecycle = match node.service {
            Some(service) => draft.spec.services.get(&service).map(|service| &service.lifecycle),
            None => draft.spec.resources.get(owner).map(|resource| &resource.lifecycle),
        };
        node.lifecycle = lifecycle.cloned().unwrap_or_default();
    }
}

/// Refuses a graph that is too large to be meant.
pub(super) fn check_size(draft: &mut Draft) {
    let count = draft.nodes.len();
    if count > RESOURCES_MAX {
        let summary = format!("this spec comes to {count} resources; one deployment may have {RESOURCES_MAX}");
        draft.mistakes.push(Diagnostic::error(codes::TOO_MANY, summary).hint("split it into several deployments"));
    }
}

/// Makes a need of everything that an input refers to.
pub(super) fn connect_references(draft: &mut Draft) {
    for node in draft.nodes.values_mut() {
        let referred =
            node.desired.values().flat_map(Expression::references).map(|reference| reference.address.clone());
        node.needs.extend(referred);
    }
}

/// Makes a need of every resource of the owners that a plain resource names under `needs`.
pub(super) fn connect_owners(draft: &mut Draft) {
    let mut owned: BTreeMap<Name, Vec<Address>> = BTreeMap::new();
    for address in draft.nodes.keys() {
        owned.entry(address.owner().clone()).or_default().push(address.clone());
    }
    for (name, resource) in &draft.spec.resources {
        let Some(node) = draft.nodes.get_mut(&Address::new(name.clone(), resource.kind.clone())) else { continue };
        for (position, owner) in resource.needs.iter().enumerate() {
            match owned.get(owner) {
                Some(addresses) => node.needs.extend(addresses.iter().cloned()),
                None => {
                    let summary = format!("`{name}` needs `{owner}`, which this spec does not have");
                    let span =
                        draft.spec.origins.get(&format!("resources.{name}.needs.{position}")).or(node.origin.as_ref());
                    let mistake = Diagnostic::error(codes::NEEDS_NOTHING, summary)
                        .hint("name a service or a plain resource of this spec");
                    draft.mistakes.push(placed(mistake, node, span, "needed here"));
                }
            }
        }
    }
}

/// Refuses references to resources that are not there.
pub(super) fn check_needs(draft: &mut Draft) {
    let missing = |node: &Node| -> Vec<(String, Address)> {
        let inputs =
            node.desired.iter().flat_map(|(name, value)| value.references().into_iter().map(move |r| (name, r)));
        let absent = inputs.filter(|(_, reference)| !draft.nodes.contains_key(&reference.address));
        absent.map(|(name, reference)| (name.clone(), reference.address.clone())).collect()
    };
    let mut mistakes = Vec::new();
    for node in draft.nodes.values() {
        let mut told = BTreeSet::new();
        for (input, address) in missing(node) {
            if told.insert(address.clone()) {
                let summary = format!("`{}` refers to `{address}`, which this spec does not have", node.address);
                let span = node.origins.get(&input).or(node.origin.as_ref());
                let mistake = Diagnostic::error(codes::REFERENCE_TO_NOTHING, summary)
                    .hint(format!("add `{}` to the spec", address.owner()));
                mistakes.push(placed(mistake, node, span, &format!("its `{input}` refers to it")));
            }
        }
    }
    draft.mistakes.append(&mut mistakes);
}
