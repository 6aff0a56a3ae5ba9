//! Holds every crate to the workspace's lints, every file to saying what it is for, and the domain to being told the time.

use crate::repository;

#[test]
fn every_crate_inherits_the_lints_of_the_workspace() {
    let folders = repository::crates();
    assert!(!folders.is_empty(), "there are no crates");
    for folder in folders.into_iter().chain([repository::root().join("tests")]) {
        let manifest = repository::text_of(&folder.join("Cargo.toml")).unwrap();
        let lints: Vec<&str> =
            manifest.lines().map(str::trim).skip_while(|line| *line != "[lints]").skip(1).collect();
        let inherits =
            lints.iter().take_while(|line| !line.starts_with('[')).any(|line| *line == "workspace = true");
        assert!(inherits, "{} lacks [lints] workspace = true", folder.display());
    }
}

#[test]
fn every_file_opens_with_what_it_is_for() {
    let files: Vec<_> =
        repository::crates().iter().flat_map(|folder| repository::rust_files(&folder.join("src"))).collect();
    assert!(!files.is_empty(), "there are no files");
    let silent: Vec<_> = files
        .into_iter()
        .filter(|file| {
            let text = repository::text_of(file).unwrap();
            !text.lines().next().is_some_and(|line| line.starts_with("//! "))
        })
        .collect();
    assert!(silent.is_empty(), "these files do not open with `//!` and a sentence: {silent:#?}");
}

/// It may reckon with calendars, as schedules need, but is told the time.
#[test]
fn the_domain_asks_no_clock() {
    let files = repository::rust_files(&repository::root().join("crates/domain/src"));
    assert!(!files.is_empty(), "there are no files");
    let asking: Vec<_> = files
        .into_iter()
        .filter(|file| {
            let text = repository::text_of(file).unwrap();
            ["::now(", "SystemTime", "Instant"].iter().any(|clock| text.contains(clock))
        })
        .collect();
    assert!(asking.is_empty(), "these files of the domain ask a clock: {asking:#?}");
}
