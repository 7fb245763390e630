//! Which source files a crate is made of, by its `mod` lines.

use cargo_metadata::Package;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    Program,
    Test,
}

/// A `mod name;` line.
pub struct Module<'a> {
    pub name: &'a str,
    path: Option<&'a str>,
    purpose: Purpose,
}

/// The modules that a file mounts from other files, in its order.
pub fn modules(text: &str) -> Vec<Module<'_>> {
    let mut found = Vec::new();
    let mut attributes: Vec<&str> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            attributes.push(line);
            continue;
        }
        if let Some(name) = mounted_name(line) {
            let path = attributes.iter().find_map(|line| line.strip_prefix("#[path = \"")?.strip_suffix("\"]"));
            let purpose = if attributes.contains(&"#[cfg(test)]") { Purpose::Test } else { Purpose::Program };
            found.push(Module { name, path, purpose });
        }
        if !line.starts_with("//") {
            attributes.clear();
        }
    }
    found
}

fn mounted_name(line: &str) -> Option<&str> {
    let (before, name) = line.strip_suffix(';')?.rsplit_once("mod ")?;
    let visibility = before.trim();
    (visibility.is_empty() || visibility == "pub" || visibility.starts_with("pub(")).then_some(name)
}

/// Every file of a package that a module mounts, with what it is for.
pub fn mounted(package: &Package) -> BTreeMap<PathBuf, Purpose> {
    let mut files = BTreeMap::new();
    for target in &package.targets {
        let purpose = if target.is_test() || target.is_bench() { Purpose::Test } else { Purpose::Program };
        let file = target.src_path.clone().into_std_path_buf();
        let folder = file.parent().unwrap().to_owned();
        mount(&file, &folder, purpose, &mut files);
    }
    files
}

/// Adds a file, whose modules are looked for in `folder`, and all that it mounts.
fn mount(file: &Path, folder: &Path, purpose: Purpose, files: &mut BTreeMap<PathBuf, Purpose>) {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    files.insert(file.to_owned(), purpose);
    for module in modules(&text) {
        let purpose = purpose.max(module.purpose);
        let below = folder.join(module.name);
        let beside = folder.join(format!("{}.rs", module.name));
        match module.path {
            Some(path) => {
                let named = file.parent().unwrap().join(path);
                mount(&named, named.parent().unwrap(), purpose, files);
            }
            None if beside.exists() => mount(&beside, &below, purpose, files),
            None => mount(&below.join("mod.rs"), &below, purpose, files),
        }
    }
}

/// Every source file that belongs to a package: below its folder, or for the root package below `src` and `tests`, but
/// not in the folder of another package.
pub fn sources(package: &Package, root: &Path) -> Vec<PathBuf> {
    let folder = package.manifest_path.parent().unwrap().as_std_path();
    let mut found = Vec::new();
    if folder == root {
        collect(&root.join("src"), &mut found);
        collect(&root.join("tests"), &mut found);
    } else {
        collect(folder, &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The lines of a file before its module of tests.
pub fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{'));
    tests.unwrap_or(lines.len())
}
