//! Why somebody has an app or lacks it, as clients see it.

use russet_domain::Holder;
use russet_domain::explain::Explanation;
use russet_domain::reconcile::{Claim, winner};
use russet_store::assets::AssetRow;
use russet_store::changes::Past;
use russet_store::reconcile::About;
use serde::Serialize;
use utoipa::ToSchema;

use super::change::ChangeErrorView;
use crate::time::text;

/// Why a holder has one asset or lacks it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Explanation)]
pub(crate) struct ExplanationView {
    /// The token whose location owns the asset.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// The product's name, as far as it is known.
    name: Option<String>,
    /// The device, by serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user, by `client_user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// In short: `held`, `coming`, `waiting`, `leaving`, `failed`, `available` or `lacking`.
    state: &'static str,
    /// In one sentence.
    sentence: String,
    /// What would change it; null when nothing here would.
    outlook: Option<String>,
    /// The assignments that reach the holder.
    assignments: Vec<ReachView>,
    /// What was wished and what became of it, the newest first, at most 20.
    changes: Vec<PastView>,
}

/// An assignment that reaches the holder.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reach)]
pub(crate) struct ReachView {
    /// Its number.
    assignment: i64,
    /// What it wishes.
    intent: &'static str,
    /// How urgent it is.
    priority: i64,
    /// Whether the holder is in a group that it leaves out.
    excluded: bool,
    /// Whether it is the one that holds.
    holds: bool,
}

/// One thing that was wished.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Past)]
pub(crate) struct PastView {
    /// The change's number.
    change: i64,
    /// Which way the license was to move.
    action: &'static str,
    /// Where it has got to.
    state: &'static str,
    /// Why it ended as it did.
    error: Option<ChangeErrorView>,
    /// The job that asked for it; null when it is forgotten.
    job: Option<i64>,
    /// Who wanted that job.
    origin: Option<String>,
    /// The request to Apple.
    request: Option<i64>,
    /// Apple's number of the event.
    event: Option<String>,
    /// When it was wished for.
    #[schema(format = DateTime)]
    wished_at: String,
    /// When Apple took the request.
    #[schema(format = DateTime)]
    accepted_at: Option<String>,
    /// When it ended.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
}

impl ExplanationView {
    /// What was found out.
    pub(crate) fn new(
        row: AssetRow,
        holder: &Holder,
        name: Option<String>,
        explanation: Explanation,
        about: &About,
        changes: Vec<Past>,
    ) -> Self {
        let holds = winner(&about.claims, about.standing.asked).map(|claim| claim.assignment);
        let reach = |claim: &Claim| ReachView {
            assignment: claim.assignment.0,
            intent: claim.intent.as_str(),
            priority: claim.priority,
            excluded: claim.excluded,
            holds: Some(claim.assignment) == holds,
        };
        Self {
            token: row.token.0,
            adam_id: row.asset.key.adam_id,
            pricing_param: row.asset.key.pricing.as_str().to_owned(),
            name,
            serial: holder.is_device().then(|| holder.id().to_owned()),
            user: (!holder.is_device()).then(|| holder.id().to_owned()),
            state: explanation.standpoint.as_str(),
            sentence: explanation.sentence,
            outlook: explanation.outlook,
            assignments: about.claims.iter().map(reach).collect(),
            changes: changes.into_iter().map(PastView::from).collect(),
        }
    }
}

impl From<Past> for PastView {
    fn from(past: Past) -> Self {
        Self {
            change: past.id.0,
            action: past.action.as_str(),
            state: past.state.as_str(),
            error: past.error_code.map(|code| ChangeErrorView::of(code, None)),
            job: past.job.map(|job| job.0),
            origin: past.origin,
            request: past.request.map(|request| request.0),
            event: past.event,
            wished_at: text(past.created_at),
            accepted_at: past.accepted_at.map(text),
            ended_at: past.ended_at.map(text),
        }
    }
}
