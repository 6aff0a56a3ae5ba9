//! The only place that prints: results to the standard output, remarks and errors to the error stream.
//!
//! A reader that went away (`russet job list | head`) is no error.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::error::{CliError, failed};

/// Prints one line of the result.
pub(crate) fn line(text: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints the result for programs: one JSON value in one line.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(text),
        Err(error) => remark(format!("the answer cannot be printed as JSON: {error}")),
    }
}

/// Prints something beside the result, for a person.
pub(crate) fn remark(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints why the command failed.
pub(crate) fn error(error: &CliError, json: bool) {
    if json {
        remark(error.json());
    } else if !error.to_string().is_empty() {
        remark(format!("russet: {error}"));
    }
}

/// Prints a table. On a terminal it is as wide as that.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    if std::io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    line(table.trim_fmt());
}

/// Prints CSV. What a spreadsheet would take for a formula is marked as text.
///
/// # Errors
/// When the output cannot be written.
pub(crate) fn csv<'a>(
    header: impl IntoIterator<Item = &'a str>,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), CliError> {
    let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
    writer.write_record(header).map_err(failed)?;
    for row in rows {
        writer.write_record(row.iter().map(|cell| as_text(&plain(cell)))).map_err(failed)?;
    }
    writer.flush().map_err(failed)
}

fn as_text(cell: &str) -> String {
    let is_formula = cell.starts_with(['=', '+', '-', '@']) && cell.parse::<f64>().is_err();
    if is_formula { format!("'{cell}") } else { cell.to_owned() }
}

/// Prints names and values in two columns.
pub(crate) fn facts(facts: &[(&str, String)]) {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in facts {
        line(format!("{name:width$}  {}", plain(value)));
    }
}

/// The text without control characters, which could steer a terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// A moment as the API writes it, cut to what a person reads: `2031-04-09 10:20`.
pub(crate) fn moment(text: &str) -> String {
    match text.get(..16) {
        Some(minute) => minute.replacen('T', " ", 1),
        None => text.to_owned(),
    }
}

/// A length of time in its largest unit, rounded down: `850 ms`, `12 s`, `4 min`, `3 h`, `2 d`.
pub(crate) fn age(ms: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let unit = units.into_iter().find(|(length, _)| ms >= *length);
    unit.map_or_else(|| format!("{ms} ms"), |(length, name)| format!("{} {name}", ms / length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_finds_no_formula() {
        let cells = ["=1+1", "@x", "-5", "-x", "C02X", ""].map(as_text);
        assert_eq!(cells, ["'=1+1", "'@x", "-5", "'-x", "C02X", ""]);
    }

    #[test]
    fn an_age_is_told_in_its_largest_unit() {
        let ages = [0, 999, 1_000, 59_999, 60_000, 7_200_000, 200_000_000].map(age);
        assert_eq!(ages, ["0 ms", "999 ms", "1 s", "59 s", "1 min", "2 h", "2 d"]);
    }
}
