//! What any answer may carry: an error, and the location's id, claim and expiry.

use russet_domain::token::MdmInfo;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::answer::Seen;
use crate::date::parse_date;
use crate::error::Subjects;
use crate::wire::error::ErrorInfo;
use crate::wire::scalar::{Text, Whole};

/// The fields common to all answers. Each is read by itself, so that one of an unexpected shape hides none of the
/// others: least of all the error number.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head<'a> {
    #[serde(borrow)]
    error_number: Option<&'a RawValue>,
    #[serde(borrow)]
    error_message: Option<&'a RawValue>,
    #[serde(borrow)]
    error_info: Option<&'a RawValue>,
    #[serde(borrow)]
    u_id: Option<&'a RawValue>,
    #[serde(borrow)]
    mdm_info: Option<&'a RawValue>,
    #[serde(borrow)]
    token_expiration_date: Option<&'a RawValue>,
}

impl Head<'_> {
    /// The error number; zero is none.
    pub(crate) fn number(&self) -> Option<i32> {
        let Whole(number) = part(self.error_number)?;
        i32::try_from(number).ok().filter(|number| *number != 0)
    }

    pub(crate) fn message(&self) -> String {
        part(self.error_message).map(Text::into_string).unwrap_or_default()
    }

    pub(crate) fn subjects(&self) -> Subjects {
        part(self.error_info).map(ErrorInfo::into_subjects).unwrap_or_default()
    }

    pub(crate) fn seen(&self) -> Seen {
        Seen {
            uid: part::<Text<'_>>(self.u_id).and_then(Text::filled),
            mdm: part(self.mdm_info).and_then(Mdm::into_value),
            expires: part::<Text<'_>>(self.token_expiration_date).and_then(|Text(text)| parse_date(&text)),
        }
    }
}

fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// `MdmInfo`.
#[derive(Deserialize)]
struct Mdm<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    metadata: Option<Text<'a>>,
}

impl Mdm<'_> {
    /// Nobody, when all of it is empty.
    fn into_value(self) -> Option<MdmInfo> {
        let text = |text: Option<Text<'_>>| text.map(Text::into_string).unwrap_or_default();
        let info = MdmInfo { id: text(self.id), name: text(self.name), metadata: text(self.metadata) };
        let empty = info.id.is_empty() && info.name.is_empty() && info.metadata.is_empty();
        if empty { None } else { Some(info) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::read;

    fn head(text: &str) -> Head<'_> {
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_error_number_is_found_whatever_the_other_fields_look_like() {
        let odd = head(
            r#"{"uId":{},"errorInfo":[],"errorMessage":7,"mdmInfo":"me","errorNumber":"9622","new":[1]}"#,
        );
        assert_eq!(odd.number(), Some(9622));
        assert_eq!(odd.seen(), Seen::default());
        assert_eq!(odd.subjects(), Subjects::default());
    }

    #[test]
    fn a_claim_of_nobody_is_none() {
        for text in [r"{}", r#"{"mdmInfo":null}"#, r#"{"mdmInfo":{}}"#, r#"{"mdmInfo":{"id":"","name":""}}"#]
        {
            assert_eq!(head(text).seen().mdm, None, "{text}");
        }
        let claimed = head(r#"{"mdmInfo":{"id":"a","name":"n","metadata":null}}"#).seen().mdm.unwrap();
        assert_eq!((claimed.id.as_str(), claimed.name.as_str()), ("a", "n"));
    }

    #[test]
    fn what_an_error_is_about_is_read() {
        let subjects = head(
            r#"{"errorNumber":9707,"errorInfo":{"assets":[{"adamId":"500000001"},{}],"serialNumbers":["S1"],"clientUserIds":null}}"#,
        )
        .subjects();
        assert_eq!(subjects.assets[0].to_string(), "500000001");
        assert_eq!((subjects.assets.len(), subjects.devices.len(), subjects.users.len()), (1, 1, 0));
    }
}
