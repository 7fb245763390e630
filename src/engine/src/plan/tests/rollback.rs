//! What a rollback of the program that functions run says.

use super::text;
use crate::apply::tests::fixture::{Bench, services};
use crate::state::Purpose;
use acquire_model::ServiceType;

#[test]
fn a_rollback_says_so_and_so_does_the_plan_after_it() {
    let mut bench = Bench::new();
    let spec = services(&[ServiceType::Registry]);
    let mut reason = |binary: &str, purpose: Purpose| {
        bench.expand.binary_sha256 = binary.to_owned();
        bench.options.purpose = purpose;
        let plan = bench.plan(&spec);
        assert!(bench.run(&plan).is_complete());
        let line = text(&plan).lines().find(|line| line.contains("registry/function")).unwrap_or_default().to_owned();
        line.split_once(": ").map(|(_, reason)| reason.to_owned()).unwrap_or_default()
    };
    assert_eq!(reason("a", Purpose::Apply), "not there yet (line 1)");
    assert_eq!(reason("b", Purpose::Apply), "binary changed (line 1)");
    assert_eq!(reason("a", Purpose::Rollback), "goes back to a verified binary (line 1)");
    assert_eq!(reason("b", Purpose::Apply), "binary changed; a rollback had put the one before back (line 1)");
    assert_eq!(reason("c", Purpose::Apply), "binary changed (line 1)");
}
