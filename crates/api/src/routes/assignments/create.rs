//! `POST /api/v1/assignments`: an app for a group.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::assignment::Intent;
use russet_domain::install::InstallSettings;
use russet_domain::prompts::LicenseKind;
use russet_domain::{AssetId, Timestamp, TokenId};
use russet_store::assignments::{self, Filter, NewAssignment};
use russet_store::{Db, Tx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::settings::SettingsBody;
use super::{asset, check, check_quota, excluded, intent, license, priority};
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::shown;
use crate::retrying::retrying;
use crate::routes::directory::{groups, unbound};
use crate::routes::tokens;
use crate::state::App;
use crate::view::AssignmentView;
use crate::{audit, time};

/// The most other assignments of one product that are looked through for contradictions.
const OTHERS_MAX: usize = 1_000;

/// An app for a group.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAssignment)]
pub(crate) struct AssignmentBody {
    /// The token whose licenses are given.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality, `STDQ` when left out.
    pricing_param: Option<String>,
    /// The group, by name.
    group: String,
    /// `required`: every member gets it; `available`: whoever asks for it; `uninstall`: nobody of the group has it.
    intent: String,
    /// Whose licenses they are: `device`, also when left out (rule N-2), or `user`.
    license: Option<String>,
    /// How urgent it is, from -100 to 100; 0 when left out.
    #[serde(default)]
    priority: i64,
    /// Whether the app is to be updated; left out: as the token says.
    auto_update: Option<bool>,
    /// Whether licenses through it are never taken back.
    #[serde(default)]
    pinned: bool,
    /// At most so many holders have a license through it at a time, and the rest waits; left out: any number.
    quota: Option<i64>,
    /// Groups whose members are left out, by name.
    #[serde(default)]
    exclude: Vec<String>,
    /// How the app is to stand on devices (rule N-23).
    #[serde(default)]
    install: SettingsBody,
}

/// Assigns an app to a group. What follows is planned within a moment, as jobs of the origin `assignment`.
#[utoipa::path(post, operation_id = "create_assignment", path = "/api/v1/assignments", tag = "assignments",
    request_body = AssignmentBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses(
        (status = 201, description = "The assignment", body = AssignmentView, headers(("Location" = String))),
        (status = 409, description = "`assignment_exists`", body = crate::problem::Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`available_for_devices`, `book_to_device`, `not_device_assignable` or `not_revocable`, \
            with the rule", body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn create(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let new: AssignmentBody = body.json()?;
    let answer = retrying(|| write(&app, &actor, &once, &new)).await?;
    app.push.reconcile().await;
    Ok(answer)
}

async fn write(app: &App, actor: &Actor, once: &Once, new: &AssignmentBody) -> Result<Answer, ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok(answer);
    }
    let view = make(&mut tx, actor, new, now).await?;
    let answer = Answer::new(StatusCode::CREATED, Some(view.address()), &view)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}

/// Writes an assignment, when no rule speaks against it.
pub(crate) async fn make(
    tx: &mut Tx,
    actor: &Actor,
    new: &AssignmentBody,
    now: Timestamp,
) -> Result<AssignmentView, ApiError> {
    let (intent, priority) = (intent(&new.intent)?, priority(new.priority)?);
    let license = new.license.as_deref().map_or(Ok(LicenseKind::Device), license)?;
    let token = tokens::known(tx, actor, TokenId(new.token)).await?;
    let row = asset(tx, &token, &new.adam_id, new.pricing_param.as_deref()).await?;
    let group = groups::the(tx, &new.group).await?;
    check(&row.asset, group.kind, intent, license)?;
    check_quota(new.quota, intent)?;
    let wanted = NewAssignment {
        token: token.id,
        asset: row.id,
        group: group.id,
        intent,
        license,
        priority,
        auto_update: new.auto_update,
        pinned: new.pinned,
        quota: new.quota,
        excluded: excluded(tx, &new.exclude).await?,
        settings: new.install.settings(InstallSettings::default())?,
        configuration: new.install.configuration()?.flatten(),
        created_by: actor.label(),
    };
    let notes = contradictions(tx, row.id, &row.asset.key.adam_id, intent).await?;
    let id = assignments::create(tx, &wanted, now).await?.ok_or_else(|| ApiError::Conflict {
        code: "assignment_exists",
        text: format!(
            "The group {:?} has an assignment of this app already; change that one.",
            shown(&new.group)
        ),
    })?;
    let detail = serde_json::to_value(new).unwrap_or_default();
    audit::note(tx, actor, "assignment.create", &format!("assignment {id}"), &detail, now).await?;
    let made = assignments::find(tx, id).await?.ok_or(ApiError::NoSuchRoute)?;
    Ok(AssignmentView::new(made, notes))
}

/// What other assignments of the asset say otherwise: for those in both groups the stricter one holds.
pub(super) async fn contradictions(
    db: &mut Db,
    asset: AssetId,
    adam_id: &str,
    intent: Intent,
) -> Result<Vec<String>, ApiError> {
    let filter = Filter { adam_id: Some(adam_id.to_owned()), ..Filter::default() };
    let others = assignments::list(db, &filter, OTHERS_MAX, None).await?;
    let against = |other: &assignments::Assignment| {
        other.asset == asset && (other.intent == Intent::Uninstall) != (intent == Intent::Uninstall)
    };
    Ok(others
        .iter()
        .filter(|other| against(other))
        .map(|other| {
            format!(
                "The group {:?} has this app with the intent `{}`; for whoever is in both groups `uninstall` holds, as the \
                 stricter one.",
                other.group_name,
                other.intent.as_str()
            )
        })
        .collect())
}
