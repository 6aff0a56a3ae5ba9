//! Checks that the page of faults names tests and acts that exist, for every fault it has to cover.

use std::collections::BTreeMap;

use crate::repository;
use crate::rows::{self, Named};

const PAGE: &str = "docs/faults.md";

/// The rows that must be there.
const ROWS: [u32; 14] = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18];

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
        wrong.extend(rows::missing(named).into_iter().map(|what| format!("row {number}: {what}")));
    }
    assert!(wrong.is_empty(), "{PAGE}: {wrong:#?}");
}

/// The number of a row such as ``| 1 | fault | what is done | `tests/a.rs` `name` |``, and what it names.
fn row(line: &str) -> Option<(u32, Named)> {
    let cells = rows::cells(line)?;
    let [number, _, _, place] = cells.as_slice() else {
        return None;
    };
    Some((number.parse().ok()?, rows::named(place)))
}

#[test]
fn a_row_gives_its_number_and_what_it_names() {
    let named = vec![("tests/a.rs".to_owned(), "one".to_owned())];
    assert_eq!(row("| 3 | a | b | `tests/a.rs` `one` |"), Some((3, named)));
    assert_eq!(row("| # | Fault | What | Where |"), None);
}
