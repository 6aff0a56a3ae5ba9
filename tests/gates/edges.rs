//! Compares what crates depend on with what they may.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

use crate::repository;

/// What a crate may use of ours.
enum May {
    Use(&'static [&'static str]),
    UseAll,
}

/// The table of ARCHITECTURE.md, in the words of `cargo metadata`. Tests may use more: see [`TESTS_MAY_USE`].
const EDGES: [(&str, May); 14] = [
    ("russet-domain", May::Use(&[])),
    ("russet-clock", May::Use(&["russet-domain"])),
    ("russet-apple", May::Use(&["russet-domain"])),
    ("russet-mdm", May::Use(&["russet-clock", "russet-domain"])),
    ("russet-store", May::Use(&["russet-domain"])),
    ("russet-queue", May::Use(&["russet-clock", "russet-domain"])),
    ("russet-api", May::Use(&["russet-clock", "russet-domain", "russet-store", "russet-queue"])),
    (
        "russet-worker",
        May::Use(&["russet-domain", "russet-store", "russet-queue", "russet-apple", "russet-mdm"]),
    ),
    ("russet-simulator", May::Use(&[])),
    (
        "russet-config",
        // Every crate that has settings, and the domain for what settings are made of.
        May::Use(&[
            "russet-domain",
            "russet-apple",
            "russet-mdm",
            "russet-store",
            "russet-queue",
            "russet-api",
            "russet-worker",
        ]),
    ),
    ("russet-services", May::Use(&[])),
    ("russet", May::UseAll),
    ("xtask", May::Use(&["russet-services"])),
    ("russet-tests", May::UseAll),
];

/// What the tests of any crate may use on top, because it stands in for the world outside.
const TESTS_MAY_USE: [&str; 2] = ["russet-services", "russet-simulator"];

/// Who may use a library at all, tests included.
const ONLY: [(&str, &[&str]); 4] = [
    ("sqlx", &["russet-store"]),
    ("redis", &["russet-queue"]),
    ("apalis", &["russet-queue"]),
    ("apalis-core", &["russet-queue"]),
];

/// Who may use a library outside of tests.
const ONLY_OUTSIDE_OF_TESTS: [(&str, &[&str]); 1] =
    [("reqwest", &["russet-apple", "russet-mdm", "russet-simulator", "russet", "russet-tests"])];

/// Who must not use a library outside of tests.
const NEVER: [(&str, &[&str]); 3] = [
    (
        "axum",
        &["russet-worker", "russet-apple", "russet-mdm", "russet-store", "russet-queue", "russet-domain"],
    ),
    ("serde", &["russet-domain"]),
    ("tokio", &["russet-domain"]),
];

fn packages() -> Vec<Package> {
    let manifest = repository::root().join("Cargo.toml");
    MetadataCommand::new().manifest_path(manifest).no_deps().exec().unwrap().packages
}

fn is_ours(name: &str) -> bool {
    EDGES.iter().any(|(known, _)| *known == name)
}

/// The names a package depends on, and whether only its tests do.
fn dependencies(package: &Package) -> impl Iterator<Item = (&str, bool)> {
    package
        .dependencies
        .iter()
        .map(|dependency| (dependency.name.as_str(), dependency.kind == DependencyKind::Development))
}

#[test]
fn every_member_of_the_workspace_has_a_row_in_the_table() {
    for package in packages() {
        assert!(is_ours(package.name.as_str()), "{} has no row in EDGES and ARCHITECTURE.md", package.name);
    }
}

#[test]
fn crates_use_only_the_crates_they_may() {
    let mut wrong = BTreeSet::new();
    for package in packages() {
        let Some((_, May::Use(may))) = EDGES.iter().find(|(name, _)| *name == package.name.as_str()) else {
            continue;
        };
        for (used, in_tests) in dependencies(&package).filter(|(used, _)| is_ours(used)) {
            let allowed = may.contains(&used) || (in_tests && TESTS_MAY_USE.contains(&used));
            if !allowed {
                wrong.insert(format!("{} uses {used}", package.name));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table of ARCHITECTURE.md: {wrong:?}");
}

#[test]
fn libraries_stay_in_the_crates_they_belong_to() {
    let mut wrong = BTreeSet::new();
    for package in packages() {
        let name = package.name.as_str();
        for (used, in_tests) in dependencies(&package) {
            let outside = |rules: &[(&str, &[&str])]| {
                rules.iter().any(|(library, who)| *library == used && !who.contains(&name))
            };
            let never = NEVER.iter().any(|(library, who)| *library == used && who.contains(&name));
            if outside(&ONLY) || (!in_tests && (outside(&ONLY_OUTSIDE_OF_TESTS) || never)) {
                wrong.insert(format!("{name} uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "these libraries have their place elsewhere: {wrong:?}");
}

#[test]
fn the_table_of_the_architecture_page_says_the_same() {
    let Some(page) = repository::text_of(&repository::root().join("ARCHITECTURE.md")) else {
        return;
    };
    let rows: BTreeMap<String, String> = page.lines().filter_map(row).collect();
    assert!(!rows.is_empty(), "ARCHITECTURE.md has no table of crates");
    for path in repository::crates() {
        let folder = path.file_name().unwrap().to_str().unwrap().to_owned();
        let said =
            rows.get(&folder).unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for crates/{folder}"));
        let package = match folder.as_str() {
            "cli" => "russet".to_owned(),
            "xtask" => "xtask".to_owned(),
            name => format!("russet-{name}"),
        };
        let (_, may) = EDGES.iter().find(|(name, _)| *name == package).unwrap();
        let said: BTreeSet<String> = match said.as_str() {
            "nothing of ours" => BTreeSet::new(),
            // Words that stand for more than the page wants to list.
            "all" | "every crate with settings" => continue,
            names => names.split(", ").map(|name| format!("russet-{name}")).collect(),
        };
        let May::Use(may) = may else {
            panic!("ARCHITECTURE.md lists what crates/{folder} may use; it may use all");
        };
        // A crate that is planned for is in our table before it exists; the page speaks of what there is.
        let exists = |name: &&&str| {
            repository::root().join("crates").join(name.trim_start_matches("russet-")).exists()
        };
        let may: BTreeSet<String> = may.iter().filter(exists).map(|name| (*name).to_owned()).collect();
        assert_eq!(said, may, "ARCHITECTURE.md on crates/{folder}");
    }
}

/// The crate and what it may use, for a row such as ``| `crates/api` | The HTTP API | domain, store |``.
fn row(line: &str) -> Option<(String, String)> {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [name, _, may] = cells.as_slice() else {
        return None;
    };
    let name = name.trim_matches('`').strip_prefix("crates/")?;
    Some((name.to_owned(), (*may).to_owned()))
}
