//! Installs: apps, or versions of them, that devices are to have. At most one that has not ended for a device and an app.

mod detect;
mod due;
mod list;
mod presence;
mod remove;
mod report;
mod required;
mod steps;
mod want;

pub use detect::{Candidate, Latest, candidates, latest, page_of_devices};
pub use due::{DUE_MAX, Due, connectors_with_due, due_to_look, due_to_send, next_due, of_command, overdue};
pub use list::{Entry, Filter, counts_of_app, list, of_job, purge};
pub use presence::{Counted, Presences, count_presences, presences};
pub use remove::want_removed;
pub use report::{Waiting, open_of_devices, waiting_for_answer, waiting_for_report};
pub(crate) use required::want_for_holders;
pub use required::{Missing, devices_of_token, missing, want_missing};
pub(crate) use steps::orphan;
pub use steps::{Moved, Shift, begin, keep_to, looked, put_off, rename, shift, stranded, took_command};
pub use want::{Wanted, halt, want, wanted_now, withdraw, withdraw_left};

use russet_domain::install::{InstallState, Standing};
use russet_domain::{AssetId, DeviceId, InstallId, Timestamp};

use crate::codec::{count, word_in};
use crate::engine::Row;
use crate::error::StoreError;

/// An install, for whoever decides what comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// Its number.
    pub id: InstallId,
    /// The asset.
    pub asset: AssetId,
    /// The device.
    pub device: DeviceId,
    /// The product's number in Apple's stores.
    pub adam_id: String,
    /// What devices know the app by, if anybody told.
    pub bundle_id: Option<String>,
    /// Whether the app is declared for the device: then its own reports tell of it, and not the list of apps.
    pub declared: bool,
    /// Where it has got to.
    pub standing: Standing,
}

/// The columns of an install, of a table called `i` joined with devices called `d`. Until a device has told what it knows the app
/// by, the store's word has to do.
macro_rules! columns {
    () => {
        concat!(
            "i.id, i.asset_id, i.device_id, i.removes, i.target, i.before_version, i.state, i.code, i.tries, i.looks, i.sent_at, d.kiosk,
             (SELECT ia.adam_id FROM assets ia WHERE ia.id = i.asset_id) AS product,
             EXISTS (
                 SELECT 1
                 FROM assets ya
                 JOIN declared_apps y ON y.device_id = i.device_id AND y.adam_id = ya.adam_id
                 WHERE ya.id = i.asset_id) AS declared,
             coalesce(i.bundle_id, (
                 SELECT p.bundle_id
                 FROM assets pa
                 JOIN tokens pt ON pt.id = pa.token_id
                 JOIN apps p ON p.adam_id = pa.adam_id AND p.country = ",
            $crate::catalog::store_country!("pt"),
            " WHERE pa.id = i.asset_id AND p.bundle_id IS NOT NULL
                 LIMIT 1)) AS bundle_id"
        )
    };
}
use columns;

/// A device's platform as stores spell it; what else stands for one that stores know by no name.
macro_rules! platform_in_store {
    ($devices:literal, $else:literal) => {
        concat!(
            "CASE ",
            $devices,
            ".platform
                 WHEN 'ios' THEN 'iOS' WHEN 'ipados' THEN 'iOS' WHEN 'macos' THEN 'macOS' WHEN 'tvos' THEN 'tvOS'
                 WHEN 'visionos' THEN 'visionOS' WHEN 'watchos' THEN 'watchOS' ELSE ",
            $else,
            " END"
        )
    };
}
pub(crate) use platform_in_store;

fn install(row: &Row) -> Result<Install, StoreError> {
    let number = |column| Ok::<_, StoreError>(u32::try_from(count(row.get(column)?)).unwrap_or(u32::MAX));
    Ok(Install {
        id: InstallId(row.get("id")?),
        asset: AssetId(row.get("asset_id")?),
        device: DeviceId(row.get("device_id")?),
        adam_id: row.get("product")?,
        bundle_id: row.get("bundle_id")?,
        declared: row.get("declared")?,
        standing: Standing {
            state: word_in(row, "state", InstallState::from_text)?,
            removes: row.get("removes")?,
            target: row.get("target")?,
            before: row.get("before_version")?,
            tries: number("tries")?,
            looks: number("looks")?,
            since: Timestamp(row.get("sent_at")?),
            busy: row.get::<Option<String>>("code")?.as_deref() == Some("not_now"),
            single_app: row.get("kiosk")?,
        },
    })
}
