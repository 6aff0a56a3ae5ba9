//! Reads JSON objects field by field, each by itself: one of an unexpected shape costs only itself, and is named.
//!
//! A field that is missing and one that is `null` are the same. Types next to the documented one are taken where they
//! can mean only one thing: a number in quotes, a whole number for a text, `"true"`, one record in place of a list of one.
//! A field that comes twice with two values is none that can be read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::fault::{Fault, Notes};
use crate::wire::read;
use crate::wire::scalar::{self, Text};

/// The most entries that are read of a map; Apple's have some twenty.
const MAP_MAX: usize = 256;

/// A JSON object, borrowed from the body.
pub(crate) struct Object<'a> {
    fields: Vec<(Cow<'a, str>, &'a RawValue)>,
    notes: &'a Notes,
}

/// The records of a list that could be read, and how many could not.
#[derive(Debug)]
pub(crate) struct Records<T> {
    pub(crate) items: Vec<T>,
    pub(crate) skipped: usize,
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Self { items: Vec::new(), skipped: 0 }
    }
}

impl<'a> Object<'a> {
    /// Reads a whole body.
    pub(crate) fn read(body: &'a [u8], notes: &'a Notes) -> Result<Self, Fault> {
        read::<Fields<'a>>(body).map(|Fields(fields)| Self { fields, notes })
    }

    /// Reads a part of a body; `None` when it is something other than an object.
    pub(crate) fn of(raw: &'a RawValue, notes: &'a Notes) -> Option<Self> {
        serde_json::from_str(raw.get()).ok().map(|Fields(fields)| Self { fields, notes })
    }

    /// A field as it stands; `None` when it is missing or null.
    pub(crate) fn raw(&self, name: &str) -> Result<Option<&'a RawValue>, Fault> {
        let mut found: Option<&RawValue> = None;
        for (_, raw) in self.fields.iter().filter(|(key, _)| key == name) {
            if found.is_some_and(|first| first.get() != raw.get()) {
                return Err(Fault::field(name, "comes twice, with two values"));
            }
            found = Some(raw);
        }
        Ok(found.filter(|raw| raw.get() != "null"))
    }

    /// A text.
    pub(crate) fn text(&self, name: &str) -> Result<Option<Text<'a>>, Fault> {
        self.scalar(name, scalar::text, "is not a text")
    }

    /// A text that is there and not empty.
    pub(crate) fn filled(&self, name: &str) -> Result<String, Fault> {
        let text = self.text(name)?.and_then(Text::filled);
        text.ok_or_else(|| Fault::field(name, "is missing or empty"))
    }

    /// A whole number. What is out of range stops at the ends of 64 bits.
    pub(crate) fn whole(&self, name: &str) -> Result<Option<i64>, Fault> {
        self.scalar(name, scalar::whole, "is not a whole number")
    }

    /// True or false.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        self.scalar(name, scalar::flag, "is neither true nor false")
    }

    fn scalar<T>(
        &self,
        name: &str,
        read: impl FnOnce(&'a RawValue) -> Option<T>,
        what: &'static str,
    ) -> Result<Option<T>, Fault> {
        match self.raw(name)? {
            Some(raw) => read(raw).map(Some).ok_or_else(|| Fault::field(name, what)),
            None => Ok(None),
        }
    }

    /// An object within this one. A list of one object is taken for it.
    pub(crate) fn object<T>(
        &self,
        name: &str,
        act: impl FnOnce(&Object<'a>) -> T,
    ) -> Result<Option<T>, Fault> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let only = match elements(raw).as_slice() {
            [only] => Object::of(only, self.notes),
            _ => None,
        };
        let object = only.ok_or_else(|| Fault::field(name, "is not an object"))?;
        Ok(Some(self.notes.within(&name, || act(&object))))
    }

    /// The records of a list, each read by itself; those that cannot be read are counted and named. A record in place of
    /// the list is taken for a list of one.
    pub(crate) fn records<T>(
        &self,
        name: &str,
        act: impl Fn(&Object<'a>) -> Result<T, Fault>,
    ) -> Result<Option<Records<T>>, Fault> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let elements = elements(raw);
        let mut items = Vec::with_capacity(elements.len());
        for (index, raw) in elements.iter().enumerate() {
            let here = Element { name, index };
            let read = match Object::of(raw, self.notes) {
                Some(record) => self.notes.within(&here, || act(&record)),
                None => Err(Fault::field("", "is not an object")),
            };
            match read {
                Ok(item) => items.push(item),
                Err(fault) => self.notes.add(fault.within(&here)),
            }
        }
        let skipped = elements.len() - items.len();
        Ok(Some(Records { items, skipped }))
    }

    /// The texts of a list; those that cannot be read are counted and named.
    pub(crate) fn texts(&self, name: &str) -> Result<Option<Records<String>>, Fault> {
        let Some(raw) = self.raw(name)? else { return Ok(None) };
        let elements = elements(raw);
        let mut items = Vec::with_capacity(elements.len());
        for (index, raw) in elements.iter().enumerate() {
            match scalar::text(raw).and_then(Text::filled) {
                Some(text) => items.push(text),
                None => self.notes.add(Fault::field(Element { name, index }.to_string(), "is not a text")),
            }
        }
        let skipped = elements.len() - items.len();
        Ok(Some(Records { items, skipped }))
    }

    /// Every field that is a text, by its name: for maps whose keys Apple adds to. Others are named and left out.
    pub(crate) fn all_texts(&self) -> BTreeMap<String, String> {
        let mut fields: BTreeMap<&str, Result<&RawValue, &'static str>> = BTreeMap::new();
        for (key, raw) in &self.fields {
            let field = fields.entry(key).or_insert(Ok(raw));
            if field.is_ok_and(|first| first.get() != raw.get()) {
                *field = Err("comes twice, with two values");
            }
        }
        let mut texts = BTreeMap::new();
        for (key, field) in fields.into_iter().take(MAP_MAX) {
            let text = field.and_then(|raw| scalar::text(raw).ok_or("is not a text"));
            match text {
                Ok(text) => texts.extend(text.filled().map(|text| (key.to_owned(), text))),
                Err(_) if field.is_ok_and(|raw| raw.get() == "null") => {}
                Err(what) => self.notes.add(Fault::field(if is_word(key) { key } else { "…" }, what)),
            }
        }
        texts
    }

    /// What could be read of a field that is no reason to give up the rest; a fault is written down.
    pub(crate) fn soft<T>(&self, read: Result<Option<T>, Fault>) -> Option<T> {
        read.unwrap_or_else(|fault| {
            self.notes.add(fault);
            None
        })
    }

    /// A text that may be missing or empty, or not even be a text.
    pub(crate) fn soft_text(&self, name: &str) -> Option<String> {
        self.soft(self.text(name)).and_then(Text::filled)
    }

    /// Writes a fault down.
    pub(crate) fn note(&self, fault: Fault) {
        self.notes.add(fault);
    }
}

/// The place of a record in a list, as it is written in a path.
struct Element<'n> {
    name: &'n str,
    index: usize,
}

impl fmt::Display for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.name, self.index)
    }
}

/// The elements of a list; what is no list is its only element.
fn elements(raw: &RawValue) -> Vec<&RawValue> {
    if raw.get().starts_with('[') { serde_json::from_str(raw.get()).unwrap_or_default() } else { vec![raw] }
}

/// Whether a name of Apple's may be repeated in a log line.
fn is_word(name: &str) -> bool {
    name.len() <= 64 && !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// All fields in their order, repeated ones included.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((Text(key), raw)) = map.next_entry()? {
                    fields.push((key, raw));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, act: impl FnOnce(&Object<'_>) -> T) -> (T, Vec<String>) {
        let notes = Notes::default();
        let done = act(&Object::read(text.as_bytes(), &notes).unwrap());
        (done, notes.into_oddities().fields)
    }

    #[test]
    fn a_neighboring_type_is_taken_where_it_can_mean_only_one_thing() {
        let text = r#"{"a":"7","b":7,"c":"true","d":0,"e":{"x":1},"f":[{"x":1}],"g":7.0,"h":"x"}"#;
        let (_, notes) = with(text, |object| {
            assert_eq!(object.whole("a").unwrap(), Some(7));
            assert_eq!(object.text("b").unwrap().unwrap().0, "7");
            assert_eq!(object.flag("c").unwrap(), Some(true));
            assert_eq!(object.flag("d").unwrap(), Some(false));
            let records = object.records("e", |record| record.whole("x")).unwrap().unwrap();
            assert_eq!((records.items, records.skipped), (vec![Some(1)], 0));
            assert_eq!(object.object("f", |inner| inner.whole("x").unwrap()).unwrap(), Some(Some(1)));
            assert_eq!(object.whole("g").unwrap(), Some(7));
            assert_eq!(object.texts("h").unwrap().unwrap().items, ["x"]);
        });
        assert_eq!(notes, [""; 0]);
    }

    #[test]
    fn what_has_no_meaning_is_named_and_not_guessed_at() {
        let text = r#"{"a":7.5,"b":[],"c":2,"d":"seven","e":"\ud800","l":[{"x":1},{"x":{}},7,null]}"#;
        let (_, notes) = with(text, |object| {
            for (name, fault) in [
                ("a", object.whole("a").map(drop)),
                ("a", object.text("a").map(drop)),
                ("b", object.text("b").map(drop)),
                ("b", object.object("b", |_| ()).map(drop)),
                ("c", object.flag("c").map(drop)),
                ("d", object.whole("d").map(drop)),
                ("e", object.text("e").map(drop)),
            ] {
                let shown = fault.unwrap_err().to_string();
                assert!(shown.starts_with(&format!("`{name}` ")), "{shown}");
            }
            let records = object.records("l", |record| record.whole("x")).unwrap().unwrap();
            assert_eq!((records.items.len(), records.skipped), (1, 3));
        });
        assert_eq!(
            notes,
            ["`l[1].x` is not a whole number", "`l[2]` is not an object", "`l[3]` is not an object"]
        );
    }

    #[test]
    fn missing_and_null_are_the_same() {
        let (_, notes) = with(r#"{"a":null}"#, |object| {
            for name in ["a", "b"] {
                assert_eq!(object.text(name).unwrap(), None);
                assert!(object.records(name, |_| Ok(())).unwrap().is_none());
                assert!(object.filled(name).unwrap_err().to_string().contains("missing"));
            }
        });
        assert_eq!(notes, [""; 0]);
    }

    #[test]
    fn a_field_that_comes_twice_counts_only_when_it_says_the_same() {
        with(r#"{"a":1,"\u0061":1,"b":1,"b":2}"#, |object| {
            assert_eq!(object.whole("a").unwrap(), Some(1));
            assert!(object.whole("b").unwrap_err().to_string().contains("twice"));
        });
    }

    #[test]
    fn a_number_that_fits_nowhere_stops_at_the_end() {
        with(r#"{"a":1e999,"b":-1e999,"c":123456789012345678901234567890,"d":1e30}"#, |object| {
            assert_eq!(object.whole("a").unwrap(), Some(i64::MAX));
            assert_eq!(object.whole("b").unwrap(), Some(i64::MIN));
            assert_eq!(object.text("c").unwrap().unwrap().0, "123456789012345678901234567890");
            assert_eq!(object.whole("d").unwrap(), Some(i64::MAX));
        });
    }

    #[test]
    fn a_map_keeps_what_is_a_text_and_names_the_rest() {
        let text = r#"{"getAssets":"u","n":7,"odd one":{},"list":[],"null":null,"twice":"a","twice":"b"}"#;
        let (texts, notes) = with(text, |object| object.all_texts());
        assert_eq!(
            texts.into_iter().collect::<Vec<_>>(),
            [("getAssets".into(), "u".into()), ("n".into(), "7".into())]
        );
        let expected = ["`list` is not a text", "`…` is not a text", "`twice` comes twice, with two values"];
        assert_eq!(notes, expected);
    }

    #[test]
    fn nesting_without_end_is_no_danger() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        with(&deep, |object| {
            assert!(object.text("a").is_err());
            assert_eq!(object.records("a", |_| Ok(())).unwrap().unwrap().skipped, 1);
        });
    }
}
