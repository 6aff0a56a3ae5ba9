//! Reads the rows of an import, CSV or one JSON object a line: every row is looked at, and each that is wrong is named by its
//! line.

use std::collections::HashMap;

use csv::ByteRecord;
use russet_domain::Holder;
use russet_domain::user_registration::{Profile, Wish, check_address};
use russet_store::users::UserWish;
use serde::Deserialize;

use crate::error::ApiError;
use crate::query::shown;

const COLUMNS: [&str; 3] = ["client_user_id", "email", "managed_apple_id"];

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// With a first line that names the columns.
    Csv,
    /// One JSON object a line.
    Lines,
}

impl Format {
    pub(super) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "text/csv" | "application/csv" => Some(Self::Csv),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Self::Lines),
            _ => None,
        }
    }
}

/// What came of the rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// Those that can be taken.
    pub(super) good: Vec<UserWish>,
    /// The first of those that cannot: the line, and what is wrong with it.
    pub(super) bad: Vec<(u64, String)>,
    /// How many cannot.
    pub(super) bad_count: u64,
    /// Whether an id looks like an email address.
    pub(super) address_as_id: bool,
    lines: HashMap<String, u64>,
}

/// The most wrong rows that are told of.
pub(super) const BAD_MAX: usize = 1_000;

/// A row before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw<'a> {
    #[serde(borrow, default)]
    client_user_id: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    email: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow, default)]
    managed_apple_id: Option<std::borrow::Cow<'a, str>>,
}

/// Reads all rows, at most `max`.
///
/// # Errors
/// When there are more, or none, or the first line of a CSV does not name the columns.
pub(super) fn read(format: Format, bytes: &[u8], max: usize) -> Result<Rows, ApiError> {
    let mut rows = Rows::default();
    match format {
        Format::Csv => read_csv(bytes, max, &mut rows)?,
        Format::Lines => read_lines(bytes, max, &mut rows)?,
    }
    if rows.good.is_empty() && rows.bad_count == 0 {
        return Err(ApiError::EmptyList("rows"));
    }
    rows.lines = HashMap::new();
    Ok(rows)
}

fn read_lines(bytes: &[u8], max: usize, rows: &mut Rows) -> Result<(), ApiError> {
    let mut count = 0;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        count += 1;
        if count > max {
            return Err(ApiError::TooManyRows { max });
        }
        match serde_json::from_slice::<Raw<'_>>(line) {
            Ok(raw) => rows.take(
                number,
                raw.client_user_id.as_deref(),
                raw.email.as_deref(),
                raw.managed_apple_id.as_deref(),
            ),
            Err(error) => rows.refuse(number, why_not_json(&error)),
        }
    }
    Ok(())
}

/// Says what is wrong without repeating a value.
fn why_not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    match unknown {
        Some((name, _)) => {
            format!("has an unknown field {:?}; known are {}", shown(name), COLUMNS.join(", "))
        }
        None if error.is_data() => "is no object of texts".to_owned(),
        None => "is not JSON".to_owned(),
    }
}

fn read_csv(bytes: &[u8], max: usize, rows: &mut Rows) -> Result<(), ApiError> {
    let header_wrong = |why: String| ApiError::InvalidField { field: "line 1".to_owned(), why };
    // Spreadsheets put a mark before the first column's name.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|_| header_wrong("it cannot be read".to_owned()))?.clone();
    let mut places = [None; 3];
    for (place, name) in header.iter().enumerate() {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let Some(column) = COLUMNS.iter().position(|column| *column == name) else {
            let known = COLUMNS.join(", ");
            return Err(header_wrong(format!("{:?} is not a column; the columns are {known}", shown(&name))));
        };
        if places[column].replace(place).is_some() {
            return Err(header_wrong(format!("the column {name} is there twice")));
        }
    }
    if places[0].is_none() {
        return Err(header_wrong("it does not name the column client_user_id".to_owned()));
    }
    let (mut record, mut count) = (ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).map_err(|_| ApiError::BodyBroken)? {
        let line = record.position().map_or(0, csv::Position::line);
        count += 1;
        if count > max {
            return Err(ApiError::TooManyRows { max });
        }
        rows.take_record(line, &record, header.len(), places);
    }
    Ok(())
}

impl Rows {
    fn take_record(&mut self, line: u64, record: &ByteRecord, width: usize, places: [Option<usize>; 3]) {
        if record.len() != width {
            return self.refuse(line, format!("has {} fields; the first line names {width}", record.len()));
        }
        let texts = places.map(|place| place.and_then(|place| record.get(place)).map(std::str::from_utf8));
        match texts {
            [Some(Err(_)), _, _] | [_, Some(Err(_)), _] | [_, _, Some(Err(_))] => {
                self.refuse(line, "is not UTF-8 text".to_owned());
            }
            [id, email, managed] => {
                let text = |text: Option<Result<_, _>>| text.and_then(Result::ok);
                let (id, email, managed) = (text(id), text(email), text(managed));
                self.take(line, id, email, managed);
            }
        }
    }

    fn take(&mut self, line: u64, id: Option<&str>, email: Option<&str>, managed: Option<&str>) {
        match self.check(line, id, email, managed) {
            Ok(wish) => {
                self.address_as_id |= wish.client_user_id.contains('@');
                self.good.push(wish);
            }
            Err(why) => self.refuse(line, why),
        }
    }

    fn check(
        &mut self,
        line: u64,
        id: Option<&str>,
        email: Option<&str>,
        managed: Option<&str>,
    ) -> Result<UserWish, String> {
        let id = id.map(str::trim).filter(|id| !id.is_empty()).ok_or("lacks a client_user_id")?;
        let holder = Holder::user(id).map_err(|why| format!("cannot be taken: {why}"))?;
        let profile = Profile {
            email: checked("email", email)?,
            managed_apple_id: checked("managed_apple_id", managed)?,
        };
        if let Some(first) = self.lines.get(holder.id()) {
            return Err(format!("has the client_user_id of line {first} again"));
        }
        self.lines.insert(holder.id().to_owned(), line);
        Ok(UserWish { client_user_id: holder.id().to_owned(), wish: Wish::Active, profile })
    }

    fn refuse(&mut self, line: u64, why: String) {
        self.bad_count += 1;
        if self.bad.len() < BAD_MAX {
            self.bad.push((line, why));
        }
    }
}

fn checked(name: &str, text: Option<&str>) -> Result<Option<String>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    check_address(text).map_err(|why| format!("has a wrong {name}: it {why}"))?;
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> Rows {
        read(Format::Csv, text.as_bytes(), 100).unwrap()
    }

    #[test]
    fn columns_come_in_any_order_and_blanks_do_not_count() {
        let rows = csv("\u{feff}Email,client_user_id\r\n a@example.org , u1 \r\n,u2\r\n");
        let seen: Vec<_> = rows
            .good
            .iter()
            .map(|wish| (wish.client_user_id.as_str(), wish.profile.email.as_deref()))
            .collect();
        assert_eq!(seen, [("u1", Some("a@example.org")), ("u2", None)]);
        assert_eq!(rows.bad_count, 0);
    }

    #[test]
    fn every_wrong_row_is_named_by_its_line() {
        let rows =
            csv("client_user_id,email\nu1,\n,a@example.org\nu 2,\nu3,nonsense\nu1,\nu4\nu5,b@example.org\n");
        let lines: Vec<u64> = rows.bad.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5, 6, 7], "{:?}", rows.bad);
        assert_eq!(rows.good.len(), 2);
        assert!(rows.bad[3].1.contains("of line 2 again"), "{:?}", rows.bad[3]);
    }

    #[test]
    fn a_wrong_address_is_not_repeated() {
        let rows = csv("client_user_id,email\nu1,a.person example.org\n");
        assert!(!rows.bad[0].1.contains("person"), "{:?}", rows.bad);
    }

    #[test]
    fn lines_of_json_are_read_like_a_table() {
        let text = "{\"client_user_id\":\"u1\",\"managed_apple_id\":\"x@school.example\"}\n\n[]\n{\"client_user_id\":\"u2\",\"mail\":\"\"}\nnot json\n";
        let rows = read(Format::Lines, text.as_bytes(), 100).unwrap();
        assert_eq!(rows.good.len(), 1);
        let lines: Vec<u64> = rows.bad.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5]);
        assert!(rows.bad[1].1.contains("\"mail\""), "{:?}", rows.bad);
    }

    #[test]
    fn more_rows_than_are_taken_are_refused_whole() {
        let text: String = (0..101).map(|n| format!("{{\"client_user_id\":\"u{n}\"}}\n")).collect();
        assert!(matches!(read(Format::Lines, text.as_bytes(), 100), Err(ApiError::TooManyRows { max: 100 })));
    }

    #[test]
    fn a_table_without_ids_or_with_unknown_columns_is_refused() {
        for text in [
            "email\na@example.org\n",
            "client_user_id,phone\nu1,1\n",
            "client_user_id,client_user_id\nu,u\n",
            "",
        ] {
            assert!(read(Format::Csv, text.as_bytes(), 100).is_err(), "{text}");
        }
    }
}
