//! What was found: one entry a kind, with a count and the first places, however many there are.

use super::table::{Kind, Severity};
use crate::asset::AssetKey;
use crate::holder::Holder;

/// The most places that one finding names.
pub const EXAMPLES_MAX: usize = 20;

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The asset, unless it is about all of the holder's.
    pub asset: Option<AssetKey>,
    /// The holder, unless it is about the asset alone.
    pub holder: Option<Holder>,
}

impl Subject {
    pub(super) fn of(asset: Option<&AssetKey>, holder: Option<&Holder>) -> Self {
        Self { asset: asset.cloned(), holder: holder.cloned() }
    }
}

/// One kind of trouble, with where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// How often it was found.
    pub count: u64,
    /// The first places, at most [`EXAMPLES_MAX`].
    pub examples: Vec<Subject>,
}

/// Everything that was found, errors first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Counts one more place. What names it is only made when it is kept.
    pub fn add(&mut self, kind: Kind, subject: impl FnOnce() -> Subject) {
        let place = match self.findings.iter().position(|finding| finding.kind >= kind) {
            Some(place) if self.findings[place].kind == kind => place,
            Some(place) => {
                self.findings.insert(place, Finding { kind, count: 0, examples: Vec::new() });
                place
            }
            None => {
                self.findings.push(Finding { kind, count: 0, examples: Vec::new() });
                self.findings.len() - 1
            }
        };
        let finding = &mut self.findings[place];
        finding.count += 1;
        if finding.examples.len() < EXAMPLES_MAX {
            let subject = subject();
            if !finding.examples.contains(&subject) {
                finding.examples.push(subject);
            }
        }
    }

    /// The findings, errors first.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many places of a severity were found.
    #[must_use]
    pub fn count(&self, severity: Severity) -> u64 {
        self.of(severity).map(|finding| finding.count).sum()
    }

    /// The findings of a severity.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.kind.severity() == severity)
    }

    /// The finding of a kind.
    #[must_use]
    pub fn find(&self, kind: Kind) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.kind == kind)
    }
}
