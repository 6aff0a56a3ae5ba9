//! What is wrong with a body of Apple's, by the field; and what was wrong but could be passed over.

use std::cell::{Cell, RefCell};
use std::fmt;

/// Why a body, or a part of it, is not what was asked for. Says where, never what stood there: a body may hold secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// It is no JSON object at all.
    #[error("{what} at line {line}, column {column}")]
    Json {
        /// What is wrong.
        what: &'static str,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// A field is not what it should be.
    #[error("`{path}` {what}")]
    Field {
        /// The field, such as `assets[3].adamId`.
        path: String,
        /// What is wrong with it, as the rest of a sentence.
        what: &'static str,
    },
}

impl Fault {
    /// A fault of one field.
    pub(crate) fn field(path: impl Into<String>, what: &'static str) -> Self {
        Self::Field { path: path.into(), what }
    }

    /// The same fault, seen from the object around: `adamId` within `assets[3]` is `assets[3].adamId`.
    pub(crate) fn within(self, outer: &dyn fmt::Display) -> Self {
        match self {
            Self::Field { path, what } if path.is_empty() => Self::Field { path: outer.to_string(), what },
            Self::Field { path, what } => Self::Field { path: format!("{outer}.{path}"), what },
            Self::Json { .. } => self,
        }
    }
}

/// How many faults of a body are kept by name; the rest is only counted.
const KEPT_MAX: usize = 8;

/// Faults that did not stop the reading, gathered while a body is read.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    kept: RefCell<Vec<Fault>>,
    count: Cell<usize>,
}

impl Notes {
    /// Writes a fault down.
    pub(crate) fn add(&self, fault: Fault) {
        self.count.set(self.count.get() + 1);
        let mut kept = self.kept.borrow_mut();
        if kept.len() < KEPT_MAX {
            kept.push(fault);
        }
    }

    /// Does something within a part of the body, and names what it wrote down from the outside.
    pub(crate) fn within<T>(&self, outer: &dyn fmt::Display, act: impl FnOnce() -> T) -> T {
        let mark = self.kept.borrow().len();
        let done = act();
        for fault in &mut self.kept.borrow_mut()[mark..] {
            *fault = fault.clone().within(outer);
        }
        done
    }

    /// What was gathered.
    pub(crate) fn into_oddities(self) -> Oddities {
        let fields = self.kept.into_inner().iter().map(ToString::to_string).collect();
        Oddities { count: self.count.get(), fields }
    }
}

/// Fields and records of a body of Apple's that were there and could not be read. Fields were taken as missing, records
/// left out; nothing else was lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// How many.
    pub count: usize,
    /// The first of them, each with its path and what is wrong with it, such as
    /// “`assets[3].revocable` is a list where true or false is expected”. No values.
    pub fields: Vec<String>,
}

impl Oddities {
    /// Adds what was found later in the same body.
    pub(crate) fn and(mut self, later: Self) -> Self {
        self.count += later.count;
        self.fields.extend(later.fields);
        self.fields.truncate(KEPT_MAX);
        self
    }
}

impl fmt::Display for Oddities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.fields.join("; "))?;
        match self.count.saturating_sub(self.fields.len()) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_within_a_part_is_named_from_the_outside() {
        let notes = Notes::default();
        notes.add(Fault::field("uId", "is odd"));
        notes.within(&"errorInfo", || {
            notes.within(&"assets[2]", || notes.add(Fault::field("adamId", "is odd")));
        });
        let oddities = notes.into_oddities();
        assert_eq!(oddities.fields, ["`uId` is odd", "`errorInfo.assets[2].adamId` is odd"]);
    }

    #[test]
    fn endless_faults_are_counted_and_not_kept() {
        let notes = Notes::default();
        (0..1000).for_each(|_| notes.add(Fault::field("a", "is odd")));
        let oddities = notes.into_oddities();
        assert_eq!((oddities.count, oddities.fields.len()), (1000, KEPT_MAX));
        assert!(oddities.to_string().ends_with("; and 992 more"));
    }
}
