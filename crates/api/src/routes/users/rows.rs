//! Reads the users of an import.

use std::collections::HashMap;

use russet_domain::Holder;
use russet_domain::user_registration::{Profile, Wish, check_address};
use russet_store::users::UserWish;
use serde::Deserialize;

use crate::error::ApiError;
use crate::rows::{self, Column, Format, Rows, text};

const COLUMNS: [Column; 3] = [text("client_user_id"), text("email"), text("managed_apple_id")];

/// A row before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    client_user_id: Option<String>,
    email: Option<String>,
    managed_apple_id: Option<String>,
}

/// Reads all rows, at most `max`.
///
/// # Errors
/// When there are more, or none, or the first line of a CSV does not name the columns.
pub(super) fn read(format: Format, bytes: &[u8], max: usize) -> Result<Rows<UserWish>, ApiError> {
    let mut lines: HashMap<String, u64> = HashMap::new();
    rows::read((format, bytes), &COLUMNS, max, |line, raw: Raw| {
        let wish = check(&raw)?;
        match lines.insert(wish.client_user_id.clone(), line) {
            None => Ok(wish),
            Some(first) => {
                lines.insert(wish.client_user_id, first);
                Err(format!("has the client_user_id of line {first} again"))
            }
        }
    })
}

/// Whether an id looks like an email address.
pub(super) fn has_address_as_id(wishes: &[UserWish]) -> bool {
    wishes.iter().any(|wish| wish.client_user_id.contains('@'))
}

fn check(raw: &Raw) -> Result<UserWish, String> {
    let id = raw.client_user_id.as_deref().map(str::trim).filter(|id| !id.is_empty());
    let id = id.ok_or("lacks a client_user_id")?;
    let holder = Holder::user(id).map_err(|why| format!("cannot be taken: {why}"))?;
    let profile = Profile {
        email: checked("email", raw.email.as_deref())?,
        managed_apple_id: checked("managed_apple_id", raw.managed_apple_id.as_deref())?,
    };
    Ok(UserWish { client_user_id: holder.id().to_owned(), wish: Wish::Active, profile })
}

/// An address of a row, without the blanks around it.
pub(crate) fn checked(name: &str, text: Option<&str>) -> Result<Option<String>, String> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    check_address(text).map_err(|why| format!("has a wrong {name}: it {why}"))?;
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(text: &str) -> Rows<UserWish> {
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
