//! Golden scenarios: one YAML file each, whose name is a sentence; all that the binary says is in the snapshot beside it.
//! `README.md` says how to add one.

/// What a scenario says.
mod script;
/// What differs from run to run, made the same.
mod steady;

use script::{Scenario, Stage};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Scenarios at once. They mostly wait, so more than there are cores.
const WORKERS: usize = 4;
/// Scenarios that there must be.
const COUNT_MIN: usize = 45;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn files(ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == ending)).collect();
    files.sort();
    files
}

/// Plays the scenarios and returns, in their order, the name of each and what was said.
fn played(scenarios: &[PathBuf]) -> Vec<(String, String)> {
    let next = Mutex::new(scenarios.iter().enumerate());
    let played = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let Some((place, path)) = next.lock().unwrap().next() else { break };
                    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                    let said = std::panic::catch_unwind(|| Stage::play(&Scenario::read(path)));
                    let said = said.unwrap_or_else(|_| panic!("scenario {name}: see above"));
                    played.lock().unwrap().push((place, name, said));
                }
            });
        }
    });
    let mut played = played.into_inner().unwrap();
    played.sort();
    played.into_iter().map(|(_, name, said)| (name, said)).collect()
}

#[test]
fn every_scenario_goes_as_it_is_written_down() {
    let wanted = std::env::var("ACQUIRE_SCENARIO").unwrap_or_default();
    let is_wanted = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().contains(&wanted);
    let scenarios: Vec<PathBuf> = files("yaml").into_iter().filter(is_wanted).collect();
    let mut wrong = Vec::new();
    for (name, said) in played(&scenarios) {
        let compared = std::panic::catch_unwind(|| {
            insta::with_settings!({
                snapshot_path => folder(),
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, {
                insta::assert_snapshot!(name.clone(), said);
            });
        });
        if compared.is_err() {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "went otherwise: {wrong:#?}\nto accept: INSTA_UPDATE=always, then read the difference");
}

#[test]
fn there_are_many_scenarios_and_each_is_named_by_a_sentence() {
    let scenarios = files("yaml");
    assert!(scenarios.len() >= COUNT_MIN, "only {}", scenarios.len());
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let names: Vec<String> = scenarios.iter().map(stem).collect();
    for name in &names {
        assert!(name.split('_').count() >= 4, "`{name}` is not a sentence");
    }
    let stale: Vec<String> = files("snap").iter().map(stem).filter(|name| !names.contains(name)).collect();
    assert!(stale.is_empty(), "snapshots without a scenario: {stale:?}");
}
