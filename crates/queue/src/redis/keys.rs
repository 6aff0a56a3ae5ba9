//! The names of the keys in Redis. All share one hash tag, so that a Cluster keeps them in one place.

use russet_domain::TokenId;

/// Builds key names.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: format!("{{{prefix}}}:") }
    }

    /// A key that there is one of.
    pub(crate) fn one(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The six keys that every queue script starts with.
    pub(crate) fn common(&self) -> Vec<String> {
        ["next", "run", "lease", "msg", "again", "wake"].map(|name| self.one(name)).to_vec()
    }

    /// A kind's three lanes, the lowest priority first. The last character is the priority's digit.
    pub(crate) fn lanes(&self, kind: &str) -> [String; 3] {
        [0, 1, 2].map(|lane| format!("{}due:{kind}:{lane}", self.prefix))
    }

    /// The ids of a kind's dead messages.
    pub(crate) fn dead(&self, kind: &str) -> String {
        format!("{}dead:{kind}", self.prefix)
    }

    /// What a worker was last given.
    pub(crate) fn memo(&self, worker: &str) -> String {
        format!("{}memo:{worker}", self.prefix)
    }

    /// Who leads a role.
    pub(crate) fn lead(&self, role: &str) -> String {
        format!("{}lead:{role}", self.prefix)
    }

    /// A token's pace.
    pub(crate) fn pace(&self, token: TokenId) -> String {
        format!("{}pace:{token}", self.prefix)
    }
}
