//! `POST` and `DELETE /api/v1/requests`: what people ask for of the apps that are available to them (rule N-6).

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::{AssetId, DeviceId, Holder, PersonId, TokenId};
use russet_store::directory::{devices, people};
use russet_store::{Tx, assignments, marks};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::shown;
use crate::retrying::retrying;
use crate::routes::directory::unbound;
use crate::state::App;
use crate::{audit, time};

/// The most assets that make one product available to one person.
const REACHED_MAX: usize = 100;
/// The most devices of one person that an app is asked for.
const DEVICES_MAX: usize = 100;

/// Who asks for what.
#[derive(Clone, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AppRequest)]
pub(crate) struct RequestBody {
    /// Who asks, by `client_user_id`.
    user: String,
    /// For which device, where the app's licenses are devices'; for all of the person's when left out.
    serial: Option<String>,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// Through this token alone; through the first that has it available when left out.
    token: Option<i64>,
}

/// What was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AppRequested)]
pub(crate) struct RequestedView {
    /// The token that gives it.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// Devices it was asked for, when licenses are devices'.
    devices: Vec<String>,
    /// The user it was asked for, when licenses are users'.
    user: Option<String>,
    /// Whether anything of that is news.
    changed: bool,
}

/// Asks for an app that is available to a person. The license is taken now, and not before.
#[utoipa::path(post, operation_id = "request_app", path = "/api/v1/requests", tag = "assignments", request_body = RequestBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "What was asked for", body = RequestedView),
        (status = 422, description = "`not_available`: no assignment makes it available to the person",
            body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn ask(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    carry_out(&app, &actor, &headers, &body, true).await
}

/// Gives back what a person asked for. What becomes of the license, the token's policies `on_leave_ios` and `on_leave_macos` say.
#[utoipa::path(delete, operation_id = "withdraw_request", path = "/api/v1/requests", tag = "assignments",
    request_body = RequestBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "What was given back", body = RequestedView)))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    carry_out(&app, &actor, &headers, &body, false).await
}

async fn carry_out(
    app: &App,
    actor: &Actor,
    headers: &HeaderMap,
    body: &Body,
    wanted: bool,
) -> Result<Answer, ApiError> {
    unbound(actor)?;
    let once = Once::of(headers, &body.fingerprint)?;
    let asked: RequestBody = body.json()?;
    let answer = retrying(|| write(app, actor, &once, &asked, wanted)).await?;
    app.push.reconcile().await;
    Ok(answer)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    asked: &RequestBody,
    wanted: bool,
) -> Result<Answer, ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok(answer);
    }
    let missing = || ApiError::NoSuch { what: "person", name: shown(&asked.user), list: "people" };
    let person = people::find(&mut tx, &asked.user).await?.ok_or_else(missing)?;
    let (asset, token, by_device) = reached(&mut tx, asked).await?;
    let (holders, devices) = if by_device {
        devices_of(&mut tx, asked).await?
    } else {
        (vec![Holder::User(asked.user.clone())], Vec::new())
    };
    let mut changed = false;
    for holder in &holders {
        changed |= if wanted {
            assignments::ask(&mut tx, asset, holder, &actor.label(), now).await?
        } else {
            assignments::withdraw(&mut tx, asset, holder).await?
        };
    }
    mark(&mut tx, person.id, &devices).await?;
    let detail = json!({ "user": asked.user, "token": token.0, "adam_id": asked.adam_id });
    let what = if wanted { "request.ask" } else { "request.withdraw" };
    audit::note(&mut tx, actor, what, &format!("person {}", person.client_user_id), &detail, now).await?;
    let view = RequestedView {
        token: token.0,
        adam_id: asked.adam_id.clone(),
        devices: holders
            .iter()
            .filter(|holder| holder.is_device())
            .map(|holder| holder.id().to_owned())
            .collect(),
        user: (!by_device).then(|| asked.user.clone()),
        changed,
    };
    let answer = Answer::new(StatusCode::OK, None, &view)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}

async fn mark(tx: &mut Tx, person: PersonId, devices: &[DeviceId]) -> Result<(), ApiError> {
    let now = time::now();
    marks::mark_people(tx, &[person], now).await?;
    Ok(marks::mark_devices(tx, devices, now).await?)
}

/// The asset that an assignment makes available to the person, its token, and whether licenses are devices'.
async fn reached(tx: &mut Tx, asked: &RequestBody) -> Result<(AssetId, TokenId, bool), ApiError> {
    let found = assignments::reaches(tx, &asked.user, &asked.adam_id, REACHED_MAX).await?;
    let fits = |token: TokenId| asked.token.is_none_or(|wanted| TokenId(wanted) == token);
    found.into_iter().find(|(_, token, _)| fits(*token)).ok_or_else(|| ApiError::Forbidden {
        code: "not_available",
        text: format!(
            "No assignment makes {} available to {}; assign it to one of the person's groups with the intent `available` (rules S-33, N-6).",
            shown(&asked.adam_id),
            shown(&asked.user)
        ),
        errors: Vec::new(),
    })
}

/// The devices that are meant: the one that was named, or all of the person's.
async fn devices_of(tx: &mut Tx, asked: &RequestBody) -> Result<(Vec<Holder>, Vec<DeviceId>), ApiError> {
    let filter = devices::Filter { person: Some(asked.user.clone()), ..devices::Filter::default() };
    let mut found = devices::list(tx, &filter, DEVICES_MAX, None).await?;
    if let Some(serial) = &asked.serial {
        found.retain(|device| device.serial == *serial);
    }
    if found.is_empty() {
        return Err(ApiError::Forbidden {
            code: "no_such_device_of_person",
            text: format!(
                "Licenses of this app are devices', and {} has no such device; tell of the device with this user first.",
                shown(&asked.user)
            ),
            errors: Vec::new(),
        });
    }
    let holders = found.iter().map(|device| Holder::Device(device.serial.clone())).collect();
    Ok((holders, found.iter().map(|device| device.id).collect()))
}
