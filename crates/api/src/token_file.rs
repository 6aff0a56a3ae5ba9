//! Reads the text of a `.vpptoken` file and says what is wrong with it.
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
const DATE: &str = "%Y-%m-%dT%H:%M:%S%z";

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
    #[error(
        "The content is longer than {TOKEN_FILE_MAX} characters, so it is no token file; upload the .vpptoken file as \
         it was downloaded from Apple."
    )]
    TooLarge,
    #[error(
        "The content is not base64; upload the text of the .vpptoken file as it was downloaded from Apple, whole and \
         unchanged."
    )]
    NotBase64,
    #[error(
        "The content is base64, but what it holds is not a JSON object; upload the .vpptoken file as it was downloaded \
         from Apple."
    )]
    NotJson,
    #[error("The token lacks the text field `{0}`; download it again from Apple.")]
    FieldMissing(&'static str),
    #[error(
        "The token's `expDate` cannot be read as a date such as 2031-04-09T10:20:30+0000; download the token again \
         from Apple."
    )]
    DateUnreadable,
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
}
