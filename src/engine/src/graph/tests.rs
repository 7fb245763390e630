use super::*;
use crate::apply::tests::fixture::{address, literal, marker, plain, reference, services, span, spec};
use acquire_model::{Code, Kind};
use serde_json::json;

fn graph(spec: &Spec) -> Graph {
    expand(spec, &ExpandOptions { binary_sha256: "b1".to_owned(), sensitive: BTreeSet::new() }).unwrap()
}

fn refused(spec: &Spec) -> Vec<Diagnostic> {
    expand(spec, &ExpandOptions::default()).unwrap_err()
}

fn node(graph: &Graph, at: &str) -> Node {
    graph.node(&address(at)).unwrap().clone()
}

fn needs(graph: &Graph, at: &str) -> Vec<String> {
    node(graph, at).needs.iter().map(ToString::to_string).collect()
}

/// Inputs as text: a reference as `→ owner/kind.attribute`.
fn inputs(graph: &Graph, at: &str) -> Vec<String> {
    let text = |value: &Expression| match value {
        Expression::Literal(value) => value.to_string(),
        Expression::Reference(of) => format!("→ {}.{}", of.address, of.attribute),
        other => other.references().iter().map(|of| format!("→ {}.{}", of.address, of.attribute)).collect(),
    };
    node(graph, at).desired.iter().map(|(name, value)| format!("{name} = {}", text(value))).collect()
}

#[test]
fn a_service_comes_to_the_resources_of_the_table() {
    let graph = graph(&services(&[ServiceType::Registry, ServiceType::Identity]));
    let addresses: BTreeSet<String> = graph.nodes().iter().map(|node| node.address.to_string()).collect();
    let of = |owner: &str, kinds: &[&str]| kinds.iter().map(|kind| format!("{owner}/{kind}")).collect::<Vec<_>>();
    let kinds = ["bucket", "key", "secret", "function", "schedule", "registration"];
    let expected = of("registry", &kinds).into_iter().chain(of("identity", &kinds)).chain(of("identity", &["trust"]));
    assert_eq!(addresses, expected.collect());
    assert_eq!(inputs(&graph, "identity/bucket"), ["name = \"identity\"", "versioning = false"]);
    assert_eq!(inputs(&graph, "identity/secret"), ["admin_username = \"admin\"", "service = \"identity\""]);
    assert_eq!(inputs(&graph, "identity/key"), ["rotate_seconds = 86400"]);
    assert_eq!(
        inputs(&graph, "identity/function"),
        [
            "binary = \"b1\"",
            "bucket = → identity/bucket.location",
            "key = → identity/key.handle",
            "memory_bytes = 536870912",
            "registry_public_certificate = → registry/secret.public_certificate",
            "registry_public_key = → registry/secret.public_key",
            "registry_url = → registry/function.url",
            "secret = → identity/secret.handle",
            "service = \"identity\"",
            "settings = ",
            "timeout_seconds = 60",
        ]
    );
    assert!(!node(&graph, "registry/function").desired.contains_key("registry_url"));
    assert_eq!(
        inputs(&graph, "identity/schedule"),
        ["every_seconds = 60", "function = → identity/function.url", "service = \"identity\""]
    );
    assert_eq!(
        inputs(&graph, "identity/registration"),
        [
            "public_certificate = → identity/secret.public_certificate",
            "public_key = → identity/secret.public_key",
            "registry_public_certificate = → registry/secret.public_certificate",
            "registry_public_key = → registry/secret.public_key",
            "registry_url = → registry/function.url",
            "service = \"identity\"",
            "url = → identity/function.url",
        ]
    );
}

#[test]
fn services_register_one_after_the_other_so_that_their_uids_are_always_the_same() {
    let graph = graph(&services(&ServiceType::ALL));
    for (before, after) in ServiceType::ALL.into_iter().zip(ServiceType::ALL.into_iter().skip(1)) {
        let needed = needs(&graph, &format!("{after}/registration"));
        assert!(needed.contains(&format!("{before}/registration")), "{after}: {needed:?}");
    }
}

#[test]
fn introductions_come_after_the_registry_and_trust_after_all_registrations() {
    let graph = graph(&services(&[ServiceType::Registry, ServiceType::Identity, ServiceType::Access]));
    assert!(needs(&graph, "identity/registration").contains(&"registry/registration".to_owned()));
    let trusts = needs(&graph, "identity/trust");
    for registration in ["access/registration", "identity/registration", "registry/registration"] {
        assert!(trusts.contains(&registration.to_owned()), "{trusts:?}");
    }
    let Expression::Object(peers) = &node(&graph, "identity/trust").desired["peers"] else { panic!() };
    assert_eq!(peers.keys().collect::<Vec<_>>(), ["access"], "not itself, and not the registry");
    assert_eq!(node(&graph, "identity/trust").provider, ProviderName::trust());
    assert_eq!(node(&graph, "identity/trust").service, Some(ServiceType::Identity));
}

#[test]
fn data_is_held_by_buckets_and_keys() {
    let graph = graph(&services(&[ServiceType::Registry]));
    let holding: Vec<String> =
        graph.nodes().iter().filter(|node| node.holds_data).map(|node| node.address.to_string()).collect();
    assert_eq!(holding, ["registry/bucket", "registry/key"]);
}

#[test]
fn a_part_can_live_with_another_provider() {
    let mut spec = services(&[ServiceType::Registry]);
    let service = spec.services.get_mut(&ServiceType::Registry).unwrap();
    service.placed = BTreeMap::from([("bucket".parse::<Kind>().unwrap(), "two".parse().unwrap())]);
    let graph = graph(&spec);
    assert_eq!(node(&graph, "registry/bucket").provider.as_str(), "two");
    assert_eq!(node(&graph, "registry/function").provider.as_str(), "one");
}

#[test]
fn every_node_names_the_place_that_asks_for_it() {
    let mut spec = services(&[ServiceType::Registry]);
    spec.services.get_mut(&ServiceType::Registry).unwrap().domain = Some("registry.example.org".to_owned());
    spec.origins.insert("services.registry.domain".to_owned(), span(9));
    let graph = graph(&spec);
    assert_eq!(node(&graph, "registry/key").origin, Some(span(1)));
    assert_eq!(node(&graph, "registry/function").origins["domain"], span(9));
    assert_eq!(node(&graph, "registry/function").desired["domain"], literal("registry.example.org"));
}

#[test]
fn settings_may_refer_to_what_other_services_give() {
    let mut spec = services(&[ServiceType::Registry, ServiceType::Identity]);
    let identity = spec.services.get_mut(&ServiceType::Identity).unwrap();
    identity.settings.insert("home".to_owned(), reference("registry/function.url"));
    assert_eq!(
        node(&graph(&spec), "identity/function").desired["settings"],
        Expression::Object(BTreeMap::from([
            ("home".to_owned(), reference("registry/function.url")),
            ("rotate_seconds".to_owned(), literal(86_400)),
        ]))
    );
}

#[test]
fn plain_resources_need_their_owners_whole() {
    let mut spec = services(&[ServiceType::Registry]);
    let plain = self::spec(&[
        ("m1", marker(&[("input", literal("v"))], &["registry", "backups"])),
        ("backups", plain("bucket", &[], &[])),
        ("m2", marker(&[("input", reference("m1/marker.output"))], &[])),
    ]);
    spec.resources = plain.resources;
    let graph = graph(&spec);
    assert_eq!(
        needs(&graph, "m1/marker"),
        [
            "backups/bucket",
            "registry/bucket",
            "registry/function",
            "registry/key",
            "registry/registration",
            "registry/schedule",
            "registry/secret"
        ]
    );
    assert_eq!(needs(&graph, "m2/marker"), ["m1/marker"]);
    assert_eq!(node(&graph, "m1/marker").desired["input"], Expression::Literal(json!("v")));
    assert_eq!(node(&graph, "m1/marker").service, None);
}

#[test]
fn what_is_sensitive_is_known_by_its_path() {
    let mut spec = services(&[ServiceType::Registry]);
    spec.services.get_mut(&ServiceType::Registry).unwrap().settings.insert("mail".to_owned(), literal(1));
    spec.resources = self::spec(&[("m", marker(&[("input", literal(1)), ("input2", literal(2))], &[]))]).resources;
    let sensitive = ["services.registry.mail.password", "resources.m.input"];
    let sensitive = sensitive.into_iter().map(str::to_owned).collect();
    let graph = expand(&spec, &ExpandOptions { binary_sha256: String::new(), sensitive }).unwrap();
    assert_eq!(node(&graph, "registry/function").sensitive, BTreeSet::from(["settings".to_owned()]));
    assert_eq!(node(&graph, "m/marker").sensitive, BTreeSet::from(["input".to_owned()]));
}

#[test]
fn a_circle_is_refused_with_its_path() {
    let spec = spec(&[
        ("a", marker(&[], &["c"])),
        ("b", marker(&[("input", reference("a/marker.output"))], &[])),
        ("c", marker(&[], &["b"])),
        ("d", marker(&[], &["c"])),
    ]);
    let [mistake] = &refused(&spec)[..] else { panic!() };
    assert_eq!(mistake.code, codes::CYCLE);
    assert_eq!(mistake.detail.as_deref(), Some("a/marker → c/marker → b/marker → a/marker"));
    assert_eq!(mistake.span, Some(span(1)));
    let itself = self::spec(&[("a", marker(&[("input", reference("a/marker.output"))], &[]))]);
    assert_eq!(refused(&itself)[0].detail.as_deref(), Some("a/marker → a/marker"));
}

#[test]
fn everything_that_is_missing_is_told_at_once() {
    let mut spec = services(&[ServiceType::Identity]);
    spec.resources = self::spec(&[("m", marker(&[("input", reference("x/marker.output"))], &["nobody"]))]).resources;
    let told: Vec<(Code, String)> = refused(&spec).into_iter().map(|of| (of.code, of.summary)).collect();
    assert!(told.contains(&(codes::NEEDS_NOTHING, "`m` needs `nobody`, which this spec does not have".to_owned())));
    let missing = "`m/marker` refers to `x/marker`, which this spec does not have".to_owned();
    assert!(told.contains(&(codes::REFERENCE_TO_NOTHING, missing)));
    let registry = "`identity/function` refers to `registry/function`, which this spec does not have".to_owned();
    assert!(told.contains(&(codes::REFERENCE_TO_NOTHING, registry)));
}

#[test]
fn two_resources_at_one_address_are_refused() {
    let mut spec = services(&[ServiceType::Registry]);
    spec.resources = self::spec(&[("registry", plain("bucket", &[], &[]))]).resources;
    assert_eq!(refused(&spec)[0].code, codes::TWO_AT_ONE_ADDRESS);
}

#[test]
fn an_empty_spec_is_an_empty_graph() {
    assert!(graph(&spec(&[])).nodes().is_empty());
}
