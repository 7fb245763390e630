//! The samples in `schema/`: what the binary says of each, word for word, and that the JSON Schema agrees with it.
//!
//! A sample may begin with `# options:` (arguments for `acquire validate`) and `# environment:` (variables). To accept
//! new messages: `ACQUIRE_BLESS=1 cargo test schema`, then read the difference.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Broken samples that the schema cannot refuse: what is wrong in them is not the shape of one value, but what
/// values say of each other, which interpolations stand in them, how the YAML is written, or the arguments.
const DECODER_ONLY: &[&str] = &[
    "duration-too-long",
    "environment-needs-elsewhere",
    "environment-variable-unset",
    "integer-too-long",
    "interpolation-in-need",
    "interpolation-nested",
    "interpolation-not-closed",
    "interpolation-too-long",
    "interpolation-unknown",
    "memory-too-large",
    "merge-key",
    "missing-services",
    "needs-in-a-circle",
    "needs-itself",
    "no-environments",
    "policy-block",
    "policy-interpolated",
    "policy-not-boolean",
    "policy-not-cel",
    "policy-same-name",
    "policy-unknown-field",
    "policy-unknown-function",
    "policy-unknown-word",
    "reference-to-itself",
    "reference-too-early",
    "reference-unknown-attribute",
    "reference-unknown-resource",
    "reference-unknown-service",
    "resource-named-like-a-service",
    "rotation-too-often",
    "same-domain",
    "sensitive-does-not-fit",
    "sensitive-kept-in-plain",
    "tag",
    "undeclared-set",
    "undeclared-variable",
    "unknown-environment",
    "unknown-need",
    "variable-does-not-fit",
    "variable-file-list",
    "variable-file-missing",
    "variable-file-nested",
    "variable-file-not-yaml",
    "variable-file",
    "variable-set-without-value",
    "variable-without-value",
    "variable-wrong-set",
    "version-fraction",
];

struct Sample {
    name: String,
    path: PathBuf,
    options: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Sample {
    fn new(path: &Path) -> Self {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let words = |head: &str| {
            let lines = text.lines().filter_map(|line| line.strip_prefix(head));
            lines.flat_map(str::split_whitespace).map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        let variables = words("# environment: ");
        let variables = variables.iter().map(|pair| pair.split_once('=').unwrap());
        Self {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            path: path.to_owned(),
            options: words("# options: "),
            environment: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    fn all(folder: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(folder);
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|it| it == "yaml")).collect();
        paths.sort();
        paths.iter().map(|path| Self::new(path)).collect()
    }

    /// What `acquire validate` says: whether it is well, and what it writes for people.
    fn validate(&self) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_acquire"))
            .current_dir(self.path.parent().unwrap())
            .arg("validate")
            .arg(self.path.file_name().unwrap())
            .args(&self.options)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }

    /// The sample as JSON; `None` if no YAML reader takes it.
    fn json(&self) -> Option<Value> {
        let text = String::from_utf8(fs::read(&self.path).unwrap()).ok()?;
        // Without this it reads `yes` as a truth value, which YAML 1.2 and the decoder do not.
        let options = serde_saphyr::options! { strict_booleans: true };
        serde_saphyr::from_str_with_options(&text, options).ok()
    }
}

fn schema() -> jsonschema::Validator {
    let output = Command::new(env!("CARGO_BIN_EXE_acquire")).arg("schema").env_clear().output().unwrap();
    assert!(output.status.success());
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_broken_spec_is_refused_with_exactly_its_message() {
    let bless = std::env::var_os("ACQUIRE_BLESS").is_some();
    let samples = Sample::all("invalid");
    assert!(samples.len() >= 105, "only {}", samples.len());
    let mut wrong = Vec::new();
    for sample in samples {
        let expected = sample.path.with_extension("expected");
        let (is_good, said) = sample.validate();
        assert!(!is_good, "{} is accepted", sample.name);
        if bless {
            fs::write(&expected, &said).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("--- {}\n{said}", sample.name));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[test]
fn every_valid_spec_is_accepted() {
    let samples = Sample::all("valid");
    assert!(samples.len() >= 8, "only {}", samples.len());
    for sample in samples {
        let (is_good, said) = sample.validate();
        assert!(is_good, "{}:\n{said}", sample.name);
    }
}

#[test]
fn the_schema_accepts_every_valid_spec() {
    let schema = schema();
    for sample in Sample::all("valid") {
        let json = sample.json().unwrap_or_else(|| panic!("{} is not YAML", sample.name));
        let errors: Vec<String> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", sample.name);
    }
}

#[test]
fn the_schema_refuses_what_the_decoder_refuses() {
    let schema = schema();
    let accepted: Vec<String> = Sample::all("invalid")
        .into_iter()
        .filter(|sample| sample.json().is_some_and(|json| schema.is_valid(&json)))
        .map(|sample| sample.name)
        .collect();
    assert_eq!(accepted, DECODER_ONLY, "what the schema accepts must be listed in DECODER_ONLY, and nothing else");
}

#[test]
fn a_spec_of_ten_megabytes_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("big.yaml");
    fs::write(&path, "# x\n".repeat(10 << 18)).unwrap();
    let (is_good, said) = Sample::new(&path).validate();
    assert!(!is_good && said.contains("error[ACQ0002]: big.yaml is larger than 4 MiB"), "{said}");
}

#[test]
fn the_spec_that_init_writes_is_right() {
    let directory = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_acquire")).arg("init").current_dir(&directory).env_clear().output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sample = Sample::new(&directory.path().join("acquire.yaml"));
    let (is_good, said) = sample.validate();
    assert!(is_good, "{said}");
    assert!(schema().is_valid(&sample.json().unwrap()));
}
