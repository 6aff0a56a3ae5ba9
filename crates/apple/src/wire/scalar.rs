//! Texts, whole numbers and flags, read whether or not Apple puts them in quotes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde_json::value::RawValue;

/// A text, borrowed from the body where it has no escapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl Text<'_> {
    pub(crate) fn into_string(self) -> String {
        self.0.into_owned()
    }

    /// The text, unless it is empty.
    pub(crate) fn filled(self) -> Option<String> {
        if self.0.is_empty() { None } else { Some(self.0.into_owned()) }
    }
}

/// Reads a text. A whole number is taken as its digits: Apple writes the product number as text in one place and as a
/// number in another.
pub(crate) fn text(raw: &RawValue) -> Option<Text<'_>> {
    let written = raw.get();
    let digits = written.strip_prefix('-').unwrap_or(written);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Text(Cow::Borrowed(written)));
    }
    serde_json::from_str(written).ok()
}

/// Reads a whole number. All arithmetic on counts is in 64 bits; what does not fit stops at the ends.
pub(crate) fn whole(raw: &RawValue) -> Option<i64> {
    if raw.get().starts_with('"') {
        return number(serde_json::from_str::<Text<'_>>(raw.get()).ok()?.0.trim());
    }
    number(raw.get())
}

/// Reads a flag; 0, 1 and both words in quotes are taken as well.
pub(crate) fn flag(raw: &RawValue) -> Option<bool> {
    match raw.get().trim_matches('"') {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    // Rust reads words such as “inf” as numbers, too.
    if !text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    // An infinite one has a part behind the point that is no number.
    let is_whole = number.is_infinite() || number.fract() == 0.0;
    // Out of range stops at the ends; a count that large is nonsense anyway.
    #[allow(clippy::cast_possible_truncation)]
    is_whole.then_some(number as i64)
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(json: &str, act: impl FnOnce(&RawValue) -> T) -> T {
        act(&RawValue::from_string(json.to_owned()).unwrap())
    }

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        with(r#""500000001""#, |raw| {
            assert!(matches!(text(raw), Some(Text(Cow::Borrowed("500000001")))));
        });
        assert_eq!(with(r#""a\u0062""#, |raw| text(raw).map(Text::into_string)).unwrap(), "ab");
    }

    #[test]
    fn a_number_in_quotes_is_a_number_and_the_other_way_round() {
        assert_eq!(with(r#"" 9622 ""#, whole), Some(9622));
        assert_eq!(with("25.0", whole), Some(25));
        assert_eq!(with("500000001", |raw| text(raw).map(Text::into_string)).unwrap(), "500000001");
        for odd in [r#""many""#, r#""inf""#, r#""NaN""#, r#""""#, "0.5", "true", "[]", "{}"] {
            assert_eq!(with(odd, whole), None, "{odd}");
        }
    }

    #[test]
    fn a_flag_is_not_guessed_from_other_words() {
        assert_eq!(with(r#""false""#, flag), Some(false));
        assert_eq!(with("1", flag), Some(true));
        for odd in [r#""yes""#, "2", "null", "[true]", r#""""#] {
            assert_eq!(with(odd, flag), None, "{odd}");
        }
    }
}
