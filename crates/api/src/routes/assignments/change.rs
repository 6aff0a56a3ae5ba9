//! `PATCH /api/v1/assignments/{assignment}`: changes what a group is to have.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use russet_domain::TokenId;
use russet_domain::job::Priority;
use russet_store::assets;
use russet_store::assignments;
use russet_store::directory::groups as store;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create::contradictions;
use super::settings::SettingsBody;
use super::{check, check_quota, excluded, intent, license, priority, the};
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::routes::directory::unbound;
use crate::state::App;
use crate::view::AssignmentView;
use crate::{audit, time};

/// A quota, or the word that takes it away.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(untagged, expecting = "`quota` should be a number, or `none` for any number of holders")]
pub(crate) enum QuotaChange {
    /// At most so many holders.
    Most(i64),
    /// `none`: any number of holders.
    Word(String),
}

/// What is to change. What is left out, or null, stays as it is.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AssignmentPatch)]
pub(crate) struct Patch {
    /// `required`, `available` or `uninstall`.
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<String>,
    /// Whose licenses they are: `device` or `user`.
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<String>,
    /// How urgent it is, from -100 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i64>,
    /// Whether the app is to be updated: `yes`, `no`, or `as_the_token_says`.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_update: Option<String>,
    /// Whether licenses through it are never taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<bool>,
    /// At most so many holders have a license through it at a time; `none` is any number. Lowered, nothing is taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<QuotaChange>,
    /// The groups whose members are left out, all of them, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    exclude: Option<Vec<String>>,
    /// How the app is to stand on devices (rule N-23).
    #[serde(skip_serializing_if = "Option::is_none")]
    install: Option<SettingsBody>,
}

/// Changes an assignment. What follows is planned within a moment.
#[utoipa::path(patch, operation_id = "change_assignment", path = "/api/v1/assignments/{assignment}", tag = "assignments",
    request_body = Patch, params(("assignment" = i64, Path, description = "The assignment's number"),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "The assignment as it is now", body = AssignmentView)))]
pub(crate) async fn change(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let patch: Patch = body.json()?;
    let (answer, token) = retrying(|| write(&app, &actor, &once, &id, &patch)).await?;
    app.push.reconcile().await;
    // Those whom the quota kept waiting.
    if let Some(token) = token.filter(|_| patch.quota.is_some()) {
        app.push.apply_changes(token, Priority::Normal).await;
    }
    Ok(answer)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    id: &str,
    patch: &Patch,
) -> Result<(Answer, Option<TokenId>), ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, None));
    }
    let known = the(&mut tx, actor, id).await?;
    let change = assignments::Patch {
        intent: patch.intent.as_deref().map(intent).transpose()?,
        license: patch.license.as_deref().map(license).transpose()?,
        priority: patch.priority.map(priority).transpose()?,
        auto_update: patch.auto_update.as_deref().map(auto_update).transpose()?,
        pinned: patch.pinned,
        quota: patch.quota.as_ref().map(quota).transpose()?,
        excluded: match &patch.exclude {
            Some(names) => Some(excluded(&mut tx, names).await?),
            None => None,
        },
        settings: match &patch.install {
            Some(install) => Some(install.settings(known.settings.clone())?),
            None => None,
        },
        configuration: match &patch.install {
            Some(install) => install.configuration()?,
            None => None,
        },
    };
    check_quota(change.quota.unwrap_or(known.quota), change.intent.unwrap_or(known.intent))?;
    if let Some(row) = assets::find(&mut tx, known.asset).await?
        && let Some(group) = store::get(&mut tx, known.group).await?
    {
        let (intent, license) =
            (change.intent.unwrap_or(known.intent), change.license.unwrap_or(known.license));
        check(&row.asset, group.kind, intent, license)?;
    }
    assignments::change(&mut tx, &known, &change, now).await?;
    let detail = serde_json::to_value(patch).unwrap_or_default();
    audit::note(&mut tx, actor, "assignment.change", &format!("assignment {}", known.id), &detail, now)
        .await?;
    let after = the(&mut tx, actor, id).await?;
    let notes = contradictions(&mut tx, after.asset, &after.key.adam_id, after.intent).await?;
    let answer = Answer::new(StatusCode::OK, None, &AssignmentView::new(after, notes))?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, Some(known.token)))
}

fn quota(change: &QuotaChange) -> Result<Option<i64>, ApiError> {
    match change {
        QuotaChange::Most(most) => Ok(Some(*most)),
        QuotaChange::Word(word) if word == "none" => Ok(None),
        QuotaChange::Word(_) => Err(ApiError::InvalidField {
            field: "quota".to_owned(),
            why: "it should be a number, or `none` for any number of holders".to_owned(),
        }),
    }
}

fn auto_update(text: &str) -> Result<Option<bool>, ApiError> {
    match text {
        "yes" => Ok(Some(true)),
        "no" => Ok(Some(false)),
        "as_the_token_says" => Ok(None),
        _ => Err(ApiError::InvalidField {
            field: "auto_update".to_owned(),
            why: "it should be `yes`, `no` or `as_the_token_says`".to_owned(),
        }),
    }
}
