//! Checks that what pages name in backticks and link to exists.

use crate::repository;

const OURS: [&str; 6] = ["crates/", "config/", "tests/", "docker/", "docs/", ".ci/"];

/// Named by a page as something to come. A path leaves this list when it comes.
const COMING: [&str; 0] = [];

#[test]
fn the_paths_that_pages_name_exist() {
    let root = repository::root();
    let mut missing = Vec::new();
    for (page, text) in repository::pages() {
        for path in spans(&text).iter().chain(&links(&text)).filter_map(|name| path_in(name)) {
            if !COMING.contains(&path.as_str()) && !root.join(&path).exists() {
                missing.push(format!("{page}: {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "pages name what does not exist: {missing:#?}");
}

#[test]
fn what_is_said_to_come_has_not_come_yet() {
    for path in COMING {
        assert!(!repository::root().join(path).exists(), "{path} exists: take it off the list COMING");
    }
}

/// What stands between backticks, outside of blocks of code.
fn spans(page: &str) -> Vec<String> {
    let mut in_block = false;
    let mut spans = Vec::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            spans.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    spans
}

/// What links point at, if it is not on the web.
fn links(page: &str) -> Vec<String> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).filter(|target| !target.contains("://")).collect()
}

/// The path of ours in a span or a link, if it is one. Where a page leaves a part open (`crates/*`, `docs/<name>.md`),
/// the folder before that part counts.
fn path_in(name: &str) -> Option<String> {
    let name = name.split('#').next().unwrap_or_default();
    let is_command = name.contains(char::is_whitespace);
    if is_command || !OURS.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    // A line's number is no part of the path.
    let name = name.split(':').next().unwrap_or_default();
    let certain = match name.find(['*', '<', '{', '…']) {
        Some(open) => name[..open].rsplit_once('/').map_or("", |(folder, _)| folder),
        None => name,
    };
    Some(certain.trim_end_matches('/').to_owned())
}

#[test]
fn paths_are_found_in_spans_and_links_and_commands_are_not() {
    let page = "See `crates/api/src/error.rs:12` and [this](docs/a.md#b), `crates/*/src`.\n```sh\n`crates/no`\n```\n\
                `sh docker/x up` [web](https://x/docs/y) `crate` `tests/`";
    let found: Vec<String> =
        spans(page).iter().chain(&links(page)).filter_map(|name| path_in(name)).collect();
    assert_eq!(found, ["crates/api/src/error.rs", "crates", "tests", "docs/a.md"]);
}
