//! Texts and whole numbers, read whether or not Apple puts them in quotes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A text, borrowed from the body where it has no escapes. A number is taken as its digits: Apple writes the product
/// number as text in one place and as a number in another.
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

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a number")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// A whole number, in quotes or not. All arithmetic on counts is in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Whole(pub(crate) i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = Whole;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Whole, E> {
                Ok(Whole(number))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
                Ok(Whole(i64::try_from(number).unwrap_or(i64::MAX)))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
                if number.fract() == 0.0 {
                    // Out of range stops at the ends; a count that large is nonsense anyway.
                    #[allow(clippy::cast_possible_truncation)]
                    return Ok(Whole(number as i64));
                }
                Err(E::custom("not a whole number"))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
                text.trim().parse().map(Whole).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_escapes_is_not_copied() {
        let plain: Option<Text<'_>> = serde_json::from_str(r#""500000001""#).unwrap();
        assert!(matches!(plain, Some(Text(Cow::Borrowed("500000001")))));
        let escaped: Option<Text<'_>> = serde_json::from_str(r#""a\u0062""#).unwrap();
        assert_eq!(escaped.unwrap().0, "ab");
        assert_eq!(serde_json::from_str::<Option<Text<'_>>>("null").unwrap(), None);
    }

    #[test]
    fn a_number_in_quotes_is_a_number_and_the_other_way_round() {
        assert_eq!(serde_json::from_str::<Whole>(r#""9622""#).unwrap(), Whole(9622));
        assert_eq!(serde_json::from_str::<Whole>("25.0").unwrap(), Whole(25));
        assert_eq!(serde_json::from_str::<Text<'_>>("500000001").unwrap().0, "500000001");
        assert!(serde_json::from_str::<Whole>(r#""many""#).is_err());
    }
}
