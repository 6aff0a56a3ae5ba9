//! `POST /api/v1/prompts`: what will people see when an app is installed?

use axum::Json;
use russet_domain::prompts::{Case, LicenseKind, Prompts, prompts};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::jobs::about::OwnershipName;
use crate::auth::Viewer;
use crate::body::Body;
use crate::error::ApiError;

/// The most cases answered at once.
const CASES_MAX: usize = 1_000;

/// The cases that are asked about.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromptsQuestion {
    /// One or many, up to 1000.
    cases: Vec<PromptsCase>,
}

/// A device and the license it gets.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromptsCase {
    /// Who owns the device.
    ownership: OwnershipName,
    /// Whose license it gets.
    license: LicenseKindName,
    /// Whether it is supervised.
    #[serde(default)]
    supervised: bool,
    /// Whether it is a kiosk.
    #[serde(default)]
    kiosk: bool,
    /// Whether it is enrolled by User Enrollment.
    #[serde(default)]
    user_enrollment: bool,
}

/// Whose license it is.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LicenseKindName {
    /// A device's.
    Device,
    /// A user's.
    User,
}

/// The answers, in the order of the cases.
#[derive(Serialize, ToSchema)]
pub(crate) struct PromptsAnswer {
    /// One answer a case.
    answers: Vec<PromptsView>,
}

/// What people see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Prompts)]
pub(crate) struct PromptsView {
    /// `shown`: as the three fields say; `not_recommended`, `impossible` or `unstated`: as `detail` says.
    verdict: &'static str,
    /// Whether the invitation to the organization's program comes.
    invite: Option<bool>,
    /// Whether it is asked if the app may be installed.
    install: Option<bool>,
    /// Whether signing in with an Apple Account is asked for.
    apple_id: Option<bool>,
    /// Whether nobody sees anything.
    silent: Option<bool>,
    /// The rule behind it.
    rule: Option<&'static str>,
    /// Why, and what to do, where the fields do not say all.
    detail: Option<&'static str>,
}

impl From<LicenseKindName> for LicenseKind {
    fn from(name: LicenseKindName) -> Self {
        match name {
            LicenseKindName::Device => Self::Device,
            LicenseKindName::User => Self::User,
        }
    }
}

impl PromptsView {
    /// Whether nobody sees anything, where the table says.
    pub(crate) fn is_silent(&self) -> Option<bool> {
        self.silent
    }
}

impl From<Prompts> for PromptsView {
    fn from(prompts: Prompts) -> Self {
        let without = |verdict, rule, detail| Self {
            verdict,
            invite: None,
            install: None,
            apple_id: None,
            silent: None,
            rule,
            detail: Some(detail),
        };
        match prompts {
            Prompts::Shown(shown) => Self {
                verdict: "shown",
                invite: Some(shown.invite),
                install: Some(shown.install),
                apple_id: Some(shown.apple_id),
                silent: Some(shown.is_silent()),
                rule: Some("S-39"),
                detail: None,
            },
            Prompts::NotRecommended { rule, why } => without("not_recommended", Some(rule), why),
            Prompts::Impossible { rule, why } => without("impossible", Some(rule), why),
            Prompts::Unstated { why } => without("unstated", None, why),
        }
    }
}

/// Says what people see when an app is installed, by who owns the device, whether it is supervised or a kiosk, and whose
/// license it gets: Microsoft's table of eight cases.
#[utoipa::path(post, operation_id = "explain_prompts", path = "/api/v1/prompts", tag = "licenses",
    request_body = PromptsQuestion,
    responses((status = 200, description = "One answer a case, in their order", body = PromptsAnswer)))]
pub(crate) async fn explain(_: Viewer, body: Body) -> Result<Json<PromptsAnswer>, ApiError> {
    let question: PromptsQuestion = body.json()?;
    if question.cases.is_empty() {
        return Err(ApiError::EmptyList("cases"));
    }
    if question.cases.len() > CASES_MAX {
        let why = format!("it should have at most {CASES_MAX} entries");
        return Err(ApiError::InvalidField { field: "cases".to_owned(), why });
    }
    let answer = |case: PromptsCase| {
        let case = Case {
            ownership: case.ownership.into(),
            supervised: case.supervised,
            license: case.license.into(),
            kiosk: case.kiosk,
            user_enrollment: case.user_enrollment,
        };
        PromptsView::from(prompts(case))
    };
    Ok(Json(PromptsAnswer { answers: question.cases.into_iter().map(answer).collect() }))
}
