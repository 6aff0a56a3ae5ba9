//! Devices that have told their apps, as if an MDM server had passed it on, and what it costs to count where they differ.

use std::time::{Duration, Instant};

use chrono::Utc;
use russet_domain::drift::Class;
use russet_domain::{Timestamp, TokenId};
use russet_store::device_apps::{DeviceApp, replace};
use russet_store::directory::devices::{Filter, list};
use russet_store::{KeyRing, Settings, Store, drift};
use serde_json::{Map, Value, json};

use super::setup::rounded;
use crate::error::{CliError, failed};

/// Devices written by one transaction.
const AT_ONCE: usize = 1_000;
/// How far ahead devices tell: what was given a minute ago counts as given long ago then.
const AHEAD: Duration = Duration::from_hours(24 * 30);

/// The database of a Russet that runs, past it. Nothing that is sealed can be read through it.
pub(super) async fn open(url: &str) -> Result<Store, CliError> {
    Store::open(&Settings { url: url.to_owned() }, KeyRing::generate()).await.map_err(failed)
}

/// Has every device tell its apps by their bundle ids.
pub(super) async fn tell(store: &Store, apps_of: impl Fn(&str) -> Vec<String>) -> Result<(), CliError> {
    let now = Timestamp(Utc::now().timestamp_millis()).plus(AHEAD);
    let mut after = None;
    loop {
        let mut db = store.read().await.map_err(failed)?;
        let devices = list(&mut db, &Filter::default(), AT_ONCE, after).await.map_err(failed)?;
        drop(db);
        let Some(last) = devices.last() else { return Ok(()) };
        after = Some(last.id);
        let mut apps = Vec::new();
        for device in &devices {
            apps.extend(apps_of(&device.serial).into_iter().map(|bundle_id| DeviceApp {
                device: device.id,
                bundle_id,
                version: None,
                shown: None,
                status: "Managed".to_owned(),
                reported_at: now,
            }));
        }
        let ids: Vec<_> = devices.iter().map(|device| device.id).collect();
        let mut tx = store.begin().await.map_err(failed)?;
        replace(&mut tx, &ids, &apps, now).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
    }
}

/// The seconds and the licenses of each class.
pub(super) async fn by_class(store: &Store, token: i64) -> Result<Value, CliError> {
    let mut classes = Map::new();
    for class in Class::ALL {
        let began = Instant::now();
        let mut db = store.snapshot().await.map_err(failed)?;
        let now = Timestamp(Utc::now().timestamp_millis());
        let found = drift::tally(&mut db, TokenId(token), class, now).await.map_err(failed)?;
        let seconds = rounded(began.elapsed().as_secs_f64());
        classes.insert(class.as_str().to_owned(), json!({"seconds": seconds, "licenses": found.all}));
    }
    Ok(Value::Object(classes))
}
