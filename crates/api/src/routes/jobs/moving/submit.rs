//! Takes in a job that moves licenses from users to their devices.

use russet_domain::job::{JobKind, Priority};
use russet_domain::moving::First;
use russet_domain::{JobId, Timestamp};
use russet_store::jobs::{NewJob, Origin};
use russet_store::moves::{self, NewOrder};
use russet_store::{Tx, tokens};
use serde_json::json;

use super::plan::{Plan, plan};
use super::preview::findings;
use super::wanted::Wanted;
use crate::audit;
use crate::auth::Actor;
use crate::error::ApiError;
use crate::routes::jobs::linting::{forbidden, judge};
use crate::routes::jobs::submit::usable;
use crate::routes::tokens::must_write;

/// Writes the job with its moves. Answers how urgent it is unless nothing is left to be done.
///
/// # Errors
/// When the token or the assets are not good for it, or a rule forbids all of it.
pub(crate) async fn write(
    tx: &mut Tx,
    actor: &Actor,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(JobId, Option<Priority>), ApiError> {
    // Looked at under the lock, so that what is looked up is still so when it is written.
    if actor.sees(wanted.token) && tokens::find(tx, wanted.token).await?.is_some() {
        tokens::lock(tx, wanted.token).await?;
    }
    let token = usable(tx, actor, wanted.token, |token| token.state.may_write()).await?;
    must_write(tx, token.id).await?;
    let plan = plan(tx, &token, wanted).await?;
    let notes = notes(tx, &token, wanted, &plan).await?;
    let args = json!({
        "moves": plan.moves.len(),
        "users_and_devices": wanted.moves.len(),
        "assets": wanted.assets.as_ref().map_or(json!("all"), |assets| json!(assets.len())),
        "confirm": wanted.confirm.as_str(),
        "callback": wanted.callback_shown,
        "required": wanted.required,
    });
    let new = NewJob {
        kind: JobKind::MoveLicense,
        token: token.id,
        priority: wanted.priority,
        origin: Origin::Api,
        key: Some(actor.key),
        args: args.to_string(),
        notes: json!(notes).to_string(),
        line: None,
    };
    let order =
        NewOrder { confirm: wanted.confirm, within: wanted.within, callback: wanted.callback.clone() };
    let (id, state) = moves::submit(tx, &new, &order, &plan.moves, now).await?;
    let mut detail = args;
    detail["kind"] = json!(new.kind.as_str());
    detail["token"] = json!(token.id.0);
    audit::note(tx, actor, "job.submit", &format!("job {id}"), &detail, now).await?;
    Ok((id, (!state.has_ended()).then_some(wanted.priority)))
}

/// What should be known about the job; refuses one of which nothing can be.
async fn notes(
    tx: &mut Tx,
    token: &tokens::Token,
    wanted: &Wanted,
    plan: &Plan,
) -> Result<Vec<String>, ApiError> {
    let mut notes = wanted.notes.clone();
    let found = findings(tx, token, wanted, plan).await?;
    let all_forbidden = !plan.moves.is_empty()
        && plan.moves.iter().all(|planned| match planned.first {
            First::Refuse("not_held_by_user") | First::Plan | First::AlreadyDone => false,
            First::Refuse(_) => true,
        });
    if let (true, Some(first)) = (all_forbidden, found.findings().first()) {
        return Err(forbidden(first));
    }
    notes.extend(judge(&found, usize::MAX)?);
    for (key, count) in &plan.left_out {
        notes.push(format!(
            "{count} licenses of {key} were left out: no device can have them, or they can never be taken back (rule S-25)."
        ));
    }
    if plan.moves.is_empty() {
        notes.push("The users hold nothing that could move.".to_owned());
    }
    if token.state.is_undecided() {
        notes.push("The token is new; this waits until Apple has confirmed it.".to_owned());
    }
    Ok(notes)
}
