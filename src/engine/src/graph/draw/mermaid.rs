use super::{Item, Picture, colour, part, signed};
use acquire_model::{Action, Address};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

impl Picture {
    /// Writes the graph for Mermaid: a subgraph for each service, an arrow to whatever is needed.
    pub fn mermaid(&self) -> String {
        // Numbers, because an address may be a word of the language.
        let numbers: BTreeMap<&Address, usize> =
            self.items().enumerate().map(|(number, item)| (&item.address, number)).collect();
        let number = |address: &Address| numbers.get(address).copied().unwrap_or_default();
        let mut text = "flowchart BT\n".to_owned();
        for (place, group) in self.groups.iter().enumerate() {
            let is_service = group.service.is_some();
            // Writing into a string cannot fail.
            if is_service {
                let _ = writeln!(text, "  subgraph s{place}[{}]", quoted(group.owner.as_str()));
            }
            for item in &group.items {
                let indent = if is_service { "    " } else { "  " };
                let _ =
                    writeln!(text, "{indent}n{}[{}]{}", number(&item.address), label(item, is_service), class(item));
            }
            if is_service {
                text.push_str("  end\n");
            }
        }
        for (item, need) in self.edges() {
            let _ = writeln!(text, "  n{} --> n{}", number(item), number(need));
        }
        for action in self.items().filter_map(|item| item.action).collect::<BTreeSet<Action>>() {
            let _ = writeln!(text, "  classDef {action} stroke:{0},color:{0}", colour(action));
        }
        text
    }
}

fn label(item: &Item, is_service: bool) -> String {
    let label = if is_service { part(&item.address) } else { item.address.to_string() };
    quoted(&signed(item.action, &label))
}

fn class(item: &Item) -> String {
    item.action.map(|action| format!(":::{action}")).unwrap_or_default()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('#', "#35;").replace('"', "#quot;"))
}
