//! What was found about a job, as clients see it.

use russet_domain::lint::{Finding, Report, Severity, Subject};
use serde::Serialize;
use utoipa::ToSchema;

/// What speaks against a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LintReport)]
pub(crate) struct LintView {
    /// Places where Apple will refuse it, or where it cannot work.
    errors: u64,
    /// Places where it may work, and not as one would wish.
    warnings: u64,
    /// Places that are good to know.
    hints: u64,
    /// One entry a kind, errors first.
    findings: Vec<FindingView>,
}

/// One kind of trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LintFinding)]
pub(crate) struct FindingView {
    /// Its stable name.
    code: &'static str,
    /// The rule it comes from.
    rule: &'static str,
    /// `error`, `warning` or `hint`.
    severity: &'static str,
    /// What it means.
    detail: &'static str,
    /// What to do.
    advice: &'static str,
    /// How often it was found.
    count: u64,
    /// The first places, at most twenty.
    examples: Vec<SubjectView>,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LintSubject)]
pub(crate) struct SubjectView {
    /// The product's number; absent when it is about all of the holder's.
    #[serde(skip_serializing_if = "Option::is_none")]
    adam_id: Option<String>,
    /// The quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pricing_param: Option<String>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

impl From<&Report> for LintView {
    fn from(report: &Report) -> Self {
        Self {
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            hints: report.count(Severity::Hint),
            findings: report.findings().iter().map(FindingView::from).collect(),
        }
    }
}

impl From<&Finding> for FindingView {
    fn from(finding: &Finding) -> Self {
        let kind = finding.kind;
        Self {
            code: kind.code(),
            rule: kind.rule(),
            severity: kind.severity().as_str(),
            detail: kind.sentence(),
            advice: kind.advice(),
            count: finding.count,
            examples: finding.examples.iter().map(SubjectView::from).collect(),
        }
    }
}

impl From<&Subject> for SubjectView {
    fn from(subject: &Subject) -> Self {
        let (serial, user) = subject.holder.clone().map(super::license::serial_and_user).unwrap_or_default();
        Self {
            adam_id: subject.asset.as_ref().map(|asset| asset.adam_id.clone()),
            pricing_param: subject.asset.as_ref().map(|asset| asset.pricing.as_str().to_owned()),
            serial,
            user,
        }
    }
}
