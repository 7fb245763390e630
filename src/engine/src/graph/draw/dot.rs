use super::{Group, Item, Picture, colour, part, signed};
use std::fmt::Write;

impl Picture {
    /// Writes the graph for Graphviz: a cluster for each service, an arrow to whatever is needed.
    pub fn dot(&self) -> String {
        let mut text = format!("digraph {} {{\n", quoted(&self.name));
        text.push_str("  rankdir=BT;\n  node [shape=box, fontname=\"monospace\"];\n");
        for group in &self.groups {
            match group.service {
                Some(_) => cluster(&mut text, group),
                None => group.items.iter().for_each(|item| node(&mut text, "  ", item, &item.address.to_string())),
            }
        }
        for (item, need) in self.edges() {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "  {} -> {};", quoted(&item.to_string()), quoted(&need.to_string()));
        }
        text + "}\n"
    }
}

fn cluster(text: &mut String, group: &Group) {
    let owner = group.owner.as_str();
    let _ = writeln!(text, "  subgraph {} {{", quoted(&format!("cluster_{owner}")));
    let _ = writeln!(text, "    label={};", quoted(owner));
    for item in &group.items {
        node(text, "    ", item, &part(&item.address));
    }
    text.push_str("  }\n");
}

fn node(text: &mut String, indent: &str, item: &Item, label: &str) {
    let label = quoted(&signed(item.action, label));
    let colours = item.action.map(|action| format!(", color=\"{0}\", fontcolor=\"{0}\"", colour(action)));
    let colours = colours.unwrap_or_default();
    let _ = writeln!(text, "{indent}{} [label={label}{colours}];", quoted(&item.address.to_string()));
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
