//! What was done, what was counted, and what was found wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use crate::say::say;

/// Findings that are kept; more of them say nothing new.
const FINDINGS_MAX: usize = 50;

/// What is always there, though it be zero.
const ALWAYS: [&str; 15] = [
    "kills",
    "freezes",
    "redis_restarts",
    "postgres_restarts",
    "flushes",
    "cuts",
    "stalls",
    "storms",
    "jobs",
    "ticks",
    "lost",
    "doubled",
    "stuck",
    "rate_violations",
    "findings",
];

/// The report of one run, shared by all who add to it.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    seed: u64,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<&'static str, u64>,
    figures: BTreeMap<&'static str, Value>,
    findings: Vec<String>,
    judged: bool,
}

impl Report {
    pub(crate) fn new(seed: u64) -> Self {
        let counts = ALWAYS.iter().map(|name| (*name, 0)).collect();
        Self { seed, inner: Arc::new(Mutex::new(Inner { counts, ..Inner::default() })) }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts something that was done or seen.
    pub(crate) fn count(&self, name: &'static str, more: u64) {
        *self.inner().counts.entry(name).or_default() += more;
    }

    /// Adds a figure that is no count.
    pub(crate) fn figure(&self, name: &'static str, value: Value) {
        self.inner().figures.insert(name, value);
    }

    /// Something is not as it should be: the run has failed.
    pub(crate) fn finding(&self, sentence: String) {
        say(&format!("FOUND: {sentence}"));
        let mut inner = self.inner();
        *inner.counts.entry("findings").or_default() += 1;
        if inner.findings.len() < FINDINGS_MAX {
            inner.findings.push(sentence);
        }
    }

    /// Everything that should be looked at was looked at.
    pub(crate) fn judged(&self) {
        self.inner().judged = true;
    }

    /// Whether everything was looked at and nothing found.
    pub(crate) fn is_ok(&self) -> bool {
        let inner = self.inner();
        inner.judged && inner.counts["findings"] == 0
    }

    pub(crate) fn to_json(&self) -> Value {
        let ok = self.is_ok();
        let inner = self.inner();
        let mut all = Map::new();
        all.insert("chaos".to_owned(), json!(true));
        all.insert("ok".to_owned(), json!(ok));
        all.insert("seed".to_owned(), json!(self.seed));
        all.extend(inner.counts.iter().map(|(name, count)| ((*name).to_owned(), json!(count))));
        all.extend(inner.figures.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        if !inner.findings.is_empty() {
            all.insert("found".to_owned(), json!(inner.findings));
        }
        Value::Object(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_good_only_when_it_was_judged_and_nothing_was_found() {
        let report = Report::new(3);
        assert!(!report.is_ok(), "nobody has looked yet");
        report.judged();
        assert!(report.is_ok());
        assert_eq!(report.to_json()["lost"], 0);
        report.finding("a license is missing".to_owned());
        assert!(!report.is_ok());
        assert_eq!(report.to_json()["found"], json!(["a license is missing"]));
    }
}
