//! Reads the text of a `.vpptoken` file and says what is wrong with it.
//!
//! It stays with the API, which must not know Apple's client: an upload is judged before anything is asked of Apple.
//!
//! The file is one base64 text of a JSON object; Apple wants the base64 text itself as bearer, so that is what is kept
//! (<https://developer.apple.com/documentation/devicemanagement/getting-started-with-apps-and-books>).

use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use chrono::DateTime;
use russet_domain::{Secret, Timestamp};
use serde_json::Value;

use crate::time;

/// The longest token file read. Real ones have some hundred characters.
pub(crate) const TOKEN_FILE_MAX: usize = 64 * 1024;
/// The longest organization name kept.
const ORG_NAME_MAX: usize = 255;
/// How Apple writes moments: an offset without a colon, which RFC 3339 does not allow.
const DATE: &str = "%Y-%m-%dT%H:%M:%S%.f%z";

/// What a token file holds.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TokenFile {
    /// The base64 text without white space: what Apple wants as bearer.
    pub(crate) content: Secret,
    /// When Apple stops taking it.
    pub(crate) expires_at: Timestamp,
    /// A label; neither an identifier nor unique.
    pub(crate) org_name: String,
}

impl fmt::Debug for TokenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFile").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What is wrong with a token file. No message repeats any of its secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenFileError {
    /// It is far longer than any token file.
    #[error(
        "The content is longer than {TOKEN_FILE_MAX} characters, so it is no token file; upload the .vpptoken file as \
         it was downloaded from Apple."
    )]
    TooLarge,
    /// It is not base64, or nothing at all.
    #[error(
        "The content is not base64; upload the text of the .vpptoken file as it was downloaded from Apple, whole and \
         unchanged."
    )]
    NotBase64,
    /// It is base64 of something other than a JSON object.
    #[error(
        "The content is base64, but what it holds is not a JSON object; upload the .vpptoken file as it was downloaded \
         from Apple."
    )]
    NotJson,
    /// A field is missing, empty, or no text.
    #[error("The token lacks the text field `{0}`; download it again from Apple.")]
    FieldMissing(&'static str),
    /// Its expiry is no date.
    #[error(
        "The token's `expDate` cannot be read as a date such as 2031-04-09T10:20:30+0000; download the token again \
         from Apple."
    )]
    DateUnreadable,
    /// It has expired.
    #[error("The token expired at {}; download a new one from Apple and upload that.", time::text(*.0))]
    Expired(Timestamp),
}

/// Reads a token file's text. White space and line ends in it do not matter.
///
/// # Errors
/// The first thing that is wrong with it, by what a person can do about it.
pub(crate) fn read(text: &str, now: Timestamp) -> Result<TokenFile, TokenFileError> {
    if text.len() > TOKEN_FILE_MAX {
        return Err(TokenFileError::TooLarge);
    }
    // Editors and mail programs put a byte order mark in front and break lines.
    let content: String = text.trim_start_matches('\u{feff}').split_whitespace().collect();
    let decoded = decode(&content).filter(|bytes| !bytes.is_empty()).ok_or(TokenFileError::NotBase64)?;
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(&decoded) else {
        return Err(TokenFileError::NotJson);
    };
    let field = |name: &'static str| {
        fields
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
            .ok_or(TokenFileError::FieldMissing(name))
    };
    field("token")?;
    let expires_at = date(field("expDate")?).ok_or(TokenFileError::DateUnreadable)?;
    let org_name = field("orgName")?.chars().filter(|c| !c.is_control()).take(ORG_NAME_MAX).collect();
    if expires_at <= now {
        return Err(TokenFileError::Expired(expires_at));
    }
    Ok(TokenFile { content: Secret::new(content), expires_at, org_name })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(text).ok()
}

fn date(text: &str) -> Option<Timestamp> {
    if text.trim().contains(char::is_whitespace) {
        // The parser would take blanks between all parts.
        return None;
    }
    let moment =
        DateTime::parse_from_str(text.trim(), DATE).or_else(|_| DateTime::parse_from_rfc3339(text.trim()));
    moment.ok().map(|moment| Timestamp(moment.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::BASE64_STANDARD;

    const NOW: Timestamp = Timestamp(1_900_000_000_000);

    fn file(json: &str) -> String {
        BASE64_STANDARD.encode(json)
    }

    #[test]
    fn a_file_with_line_breaks_is_read_and_kept_without_them() {
        let whole =
            file(r#"{ "token": "b3BhcXVl", "expDate": "2031-04-09T10:20:30+0000", "orgName": "Example" }"#);
        let (front, back) = whole.split_at(20);
        let read = read(&format!("\u{feff}{front}\r\n{back}\n"), NOW).unwrap();
        assert_eq!(read.content.reveal(), whole);
        assert_eq!(read.org_name, "Example");
        assert_eq!(time::text(read.expires_at), "2031-04-09T10:20:30.000Z");
    }

    #[test]
    fn an_offset_is_taken_into_account() {
        let text = file(r#"{"token":"x","expDate":"2031-04-09T10:20:30-0700","orgName":"Example"}"#);
        assert_eq!(time::text(read(&text, NOW).unwrap().expires_at), "2031-04-09T17:20:30.000Z");
    }

    #[test]
    fn each_defect_is_told_from_the_others() {
        let defect = |text: &str| read(text, NOW).unwrap_err();
        assert_eq!(defect("not base64 !"), TokenFileError::NotBase64);
        assert_eq!(defect("   "), TokenFileError::NotBase64);
        assert_eq!(defect(&file("not json")), TokenFileError::NotJson);
        assert_eq!(defect(&file("[1]")), TokenFileError::NotJson);
        assert_eq!(defect(&file("{}")), TokenFileError::FieldMissing("token"));
        assert_eq!(
            defect(&file(r#"{"token":"x","expDate":7,"orgName":"E"}"#)),
            TokenFileError::FieldMissing("expDate")
        );
        assert_eq!(
            defect(&file(r#"{"token":"x","expDate":"2031-04-09T10:20:30+0000"}"#)),
            TokenFileError::FieldMissing("orgName")
        );
        assert_eq!(
            defect(&file(r#"{"token":"x","expDate":"next year","orgName":"E"}"#)),
            TokenFileError::DateUnreadable
        );
        assert_eq!(
            defect(&file(r#"{"token":"x","expDate":"2031- 04- 09T10:20:30+0000","orgName":"E"}"#)),
            TokenFileError::DateUnreadable
        );
        assert_eq!(
            defect(&file(r#"{"token":"x","expDate":"2001-04-09T10:20:30+0000","orgName":"E"}"#)).to_string(),
            "The token expired at 2001-04-09T10:20:30.000Z; download a new one from Apple and upload that."
        );
        assert_eq!(defect(&"A".repeat(TOKEN_FILE_MAX + 1)), TokenFileError::TooLarge);
    }

    #[test]
    fn a_printout_of_a_token_file_does_not_hold_its_secret() {
        let text = file(r#"{"token":"b3BhcXVl","expDate":"2031-04-09T10:20:30+0000","orgName":"E"}"#);
        let read = read(&text, NOW).unwrap();
        assert!(!format!("{read:?}").contains(&text[..20]));
    }

    /// Every field of a whole file, in Apple's words, and what stands in it.
    const FIELDS: [(&str, &str); 3] = [
        ("token", r#""b3BhcXVlLXNlY3JldA==""#),
        ("expDate", r#""2031-04-09T10:20:30+0000""#),
        ("orgName", r#""Example School District""#),
    ];

    /// What may stand in a field in place of its text, and whether it is a text that says something.
    const WRONG: [&str; 13] = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e999",
        "123456789012345678901234567890",
        "[]",
        "{}",
        r#"["x"]"#,
        r#""""#,
        r#""  ""#,
        r#"{"x":"y"}"#,
    ];

    fn json(fields: &[(&str, &str)]) -> String {
        let fields: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(","))
    }

    #[test]
    fn every_field_that_is_missing_or_of_another_type_is_named() {
        read(&file(&json(&FIELDS)), NOW).unwrap();
        for (index, (name, _)) in FIELDS.into_iter().enumerate() {
            let mut without = FIELDS.to_vec();
            without.remove(index);
            assert_eq!(read(&file(&json(&without)), NOW).unwrap_err(), TokenFileError::FieldMissing(name));
            for wrong in WRONG {
                let mut fields = FIELDS.to_vec();
                fields[index].1 = wrong;
                let error = read(&file(&json(&fields)), NOW).unwrap_err();
                let is_no_json = wrong == "1e999" && error == TokenFileError::NotJson;
                assert!(
                    is_no_json || error == TokenFileError::FieldMissing(name),
                    "{name} {wrong}: {error:?}"
                );
            }
        }
    }

    #[test]
    fn what_apple_adds_to_a_token_is_passed_over() {
        for new in [r#""x""#, "7", "null", r#"{"deep":[[[{}]]]}"#] {
            let fields = [&FIELDS[..], &[("somethingNew", new)]].concat();
            let whole = read(&file(&json(&fields)), NOW).unwrap();
            assert_eq!(whole.org_name, "Example School District");
        }
    }

    #[test]
    fn a_file_that_is_cut_or_spoiled_anywhere_is_no_danger() {
        let whole = file(&json(&FIELDS));
        for end in 0..whole.len() {
            // Some ends fall between two groups of base64 behind the object's last brace; no other is a token.
            let cut = read(&whole[..end], NOW);
            assert!(cut.is_err() || end + 4 > whole.len(), "cut at {end}");
            for byte in ['\u{0}', '!', '\u{e9}', 'A', '{', '\u{feff}'] {
                let spoiled = format!("{}{byte}{}", &whole[..end], &whole[end + 1..]);
                // Whatever becomes of it, no message tells any of it.
                if let Err(error) = read(&spoiled, NOW) {
                    assert!(!error.to_string().contains("b3BhcXVl"), "{error}");
                }
            }
        }
        let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
        assert_eq!(read(&file(&deep), NOW).unwrap_err(), TokenFileError::NotJson);
    }
}
