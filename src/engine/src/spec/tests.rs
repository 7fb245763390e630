use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;

use super::*;
use acquire_model::spec::{Setting, SettingType};
use acquire_model::{Code, Expression, ServiceType};

/// Where values come from: variables, and environments.
mod variables;

fn setting(name: &'static str, holds: SettingType) -> Setting {
    Setting { name, holds, words: &[], required: false, sensitive: false, description: "A setting." }
}

/// Two providers: `local` with everything that a service needs, and `cloud`, which has only buckets.
fn options() -> Options {
    let kinds = |kinds: &[(&str, &[Setting])]| {
        kinds.iter().map(|(kind, inputs)| (kind.parse().unwrap(), inputs.to_vec())).collect::<BTreeMap<_, _>>()
    };
    let bucket = [setting("name", SettingType::Text), setting("versioning", SettingType::Boolean)];
    let region = Setting { required: true, ..setting("region", SettingType::Text) };
    let tier = Setting { words: &["hot", "cold"], ..setting("tier", SettingType::Text) };
    Options {
        declarations: vec![
            ProviderDeclaration {
                name: "local".parse().unwrap(),
                settings: vec![setting("listen", SettingType::Text), setting("zones", SettingType::TextList)],
                kinds: kinds(&[
                    ("bucket", &bucket),
                    ("function", &[]),
                    ("key", &[setting("rotate", SettingType::Duration)]),
                    ("marker", &[Setting { sensitive: true, ..setting("input", SettingType::Any) }]),
                    ("secret", &[]),
                ]),
            },
            ProviderDeclaration {
                name: "cloud".parse().unwrap(),
                settings: vec![region, setting("retries", SettingType::Integer)],
                kinds: kinds(&[("bucket", &[bucket[0], tier, setting("size", SettingType::Memory)])]),
            },
        ],
        default_provider: Some("local".parse().unwrap()),
        ..Options::default()
    }
}

fn source(text: &str) -> Source {
    Source { file: "acquire.yaml".to_owned(), text: text.to_owned() }
}

fn with(text: &str, options: &Options, environment: &[(&str, &str)]) -> Result<Decoded, Vec<Diagnostic>> {
    let environment = Environment::new(environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())));
    decode(&source(text), options, &environment)
}

fn good(text: &str) -> Decoded {
    with(text, &options(), &[]).unwrap_or_else(|diagnostics| panic!("{}", said(&diagnostics)))
}

fn bad(text: &str) -> String {
    said(&with(text, &options(), &[]).expect_err("the spec is wrong"))
}

/// Diagnostics one a line, without the source.
fn said(diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        if let Some(span) = &diagnostic.span {
            write!(text, "{}:{}+{} ", span.line, span.column, span.length).unwrap();
        }
        write!(text, "{diagnostic}").unwrap();
        diagnostic.label.iter().for_each(|label| write!(text, " ^ {label}").unwrap());
        diagnostic.hint.iter().for_each(|hint| write!(text, " ! {hint}").unwrap());
        text.push('\n');
    }
    text
}

/// A spec with some text below the two fields that every spec has.
fn spec(rest: &str) -> String {
    format!("version: 1\nname: demo\n{rest}")
}

fn literal(value: Value) -> Expression {
    Expression::Literal(value)
}

#[test]
fn the_least_spec_takes_every_default() {
    let decoded =
        good(&spec("services: { registry: {}, identity: {}, accounting: {}, access: {}, storage: {}, compute: {} }\n"));
    assert_eq!(decoded.spec.name.as_str(), "demo");
    assert_eq!(decoded.spec.services.len(), 6);
    assert_eq!(decoded.spec.defaults, acquire_model::spec::Defaults::default());
    let identity = &decoded.spec.services[&ServiceType::Identity];
    assert_eq!(identity.provider.as_str(), "local");
    assert_eq!(identity.memory_bytes, 512 << 20);
    assert_eq!(identity.settings["otp_reuse"], literal(json!("reject")));
    let session = [("approved", 2_592_000), ("pending", 1_800)];
    let session = session.map(|(name, seconds)| (name.to_owned(), literal(json!(seconds))));
    assert_eq!(identity.settings["session"], Expression::Object(session.into()));
    assert!(decoded.warnings.is_empty());
}

#[test]
fn a_spec_without_services_is_a_spec() {
    assert!(good(&spec("services: {}\n")).spec.services.is_empty());
    assert!(good(&spec("")).spec.services.is_empty());
}

#[test]
fn a_service_says_what_it_wants_and_takes_the_rest_from_the_defaults() {
    let decoded = good(&spec(
        "defaults: { function: { memory: 1GiB }, keys: { rotate: 90d } }
providers: { cloud: { region: x } }
services:
  registry: { timeout: 5m, bucket: { provider: cloud } }
  identity: { domain: identity.example.org, rotate: 1d, session: { approved: 1d } }
",
    ));
    let registry = &decoded.spec.services[&ServiceType::Registry];
    assert_eq!((registry.memory_bytes, registry.timeout_seconds, registry.rotate_seconds), (1 << 30, 300, 7_776_000));
    assert_eq!(registry.placed, [("bucket".parse().unwrap(), "cloud".parse().unwrap())].into());
    let identity = &decoded.spec.services[&ServiceType::Identity];
    assert_eq!(identity.domain.as_deref(), Some("identity.example.org"));
    assert_eq!(identity.rotate_seconds, 86_400);
}

#[test]
fn plain_resources_keep_their_inputs() {
    let decoded = good(&spec(
        "providers: { cloud: { region: x } }
resources:
  m1: { kind: marker, input: { a: [1, true, null, 1.5] } }
  backups: { kind: bucket, provider: cloud, tier: cold, size: 1GiB, needs: [m1] }
",
    ));
    let backups = &decoded.spec.resources[&"backups".parse().unwrap()];
    assert_eq!(backups.provider.as_str(), "cloud");
    assert_eq!(backups.needs, ["m1".parse().unwrap()]);
    assert_eq!(backups.inputs["size"], literal(json!(1 << 30)));
    let m1 = &decoded.spec.resources[&"m1".parse().unwrap()];
    let Expression::Object(input) = &m1.inputs["input"] else { panic!("{m1:?}") };
    assert_eq!(input["a"].resolve(&|_| None), acquire_model::Resolved::Known(json!([1, true, null, 1.5])));
}

#[test]
fn everything_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let said = bad("version: 2
name: My_Demo
providers:
  cloud: { regoin: x, retries: often }
  clowd: {}
services:
  registry: {}
  access: { memory: 512, timeout: 30 min, domain: \"https://x\" }
  storge: {}
resources:
  identity: { kind: marker }
  m: { kind: markr, needs: [nothing] }
");
    let expected = "\
1:10+1 error[ACQ0027]: version 2 of the spec is not known ^ this binary reads version 1
2:7+7 error[ACQ0018]: `My_Demo` is not a deployment name ^ did you mean `my-demo`?
4:3+5 error[ACQ0011]: provider `cloud` lacks `region` ^ add `region: …`
4:12+6 error[ACQ0012]: unknown field `regoin` in provider `cloud` ^ did you mean `region`?
4:32+5 error[ACQ0013]: `providers.cloud.retries` must be a whole number, not the text `often`
5:3+5 error[ACQ0019]: provider `clowd` is not built into this binary ^ did you mean `cloud`?
8:3+6 error[ACQ0017]: service `access` needs `identity`, which this spec does not have ^ add `identity:` under `services`
8:3+6 error[ACQ0017]: service `access` needs `accounting`, which this spec does not have ^ add `accounting:` under `services`
8:21+3 error[ACQ0013]: `services.access.memory` must be an amount of memory, not the number 512 ^ give a unit, such as `512MiB`
8:35+6 error[ACQ0015]: `30 min` is not a length of time ^ did you mean `30m`?
8:51+11 error[ACQ0021]: `https://x` is not a domain ^ a host name in lower case such as `identity.example.org`, without scheme, port or path
9:3+6 error[ACQ0020]: there is no service `storge` ^ did you mean `storage`?
11:3+8 error[ACQ0023]: resource `identity` has the name of a service ^ give it another name
12:14+5 error[ACQ0028]: provider `local` does not provide `markr` ^ did you mean `marker`?
12:29+7 error[ACQ0024]: `m` needs `nothing`, which this spec does not have
";
    assert_eq!(said, expected);
}

#[test]
fn both_places_of_a_duplicate_key_are_said() {
    assert_eq!(
        bad(&spec(
            "services: {}\nresources:\n  a: { kind: marker, kind: bucket }\n  a: { kind: marker }\nservices: {}\n"
        )),
        "\
5:22+4 error[ACQ0010]: duplicate key `kind` ^ first given at acquire.yaml:5:8
6:3+1 error[ACQ0010]: duplicate key `a` ^ first given at acquire.yaml:5:3
7:1+8 error[ACQ0010]: duplicate key `services` ^ first given at acquire.yaml:3:1
"
    );
}

#[test]
fn interpolations_are_computed_and_references_kept() {
    let text = spec(
        "providers: { cloud: { region: x } }
variables:
  size: { type: integer, default: 3 }
  cloud: { default: cloud }
services: { registry: {} }
resources:
  a: { kind: marker, input: \"${var.size}\" }
  b: { kind: marker, input: \"x-${var.size}-${env.WHO}-$${var.size}\" }
  c: { kind: marker, input: [\"${services.registry.uid}\", \"at ${resources.a.output}!\"] }
  d: { kind: bucket, provider: \"${var.cloud}\", versioned: 1 }
",
    )
    .replace(", versioned: 1", "");
    let decoded = with(&text, &options(), &[("WHO", "me")]).unwrap_or_else(|wrong| panic!("{}", said(&wrong)));
    let input = |name: &str| &decoded.spec.resources[&name.parse::<Name>().unwrap()].inputs["input"];
    assert_eq!(*input("a"), literal(json!(3)));
    assert_eq!(*input("b"), literal(json!("x-3-me-${var.size}")));
    assert_eq!(
        serde_json::to_value(input("c")).unwrap(),
        json!({ "list": [
            { "reference": { "address": "registry/registration", "attribute": "uid" } },
            { "text": [
                { "literal": "at " },
                { "reference": { "address": "a/marker", "attribute": "output" } },
                { "literal": "!" },
            ]},
        ]})
    );
    assert_eq!(decoded.spec.resources[&"d".parse().unwrap()].provider.as_str(), "cloud");
}

#[test]
fn wrong_interpolations_are_pointed_at_inside_their_text() {
    let said = bad(&spec(
        "variables: { size: { default: x } }
services: { registry: { memory: \"${services.registry.url}\" } }
resources:
  a: { kind: marker, input: \"a ${var.siez} ${evn.X} ${services.identity.url}\" }
  b: { kind: marker, input: \"${env.NOT_SET}${resources.aa.output}${services.registry.ulr}\" }
  c: { kind: marker, input: 'not ${closed' }
  d: { kind: \"${var.size}\" }
",
    ));
    let expected = "\
4:33+26 error[ACQ0036]: `services.registry.memory` must be known before apply ^ this is known only afterwards
6:32+11 error[ACQ0031]: variable `siez` is not declared ^ did you mean `size`?
6:44+8 error[ACQ0030]: unknown interpolation `${evn.X}` ^ did you mean `env`?
6:53+24 error[ACQ0035]: service `identity` is not in this spec
7:30+14 error[ACQ0034]: environment variable `NOT_SET` is not set
7:44+22 error[ACQ0035]: resource `aa` is not in this spec ^ did you mean `a`?
7:66+24 error[ACQ0030]: a service has no `ulr` ^ did you mean `url`?
8:34+8 error[ACQ0029]: an interpolation is not closed ^ write `${…}`, or `$${` for a plain `${`
9:14+13 error[ACQ0037]: `resources.d.kind` cannot have interpolations ^ write its value out
";
    assert_eq!(said, expected);
}

#[test]
fn two_services_at_one_domain_are_refused() {
    let said = bad(&spec("services:\n  registry: { domain: a.example.org }\n  identity: { domain: a.example.org }\n"));
    assert_eq!(
        said,
        "5:23+13 error[ACQ0022]: services `registry` and `identity` cannot both be at one domain ^ `registry` has it at acquire.yaml:4:23\n"
    );
}

#[test]
fn a_provider_must_provide_every_part() {
    let said = bad(&spec(
        "providers: { cloud: { region: x } }\nservices: { registry: { provider: cloud, key: { provider: local } } }\n",
    ));
    assert_eq!(
        said,
        "\
4:35+5 error[ACQ0028]: provider `cloud` does not provide `function`, which service `registry` needs ^ name another provider
4:35+5 error[ACQ0028]: provider `cloud` does not provide `secret`, which service `registry` needs ^ name another, or place it with `secret: { provider: … }`
"
    );
}

#[test]
fn a_provider_that_is_used_must_have_its_required_settings() {
    let said = bad(&spec(
        "services: { registry: { bucket: { provider: cloud } } }\nresources: { b: { kind: bucket, provider: cloud } }\n",
    ));
    assert_eq!(
        said,
        "3:45+5 error[ACQ0011]: provider `cloud` lacks `region` ^ add `cloud: { region: … }` under `providers`\n"
    );
}

#[test]
fn what_is_not_one_yaml_document_is_refused() {
    let one = |text: &str| bad(text).lines().next().unwrap_or_default().to_owned();
    assert_eq!(one(""), "1:1+1 error[ACQ0004]: the file is empty ^ begin with `version: 1`");
    assert_eq!(one("# nothing\n---\n"), "1:1+1 error[ACQ0004]: the file is empty ^ begin with `version: 1`");
    assert_eq!(
        one("a: 1\n---\nb: 1\n"),
        "2:1+3 error[ACQ0005]: the file holds several documents ^ a second one begins here"
    );
    assert_eq!(one("a: [1\nb: 2\n"), "2:2+1 error[ACQ0003]: this is not YAML: illegal placement of ':' indicator");
    assert_eq!(one("- a\n"), "1:1+1 error[ACQ0013]: the spec must be a mapping");
    assert_eq!(one("just text\n"), "1:1+9 error[ACQ0013]: the spec must be a mapping");
    assert!(one(&format!("a: {}{}", "[".repeat(64), "]".repeat(64))).contains("ACQ0006"));
    assert!(one(&"a: [".repeat(300)).contains("error[ACQ0006]"));
    assert!(one(&"[".repeat(3)).contains("ACQ0003"));
}

#[test]
fn an_alias_bomb_does_not_go_off() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{aliases}]").unwrap();
    }
    assert!(bad(&text).contains("error[ACQ0002]: the values take more than 16 MiB with their aliases"));
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for level in 1..1000 {
        writeln!(chain, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert!(bad(&chain).contains("error[ACQ0006]"));
    assert!(bad("a: &a [*a]\n").contains("error[ACQ0007]: an alias must name a value that is complete before it"));
    assert!(bad("a: *b\n").contains("error[ACQ0007]: alias `*b` names nothing before it"));
}

#[test]
fn an_alias_stands_for_its_value() {
    let decoded =
        good(&spec("resources:\n  a: { kind: marker, input: &v [1, 2] }\n  b: { kind: marker, input: *v }\n"));
    let input = |name: &str| &decoded.spec.resources[&name.parse::<Name>().unwrap()].inputs["input"];
    assert_eq!(input("a"), input("b"));
}

#[test]
fn yaml_that_a_spec_may_not_use_is_refused() {
    let said = bad(&spec(
        "resources:\n  a: { kind: marker, input: !!str 1 }\n  b: { kind: marker, input: .inf }\n  <<: { c: 1 }\n  ? [x]\n  : 1\n",
    ));
    let expected = "\
4:29+5 error[ACQ0008]: a spec has no tags ^ write text in quotes, all else plain
5:29+4 error[ACQ0008]: `.inf` is not a number that a spec can hold
6:3+2 error[ACQ0008]: a spec has no merge keys ^ use an environment, or an alias for a whole value
7:5+1 error[ACQ0009]: a key must be plain text
";
    assert_eq!(said, expected);
}

#[test]
fn a_file_that_is_no_text_or_too_big_is_refused() {
    let not_text = Source::from_bytes("x.yaml", b"version: 1\nname: \xff\n".to_vec()).expect_err("not UTF-8");
    assert_eq!(
        said(&[not_text]),
        "2:7+1 error[ACQ0001]: x.yaml is not UTF-8 text ^ the byte 0xFF stands here ! save the file as UTF-8\n"
    );
    let big = Source::from_bytes("x.yaml", vec![b'#'; 10 << 20]).expect_err("too big");
    assert_eq!(big.code, codes::TOO_BIG);
    let marked = Source::from_bytes("x.yaml", "\u{feff}version: 1\r\nname: demo\r\n".into()).unwrap();
    assert!(decode(&marked, &options(), &Environment::default()).is_ok());
}

#[test]
fn every_value_of_the_merged_spec_has_its_origin() {
    let decoded = good(&spec(
        "services: { registry: { memory: 1GiB } }\nresources: { m: { kind: marker, needs: [registry] } }\n",
    ));
    let mut text = String::new();
    for value in &decoded.merged {
        writeln!(text, "{} = {} ({})", value.path, value.value, value.origin).unwrap();
    }
    let expected = r#"version = 1 (acquire.yaml:1:10)
name = "demo" (acquire.yaml:2:7)
services.registry.memory = "1GiB" (acquire.yaml:3:33)
services.registry.provider = "local" (default)
services.registry.lifecycle.protect = false (default)
services.registry.lifecycle.retain = false (default)
resources.m.kind = "marker" (acquire.yaml:4:25)
resources.m.needs = ["registry"] (acquire.yaml:4:40)
resources.m.provider = "local" (default)
resources.m.lifecycle.protect = false (default)
resources.m.lifecycle.retain = false (default)
resources.m.lifecycle.replace = "delete-first" (default)
defaults.function.memory = "512MiB" (default)
defaults.function.timeout = "60s" (default)
defaults.keys.rotate = "7d" (default)
"#;
    assert_eq!(text, expected);
}

#[test]
fn the_digest_is_of_what_is_said_not_of_how() {
    let digest = |text: &str| good(&spec(text)).digest;
    let one = digest("services: { registry: { memory: 1GiB } }\n");
    assert_eq!(one, digest("# A comment.\nservices:\n  registry:\n    memory: \"1GiB\"\n"));
    assert_eq!(one, digest("services: { registry: { memory: 1024MiB } }\n"));
    assert_ne!(one, digest("services: { registry: { memory: 2GiB } }\n"));
}

#[test]
fn the_example_is_right_with_and_without_its_comments() {
    assert!(good(&commented_example()).warnings.is_empty());
    let example = commented_example();
    let (head, rest) = example.split_once("# Values for services").unwrap();
    let yaml = rest.lines().filter_map(|line| line.strip_prefix('#'));
    let yaml = yaml.filter(|line| line.starts_with(|c: char| c.is_alphabetic()) || line.starts_with("  "));
    let whole = yaml.fold(head.to_owned(), |whole, line| whole + line + "\n");
    assert!(whole.contains("\nenvironments:\n  staging:"), "{whole}");
    assert_eq!(good(&whole).spec.resources.len(), 1);
}

#[test]
fn every_field_of_the_schema_has_a_description() {
    fn look(path: &str, schema: &Value) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            assert!(field["description"].as_str().is_some_and(|text| text.ends_with('.')), "{path}.{name}");
            look(&format!("{path}.{name}"), field);
            look(&format!("{path}.{name}.*"), &field["additionalProperties"]);
        }
    }
    let schema = json_schema(&options().declarations);
    assert_eq!(schema["additionalProperties"], json!(false));
    look("", &schema);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        look(name, definition);
    }
}

#[test]
fn a_thousand_resources_are_decoded() {
    let mut text = spec("resources:\n");
    for number in 0..1000 {
        writeln!(text, "  m{number}: {{ kind: marker, input: \"v${{var.x}}\", needs: [m{}] }}", (number + 1) % 1000)
            .unwrap();
    }
    text.push_str("variables: { x: { default: y } }\n");
    assert_eq!(good(&text).spec.resources.len(), 1000);
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    fn code_is_ours(code: Code) -> bool {
        codes::ALL.iter().any(|(known, _)| *known == code)
    }

    proptest! {
        #[test]
        fn any_text_is_decoded_or_refused_with_known_codes(text in "[ -~\n\u{e9}]{0,200}") {
            if let Err(wrong) = with(&text, &options(), &[]) {
                prop_assert!(!wrong.is_empty());
                prop_assert!(wrong.iter().all(|diagnostic| code_is_ours(diagnostic.code)));
            }
        }

        #[test]
        fn a_spec_with_bytes_changed_never_breaks_the_decoder(at in 0usize..300, with_ in "[{}\\[\\]:,&*!|>'\"%@`\n\t #$-]{1,3}") {
            let mut text = variables::ENVIRONMENTS.to_owned();
            if text.is_char_boundary(at) && at < text.len() {
                text.insert_str(at, &with_);
            }
            if let Err(wrong) = with(&text, &options(), &[]) {
                prop_assert!(wrong.iter().all(|diagnostic| code_is_ours(diagnostic.code)));
            }
        }
    }
}

#[test]
fn a_mistake_in_a_condition_is_told_where_it_stands_however_it_is_written() {
    let policy = |deny: &str| spec(&format!("services: {{}}\npolicy:\n- name: p\n  message: no\n  deny: {deny}\n"));
    let mistake = "error[ACQ0141]: `plan` has no field `nam` ^ did you mean `name`?\n";
    for (deny, place) in [
        ("plan.nam == 'x'", "7:14+3"),
        ("'plan.nam == ''x'''", "7:15+3"),
        ("'''x'' == plan.nam'", "7:24+3"),
        (r#""'\"' == plan.nam""#, "7:23+3"),
        ("plan.format == 1 &&\n      plan.nam == 'x'", "8:12+3"),
        (">-\n      plan.format == 1\n      && plan.nam == 'x'", "9:15+3"),
        ("|\n      // Is it x?\n      plan.nam == 'x'", "9:12+3"),
        // What an escape stands for is not followed: the whole is shown.
        (r#""plan.\u006eam == 'x'""#, "7:9+22"),
    ] {
        assert_eq!(bad(&policy(deny)), format!("{place} {mistake}"), "{deny}");
    }
}

#[test]
fn policies_and_preconditions_are_taken_in_order_with_their_places() {
    let decoded = good(&spec(
        "services: { registry: { lifecycle: { preconditions: [{ condition: 'true', message: r }] } } }
resources: { m: { kind: marker, input: x, lifecycle: { preconditions: [{ condition: 'true', message: m }] } } }
policy:
- { name: one, deny: change.holds_data, when: plan.format == 1, message: a }
- { name: two, warn: change.holds_data, message: b }
environments: { other: { policy: [] } }
",
    ));
    let told: Vec<String> = decoded
        .policies
        .iter()
        .map(|policy| format!("{:?} {:?} {} {}", policy.rule, policy.effect, policy.message, policy.place()))
        .collect();
    let expected = [
        "Policy(\"one\") Deny a acquire.yaml:6:22",
        "Policy(\"two\") Warn b acquire.yaml:7:22",
        "Precondition(registry) Require r acquire.yaml:3:68",
        "Precondition(m) Require m acquire.yaml:4:86",
    ];
    assert_eq!(told, expected);
    assert!(decoded.policies[0].when.is_some() && decoded.policies[1].when.is_none());
    let other = Options { environment: Some("other".parse().unwrap()), ..options() };
    let text = spec(
        "services: {}\npolicy: [{ name: one, deny: 'true', message: a }]\nenvironments: { other: { policy: [] } }\n",
    );
    assert!(with(&text, &other, &[]).unwrap().policies.is_empty());
    assert_ne!(good(&text).digest, with(&text.replace("'true'", "'false'"), &options(), &[]).unwrap().digest);
}
