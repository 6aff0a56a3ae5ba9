//! Checks that every setting named anywhere is one of `config/default.toml`.

use std::collections::BTreeSet;

use crate::repository;

/// Settings that may come from a file named by a variable with `_FILE` at its end.
const FROM_FILES: [&str; 3] = ["store.url", "queue.url", "secrets.key"];

/// Every `section.key` of a settings file.
fn keys(text: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once('=') {
            keys.insert(format!("{section}{}", key.trim()));
        }
    }
    keys
}

fn known() -> BTreeSet<String> {
    keys(&repository::text_of(&repository::root().join("config/default.toml")).unwrap())
}

#[test]
fn the_settings_of_the_example_exist() {
    let known = known();
    assert!(known.contains("store.url"), "config/default.toml cannot be read: {known:?}");
    let example = repository::text_of(&repository::root().join("config/cluster.toml")).unwrap();
    let unknown: Vec<_> = keys(&example).difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "config/cluster.toml has settings that do not exist: {unknown:?}");
}

#[test]
fn the_variables_that_pages_and_containers_name_are_settings() {
    let root = repository::root();
    let containers =
        ["docker/Dockerfile", "docker/compose.yaml", "config/default.toml", "config/cluster.toml"]
            .into_iter()
            .map(|name| (name.to_owned(), repository::text_of(&root.join(name)).unwrap()));
    let known = known();
    let mut unknown = Vec::new();
    for (name, text) in repository::pages().into_iter().chain(containers) {
        for variable in variables(&text) {
            let key = variable.trim_start_matches("RUSSET_").to_lowercase().replacen("__", ".", 1);
            let from_file = key.strip_suffix("_file").is_some_and(|key| FROM_FILES.contains(&key));
            if !known.contains(&key) && !from_file {
                unknown.push(format!("{name}: {variable}"));
            }
        }
    }
    assert!(unknown.is_empty(), "these variables set nothing: {unknown:#?}");
}

/// Every word such as `RUSSET_STORE__URL`. Those without two underscores are not settings, and those with a part left
/// open, such as `RUSSET_<SECTION>__<KEY>`, name none.
fn variables(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .filter(|word| word.starts_with("RUSSET_") && word.contains("__"))
        .filter(|word| !word.ends_with('_'))
        .collect()
}
