//! Reads pairs of assets and holders from a CSV file.

use std::path::Path;

use csv::StringRecord;
use serde_json::{Map, Value, json};

use crate::error::CliError;

/// The most pairs that one job takes.
const PAIRS_MAX: usize = 100_000;
/// The most faulty lines that are named at once.
const FAULTS_MAX: usize = 20;
const COLUMNS: [&str; 4] = ["adam_id", "serial", "user", "pricing_param"];

/// The pairs of a file, as the API takes them.
///
/// Its first line names the columns, in any order: `adam_id`, then `serial` or `user` or both, and `pricing_param` if
/// wanted. Each further line has one asset and one holder.
pub(crate) fn read(path: &Path) -> Result<Vec<Value>, CliError> {
    let named = |why: String| CliError::Usage(format!("{}: {why}", path.display()));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_path(path)
        .map_err(|error| named(format!("cannot be read: {error}")))?;
    let header = reader.headers().map_err(|error| named(format!("cannot be read: {error}")))?;
    let columns = Columns::find(header).map_err(|why| named(format!("line 1: {why}")))?;
    let mut pairs = Vec::new();
    let mut faults = Vec::new();
    let mut record = StringRecord::new();
    // `record.position` is where the record begins: a quoted field may span lines.
    while reader.read_record(&mut record).map_err(|error| named(error.to_string()))? {
        let line = record.position().map_or(0, csv::Position::line);
        match columns.pair(&record) {
            Ok(pair) => pairs.push(pair),
            Err(why) => faults.push(format!("line {line}: {why}")),
        }
        if pairs.len() > PAIRS_MAX {
            return Err(named(format!("line {line}: one job takes {PAIRS_MAX} pairs; split the file")));
        }
        if faults.len() >= FAULTS_MAX {
            break;
        }
    }
    match (faults.is_empty(), pairs.is_empty()) {
        (false, _) => Err(named(faults.join("\n  "))),
        (true, true) => Err(named("holds no pairs".to_owned())),
        (true, false) => Ok(pairs),
    }
}

/// Where each column is.
struct Columns {
    at: [Option<usize>; 4],
    count: usize,
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, String> {
        let mut at = [None; 4];
        for (index, name) in header.iter().enumerate() {
            let name = name.trim_start_matches('\u{feff}').to_ascii_lowercase();
            let Some(known) = COLUMNS.iter().position(|column| *column == name) else {
                return Err(format!("{name:?} is not a column; the columns are {}", COLUMNS.join(", ")));
            };
            if at[known].replace(index).is_some() {
                return Err(format!("the column {name} is there twice"));
            }
        }
        let [adam_id, serial, user, _] = at;
        if adam_id.is_none() || (serial.is_none() && user.is_none()) {
            return Err("it should name the columns: adam_id, then serial or user or both".to_owned());
        }
        Ok(Self { at, count: header.len() })
    }

    fn pair(&self, record: &StringRecord) -> Result<Value, String> {
        if record.len() != self.count {
            return Err(format!("has {} fields; the first line names {}", record.len(), self.count));
        }
        let [adam_id, serial, user, pricing] =
            self.at.map(|at| at.and_then(|at| record.get(at)).filter(|text| !text.is_empty()));
        let mut pair = Map::new();
        let adam_id = adam_id.ok_or("lacks an adam_id")?;
        pair.insert("adam_id".to_owned(), json!(adam_id));
        match (serial, user) {
            (Some(serial), None) => pair.insert("serial".to_owned(), json!(serial)),
            (None, Some(user)) => pair.insert("user".to_owned(), json!(user)),
            (None, None) => return Err("lacks a serial or a user".to_owned()),
            (Some(_), Some(_)) => {
                return Err(
                    "has a serial and a user; a license has one holder, so write two lines".to_owned()
                );
            }
        };
        if let Some(pricing) = pricing {
            pair.insert("pricing_param".to_owned(), json!(pricing));
        }
        Ok(Value::Object(pair))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read_text(text: &str) -> Result<Vec<Value>, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn devices_and_users_stand_in_one_file() {
        let pairs = read_text("\u{feff}adam_id,serial,user\n11,C02AAA,\n12,,u-1\n").unwrap();
        assert_eq!(
            pairs,
            [json!({"adam_id": "11", "serial": "C02AAA"}), json!({"adam_id": "12", "user": "u-1"})]
        );
    }

    #[test]
    fn columns_come_in_any_order() {
        let pairs = read_text("pricing_param,user,adam_id\nPLUS, u-1 ,12\n").unwrap();
        assert_eq!(pairs, [json!({"adam_id": "12", "user": "u-1", "pricing_param": "PLUS"})]);
    }

    #[test]
    fn every_faulty_line_is_named() {
        let said = read_text("adam_id,serial,user\n1,A,\n2,,\n,B,\n3,C,u\n4,D\n").unwrap_err();
        for part in [
            "line 3: lacks a serial",
            "line 4: lacks an adam_id",
            "line 5: has a serial and",
            "line 6: has 2 fields",
        ] {
            assert!(said.contains(part), "{part:?} is not in {said}");
        }
        assert!(!said.contains("line 2"), "{said}");
    }

    #[test]
    fn a_file_without_the_columns_is_refused() {
        assert!(read_text("serial\nA\n").unwrap_err().contains("line 1: it should name the columns"));
        assert!(read_text("adam_id,colour\n1,A\n").unwrap_err().contains("\"colour\" is not a column"));
        assert!(read_text("adam_id,serial\n").unwrap_err().contains("holds no pairs"));
    }

    #[test]
    fn more_pairs_than_a_job_takes_are_refused() {
        let text = std::iter::once("adam_id,serial\n".to_owned())
            .chain((0..=PAIRS_MAX).map(|i| format!("1,S{i}\n")));
        assert!(read_text(&text.collect::<String>()).unwrap_err().contains("split the file"));
    }
}
