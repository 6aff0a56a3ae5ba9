//! `POST /api/v1/jobs`: takes a job in.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::callback::Rules;
use russet_domain::change::Action;
use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::{AssetId, JobId, Timestamp, TokenId};
use russet_store::jobs::{self, NewJob, Origin};
use russet_store::submit::{IntakeCounts, Wish};
use russet_store::tokens::{self, Token};
use russet_store::{Db, Tx, changes, policies, submit as store};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::bodies::{IfNoneFree, MoveLicensesJob, SyncMode, SyncTokenJob};
use super::expand::expand;
use super::linting::{self, action_of};
use super::moving::{self, MoveToDevicesJob};
use super::standings::Depth;
use super::wanted::{Wanted, Which};
use super::{address, seen_token, view};
use crate::audit;
use crate::auth::{Actor, Operator};
use crate::body::{Body, from_json};
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::routes::directory::unbound;
use crate::routes::mdm::{PushUpdateJob, updates};
use crate::routes::tokens::must_write;
use crate::state::App;
use crate::time;
use crate::view::JobView;

/// A job to be submitted, by its `kind`.
#[derive(ToSchema)]
#[schema(as = NewJob)]
#[serde(untagged)]
#[allow(dead_code, reason = "documents the body, which is read by hand so that errors name their place")]
pub(crate) enum NewJobBody {
    Sync(SyncTokenJob),
    Move(MoveLicensesJob),
    ToDevices(MoveToDevicesJob),
    PushUpdate(PushUpdateJob),
}

/// What a checked body asks for.
enum Asked {
    Sync { token: TokenId, mode: SyncMode, priority: Priority },
    Move(Wanted),
    ToDevices(moving::Wanted),
    PushUpdate(updates::Wanted),
}

/// Who has to know that a job is there.
pub(crate) enum Wake {
    Nobody,
    Sync(TokenId, Priority),
    Apply(TokenId, Priority),
    Moves(JobId),
    Updates(TokenId, Priority),
}

/// Submits a job. It is written down with all its changes before this answers, and done by workers afterwards.
#[utoipa::path(post, operation_id = "submit_job", path = "/api/v1/jobs", tag = "jobs", request_body = NewJobBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses(
        (status = 202, description = "The job is written down", body = JobView, headers(("Location" = String))),
        (status = 409, description = "`token_not_usable`, `token_not_synced` or `token_being_removed`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
        (status = 422, description = "Something in the body is wrong; `code` and `errors` say what",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn submit(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    let once = Once::of(&headers, &body.fingerprint)?;
    let asked = read(&body, app.callbacks)?;
    drop(body);
    let (answer, wake) = retrying(|| write(&app, &actor, &once, &asked)).await?;
    match wake {
        Wake::Nobody => {}
        Wake::Sync(token, priority) => app.push.sync_token(token, priority).await,
        Wake::Moves(job) => app.push.move_licenses(job).await,
        Wake::Apply(token, priority) => app.push.apply_changes(token, priority).await,
        Wake::Updates(token, priority) => app.push.push_updates(token, priority).await,
    }
    Ok(answer)
}

fn read(body: &Body, callbacks: Rules) -> Result<Asked, ApiError> {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    body.expect_json()?;
    let Kind { kind } = from_json(&body.bytes)?;
    match JobKind::from_text(&kind) {
        Some(JobKind::SyncToken) => {
            let job: SyncTokenJob = from_json(&body.bytes)?;
            Ok(Asked::Sync { token: TokenId(job.token), mode: job.mode, priority: job.priority.into() })
        }
        Some(kind @ (JobKind::AssignLicense | JobKind::RevokeLicense)) => {
            Wanted::read(kind, from_json::<MoveLicensesJob>(&body.bytes)?).map(Asked::Move)
        }
        Some(JobKind::MoveLicense) => {
            let job: MoveToDevicesJob = from_json(&body.bytes)?;
            moving::Wanted::read(job, callbacks).map(Asked::ToDevices)
        }
        Some(JobKind::PushUpdate) => updates::Wanted::read(from_json(&body.bytes)?).map(Asked::PushUpdate),
        Some(
            JobKind::RenewToken
            | JobKind::RemoveToken
            | JobKind::RefreshCatalog
            | JobKind::RegisterNotifications
            | JobKind::TakeOverToken
            | JobKind::HandOverToken
            | JobKind::ImportUsers
            | JobKind::RetireUsers
            | JobKind::Gate,
        )
        | None => Err(ApiError::InvalidField {
            field: "kind".to_owned(),
            why: "it should be `sync_token`, `assign_license`, `revoke_license`, `move_license` or `push_update`".to_owned(),
        }),
    }
}

async fn write(app: &App, actor: &Actor, once: &Once, asked: &Asked) -> Result<(Answer, Wake), ApiError> {
    let mut tx = app.store.begin().await?;
    // After waiting for the database: how old a change is decides how long it waits for company.
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, Wake::Nobody));
    }
    let (id, wake) = match asked {
        Asked::Sync { token, mode, priority } => {
            let id = write_sync(&mut tx, actor, *token, *mode, *priority, now).await?;
            (id, Wake::Sync(*token, *priority))
        }
        Asked::Move(wanted) => write_move(&mut tx, actor, wanted, now).await?,
        Asked::ToDevices(wanted) => {
            let (id, wake) = moving::write(&mut tx, actor, wanted, now).await?;
            (id, wake.map_or(Wake::Nobody, |_| Wake::Moves(id)))
        }
        Asked::PushUpdate(wanted) => {
            let id = updates::write(&mut tx, actor, wanted, now).await?;
            (id, Wake::Updates(wanted.token, wanted.priority))
        }
    };
    let job = jobs::find(&mut tx, id).await?.ok_or_else(|| ApiError::NoSuchJob(id.to_string()))?;
    let shown = view(&mut tx, job).await?;
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(id)), &shown)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, wake))
}

async fn write_sync(
    tx: &mut Tx,
    actor: &Actor,
    token: TokenId,
    mode: SyncMode,
    priority: Priority,
    now: Timestamp,
) -> Result<JobId, ApiError> {
    let token = usable(tx, actor, token, |token| token.state.may_sync()).await?;
    let mode = match mode {
        SyncMode::Full => "full",
        SyncMode::Changes => "changes",
    };
    let args = json!({ "mode": mode });
    let new = NewJob {
        kind: JobKind::SyncToken,
        token: token.id,
        priority,
        origin: Origin::Api,
        key: Some(actor.key),
        args: args.to_string(),
        notes: "[]".to_owned(),
        line: None,
    };
    let id = jobs::insert(tx, &new, now).await?;
    note(tx, actor, &new, id, args, now).await?;
    Ok(id)
}

/// Writes a job that moves licenses, with all its changes.
///
/// # Errors
/// As the job would be refused.
pub(crate) async fn write_move(
    tx: &mut Tx,
    actor: &Actor,
    wanted: &Wanted,
    now: Timestamp,
) -> Result<(JobId, Wake), ApiError> {
    // Looked at under the lock, so that what is expanded is still so when it is written.
    if actor.sees(wanted.token) && tokens::find(tx, wanted.token).await?.is_some() {
        tokens::lock(tx, wanted.token).await?;
    }
    let token = usable(tx, actor, wanted.token, |token| token.state.may_write()).await?;
    must_write(tx, token.id).await?;
    if !wanted.groups.is_empty() {
        unbound(actor)?;
    }
    let mut wishes = expand(tx, &token, wanted).await?;
    let mut notes = wanted.notes.clone();
    if wishes.is_empty() {
        notes.push("Nobody holds any of that, so there was nothing to take back.".to_owned());
    }
    let pairs = linting::of_wishes(tx, &wishes).await?;
    if matches!(wanted.which, Which::HeldBy(_)) {
        // Whoever asks for all that somebody holds does not ask for what never comes back.
        notes.extend(linting::leave_out_irrevocable(&mut wishes, &pairs));
        let found = linting::report(tx, &token, Action::Revoke, &pairs, &wanted.about, Depth::Notes).await?;
        notes.extend(linting::warnings(&found));
    } else {
        let action = action_of(wanted.kind);
        let found = linting::report(tx, &token, action, &pairs, &wanted.about, Depth::Notes).await?;
        notes.extend(linting::judge(&found, pairs.pairs.len())?);
    }
    if token.state.is_undecided() {
        notes.push("The token is new; this waits until Apple has confirmed it.".to_owned());
    }
    let mut args = args(wanted, wishes.len());
    if !wanted.groups.is_empty() {
        args["groups"] = json!(wanted.groups.len());
    }
    let removed = if wanted.remove_app { on_devices(&wishes) } else { Vec::new() };
    if wanted.remove_app {
        args["remove_app"] = json!(true);
    }
    let line = line(tx, wanted).await?;
    if line.is_some() {
        args["if_none_free"] = json!("wait");
    }
    let new = NewJob {
        kind: wanted.kind,
        token: token.id,
        priority: wanted.priority,
        origin: Origin::Api,
        key: Some(actor.key),
        args: args.to_string(),
        notes: json!(notes).to_string(),
        line,
    };
    let done = store::submit(tx, &new, wishes, now).await?;
    changes::remove_apps(tx, token.id, &removed, now).await?;
    note(tx, actor, &new, done.job, with_counts(args, done.counts), now).await?;
    let wake = match done.state {
        JobState::Queued | JobState::Running => Wake::Apply(token.id, wanted.priority),
        JobState::Succeeded | JobState::PartlyFailed | JobState::Failed | JobState::Cancelled => Wake::Nobody,
    };
    Ok((done.job, wake))
}

/// The licenses of devices among these, which the apps on them go with.
fn on_devices(wishes: &[Wish]) -> Vec<(AssetId, String)> {
    let on_device = |wish: &Wish| wish.holder.is_device().then(|| (wish.asset, wish.holder.id().to_owned()));
    wishes.iter().filter_map(on_device).collect()
}

/// How urgent the job's licenses are in the line, if they may wait there.
async fn line(db: &mut Db, wanted: &Wanted) -> Result<Option<i64>, ApiError> {
    if wanted.if_none_free == IfNoneFree::Refuse {
        return Ok(None);
    }
    if !policies::read(db, wanted.token).await?.has_waitlist() {
        return Err(ApiError::InvalidField {
            field: "if_none_free".to_owned(),
            why: "the token's policy `waitlist` is off, so nobody waits; leave it out or turn the policy on"
                .to_owned(),
        });
    }
    Ok(Some(0))
}

/// The token of a job, when the key sees it and it is good for that.
pub(crate) async fn usable(
    db: &mut Db,
    actor: &Actor,
    id: TokenId,
    may: impl Fn(&Token) -> bool,
) -> Result<Token, ApiError> {
    let token = seen_token(db, actor, id).await?;
    if token.removing {
        return Err(ApiError::TokenBeingRemoved);
    }
    if may(&token) || token.state.is_undecided() { Ok(token) } else { Err(ApiError::not_usable(&token)) }
}

/// What was asked for, in short: numbers, since the changes themselves can be listed.
fn args(wanted: &Wanted, pairs: usize) -> Value {
    let (assets, holders) = match &wanted.which {
        Which::Pairs(_) => (Value::Null, Value::Null),
        Which::Grid { assets, holders } => (json!(assets.len()), json!(holders.len())),
        Which::HoldersOf(assets) => (json!(assets.len()), json!("all")),
        Which::HeldBy(holders) => (json!("all"), json!(holders.len())),
    };
    let mut args = json!({ "pairs": pairs });
    if !assets.is_null() {
        args["assets"] = assets;
        args["holders"] = holders;
    }
    args
}

fn with_counts(mut args: Value, counts: IntakeCounts) -> Value {
    args["planned"] = json!(counts.planned);
    args["held"] = json!(counts.held);
    args["joined"] = json!(counts.joined);
    args["already"] = json!(counts.already);
    args["refused"] = json!(counts.refused);
    args["replaced"] = json!(counts.replaced);
    args
}

async fn note(
    tx: &mut Tx,
    actor: &Actor,
    new: &NewJob,
    id: JobId,
    mut detail: Value,
    now: Timestamp,
) -> Result<(), ApiError> {
    detail["kind"] = json!(new.kind.as_str());
    detail["token"] = json!(new.token.0);
    audit::note(tx, actor, "job.submit", &format!("job {id}"), &detail, now).await
}
