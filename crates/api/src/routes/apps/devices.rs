//! `GET /api/v1/apps/{adam_id}/devices` and its counts: how an app stands on the devices that hold licenses for it (rule N-31).

use axum::Json;
use axum::extract::State;
use russet_domain::install::{Presence, explain};
use russet_domain::{AssetId, DeviceId};
use russet_store::installs::{self, Counted, Presences};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{AppInPath, Asked, word};
use crate::state::App;

const LIST: &str = "app_devices";

/// Which devices.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those with licenses of this token; a key that is bound to certain tokens names one of them.
    token: Option<i64>,
    /// Those where it stands like that: `installed`, `pending`, `failed`, `not_installed`, `not_applicable` or `unknown`.
    state: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which devices are counted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CountQuery {
    /// Those with licenses of this token; a key that is bound to certain tokens names one of them.
    token: Option<i64>,
}

/// An app on a device that holds a license for it, or whose person does.
#[derive(Serialize, ToSchema)]
#[schema(as = AppOnDevice)]
pub(crate) struct AppOnDevice {
    /// The device.
    serial: String,
    /// The token whose license it is.
    token: i64,
    /// The quality of the license: `STDQ` or `PLUS`.
    pricing_param: String,
    /// `installed`: the device reports it; `pending`: it is on its way; `failed`: it will not come by itself; `not_installed`;
    /// `not_applicable`: the store has it for no device of this kind; `unknown`: the device has never told its apps.
    state: &'static str,
    /// The external version that the device reports.
    version: Option<i64>,
    /// The version that people read.
    shown_version: Option<String>,
    /// The external version that the token's store has for such a device.
    newest_version: Option<i64>,
    /// Whether a newer version is available (rule S-38).
    update_available: bool,
    /// Stable name of why the last install ended, or waits.
    code: Option<String>,
    /// The same in a sentence.
    explanation: Option<String>,
    /// The device's own error.
    detail: Option<String>,
}

impl From<Presences> for AppOnDevice {
    fn from(row: Presences) -> Self {
        let is_older = row.version.zip(row.newest).is_some_and(|(version, newest)| version < newest);
        Self {
            serial: row.serial,
            token: row.token.0,
            pricing_param: row.key.pricing.as_str().to_owned(),
            state: row.presence.as_str(),
            version: row.version,
            shown_version: row.shown,
            newest_version: row.newest,
            update_available: row.presence == Presence::Installed && is_older,
            explanation: row.code.as_deref().and_then(explain).map(str::to_owned),
            code: row.code,
            detail: row.detail,
        }
    }
}

/// On how many devices an app stands how.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = AppOnDevices)]
pub(crate) struct Counts {
    /// The device reports it.
    installed: u64,
    /// Of these, in an older version than the store has.
    outdated: u64,
    /// It is on its way.
    pending: u64,
    /// It will not come by itself.
    failed: u64,
    /// The device has told its apps, and it is none of them.
    not_installed: u64,
    /// The store has it for no device of this kind.
    not_applicable: u64,
    /// The device has never told its apps.
    unknown: u64,
}

impl Counts {
    fn of(counted: &[Counted]) -> Self {
        let mut counts = Self::default();
        for Counted { presence, devices, outdated } in counted {
            counts.outdated += outdated;
            *match presence {
                Presence::Installed => &mut counts.installed,
                Presence::Pending => &mut counts.pending,
                Presence::Failed => &mut counts.failed,
                Presence::NotInstalled => &mut counts.not_installed,
                Presence::NotApplicable => &mut counts.not_applicable,
                Presence::Unknown => &mut counts.unknown,
            } += devices;
        }
        counts
    }
}

/// Lists the enrolled devices that hold licenses for an app, or whose persons do, with how it stands there.
#[utoipa::path(get, operation_id = "list_app_devices", path = "/api/v1/apps/{adam_id}/devices", tag = "mdm",
    params(("adam_id" = String, Path, description = "The product's number in Apple's stores"), Query),
    responses((status = 200, description = "Devices, in the order they became known", body = Page<AppOnDevice>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    AppInPath(adam_id): AppInPath,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<AppOnDevice>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let token = actor.token_of(query.token)?;
    let state = word("state", query.state.as_deref(), &Presence::ALL, Presence::as_str)?;
    let after = page::read_cursor::<(i64, i64)>(LIST, query.cursor.as_deref())?;
    let after = after.map(|(device, asset)| (DeviceId(device), AssetId(asset)));
    let mut db = app.store.read().await?;
    let rows = installs::presences(&mut db, (&adam_id, token), state, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |row| (row.device.0, row.asset.0), AppOnDevice::from)))
}

/// Counts the same devices by how the app stands there.
#[utoipa::path(get, operation_id = "count_app_devices", path = "/api/v1/apps/{adam_id}/devices/counts", tag = "mdm",
    params(("adam_id" = String, Path, description = "The product's number in Apple's stores"), CountQuery),
    responses((status = 200, description = "Devices by state", body = Counts)))]
pub(crate) async fn count(
    State(app): State<App>,
    Viewer(actor): Viewer,
    AppInPath(adam_id): AppInPath,
    Asked(query): Asked<CountQuery>,
) -> Result<Json<Counts>, ApiError> {
    let token = actor.token_of(query.token)?;
    let mut db = app.store.read().await?;
    let counted = installs::count_presences(&mut db, &adam_id, token).await?;
    Ok(Json(Counts::of(&counted)))
}
