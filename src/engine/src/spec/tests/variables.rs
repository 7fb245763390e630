//! Where values come from: variables, and environments.

use super::*;

#[test]
fn a_variable_takes_its_value_from_the_nearest_source() {
    let text = spec("variables: { v: { default: d } }\nresources: { m: { kind: marker, input: \"${var.v}\" } }\n");
    let value = |options: &Options, environment: &[(&str, &str)]| {
        let decoded = with(&text, options, environment).unwrap_or_else(|wrong| panic!("{}", said(&wrong)));
        let merged = decoded.merged.into_iter().find(|value| value.path == "resources.m.input").unwrap();
        format!("{} {}", merged.value, merged.origin)
    };
    let mut options = options();
    assert_eq!(value(&options, &[]), "\"d\" acquire.yaml:4:40 from default");
    let environment = [("ACQUIRE_VAR_v", "e")];
    assert_eq!(value(&options, &environment), "\"e\" acquire.yaml:4:40 from ACQUIRE_VAR_v");
    options.variable_files = vec![Source { file: "prod.yaml".to_owned(), text: "v: f\n".to_owned() }];
    assert_eq!(value(&options, &environment), "\"f\" acquire.yaml:4:40 from --var-file prod.yaml");
    options.set = vec![("v".to_owned(), "1".to_owned()), ("v".to_owned(), "s".to_owned())];
    assert_eq!(value(&options, &environment), "\"s\" acquire.yaml:4:40 from --set v");
}

#[test]
fn wrong_variables_are_said_with_where_their_value_comes_from() {
    let text = spec(
        "variables:
  a: { type: integer }
  b: { type: integer, default: x }
  c: { type: boolean, default: true }
  d: { type: number }
",
    );
    let options = Options {
        set: vec![("c".to_owned(), "maybe".to_owned()), ("e".to_owned(), "1".to_owned())],
        variable_files: vec![Source { file: "v.yaml".to_owned(), text: "a: one\nbb: 2\n".to_owned() }],
        ..options()
    };
    let expected = "\
5:32+1 error[ACQ0033]: the default of variable `b` is not a whole number ^ give the variable another `type`, or the default another value
7:14+6 error[ACQ0014]: `variables.d.type` cannot be `number` ^ one of `text`, `integer`, `boolean`
1:4+3 error[ACQ0033]: variable `a` must be a whole number, and its value from --var-file v.yaml is not
2:1+2 error[ACQ0031]: v.yaml gives variable `bb`, which the spec does not declare ! did you mean `b`?
error[ACQ0033]: variable `c` must be `true` or `false`, and its value from --set c is not
error[ACQ0031]: --set gives variable `e`, which the spec does not declare ! did you mean `a`?
";
    let wrong = with(&text, &options, &[]).expect_err("the variables are wrong");
    assert_eq!(said(&wrong), expected);
    let wrong = with(&spec("variables: { a: {} }\n"), &tests::options(), &[]).expect_err("no value");
    assert_eq!(
        said(&wrong),
        "3:14+1 error[ACQ0032]: variable `a` has no value ^ it has no `default` either ! give it with `--set a=…`, `--var-file FILE` or `ACQUIRE_VAR_a=…`\n"
    );
}

#[test]
fn sensitive_values_are_never_shown() {
    let text = spec(
        "variables: { token: { sensitive: true } }
services: { registry: { memory: \"${var.token}\" } }
resources: { m: { kind: marker, input: { inner: [\"a ${var.token}\"] } } }
",
    );
    let mut options = options();
    options.set = vec![("token".to_owned(), "hunter2".to_owned())];
    let wrong = with(&text, &options, &[]).expect_err("the token is no amount of memory");
    assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
    options.set = vec![("token".to_owned(), "1GiB".to_owned())];
    let wrong = with(&text, &options, &[]).expect_err("the memory of a function is no secret to its provider");
    assert!(said(&wrong).contains("ACQ0040") && !format!("{wrong:?}").contains("1GiB"), "{wrong:?}");
    let text = text.replace("${var.token}\" } }", "1GiB\" } }");
    options.set = vec![("token".to_owned(), "hunter2".to_owned())];
    let decoded = with(&text, &options, &[]).unwrap();
    assert!(!format!("{:?}", decoded.merged).contains("hunter2"), "{:?}", decoded.merged);
    assert_eq!(decoded.sensitive, ["resources.m.input".to_owned()].into());
}

pub(super) const ENVIRONMENTS: &str = "version: 1
name: demo
services:
  registry: { memory: 1GiB }
resources:
  m: { kind: marker, input: { a: 1, b: [1, 2] } }
environments:
  staging:
    services: { registry: { timeout: 5s }, identity: {} }
    resources: { m: { input: { b: [3] } } }
  production: { defaults: { keys: { rotate: 1d } } }
";

#[test]
fn an_environment_is_merged_over_the_base() {
    let staging = Options { environment: Some("staging".parse().unwrap()), ..options() };
    let decoded = with(ENVIRONMENTS, &staging, &[]).unwrap_or_else(|wrong| panic!("{}", said(&wrong)));
    let registry = &decoded.spec.services[&ServiceType::Registry];
    assert_eq!((registry.memory_bytes, registry.timeout_seconds), (1 << 30, 5));
    assert!(decoded.spec.services.contains_key(&ServiceType::Identity));
    let origin = |path: &str| decoded.spec.origins[path].to_string();
    assert_eq!(origin("services.registry.memory"), "acquire.yaml:4:23");
    assert_eq!(origin("services.registry.timeout"), "acquire.yaml:9:38");
    assert_eq!(origin("services.registry"), "acquire.yaml:4:3");
    let input = decoded.merged.iter().find(|value| value.path == "resources.m.input").unwrap();
    assert_eq!(input.value, r#"{"a":1,"b":[3]}"#);
    assert_ne!(decoded.digest, good(ENVIRONMENTS).digest);
}

#[test]
fn an_environment_that_is_not_there_is_refused() {
    let options = Options { environment: Some("stagin".parse().unwrap()), ..options() };
    let wrong = with(ENVIRONMENTS, &options, &[]).expect_err("there is no such environment");
    assert_eq!(said(&wrong), "error[ACQ0025]: this spec has no environment `stagin` ! did you mean `staging`?\n");
}

#[test]
fn environments_that_are_not_chosen_are_checked_too() {
    let text = ENVIRONMENTS.replace("timeout: 5s", "tiemout: 5s").replace("rotate: 1d", "rotate: \"${env.UNSET}\"");
    assert_eq!(
        bad(&text),
        "9:29+7 error[ACQ0012]: unknown field `tiemout` in service `registry` ^ did you mean `timeout`?\n"
    );
    let text =
        ENVIRONMENTS.replace("timeout: 5s", "provider: aws").replace("production: { ", "production: { name: x, ");
    assert_eq!(
        bad(&text),
        "\
9:39+3 warning[ACQ0019]: provider `aws` is not built into this binary ^ built in: `local`, `cloud`
11:17+4 error[ACQ0012]: unknown field `name` in environment `production` ^ an environment may change `state`, `providers`, `defaults`, `services`, `moved`, `resources`, `policy`
"
    );
    let decoded = good(&ENVIRONMENTS.replace("timeout: 5s", "provider: aws"));
    assert_eq!(decoded.warnings.len(), 1);
}
