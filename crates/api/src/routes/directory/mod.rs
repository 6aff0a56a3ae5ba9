//! `/api/v1/devices`, `/people` and `/groups`: what other systems tell of an organization.

pub(crate) mod devices;
pub(crate) mod groups;
pub(crate) mod members;
pub(crate) mod people;

use axum::http::StatusCode;
use russet_domain::directory::{DeviceState, GroupKind};
use russet_store::directory::Told;
use russet_store::directory::devices::{self as store, NewDevice};
use russet_store::directory::members::Change;
use russet_store::directory::people::NewPerson;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::audit;
use crate::auth::Actor;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::rows::{RejectedView, Rows};
use crate::state::App;
use crate::time;
use groups::GroupBody;

/// What became of rows that were told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Told)]
pub(crate) struct ToldView {
    /// Rows that were taken.
    taken: u64,
    /// Of those, how many were not known before.
    new: u64,
    /// Rows that were left out; none unless `partial` was asked for.
    rejected: RejectedView,
}

/// The directory is the whole organization's: a key for some tokens neither reads nor changes it.
///
/// # Errors
/// [`ApiError::IsShared`].
pub(crate) fn unbound(actor: &Actor) -> Result<(), ApiError> {
    actor.must_see_all("the directory and the audit log are")
}

/// What is done to the directory.
#[derive(Clone, Copy)]
enum Act<'a> {
    TellDevice(&'a NewDevice),
    ImportDevices(&'a Rows<NewDevice>),
    SetDevice(&'a str, DeviceState),
    TellPerson(&'a NewPerson),
    ImportPeople(&'a Rows<NewPerson>),
    DeletePerson(&'a str),
    CreateGroup(&'a GroupBody, GroupKind),
    DeleteGroup(&'a str),
    ChangeMembers(&'a str, Change<'a>, bool),
}

/// Who does it, once, and how the audit log names it.
#[derive(Clone, Copy)]
struct Deed<'a> {
    actor: &'a Actor,
    once: &'a Once,
    what: &'static str,
    subject: &'a str,
}

/// Does something to the directory once: the answer is given again when the request comes again. Then has assignments looked at.
async fn once(app: &App, deed: Deed<'_>, act: Act<'_>) -> Result<Answer, ApiError> {
    let answer = retrying(|| write(app, deed, act)).await?;
    app.push.reconcile().await;
    Ok(answer)
}

async fn write(app: &App, deed: Deed<'_>, act: Act<'_>) -> Result<Answer, ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = deed.once.replay(&mut tx, deed.actor, now).await? {
        return Ok(answer);
    }
    let (answer, detail) = match act {
        Act::TellDevice(device) => shown(devices::tell_one(&mut tx, device, now).await?, json!({})),
        Act::ImportDevices(rows) => told(store::tell(&mut tx, &rows.good, now).await?, rows),
        Act::SetDevice(serial, state) => {
            shown(devices::set_state(&mut tx, serial, state, now).await?, json!({}))
        }
        Act::TellPerson(person) => shown(people::tell_one(&mut tx, person, now).await?, json!({})),
        Act::ImportPeople(rows) => {
            told(russet_store::directory::people::tell(&mut tx, &rows.good, now).await?, rows)
        }
        Act::DeletePerson(id) => shown(people::delete_one(&mut tx, id, now).await?, json!({})),
        Act::CreateGroup(new, kind) => {
            shown(groups::create_one(&mut tx, new, kind, now).await?, json!({ "kind": kind.as_str() }))
        }
        Act::DeleteGroup(name) => shown(groups::delete_one(&mut tx, name).await?, json!({})),
        Act::ChangeMembers(group, change, create_missing) => {
            let changed = members::change(&mut tx, group, change, create_missing, now).await?;
            let detail = serde_json::to_value(&changed).unwrap_or_default();
            shown(changed, detail)
        }
    }?;
    audit::note(&mut tx, deed.actor, deed.what, deed.subject, &detail, now).await?;
    deed.once.keep(&mut tx, deed.actor, &answer, now).await?;
    tx.commit().await?;
    Ok(answer)
}

fn shown<T: Serialize>(view: T, detail: Value) -> Result<(Answer, Value), ApiError> {
    Ok((Answer::new(StatusCode::OK, None, &view)?, detail))
}

fn told<T>(told: Told, rows: &Rows<T>) -> Result<(Answer, Value), ApiError> {
    let detail = json!({ "taken": told.all, "new": told.new, "rejected": rows.bad_count });
    shown(ToldView { taken: told.all, new: told.new, rejected: rows.rejected() }, detail)
}
