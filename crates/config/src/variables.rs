//! Reads settings from environment variables.

use std::fs::File;
use std::io::Read;

use figment::value::{Dict, Map, Num, Value};
use figment::{Metadata, Profile, Provider};

use crate::error::Problem;
use crate::layers::{Known, nearest};

const PREFIX: &str = "RUSSET_";

/// Settings that may also be read from a file named by `…_FILE`, because they hold a password or a key. (The file
/// for `secrets.key` is a setting of its own, `secrets.key_file`, which spells the same variable.)
pub(crate) const SECRET: [&str; 3] = ["store.url", "queue.url", "secrets.key"];

/// The largest file that is read in place of a secret.
const FILE_MAX_BYTES: u64 = 64 * 1024;

/// One setting from the environment, as a layer of its own, so that its origin has the variable's name.
pub(crate) struct Variable {
    name: String,
    key: String,
    value: Value,
}

impl Provider for Variable {
    fn metadata(&self) -> Metadata {
        Metadata::named(format!("environment variable {}", self.name))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let dict = match self.key.split_once('.') {
            Some((section, key)) => {
                let inner = Dict::from([(key.to_owned(), self.value.clone())]);
                Dict::from([(section.to_owned(), inner.into())])
            }
            None => Dict::from([(self.key.clone(), self.value.clone())]),
        };
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// The settings among `variables`, in the order of their names, and what is wrong with the rest of ours.
///
/// Names without two underscores are left alone (`RUSSET_URL`, `RUSSET_KEY`, and what container platforms set for a
/// service of our name), unless they spell a setting with one underscore too few.
pub(crate) fn read(variables: &[(String, String)], known: &Known) -> (Vec<Variable>, Vec<Problem>) {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    let mut ours: Vec<_> = variables.iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
    ours.sort();
    for (name, text) in ours {
        match read_one(name, text, known, variables) {
            Ok(Some(variable)) => found.push(variable),
            Ok(None) => {}
            Err(detail) => problems.push(Problem {
                key: String::new(),
                origin: format!("environment variable {name}"),
                detail,
            }),
        }
    }
    (found, problems)
}

fn read_one(
    name: &str,
    text: &str,
    known: &Known,
    variables: &[(String, String)],
) -> Result<Option<Variable>, String> {
    let spelled = name[PREFIX.len()..].to_ascii_lowercase();
    let key = spelled.replacen("__", ".", 1);
    if let Some(default) = known.default_of(&key) {
        let variable = Variable { name: name.to_owned(), value: value_like(default, text), key };
        return Ok(Some(variable));
    }
    if let Some(secret) = key.strip_suffix("_file").filter(|key| SECRET.contains(key)) {
        let itself = name.trim_end_matches("_FILE");
        if variables.iter().any(|(other, _)| other == itself) {
            return Err(format!("is set beside {itself}; keep one of them"));
        }
        let value = Value::from(read_file(text)?);
        return Ok(Some(Variable { name: name.to_owned(), key: secret.to_owned(), value }));
    }
    if spelled.contains("__") {
        let hint = nearest(&key, known).map(|key| format!("; {} is meant, perhaps", name_of(key)));
        return Err(format!("names no setting{}", hint.unwrap_or_default()));
    }
    match known.keys().find(|key| key.replace('.', "_") == spelled) {
        Some(key) => Err(format!("has one underscore too few; {} is meant", name_of(key))),
        None => Ok(None),
    }
}

/// The variable that sets `key`.
pub(crate) fn name_of(key: &str) -> String {
    format!("{PREFIX}{}", key.replacen('.', "__", 1).to_ascii_uppercase())
}

/// The text as a value of the default's kind. A text that is not of that kind stays text, and is refused with its
/// section, by the same words as in a file.
fn value_like(default: &Value, text: &str) -> Value {
    let text = text.trim();
    let parsed = match default {
        Value::Bool(..) => text.parse::<bool>().ok().map(Value::from),
        Value::Num(_, Num::F32(_) | Num::F64(_)) => text.parse::<f64>().ok().map(Value::from),
        Value::Num(..) => text.parse::<i64>().ok().map(Value::from),
        Value::Array(..) => {
            Some(text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().into())
        }
        Value::String(..) | Value::Char(..) | Value::Empty(..) | Value::Dict(..) => None,
    };
    parsed.unwrap_or_else(|| Value::from(text))
}

/// The text of a secret's file, without white space around it.
fn read_file(path: &str) -> Result<String, String> {
    let cannot = |why: String| format!("names the file {path}, which cannot be read: {why}");
    let mut text = String::new();
    let file = File::open(path).map_err(|error| cannot(error.to_string()))?;
    file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| cannot(error.to_string()))?;
    if text.len() as u64 > FILE_MAX_BYTES {
        return Err(cannot(format!("it is larger than {FILE_MAX_BYTES} bytes")));
    }
    Ok(text.trim().to_owned())
}
