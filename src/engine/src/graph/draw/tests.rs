use super::*;
use crate::apply::tests::fixture::{marker, services, spec};
use crate::graph::{ExpandOptions, expand};
use acquire_model::spec::Spec;

fn graph(spec: &Spec) -> Graph {
    expand(spec, &ExpandOptions::default()).unwrap()
}

/// Two services and two plain resources that need each other's like.
fn mixed() -> Graph {
    let mut of = services(&[ServiceType::Registry, ServiceType::Identity]);
    of.resources = spec(&[("m1", marker(&[], &["identity"])), ("end", marker(&[], &["m1"]))]).resources;
    graph(&of)
}

fn node<'a>(graph: &'a Graph, address: &str) -> &'a Node {
    graph.node(&address.parse().unwrap()).unwrap()
}

fn mark(node: &Node, action: Action) -> Mark<'_> {
    Mark { address: &node.address, action, provider: &node.provider, needs: &node.needs, service: node.service }
}

#[test]
fn a_graph_is_written_for_graphviz() {
    insta::assert_snapshot!(Picture::new("demo", &mixed()).dot());
}

#[test]
fn a_graph_is_written_for_mermaid() {
    insta::assert_snapshot!(Picture::new("demo", &mixed()).mermaid());
}

#[test]
fn a_graph_is_drawn() {
    insta::assert_snapshot!(Picture::new("demo", &mixed()).svg().unwrap());
}

#[test]
fn a_plan_marks_what_it_does_also_to_what_is_no_longer_there() {
    let graph = mixed();
    let gone = Node { address: "old/marker".parse().unwrap(), ..node(&graph, "m1/marker").clone() };
    let marks = || {
        [
            mark(node(&graph, "identity/function"), Action::Replace),
            mark(node(&graph, "identity/key"), Action::Update),
            mark(node(&graph, "end/marker"), Action::Create),
            mark(&gone, Action::Delete),
        ]
    };
    let picture = Picture::new("demo", &graph).marked(marks());
    let dot = picture.dot();
    assert!(dot.contains("\"identity/function\" [label=\"-/+ function\", color=\"#9a6700\""), "{dot}");
    assert!(
        dot.contains("\"old/marker\" [label=\"- old/marker\"") && dot.contains("\"old/marker\" -> \"identity/"),
        "{dot}"
    );
    assert!(dot.contains("\"m1/marker\" [label=\"m1/marker\"];"), "what stays has no sign: {dot}");
    let mermaid = picture.mermaid();
    assert!(mermaid.contains("[\"+ end/marker\"]:::create") && mermaid.contains("classDef create "), "{mermaid}");
    insta::assert_snapshot!(picture.svg().unwrap());
}

#[test]
fn the_order_of_the_spec_makes_no_difference() {
    let of = |order: &[ServiceType]| Picture::new("demo", &graph(&services(order)));
    let one = of(&[ServiceType::Registry, ServiceType::Identity, ServiceType::Storage]);
    let other = of(&[ServiceType::Storage, ServiceType::Identity, ServiceType::Registry]);
    assert_eq!((one.dot(), one.svg().unwrap()), (other.dot(), other.svg().unwrap()));
}

#[test]
fn more_boxes_than_can_be_read_are_refused() {
    let names: Vec<String> = (0..=BOXES_MAX).map(|n| format!("m{n}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), marker(&[], &[]))).collect();
    let picture = Picture::new("demo", &graph(&spec(&many)));
    assert_eq!(picture.svg().unwrap_err().code, crate::graph::codes::TOO_LARGE_TO_DRAW);
    assert_eq!(picture.dot().lines().count(), 4 + names.len());
}

/// A hundred owners of six kinds each, every one after some others.
fn hundred() -> Picture {
    let kinds = ["bucket", "key", "secret", "function", "schedule", "registration"];
    let owners = (0..100_usize).map(|n| format!("service-number-{n}"));
    let address = |owner: usize, kind: &str| format!("service-number-{owner}/{kind}").parse::<Address>().unwrap();
    let item = |number: usize, kind: &str| {
        let needed = [number / 2, number / 3, number.saturating_sub(7)];
        let needs = needed.into_iter().filter(|need| *need < number).map(|need| address(need, "function"));
        let own = (kind == "function").then(|| address(number, "bucket"));
        let needs = needs.chain(own).collect();
        Item { address: address(number, kind), provider: "one".parse().unwrap(), needs, action: Some(Action::Create) }
    };
    let items =
        owners.enumerate().flat_map(|(number, _)| kinds.map(|kind| (Some(ServiceType::Access), item(number, kind))));
    Picture { name: "hundred".to_owned(), groups: grouped(items) }
}

/// The boxes of all texts of a picture: left, top, right, bottom; in the coordinates of the whole.
fn texts(svg: &str) -> Vec<[f64; 4]> {
    let number = |line: &str, name: &str| -> f64 {
        let (_, rest) = line.split_once(&format!(" {name}=\"")).unwrap();
        rest.split('"').next().unwrap().parse().unwrap()
    };
    let (outside, inside) = svg.split_once("<g transform=\"translate(").unwrap();
    let shift: Vec<f64> = inside.split(')').next().unwrap().split(' ').map(|it| it.parse().unwrap()).collect();
    let boxed = |line: &str, x: f64, y: f64| {
        let size = if line.contains("class=\"t\"") { 13.0 } else { 11.0 };
        let (left, base) = (number(line, "x") + x, number(line, "y") + y);
        [left, base - size, left + number(line, "textLength"), base + size * 0.3]
    };
    let of = |part: &str, x: f64, y: f64| -> Vec<[f64; 4]> {
        part.lines().filter(|line| line.starts_with("<text")).map(|line| boxed(line, x, y)).collect()
    };
    [of(outside, 0.0, 0.0), of(inside, shift[0], shift[1])].concat()
}

#[test]
fn text_never_overlaps_text_in_a_picture_of_a_hundred_services() {
    for picture in [hundred(), Picture::new("demo", &mixed())] {
        let svg = picture.svg().unwrap();
        let texts = texts(&svg);
        assert!(texts.len() > picture.items().count(), "every kind of every service is named");
        for (place, [left, top, right, bottom]) in texts.iter().enumerate() {
            for [x, y, to, low] in texts.iter().skip(place + 1) {
                assert!(to <= left || right <= x || low <= top || bottom <= y, "{left},{top} and {x},{y}");
            }
        }
        let (_, size) = svg.split_once("viewBox=\"0 0 ").unwrap();
        let size: Vec<f64> = size.split('"').next().unwrap().split(' ').map(|it| it.parse().unwrap()).collect();
        assert!(texts.iter().all(|[left, top, right, bottom]| {
            *left >= 0.0 && *top >= 0.0 && *right <= size[0] && *bottom <= size[1]
        }));
        assert!(size[0] < 4_000.0 && size[1] < 4_000.0, "{size:?} fits on a page");
    }
}

#[test]
fn a_picture_fetches_nothing_and_runs_nothing() {
    let svg = hundred().svg().unwrap();
    let namespace = "xmlns=\"http://www.w3.org/2000/svg\"";
    assert!(!svg.replace(namespace, "").contains("http") && !svg.contains("<script") && !svg.contains("@import"));
    assert!(svg.contains("<title>service-number-1 needs service-number-0</title>"));
}
