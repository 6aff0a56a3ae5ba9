//! Reads the rows of an import, CSV or one JSON object a line: every row is looked at, and each that is wrong is named by its
//! line.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use csv::ByteRecord;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::body;
use crate::error::ApiError;
use crate::problem::{FIELD_ERRORS_MAX, FieldError};
use crate::query::shown;
use crate::state::App;

/// How the rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// With a first line that names the columns.
    Csv,
    /// One JSON object a line.
    Lines,
}

impl Format {
    fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "text/csv" | "application/csv" => Some(Self::Csv),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Self::Lines),
            _ => None,
        }
    }
}

/// The body of an import, of a limit of its own, as it came.
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    pub(crate) format: Format,
    /// Equal for a request sent again.
    pub(crate) fingerprint: String,
}

impl FromRequest<App> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let media_type = body::media_type(request.headers());
        let format = Format::of(&media_type)
            .ok_or(ApiError::WrongContentType { expected: "text/csv or application/x-ndjson" })?;
        let (method, address) = (request.method().to_string(), request.uri().to_string());
        let bytes = body::bytes(request, app, app.settings.import_max_bytes).await?;
        let fingerprint = body::fingerprint(&method, &address, &bytes);
        Ok(Self { bytes, format, fingerprint })
    }
}

/// A column of a table. The first of a list is the one that every row needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Whether it holds `true` or `false`.
    pub(crate) is_flag: bool,
}

/// A column of texts.
pub(crate) const fn text(name: &'static str) -> Column {
    Column { name, is_flag: false }
}

/// A column of `true` and `false`.
pub(crate) const fn flag(name: &'static str) -> Column {
    Column { name, is_flag: true }
}

/// What came of the rows.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    /// Those that can be taken.
    pub(crate) good: Vec<T>,
    /// The first of those that cannot: the line, and what is wrong with it.
    pub(crate) bad: Vec<(u64, String)>,
    /// How many cannot.
    pub(crate) bad_count: u64,
}

/// The most wrong rows that are told of.
const BAD_MAX: usize = 1_000;

impl<T> Rows<T> {
    fn take(&mut self, line: u64, row: Result<T, String>) {
        match row {
            Ok(row) => self.good.push(row),
            Err(why) => {
                self.bad_count += 1;
                if self.bad.len() < BAD_MAX {
                    self.bad.push((line, why));
                }
            }
        }
    }

    /// The refusal of all rows because of those that are wrong.
    pub(crate) fn refusal(&self) -> ApiError {
        let errors = self.bad.iter().take(FIELD_ERRORS_MAX);
        ApiError::BadRows {
            count: self.bad_count,
            errors: errors
                .map(|(line, why)| FieldError { field: format!("line {line}"), detail: format!("it {why}") })
                .collect(),
        }
    }

    /// The rows that were left out, for the answer.
    pub(crate) fn rejected(&self) -> RejectedView {
        let rows =
            self.bad.iter().map(|(line, why)| RejectedRow { line: *line, detail: format!("it {why}") });
        RejectedView { count: self.bad_count, rows: rows.collect() }
    }
}

/// Rows that were left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RejectedRows)]
pub(crate) struct RejectedView {
    /// How many.
    count: u64,
    /// The first 1000 of them.
    rows: Vec<RejectedRow>,
}

/// A row that was left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RejectedRow {
    /// Its line in the body, counted from 1.
    line: u64,
    /// What is wrong with it.
    detail: String,
}

/// Reads all rows of `columns`, at most `max`. `check` makes of each what is wanted, or says what is wrong with it in words that
/// follow “it”.
///
/// # Errors
/// When there are more, or none, or the first line of a CSV does not name the columns.
pub(crate) fn read<R: DeserializeOwned, T>(
    (format, bytes): (Format, &[u8]),
    columns: &[Column],
    max: usize,
    mut check: impl FnMut(u64, R) -> Result<T, String>,
) -> Result<Rows<T>, ApiError> {
    let mut rows = Rows { good: Vec::new(), bad: Vec::new(), bad_count: 0 };
    match format {
        Format::Csv => read_csv(bytes, columns, max, &mut rows, &mut check)?,
        Format::Lines => read_lines(bytes, columns, max, &mut rows, &mut check)?,
    }
    if rows.good.is_empty() && rows.bad_count == 0 {
        return Err(ApiError::EmptyList("rows"));
    }
    Ok(rows)
}

fn read_lines<R: DeserializeOwned, T>(
    bytes: &[u8],
    columns: &[Column],
    max: usize,
    rows: &mut Rows<T>,
    check: &mut impl FnMut(u64, R) -> Result<T, String>,
) -> Result<(), ApiError> {
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
        let row = serde_json::from_slice::<R>(line).map_err(|error| why_not(&error, columns));
        rows.take(number, row.and_then(|row| check(number, row)));
    }
    Ok(())
}

/// Says what is wrong without repeating a value.
fn why_not(error: &serde_json::Error, columns: &[Column]) -> String {
    let text = error.to_string();
    let unknown = text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`'));
    match unknown {
        Some((name, _)) => format!("has an unknown field {:?}; known are {}", shown(name), names(columns)),
        None if error.is_data() && text.starts_with("invalid type") => {
            "is no object whose fields have the right types".to_owned()
        }
        None if error.is_data() => "is no object that can be read".to_owned(),
        None => "is not JSON".to_owned(),
    }
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
}

fn read_csv<R: DeserializeOwned, T>(
    bytes: &[u8],
    columns: &[Column],
    max: usize,
    rows: &mut Rows<T>,
    check: &mut impl FnMut(u64, R) -> Result<T, String>,
) -> Result<(), ApiError> {
    let wrong = |why: String| ApiError::InvalidField { field: "line 1".to_owned(), why };
    // Spreadsheets put a mark before the first column's name.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).flexible(true).from_reader(bytes);
    let header = reader.byte_headers().map_err(|_| wrong("it cannot be read".to_owned()))?.clone();
    let there = header_of(&header, columns).map_err(wrong)?;
    let (mut record, mut count) = (ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).map_err(|_| ApiError::BodyBroken)? {
        let line = record.position().map_or(0, csv::Position::line);
        count += 1;
        if count > max {
            return Err(ApiError::TooManyRows { max });
        }
        let row = object_of(&record, &there)
            .and_then(|object| serde_json::from_value(object).map_err(|error| why_not(&error, columns)));
        rows.take(line, row.and_then(|row| check(line, row)));
    }
    Ok(())
}

/// Which column each place of a record holds.
fn header_of(header: &ByteRecord, columns: &[Column]) -> Result<Vec<Column>, String> {
    let mut there: Vec<Column> = Vec::with_capacity(header.len());
    for name in header {
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let Some(column) = columns.iter().find(|column| column.name == name) else {
            return Err(format!("{:?} is not a column; the columns are {}", shown(&name), names(columns)));
        };
        if there.iter().any(|other| other.name == name) {
            return Err(format!("the column {name} is there twice"));
        }
        there.push(*column);
    }
    match columns.first() {
        Some(first) if !there.iter().any(|column| column.name == first.name) => {
            Err(format!("it does not name the column {}", first.name))
        }
        Some(_) | None => Ok(there),
    }
}

fn object_of(record: &ByteRecord, there: &[Column]) -> Result<Value, String> {
    if record.len() != there.len() {
        return Err(format!("has {} fields; the first line names {}", record.len(), there.len()));
    }
    let mut object = Map::new();
    for (column, field) in there.iter().zip(record) {
        let text = std::str::from_utf8(field).map_err(|_| "is not UTF-8 text".to_owned())?;
        let value = match (column.is_flag, text) {
            (_, "") => continue,
            (true, "true" | "yes" | "1") => Value::Bool(true),
            (true, "false" | "no" | "0") => Value::Bool(false),
            (true, _) => return Err(format!("has a {} that is neither true nor false", column.name)),
            (false, text) => Value::String(text.to_owned()),
        };
        object.insert(column.name.to_owned(), value);
    }
    Ok(Value::Object(object))
}
