//! `GET /api/v1/devices/{serial}/apps`: the managed apps of a device, as it last reported them.

use axum::Json;
use axum::extract::{Path, State};
use russet_store::device_apps;
use russet_store::directory::devices;

use super::view::DeviceAppView;
use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::Page;
use crate::query::shown;
use crate::state::App;

/// The most apps of one device.
const APPS_MAX: usize = 5_000;

/// Lists the managed apps that a device reported.
#[utoipa::path(get, operation_id = "list_device_apps", path = "/api/v1/devices/{serial}/apps", tag = "mdm",
    params(("serial" = String, Path, description = "The device's serial number")),
    responses((status = 200, description = "Its apps by bundle id", body = Page<DeviceAppView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Path(serial): Path<String>,
) -> Result<Json<Page<DeviceAppView>>, ApiError> {
    actor.must_see_all("devices are")?;
    let mut db = app.store.read().await?;
    let device = devices::find(&mut db, &serial).await?;
    let device =
        device.ok_or_else(|| ApiError::NoSuch { what: "device", name: shown(&serial), list: "devices" })?;
    let rows = device_apps::of_device(&mut db, device.id, APPS_MAX).await?;
    Ok(Json(Page::whole(rows.into_iter().map(DeviceAppView::from).collect())))
}
