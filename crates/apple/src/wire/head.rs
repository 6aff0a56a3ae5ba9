//! What any answer may carry: an error, and the location's id, claim and expiry.
//!
//! <https://developer.apple.com/documentation/devicemanagement/handling-error-responses>

use russet_domain::token::MdmInfo;

use crate::answer::Seen;
use crate::date::parse_date;
use crate::error::Subjects;
use crate::wire::scalar::Text;
use crate::wire::{Fault, Object, error};

/// What a body says beside its value.
#[derive(Default)]
pub(crate) struct Head {
    /// The error number, or why it cannot be read.
    pub(crate) number: Option<Result<i32, Fault>>,
    pub(crate) message: String,
    pub(crate) subjects: Subjects,
    pub(crate) seen: Seen,
}

impl Head {
    /// Reads the fields common to all answers. Each is read by itself, so that one of an unexpected shape hides none of
    /// the others: least of all the error number.
    pub(crate) fn of(object: &Object<'_>) -> Self {
        let number = error::number(object).transpose();
        if let Some(Err(fault)) = &number {
            object.note(fault.clone());
        }
        let (message, subjects) = match number {
            Some(_) => (object.soft_text("errorMessage").unwrap_or_default(), error::subjects(object).0),
            None => Default::default(),
        };
        Self { number, message, subjects, seen: seen(object) }
    }
}

fn seen(object: &Object<'_>) -> Seen {
    let claim = object.object("mdmInfo", mdm).and_then(Option::transpose).map(Option::flatten);
    Seen { uid: object.soft_text("uId"), mdm: object.soft(claim), expires: object.soft(expiry(object)) }
}

/// The token's expiry.
fn expiry(object: &Object<'_>) -> Result<Option<russet_domain::Timestamp>, Fault> {
    let name = "tokenExpirationDate";
    let Some(Text(text)) = object.text(name)?.filter(|Text(text)| !text.is_empty()) else { return Ok(None) };
    parse_date(&text).map(Some).ok_or_else(|| Fault::field(name, "is not a date"))
}

/// `MdmInfo`: nobody, when all of it is empty. A claim whose id cannot be read says nothing at all: taken for a foreign
/// one it would freeze the token.
fn mdm(object: &Object<'_>) -> Result<Option<MdmInfo>, Fault> {
    let id = object.text("id").map_err(|fault| fault.within(&"mdmInfo"))?;
    let id = id.map(Text::into_string).unwrap_or_default();
    let text = |name| object.soft_text(name).unwrap_or_default();
    let info = MdmInfo { id, name: text("name"), metadata: text("metadata") };
    let is_empty = info.id.is_empty() && info.name.is_empty() && info.metadata.is_empty();
    Ok((!is_empty).then_some(info))
}

/// Whether a body says readably who has claimed the location, if anybody: who is about to claim it must know.
pub(crate) fn claim_is_readable(object: &Object<'_>) -> Result<(), Fault> {
    object.object("mdmInfo", mdm).and_then(Option::transpose).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{read_odd, read_plain};

    fn odd(text: &str) -> (Head, Vec<String>) {
        let (head, notes) = read_odd(text, |object| Ok(Head::of(object)));
        (head.unwrap(), notes)
    }

    #[test]
    fn an_error_number_is_found_whatever_the_other_fields_look_like() {
        let (head, notes) =
            odd(r#"{"uId":{},"errorInfo":[],"errorMessage":7,"mdmInfo":"me","errorNumber":"9622","new":[1],
            "tokenExpirationDate":"next spring"}"#);
        assert_eq!(head.number, Some(Ok(9622)));
        assert_eq!(head.seen, Seen::default());
        assert_eq!(head.subjects, Subjects::default());
        assert_eq!(
            notes,
            [
                "`errorInfo` is not an object",
                "`uId` is not a text",
                "`mdmInfo` is not an object",
                "`tokenExpirationDate` is not a date"
            ]
        );
    }

    #[test]
    fn an_error_number_that_cannot_be_read_is_not_taken_for_none() {
        for number in ["{}", "true", r#""""#, "1.5", "99999999999", r#"9622,"errorNumber":0"#] {
            let (head, _) = odd(&format!(r#"{{"errorNumber":{number}}}"#));
            let why = head.number.unwrap().unwrap_err().to_string();
            assert!(why.starts_with("`errorNumber` "), "{number}: {why}");
        }
        for none in [r"{}", r#"{"errorNumber":null}"#, r#"{"errorNumber":0}"#] {
            assert_eq!(odd(none).0.number, None, "{none}");
        }
    }

    #[test]
    fn a_claim_of_nobody_is_none() {
        for text in [r"{}", r#"{"mdmInfo":null}"#, r#"{"mdmInfo":{}}"#, r#"{"mdmInfo":{"id":"","name":""}}"#]
        {
            assert_eq!(odd(text).0.seen.mdm, None, "{text}");
        }
        let text = r#"{"mdmInfo":{"id":"a","name":"n","metadata":null}}"#;
        let claimed = read_plain(text, |object| Ok(Head::of(object))).seen.mdm.unwrap();
        assert_eq!((claimed.id.as_str(), claimed.name.as_str()), ("a", "n"));
    }

    #[test]
    fn a_claim_that_cannot_be_read_is_named_and_does_not_pass_for_a_foreign_one() {
        let text = r#"{"mdmInfo":{"id":{},"name":"n","metadata":"m"}}"#;
        let (head, notes) = odd(text);
        assert_eq!((head.seen.mdm, notes), (None, vec!["`mdmInfo.id` is not a text".to_owned()]));
        let (readable, _) = read_odd(text, claim_is_readable);
        assert_eq!(readable.unwrap_err(), "`mdmInfo.id` is not a text");
    }
}
