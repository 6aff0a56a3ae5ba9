//! Reads the tables of pages whose last column names what shows a row: files, and tests in them.

use crate::repository;

/// What a row names: files, and what is in each.
pub(crate) type Named = Vec<(String, String)>;

/// The cells of a table's row; `None` for any other line, and for the line under a heading.
pub(crate) fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split(" | ").map(str::trim).collect();
    let is_rule = inner.chars().all(|c| matches!(c, '-' | '|' | ':' | ' '));
    (!is_rule).then_some(cells)
}

/// What stands between backticks, in order.
pub(crate) fn spans(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The names of a cell such as `` `tests/a.rs` `name` `Act`; `tests/b.rs` `name` ``, each with its file.
pub(crate) fn named(cell: &str) -> Named {
    let mut named = Named::new();
    let mut path = String::new();
    for span in spans(cell) {
        if span.contains('/') {
            path = span.to_owned();
        } else {
            named.push((path.clone(), span.to_owned()));
        }
    }
    named
}

/// Which of the names are not in their files.
pub(crate) fn missing(named: &Named) -> Vec<String> {
    let is_missing = |(path, name): &&(String, String)| {
        let text = repository::text_of(&repository::root().join(path)).unwrap_or_default();
        !has(&text, name)
    };
    named.iter().filter(is_missing).map(|(path, name)| format!("{name} is not in {path}")).collect()
}

/// Whether a text has a function of this name, or for a name with a capital a word that is used.
fn has(text: &str, name: &str) -> bool {
    if name.starts_with(char::is_uppercase) {
        return text.split(|c: char| !c.is_alphanumeric()).any(|word| word == name);
    }
    text.contains(&format!("fn {name}("))
}

#[test]
fn a_cell_gives_each_name_its_file() {
    let expected = [("tests/a.rs", "one"), ("tests/a.rs", "Two"), ("tests/b.rs", "three")];
    let expected: Named = expected.map(|(path, name)| (path.to_owned(), name.to_owned())).to_vec();
    assert_eq!(named("`tests/a.rs` `one` `Two`; `tests/b.rs` `three`"), expected);
}

#[test]
fn a_row_is_told_from_its_heading_and_its_rule() {
    assert_eq!(cells("| 3 | a | b |"), Some(vec!["3", "a", "b"]));
    assert_eq!(cells("|---|:---|"), None);
    assert_eq!(cells("No table."), None);
}

#[test]
fn a_name_is_found_whole_and_not_within_another() {
    assert!(has("async fn one(x: u8) {}", "one") && !has("async fn one_more() {}", "one"));
    assert!(has("Kind::Two,", "Two") && !has("TwoMore", "Two"));
}
