//! Lays defaults, file and environment over each other, and takes sections out of the result.

use std::path::Path;

use figment::Figment;
use figment::error::Kind;
use figment::providers::{Format, Toml};
use figment::value::{Dict, Num, Value};
use serde::de::DeserializeOwned;

use crate::check::Wrong;
use crate::error::Problem;
use crate::variables::{self, SECRET};

/// `config/default.toml`: every setting, its default, and what it is for.
pub const DEFAULTS: &str = include_str!("../../../config/default.toml");

/// The settings there are, and their defaults.
pub(crate) struct Known(Vec<(String, Value)>);

impl Known {
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    pub(crate) fn default_of(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    fn has_section(&self, name: &str) -> bool {
        self.keys().any(|key| key.split_once('.').is_some_and(|(section, _)| section == name))
    }
}

/// Every layer, with what was found wrong so far.
pub(crate) struct Layers {
    figment: Figment,
    known: Known,
    pub(crate) problems: Vec<Problem>,
}

impl Layers {
    /// Reads the file and the environment. Unknown names in them are noted among the problems.
    pub(crate) fn read(file: Option<&Path>, environment: &[(String, String)]) -> Self {
        let mut problems = Vec::new();
        let defaults = Figment::from(Toml::string(DEFAULTS));
        let known = Known(leaves(&dict_of(&defaults, &mut problems)));
        let mut figment = defaults;
        if let Some(path) = file {
            let origin = format!("file {}", path.display());
            match std::fs::read_to_string(path) {
                Err(error) => problems.push(whole(origin, format!("cannot be read: {error}"))),
                Ok(text) => {
                    let layer = Figment::from(Toml::string(&text));
                    match layer.extract::<Dict>() {
                        Err(error) => problems.push(whole(origin, format!("is not valid TOML: {error}"))),
                        Ok(dict) => {
                            problems.extend(unknown(&dict, &known, &origin));
                            figment = figment.merge(Toml::file_exact(path));
                        }
                    }
                }
            }
        }
        let (found, wrong) = variables::read(environment, &known);
        problems.extend(wrong);
        for variable in found {
            figment = figment.merge(variable);
        }
        Self { figment, known, problems }
    }

    /// Takes one section out and lets `check` look at it. What is wrong is noted and its default taken in its place,
    /// until nothing is wrong any more: so one call notes all of it.
    pub(crate) fn section<T: DeserializeOwned>(
        &mut self,
        name: &str,
        check: impl Fn(&T) -> Vec<Wrong>,
    ) -> Option<T> {
        let mut dict = self.figment.extract_inner::<Dict>(name).unwrap_or_default();
        dict.retain(|key, _| self.known.default_of(&format!("{name}.{key}")).is_some());
        // Each round takes out at least one key, so that there are at most as many rounds as keys.
        for _ in 0..=dict.len() {
            let wrong = match Value::from(dict.clone()).deserialize::<T>() {
                Err(error) => {
                    let key = format!("{name}.{}", error.path.first().map_or("", String::as_str));
                    let why = self.describe(&key, &error.kind);
                    vec![Wrong { key, why }]
                }
                Ok(section) => match check(&section) {
                    wrong if wrong.is_empty() => return Some(section),
                    wrong => wrong,
                },
            };
            let mut taken_out = false;
            for Wrong { key, why } in wrong {
                taken_out |= key.split_once('.').is_some_and(|(_, short)| dict.remove(short).is_some());
                self.note(&key, why);
            }
            if !taken_out {
                return None;
            }
        }
        None
    }

    /// A text that stands outside of any section.
    pub(crate) fn text(&mut self, key: &str) -> String {
        match self.figment.extract_inner::<String>(key) {
            Ok(text) => text,
            Err(error) => {
                let detail = self.describe(key, &error.kind);
                self.note(key, detail);
                String::new()
            }
        }
    }

    /// Notes that a setting is wrong, with where its value came from.
    pub(crate) fn note(&mut self, key: &str, detail: String) {
        let origin = match self.figment.find_metadata(key) {
            Some(metadata) => match metadata.source.as_ref().and_then(figment::Source::file_path) {
                Some(path) => format!("file {}", path.display()),
                None if metadata.name.starts_with("environment") => metadata.name.to_string(),
                None => "the defaults".to_owned(),
            },
            None => String::new(),
        };
        self.problems.push(Problem { key: key.to_owned(), origin, detail });
    }

    fn describe(&self, key: &str, kind: &Kind) -> String {
        let should = match self.known.default_of(key) {
            Some(default) => format!("it should be {}", like(default)),
            None => "it is not expected".to_owned(),
        };
        if SECRET.contains(&key) {
            return format!("has a value of the wrong kind; {should}");
        }
        match kind {
            Kind::InvalidType(found, _) => format!("is {found}; {should}"),
            Kind::InvalidValue(found, expected) => format!("is {found}; it should be {expected}"),
            Kind::UnknownVariant(found, expected) => {
                format!("is {found:?}; it should be one of {}", expected.join(", "))
            }
            Kind::Message(why) => format!("cannot be used: {why}"),
            Kind::InvalidLength(..)
            | Kind::UnknownField(..)
            | Kind::MissingField(_)
            | Kind::DuplicateField(_)
            | Kind::ISizeOutOfRange(_)
            | Kind::USizeOutOfRange(_)
            | Kind::Unsupported(_)
            | Kind::UnsupportedKey(..) => format!("cannot be used ({kind}); {should}"),
        }
    }
}

fn whole(origin: String, detail: String) -> Problem {
    Problem { key: String::new(), origin, detail }
}

fn dict_of(figment: &Figment, problems: &mut Vec<Problem>) -> Dict {
    figment.extract::<Dict>().unwrap_or_else(|error| {
        problems.push(whole("config/default.toml".to_owned(), format!("is not valid TOML: {error}")));
        Dict::new()
    })
}

/// Every `section.key`, and every key outside of a section.
fn leaves(dict: &Dict) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, value) in dict {
        match value.as_dict() {
            Some(section) => {
                found.extend(section.iter().map(|(key, value)| (format!("{name}.{key}"), value.clone())));
            }
            None => found.push((name.clone(), value.clone())),
        }
    }
    found
}

fn unknown(dict: &Dict, known: &Known, origin: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (name, value) in dict {
        if value.as_dict().is_some() && !known.has_section(name) && known.default_of(name).is_none() {
            let detail = "is not a section of the settings".to_owned();
            problems.push(Problem { key: format!("[{name}]"), origin: origin.to_owned(), detail });
        } else if value.as_dict().is_none() && known.has_section(name) {
            let detail = "is a section; write it as a heading in brackets".to_owned();
            problems.push(Problem { key: name.clone(), origin: origin.to_owned(), detail });
        }
    }
    let in_known_section =
        |key: &str| key.split_once('.').is_none_or(|(section, _)| known.has_section(section));
    for (key, _) in leaves(dict) {
        if known.default_of(&key).is_none() && in_known_section(&key) && !known.has_section(&key) {
            let hint = nearest(&key, known).map(|key| format!("; {key} is meant, perhaps"));
            let detail = format!("is not a setting{}", hint.unwrap_or_default());
            problems.push(Problem { key, origin: origin.to_owned(), detail });
        }
    }
    problems
}

/// What a value of the default's kind looks like.
fn like(default: &Value) -> String {
    match default {
        Value::Bool(..) => "true or false".to_owned(),
        Value::Num(_, Num::F32(number)) => format!("a number, such as {number}"),
        Value::Num(_, Num::F64(number)) => format!("a number, such as {number}"),
        Value::Num(_, number) => match number.to_u128().or(number.to_i128().map(i128::unsigned_abs)) {
            Some(number) => format!("a whole number, such as {number}"),
            None => "a whole number".to_owned(),
        },
        Value::String(_, text) if text.is_empty() => "a text in quotes".to_owned(),
        Value::String(_, text) => format!("a text, such as {text:?}"),
        Value::Array(..) => "a list".to_owned(),
        Value::Char(..) | Value::Empty(..) | Value::Dict(..) => "of another kind".to_owned(),
    }
}

/// The known key that is spelled most like this one, when it is spelled much like it.
pub(crate) fn nearest<'a>(key: &str, known: &'a Known) -> Option<&'a str> {
    let (distance, best) = known.keys().map(|known| (distance(key, known), known)).min()?;
    let same_name = || {
        let name = key.rsplit_once('.').map_or(key, |(_, name)| name);
        known.keys().find(|known| known.rsplit_once('.').is_some_and(|(_, other)| other == name))
    };
    if distance <= 3 { Some(best) } else { same_name() }
}

/// How many letters have to be added, dropped or changed to make one text the other (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("listn", "listen"), 1);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn every_secret_is_a_setting() {
        let layers = Layers::read(None, &[]);
        assert_eq!(layers.problems, []);
        for key in SECRET {
            assert!(layers.known.default_of(key).is_some(), "{key}");
        }
        assert_eq!(variables::name_of("api.listen"), "RUSSET_API__LISTEN");
    }
}
