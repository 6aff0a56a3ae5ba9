//! Checks that the page of faults names tests and acts that exist, for every fault it has to cover.

use std::collections::BTreeMap;

use crate::repository;

const PAGE: &str = "docs/faults.md";

/// The rows that must be there.
const ROWS: [u32; 13] = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 14, 16];

/// What a row names: files, and what is in each.
type Named = Vec<(String, String)>;

#[test]
fn every_fault_is_covered_by_tests_that_exist() {
    let page = repository::text_of(&repository::root().join(PAGE)).unwrap();
    let rows: BTreeMap<u32, Named> = page.lines().filter_map(row).collect();
    let mut wrong = Vec::new();
    for number in ROWS {
        if rows.get(&number).is_none_or(Vec::is_empty) {
            wrong.push(format!("row {number} names no test"));
        }
    }
    for (number, named) in &rows {
        for (path, name) in named {
            let text = repository::text_of(&repository::root().join(path)).unwrap_or_default();
            if !has(&text, name) {
                wrong.push(format!("row {number}: {name} is not in {path}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{PAGE}: {wrong:#?}");
}

/// The number of a row such as ``| 1 | fault | what is done | `tests/a.rs` `name` `Act`; `tests/b.rs` `name` |``, and what
/// it names.
fn row(line: &str) -> Option<(u32, Named)> {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let [number, _, _, place] = cells.as_slice() else {
        return None;
    };
    let number = number.parse().ok()?;
    let mut named = Named::new();
    let mut path = String::new();
    for span in place.split('`').skip(1).step_by(2) {
        if span.contains('/') {
            path = span.to_owned();
        } else {
            named.push((path.clone(), span.to_owned()));
        }
    }
    Some((number, named))
}

/// Whether a text has a function of this name, or for a name with a capital a word that is used.
fn has(text: &str, name: &str) -> bool {
    if name.starts_with(char::is_uppercase) {
        return text.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
    }
    text.contains(&format!("fn {name}("))
}

#[test]
fn a_row_gives_each_name_its_file() {
    let line = "| 3 | a | b | `tests/a.rs` `one` `Two`; `tests/b.rs` `three` |";
    let named = [("tests/a.rs", "one"), ("tests/a.rs", "Two"), ("tests/b.rs", "three")];
    let named: Named = named.map(|(path, name)| (path.to_owned(), name.to_owned())).to_vec();
    assert_eq!(row(line), Some((3, named)));
    assert_eq!(row("| # | Fault | What | Where |"), None);
    assert!(has("async fn one(x: u8) {}", "one") && !has("async fn one_more() {}", "one"));
    assert!(has("Kind::Two,", "Two") && !has("TwoMore", "Two"));
}
