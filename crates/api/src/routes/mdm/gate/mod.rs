//! `POST /api/v1/gate`: makes a holder ready for apps, and has them installed or tells the caller.

mod desk;
mod write;

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::{Extension, Json};
use russet_domain::callback::Rules;
use russet_domain::{GateId, Holder, TokenId};
use russet_store::gates;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) use self::desk::Desk;
use self::write::{Asked, Wanted};
use super::bodies::wrong;
use super::view::GateView;
use crate::auth::{Operator, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::page::{self, Page, Paging};
use crate::query::{Asked as Query, JobInPath};
use crate::routes::jobs::bodies::{IfNoneFree, NamedAsset, PriorityName};
use crate::routes::jobs::known;
use crate::routes::jobs::moving::{CallbackBody, read_address};
use crate::routes::jobs::wanted::{PAIRS_MAX, read_assets};
use crate::state::{App, wide};
use crate::view::JobView;

const LIST: &str = "gates";

/// Who is to be made ready for which apps.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGate)]
pub(crate) struct GateBody {
    /// The token whose location the apps belong to.
    token: i64,
    /// A device, by serial number: one of `serial`, `serials` and `user`.
    serial: Option<String>,
    /// Several devices.
    serials: Option<Vec<String>>,
    /// A user, by `client_user_id`.
    user: Option<String>,
    /// The apps.
    apps: Vec<NamedAsset>,
    /// Whether Russet sends the install through the device's MDM server once Apple has confirmed the license; otherwise the caller
    /// does, when it is told `ready`.
    #[serde(default)]
    install: bool,
    /// Whom to tell: of each app once it is `ready`, `waitlisted` or `refused`, and with `install` once it is `installed` or `failed`.
    callback: Option<CallbackBody>,
    /// What becomes of those for whom no license is free: they wait in the line, or are refused.
    #[serde(default = "wait")]
    if_none_free: IfNoneFree,
    /// How urgent it is. What is urgent does not wait for company, and so makes more requests to Apple.
    #[serde(default)]
    priority: PriorityName,
}

fn wait() -> IfNoneFree {
    IfNoneFree::Wait
}

/// What was asked for, and how far it has got at once.
#[derive(Serialize, ToSchema)]
#[schema(as = GateAnswer)]
pub(crate) struct GateAnswer {
    /// The job that carries it.
    job: JobView,
    /// Each app of each holder; the first thousand. `GET /api/v1/jobs/{job}/gates` has all of them.
    apps: Vec<GateView>,
}

/// Makes a device or user ready for apps: licenses are obtained, together with everybody else's, and only when Apple has confirmed one
/// the install is sent or the caller told. So no device ever asks for a license that is not there yet.
#[utoipa::path(post, operation_id = "open_gate", path = "/api/v1/gate", tag = "mdm", request_body = GateBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 202, description = "It is written down; what was known at once is in it", body = GateAnswer,
        headers(("Location" = String)))))]
pub(crate) async fn open(
    State(app): State<App>,
    Extension(desk): Extension<Arc<Desk>>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    let once = Once::of(&headers, &body.fingerprint)?;
    let wanted = read(body.json()?, app.callbacks)?;
    desk.submit(&app, Asked { actor, once, wanted }).await
}

fn read(body: GateBody, rules: Rules) -> Result<Wanted, ApiError> {
    let mut notes = Vec::new();
    let assets = read_assets(body.apps, &mut notes)?;
    let holders = read_holders(body.serial, body.serials, body.user)?;
    let count = wide(assets.len()).saturating_mul(wide(holders.len()));
    if count > wide(PAIRS_MAX) {
        return Err(ApiError::TooManyPairs { count, max: PAIRS_MAX });
    }
    Ok(Wanted {
        token: TokenId(body.token),
        priority: body.priority.into(),
        assets,
        holders,
        install: body.install,
        callback: body.callback.map(|callback| read_address(callback, rules)).transpose()?,
        if_none_free: body.if_none_free,
        notes,
    })
}

fn read_holders(
    serial: Option<String>,
    serials: Option<Vec<String>>,
    user: Option<String>,
) -> Result<Vec<Holder>, ApiError> {
    let device =
        |serial: &str, field: &str| Holder::device(serial).map_err(|why| wrong(field, why.to_string()));
    match (serial, serials, user) {
        (Some(serial), None, None) => Ok(vec![device(&serial, "serial")?]),
        (None, Some(serials), None) if serials.is_empty() => Err(ApiError::EmptyList("serials")),
        (None, Some(mut serials), None) => {
            serials.sort_unstable();
            serials.dedup();
            serials.iter().map(|serial| device(serial, "serials")).collect()
        }
        (None, None, Some(user)) => {
            Ok(vec![Holder::user(&user).map_err(|why| wrong("user", why.to_string()))?])
        }
        _ => Err(wrong("serial", "give exactly one of `serial`, `serials` and `user`")),
    }
}

/// Lists how far each app of a job of kind `gate` has got; other jobs have none.
#[utoipa::path(get, operation_id = "list_job_gates", path = "/api/v1/jobs/{job}/gates", tag = "mdm",
    params(("job" = i64, Path, description = "The job's number"), Paging),
    responses((status = 200, description = "Gates", body = Page<GateView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    JobInPath(id): JobInPath,
    Query(query): Query<Paging>,
) -> Result<Json<Page<GateView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(GateId);
    let mut db = app.store.read().await?;
    known(&mut db, &actor, id).await?;
    let rows = gates::list(&mut db, id, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |row| row.id.0, GateView::from)))
}
