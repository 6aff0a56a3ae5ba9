//! `/api/v1/devices`: the devices that an organization manages.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use russet_domain::directory::{DeviceState, Platform};
use russet_domain::install::is_time_zone;
use russet_domain::lint::Enrollment;
use russet_domain::prompts::Ownership;
use russet_domain::{DeviceId, Holder, Timestamp};
use russet_store::directory::devices::{self, Device, NewDevice};
use russet_store::{Db, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Act, Deed, ToldView, once, unbound};
use crate::auth::{Operator, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::page::{self, Page};
use crate::query::{Asked, shown, word};
use crate::rows::{self, Column, Upload, flag, text};
use crate::state::App;
use crate::time;

const LIST: &str = "devices";
const COLUMNS: [Column; 13] = [
    text("serial"),
    text("platform"),
    text("os_version"),
    text("ownership"),
    flag("supervised"),
    flag("kiosk"),
    text("enrollment"),
    flag("enrolled"),
    text("mdm"),
    text("mdm_enrollment_id"),
    text("user"),
    text("last_seen_at"),
    text("time_zone"),
];
/// The longest text of a device's field, in bytes.
const TEXT_MAX: usize = 255;

/// What is told of a device. What is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = NewDevice)]
pub(crate) struct DeviceBody {
    /// Its serial number.
    serial: String,
    /// `ios`, `ipados`, `macos`, `tvos`, `visionos`, `watchos` or `unknown`.
    platform: Option<String>,
    /// Its system's version, as in `18.2`.
    os_version: Option<String>,
    /// `personal` or `corporate`.
    ownership: Option<String>,
    /// Whether it is supervised.
    supervised: Option<bool>,
    /// Whether it is a kiosk.
    kiosk: Option<bool>,
    /// `device`, `automated`, `user`, `account_driven_user` or `account_driven_device`.
    enrollment: Option<String>,
    /// Whether it is enrolled. A device that was deleted is enrolled again by being told of.
    enrolled: Option<bool>,
    /// The MDM server that manages it.
    mdm: Option<String>,
    /// What that server calls it.
    mdm_enrollment_id: Option<String>,
    /// Whose it is, by `client_user_id`; empty: nobody's. A person who is not known becomes known.
    user: Option<String>,
    /// When it was last seen, RFC 3339.
    last_seen_at: Option<String>,
    /// Its time zone, an IANA name such as `Europe/Amsterdam`: updates keep to a window by its clock.
    time_zone: Option<String>,
}

/// A device as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Device)]
pub(crate) struct DeviceView {
    /// Its serial number.
    serial: String,
    /// Its platform.
    platform: &'static str,
    /// Its system's version.
    os_version: Option<String>,
    /// Who owns it.
    ownership: Option<String>,
    /// Whether it is supervised.
    supervised: Option<bool>,
    /// Whether it is a kiosk.
    kiosk: bool,
    /// How it was enrolled.
    enrollment: Option<String>,
    /// `enrolled`, `unenrolled` or `deleted`.
    state: &'static str,
    /// Since when.
    state_at: String,
    /// The MDM server that manages it.
    mdm: Option<String>,
    /// What that server calls it.
    mdm_enrollment_id: Option<String>,
    /// Whose it is, by `client_user_id`.
    user: Option<String>,
    /// When it was last seen.
    last_seen_at: Option<String>,
    /// Its time zone.
    time_zone: Option<String>,
    /// When it last told its managed apps; `GET /api/v1/devices/{serial}/apps` lists them.
    apps_told_at: Option<String>,
    /// When it was first told of.
    created_at: String,
    /// When anything of it last changed.
    updated_at: String,
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> Self {
        Self {
            serial: device.serial,
            platform: device.platform.as_str(),
            os_version: device.os_version,
            ownership: device.ownership,
            supervised: device.supervised,
            kiosk: device.kiosk,
            enrollment: device.enrollment,
            state: device.state.as_str(),
            state_at: time::text(device.state_at),
            mdm: device.mdm,
            mdm_enrollment_id: device.mdm_enrollment_id,
            user: device.person,
            last_seen_at: device.last_seen_at.map(time::text),
            time_zone: device.time_zone,
            apps_told_at: device.apps_told_at.map(time::text),
            created_at: time::text(device.created_at),
            updated_at: time::text(device.updated_at),
        }
    }
}

/// Checks what is told; the error follows “it”.
fn check(body: DeviceBody) -> Result<NewDevice, String> {
    let serial = body.serial.trim();
    if serial.is_empty() {
        return Err("lacks a serial".to_owned());
    }
    let holder = Holder::device(serial).map_err(|why| format!("cannot be taken: {why}"))?;
    let user = body.user.as_deref().map(str::trim);
    if let Some(user) = user.filter(|user| !user.is_empty()) {
        Holder::user(user).map_err(|why| format!("cannot be taken: {why}"))?;
    }
    for (name, value) in
        [("os_version", &body.os_version), ("mdm", &body.mdm), ("mdm_enrollment_id", &body.mdm_enrollment_id)]
    {
        if value.as_ref().is_some_and(|value| value.len() > TEXT_MAX || value.chars().any(char::is_control)) {
            return Err(format!(
                "has a {name} that is longer than {TEXT_MAX} bytes or has control characters"
            ));
        }
    }
    Ok(NewDevice {
        serial: holder.id().to_owned(),
        platform: known("platform", body.platform.as_deref(), &Platform::ALL, Platform::as_str)?,
        os_version: body.os_version,
        ownership: known("ownership", body.ownership.as_deref(), &Ownership::ALL, Ownership::as_str)?,
        supervised: body.supervised,
        kiosk: body.kiosk,
        enrollment: known("enrollment", body.enrollment.as_deref(), &Enrollment::ALL, Enrollment::as_str)?,
        enrolled: body.enrolled,
        mdm: body.mdm,
        mdm_enrollment_id: body.mdm_enrollment_id,
        person: user.map(str::to_owned),
        last_seen_at: body.last_seen_at.as_deref().map(moment).transpose()?,
        time_zone: body.time_zone.map(zone).transpose()?,
    })
}

fn known<T: Copy>(
    name: &str,
    text: Option<&str>,
    words: &[T],
    as_str: impl Fn(T) -> &'static str,
) -> Result<Option<T>, String> {
    let Some(text) = text else { return Ok(None) };
    let found = words.iter().copied().find(|word| as_str(*word) == text);
    let list = || words.iter().map(|word| as_str(*word)).collect::<Vec<_>>().join(", ");
    found.map(Some).ok_or_else(|| format!("has a {name} that is none of {}", list()))
}

fn zone(text: String) -> Result<String, String> {
    if is_time_zone(&text) {
        return Ok(text);
    }
    Err("has a time_zone that is no IANA name, as in Europe/Amsterdam".to_owned())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    time::read(text)
        .ok_or_else(|| "has a last_seen_at that is no moment as in 2031-04-09T10:20:30Z".to_owned())
}

/// Tells of a device. What is left out stays as it is.
#[utoipa::path(post, operation_id = "tell_device", path = "/api/v1/devices", tag = "directory", request_body = DeviceBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "The device as it is now", body = DeviceView)))]
pub(crate) async fn tell(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let device = check(body.json()?)
        .map_err(|why| ApiError::InvalidField { field: "body".to_owned(), why: format!("it {why}") })?;
    let subject = format!("device {}", device.serial);
    let deed = Deed { actor: &actor, once: &key, what: "device.tell", subject: &subject };
    once(&app, deed, Act::TellDevice(&device)).await
}

/// Which rows of an import are taken.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Partly {
    /// `true` takes the good rows and names the others; otherwise one wrong row refuses all.
    #[serde(default)]
    pub(super) partial: bool,
}

/// Tells of many devices: a CSV whose first line names its columns, or one JSON object a line, with the fields that telling of one
/// takes.
#[utoipa::path(post, operation_id = "import_devices", path = "/api/v1/devices/import", tag = "directory",
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"))), params(Partly,
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "What became of the rows", body = ToldView),
        (status = 422, description = "`bad_rows`: `errors` names the first of them by their lines",
            body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn import(
    State(app): State<App>,
    Operator(actor): Operator,
    Asked(query): Asked<Partly>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let key = Once::of(&headers, &upload.fingerprint)?;
    let mut lines: HashMap<String, u64> = HashMap::new();
    let rows =
        rows::read((upload.format, &upload.bytes), &COLUMNS, app.settings.import_rows_max, |line, body| {
            let device = check(body)?;
            match lines.insert(device.serial.clone(), line) {
                None => Ok(device),
                Some(first) => Err(format!("has the serial of line {first} again")),
            }
        })?;
    drop((upload, lines));
    if rows.bad_count > 0 && !query.partial {
        return Err(rows.refusal());
    }
    let deed = Deed { actor: &actor, once: &key, what: "device.import", subject: "devices" };
    once(&app, deed, Act::ImportDevices(&rows)).await
}

/// Which devices. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those that are `enrolled`, `unenrolled` or `deleted`.
    state: Option<String>,
    /// Those of this platform.
    platform: Option<String>,
    /// Those of this person, by `client_user_id`.
    user: Option<String>,
    /// Those whose serial number begins so.
    q: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists devices, the oldest first.
#[utoipa::path(get, operation_id = "list_devices", path = "/api/v1/devices", tag = "directory", params(Query),
    responses((status = 200, description = "Devices", body = Page<DeviceView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<DeviceView>>, ApiError> {
    unbound(&actor)?;
    let filter = devices::Filter {
        state: word("state", query.state.as_deref(), &DeviceState::ALL, DeviceState::as_str)?,
        platform: word("platform", query.platform.as_deref(), &Platform::ALL, Platform::as_str)?,
        person: query.user,
        prefix: query.q.filter(|prefix| !prefix.is_empty()),
    };
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(DeviceId);
    let mut db = app.store.read().await?;
    let rows = devices::list(&mut db, &filter, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |device| device.id.0, DeviceView::from)))
}

/// Shows a device.
#[utoipa::path(get, operation_id = "show_device", path = "/api/v1/devices/{serial}", tag = "directory",
    params(("serial" = String, Path, description = "The serial number")),
    responses((status = 200, description = "The device", body = DeviceView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Path(serial): Path<String>,
) -> Result<Json<DeviceView>, ApiError> {
    unbound(&actor)?;
    let mut db = app.store.read().await?;
    Ok(Json(the(&mut db, &serial).await?.into()))
}

/// Deletes a device: it leaves its groups, and its licenses come back as the tokens' policy `on_delete` says (rule S-45).
#[utoipa::path(delete, operation_id = "delete_device", path = "/api/v1/devices/{serial}", tag = "directory",
    params(("serial" = String, Path, description = "The serial number")),
    responses((status = 200, description = "The device as it is now", body = DeviceView)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(serial): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    body.nothing()?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let subject = format!("device {}", shown(&serial));
    let deed = Deed { actor: &actor, once: &key, what: "device.delete", subject: &subject };
    once(&app, deed, Act::SetDevice(&serial, DeviceState::Deleted)).await
}

/// Notes that a device is not managed any more. Its licenses stay unless the tokens' policy `on_unenroll` says otherwise (rule
/// S-46).
#[utoipa::path(post, operation_id = "unenroll_device", path = "/api/v1/devices/{serial}/unenroll", tag = "directory",
    params(("serial" = String, Path, description = "The serial number")),
    responses((status = 200, description = "The device as it is now", body = DeviceView)))]
pub(crate) async fn unenroll(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(serial): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    body.nothing()?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let subject = format!("device {}", shown(&serial));
    let deed = Deed { actor: &actor, once: &key, what: "device.unenroll", subject: &subject };
    once(&app, deed, Act::SetDevice(&serial, DeviceState::Unenrolled)).await
}

/// Writes what is told of one device.
pub(super) async fn tell_one(
    tx: &mut Tx,
    device: &NewDevice,
    now: Timestamp,
) -> Result<DeviceView, ApiError> {
    devices::tell(tx, std::slice::from_ref(device), now).await?;
    Ok(the(tx, &device.serial).await?.into())
}

/// Sets whether a device is managed.
pub(crate) async fn set_state(
    tx: &mut Tx,
    serial: &str,
    state: DeviceState,
    now: Timestamp,
) -> Result<DeviceView, ApiError> {
    let device = the(tx, serial).await?;
    devices::set_state(tx, &device, state, now).await?;
    Ok(the(tx, serial).await?.into())
}

/// A device by serial number.
pub(super) async fn the(db: &mut Db, serial: &str) -> Result<Device, ApiError> {
    let missing = || ApiError::NoSuch { what: "device", name: shown(serial), list: "devices" };
    devices::find(db, serial).await?.ok_or_else(missing)
}
