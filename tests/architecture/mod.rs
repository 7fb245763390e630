//! The rules of `ARCHITECTURE.md` that a compiler does not hold.

mod tree;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const FILE_LINES_MAX: usize = 600;
const MAIN_LINES_MAX: usize = 60;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A source file without its module of tests.
fn program(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.lines().take(tree::lines_without_tests(&text)).collect::<Vec<_>>().join("\n")
}

fn metadata() -> Metadata {
    let options = ["--offline".to_owned(), "--locked".to_owned()];
    MetadataCommand::new().current_dir(root()).no_deps().other_options(options).exec().unwrap()
}

/// The name of a package in the table: `acquire-store` is `store`, those in `providers/` are one row.
fn row(package: &Package) -> String {
    let folder = package.manifest_path.parent().unwrap();
    if folder == root() {
        "root".to_owned()
    } else if folder.parent().unwrap() == root().join("providers") {
        "providers/*".to_owned()
    } else {
        package.name.trim_start_matches("acquire-").to_owned()
    }
}

/// The dependency table: crate → what it may use.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    let text = read("ARCHITECTURE.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| crate | may use |")).skip(2);
    let mut table = BTreeMap::new();
    for line in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let words = |cell: &str| cell.split(", ").map(str::to_owned).collect::<BTreeSet<_>>();
        for name in words(cells[0]) {
            table.insert(name, words(cells[1]));
        }
    }
    table
}

#[test]
fn crates_use_only_what_the_table_allows() {
    let metadata = metadata();
    let ours: BTreeMap<String, String> =
        metadata.workspace_packages().iter().map(|package| (package.name.to_string(), row(package))).collect();
    let table = table();
    let mut wrong = Vec::new();
    for package in metadata.workspace_packages() {
        let name = row(package);
        let Some(allowed) = table.get(&name) else {
            wrong.push(format!("{name} has no row in the table of ARCHITECTURE.md"));
            continue;
        };
        for dependency in &package.dependencies {
            let Some(used) = ours.get(&dependency.name) else { continue };
            let tested = dependency.kind == DependencyKind::Development;
            if !tested && !allowed.contains(used) && !allowed.contains("everything") {
                wrong.push(format!("{name} may not use {used}"));
            }
            if used == "root" {
                wrong.push(format!("{name} uses the root crate"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_row_of_the_table_is_a_crate() {
    let crates: BTreeSet<String> = metadata().workspace_packages().into_iter().map(row).collect();
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), crates);
}

#[test]
fn every_crate_has_the_shared_lints_and_says_what_it_does_not_know() {
    for package in metadata().workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has lints of its own", package.name);
        let library = package.manifest_path.parent().unwrap().join("src/lib.rs");
        if let Ok(text) = fs::read_to_string(library) {
            let head: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
            assert!(head.join(" ").contains("deliberately does not know"), "{} does not say it", package.name);
        }
    }
}

#[test]
fn the_modules_of_the_engine_stand_in_the_order_of_the_flow_and_use_only_those_above() {
    let text = read("src/engine/src/lib.rs");
    let modules: Vec<&str> = tree::modules(&text).into_iter().map(|module| module.name).collect();
    let flow = ["spec", "graph", "plan", "apply", "state"];
    let standing: Vec<&str> = modules.iter().copied().filter(|module| flow.contains(module)).collect();
    assert_eq!(standing, flow);

    let metadata = metadata();
    let engine = metadata.workspace_packages().into_iter().find(|package| row(package) == "engine").unwrap();
    let folder = root().join("src/engine/src");
    let mut wrong = Vec::new();
    for (file, _) in tree::mounted(engine).into_iter().filter(|(_, purpose)| *purpose == tree::Purpose::Program) {
        let place = file.strip_prefix(&folder).unwrap().with_extension("");
        let own = place.components().next().unwrap().as_os_str();
        let Some(own) = modules.iter().position(|module| *module == own) else { continue };
        let is_above = |used: &str| used == "state" || modules[..=own].contains(&used);
        for used in modules.iter().filter(|used| !is_above(used)) {
            if program(&file).contains(&format!("crate::{used}")) {
                wrong.push(format!("{} uses {used}", place.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_source_file_is_mounted() {
    let mut orphans = BTreeSet::new();
    for package in metadata().workspace_packages() {
        let mounted = tree::mounted(package);
        orphans.extend(tree::sources(package, root()).into_iter().filter(|file| !mounted.contains_key(file)));
    }
    assert!(orphans.is_empty(), "no module mounts {orphans:#?}");
}

/// The environment variables of ours that a text names.
fn variables(text: &str) -> BTreeSet<String> {
    let is_name = |c: &char| c.is_ascii_uppercase() || *c == '_';
    text.split("ACQUIRE_").skip(1).map(|rest| rest.chars().take_while(is_name).collect()).collect()
}

#[test]
fn every_environment_variable_is_in_the_table_of_the_help() {
    let table = variables(&read("src/cli/variables.rs"));
    let mut unknown = Vec::new();
    let metadata = metadata();
    // What steers the tasks of developers is in CONTRIBUTING.md.
    let ours = |package: &&Package| !["xtask", "bench"].contains(&row(package).as_str());
    for package in metadata.workspace_packages().into_iter().filter(ours) {
        for (file, purpose) in tree::mounted(package) {
            let named = variables(&program(&file));
            if purpose == tree::Purpose::Program && !named.is_subset(&table) {
                unknown.push(format!("{}: {named:?}", file.display()));
            }
        }
    }
    assert!(unknown.is_empty(), "not in src/cli/variables.rs: {unknown:#?}");
    let root_crate = metadata.root_package().unwrap();
    let reads = |file: &&PathBuf| program(file).contains(".variable(");
    let programs = tree::mounted(root_crate).into_iter().filter(|(_, purpose)| *purpose == tree::Purpose::Program);
    let readers: Vec<PathBuf> = programs.map(|(file, _)| file).filter(|file| reads(&file)).collect();
    assert_eq!(readers, [root().join("src/cli/variables.rs")], "the root crate reads variables by the table");
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for package in metadata().workspace_packages() {
        for (file, purpose) in tree::mounted(package) {
            let lines = tree::lines_without_tests(&fs::read_to_string(&file).unwrap());
            if purpose == tree::Purpose::Program && lines > FILE_LINES_MAX {
                long.push(format!("{}: {lines} lines", file.display()));
            }
        }
    }
    assert!(long.is_empty(), "longer than {FILE_LINES_MAX} lines without tests: {long:#?}");
    assert!(read("src/main.rs").lines().count() <= MAIN_LINES_MAX);
}

#[test]
fn what_the_documents_point_to_is_there() {
    let mut dead = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/adr/README.md"] {
        let folder = root().join(document).parent().unwrap().to_owned();
        let text = read(document);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let local = links.filter(|link| !link.contains("://")).map(|link| folder.join(link));
        let named = text.split('`').skip(1).step_by(2).filter(|word| word.starts_with("src/") && !word.contains(' '));
        let paths = local.chain(named.map(|path| root().join(path)));
        dead.extend(paths.filter(|path| !path.exists()).map(|path| format!("{document}: {}", path.display())));
    }
    assert!(dead.is_empty(), "{dead:#?}");
}
