//! What a KMFDDM keeps: declarations, the sets they are in, who has which set, and what devices reported.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

/// Reports of a device that are kept; the oldest go.
const REPORTS_MAX: usize = 20;

/// A declaration as it is handed to devices.
#[derive(Debug, Clone)]
pub(crate) struct Declaration {
    pub(crate) identifier: String,
    pub(crate) kind: String,
    pub(crate) payload: Value,
    /// Another one for each text, and each time that somebody touches it.
    pub(crate) token: u64,
}

/// A status report.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) body: Vec<u8>,
    pub(crate) at_ms: i64,
}

/// Everything that is kept.
pub(crate) struct Ddm {
    /// The key to the API of a server of its own.
    pub(crate) key: String,
    /// How many of the next calls are answered with 500 and nothing else.
    pub(crate) broken: u32,
    pub(crate) declarations: BTreeMap<String, Declaration>,
    pub(crate) sets: BTreeMap<String, BTreeSet<String>>,
    pub(crate) of_devices: HashMap<String, BTreeSet<String>>,
    reports: HashMap<Arc<str>, VecDeque<Report>>,
    tokens: u64,
}

impl Default for Ddm {
    fn default() -> Self {
        Self {
            key: "kmfddm".to_owned(),
            broken: 0,
            declarations: BTreeMap::new(),
            sets: BTreeMap::new(),
            of_devices: HashMap::new(),
            reports: HashMap::new(),
            tokens: 0,
        }
    }
}

impl Ddm {
    /// Stores a declaration. Tells whether it is another than it was.
    pub(crate) fn store(&mut self, identifier: String, kind: String, payload: Value) -> bool {
        let known = self.declarations.get(&identifier);
        if known.is_some_and(|known| known.kind == kind && known.payload == payload) {
            return false;
        }
        self.tokens += 1;
        let declaration = Declaration { identifier: identifier.clone(), kind, payload, token: self.tokens };
        self.declarations.insert(identifier, declaration);
        true
    }

    /// Gives a declaration another token. Tells whether there is such a one.
    pub(crate) fn touch(&mut self, identifier: &str) -> bool {
        self.tokens += 1;
        let declaration = self.declarations.get_mut(identifier);
        declaration.map(|declaration| declaration.token = self.tokens).is_some()
    }

    /// In how many sets a declaration is.
    pub(crate) fn sets_with(&self, identifier: &str) -> Vec<&String> {
        self.sets.iter().filter(|(_, set)| set.contains(identifier)).map(|(name, _)| name).collect()
    }

    /// What a device is handed.
    pub(crate) fn items_of(&self, udid: &str) -> Vec<Declaration> {
        let sets = self.of_devices.get(udid).into_iter().flatten();
        let names: BTreeSet<&String> = sets.filter_map(|set| self.sets.get(set)).flatten().collect();
        names.into_iter().filter_map(|name| self.declarations.get(name)).cloned().collect()
    }

    /// Keeps a report.
    pub(crate) fn keep(&mut self, udid: &Arc<str>, report: Report) {
        let kept = self.reports.entry(Arc::clone(udid)).or_default();
        if kept.len() >= REPORTS_MAX {
            kept.pop_front();
        }
        kept.push_back(report);
    }

    /// A device's report, the newest being the first.
    pub(crate) fn report(&self, udid: &str, index: usize) -> Option<&Report> {
        self.reports.get(udid)?.iter().rev().nth(index)
    }
}
