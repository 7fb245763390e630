//! Every folder of `examples/` is right: its spec decodes, and its plan is the one beside it.

use crate::sandbox::Sandbox;
use std::fs;
use std::path::Path;

#[test]
fn every_example_plans_what_it_says() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for example in fs::read_dir(&examples).unwrap() {
        let example = example.unwrap().path();
        let spec = fs::read_to_string(example.join("acquire.yaml")).unwrap();
        assert!(example.join("README.md").is_file(), "{} has a README", example.display());
        let sandbox = Sandbox::new(&spec);
        sandbox.good(&["validate"]);
        let plan = sandbox.good(&["plan"]).stdout;
        let tests = example.join("acquire.test.yaml");
        if tests.is_file() {
            fs::copy(tests, sandbox.path().join("acquire.test.yaml")).unwrap();
            sandbox.good(&["test"]);
        }
        insta::with_settings!({
            snapshot_path => example.clone(),
            prepend_module_to_snapshot => false,
            omit_expression => true,
            filters => [(r"\([0-9a-f]{4}…\)", "(LINEAGE…)"), (r"\b[0-9a-f]{64}\b", "SHA256")]
        }, {
            insta::assert_snapshot!("plan", plan);
        });
    }
}
