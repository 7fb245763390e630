use crate::graph::edges::{Draft, Inputs};
use acquire_model::Address;

/// Adds the resources beside the services.
pub(super) fn add(draft: &mut Draft) {
    for (name, resource) in &draft.spec.resources {
        let path = format!("resources.{name}");
        let inputs = resource.inputs.iter().fold(Inputs::default(), |inputs, (input, value)| {
            inputs.written(input, value.clone(), vec![format!("{path}.{input}")])
        });
        let address = Address::new(name.clone(), resource.kind.clone());
        let node = draft.node(address, resource.provider.clone(), &path, &inputs);
        draft.add(node);
    }
}
