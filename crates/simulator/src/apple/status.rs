//! `GET status`: how far an event has got.
//!
//! See <https://developer.apple.com/documentation/devicemanagement/events-status>.

use serde::Serialize;

use super::errors::{AppleError, ErrorBody, ErrorInfoBody, message_of};
use super::query::Params;
use super::reply::{AssetRef, Common, json};
use crate::ledger::Violation;
use crate::rules::Rules;
use crate::shared::Shared;
use crate::world::event::{FailedTasks, Failure, Progress};
use crate::world::holders::HolderKind;
use crate::world::location::Location;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    event_status: &'static str,
    event_type: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    failures: Vec<ErrorBody<'a>>,
    num_completed: usize,
    num_requested: usize,
    #[serde(flatten)]
    common: Common<'a>,
}

/// The state of one event; asking too soon about a pending one is counted.
pub(crate) fn get(
    shared: &Shared,
    location: &mut Location,
    params: &Params,
    rules: &Rules,
    (expires_ms, now_ms): (i64, i64),
) -> Result<Vec<u8>, AppleError> {
    let id = params.text("eventId").ok_or_else(|| AppleError::new(9708))?;
    let now_us = shared.clock.now_us();
    let event = location.events.get_mut(id).ok_or_else(|| AppleError::new(9708))?;
    let least_us = i64::try_from(rules.status_min_interval_ms).unwrap_or(0) * 1000;
    if event.told_pending_us.is_some_and(|told_us| now_us - told_us < least_us) {
        shared.ledger.violated(Some(&location.uid), Violation::StatusTooSoon);
    }
    let (kind, requested) = (event.kind, event.requested);
    let (event_status, completed, failures) = match &event.progress {
        Progress::Pending { .. } => {
            event.told_pending_us = Some(now_us);
            ("PENDING", 0, Vec::new())
        }
        Progress::Settled { completed, failures } => {
            event.told_pending_us = None;
            (if failures.is_empty() { "COMPLETE" } else { "FAILED" }, *completed, failures.clone())
        }
    };
    let location = &*location;
    let body = Body {
        event_status,
        event_type: kind.as_str(),
        failures: failures.iter().map(|failure| body_of(location, failure)).collect(),
        num_completed: completed,
        num_requested: requested,
        common: Common::of(location, expires_ms, now_ms),
    };
    Ok(json(&body))
}

fn body_of<'a>(location: &'a Location, failure: &'a Failure) -> ErrorBody<'a> {
    let info = match &failure.tasks {
        FailedTasks::Licenses { assets, holders } => {
            let names = |wanted: HolderKind| {
                let of_kind = holders.iter().filter(|&&holder| location.holders.kind(holder) == wanted);
                of_kind.map(|&holder| location.holders.name(holder)).collect()
            };
            ErrorInfoBody {
                assets: assets.iter().map(|&id| AssetRef::of(&location.assets[id as usize].key)).collect(),
                client_user_ids: names(HolderKind::User),
                serial_numbers: names(HolderKind::Device),
            }
        }
        FailedTasks::Users(ids) => ErrorInfoBody {
            client_user_ids: ids.iter().map(String::as_str).collect(),
            ..ErrorInfoBody::default()
        },
    };
    ErrorBody::new(failure.error_number, message_of(failure.error_number), info)
}
