//! Checks that each rule has a row on the page of rules, and that the tests which show it exist.

use std::collections::BTreeMap;

use crate::repository;
use crate::rows;

const PAGE: &str = "docs/rules.md";

/// How many rules there are of each letter.
const RULES: [(char, u32); 2] = [('S', 52), ('N', 31)];

#[test]
fn each_rule_has_one_row() {
    let page = repository::text_of(&repository::root().join(PAGE)).unwrap();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for line in page.lines() {
        for rule in rules_of(line) {
            *found.entry(rule.to_owned()).or_default() += 1;
        }
    }
    let wanted = RULES.iter().flat_map(|(letter, most)| (1..=*most).map(move |n| format!("{letter}-{n}")));
    let wrong: Vec<String> = wanted
        .filter_map(|rule| match found.remove(&rule) {
            Some(1) => None,
            count => Some(format!("{rule} has {} rows", count.unwrap_or(0))),
        })
        .collect();
    assert!(wrong.is_empty(), "{PAGE}: {wrong:#?}");
    assert!(found.is_empty(), "{PAGE} has rules that there are not: {found:?}");
}

#[test]
fn what_is_built_names_tests_that_exist() {
    let page = repository::text_of(&repository::root().join(PAGE)).unwrap();
    let built = page.split("\n## ").find(|section| section.starts_with("Built")).expect("what is built");
    let mut wrong = Vec::new();
    for line in built.lines().filter(|line| rules_of(line).next().is_some()) {
        let cells = rows::cells(line).expect("a row");
        let named = rows::named(cells.last().expect("a cell"));
        if named.is_empty() {
            wrong.push(format!("{}: names no test", cells[0]));
        }
        wrong.extend(rows::missing(&named).into_iter().map(|what| format!("{}: {what}", cells[0])));
    }
    assert!(wrong.is_empty(), "{PAGE}: {wrong:#?}");
}

/// The rules that a row is about.
fn rules_of(line: &str) -> impl Iterator<Item = &str> {
    let first = rows::cells(line).and_then(|cells| cells.first().copied()).unwrap_or_default();
    rows::spans(first).filter(|span| span.starts_with("S-") || span.starts_with("N-"))
}
