//! Writes gates of a token in one transaction, and has whatever follows from them begin.

use std::collections::{BTreeSet, HashMap};

use axum::http::StatusCode;
use russet_domain::job::{JobKind, Priority};
use russet_domain::{AssetId, AssetKey, ConnectorId, Holder, JobId, Timestamp, TokenId};
use russet_store::audit::{self, NewEntry};
use russet_store::gates::{self, Gate, NewGate, NewGates, NewOrder};
use russet_store::jobs::{self, NewJob, Origin};
use russet_store::{Callback, Tx, assets, installs, policies, tokens};
use serde_json::{Value, json};

use super::GateAnswer;
use crate::auth::Actor;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::push::CONNECTORS_TOGETHER;
use crate::routes::jobs as job_routes;
use crate::routes::jobs::bodies::IfNoneFree;
use crate::routes::jobs::expand::look_up;
use crate::routes::jobs::submit::usable;
use crate::routes::mdm::view::GateView;
use crate::routes::tokens::must_write;
use crate::state::App;
use crate::time;

/// The most gates of a job that are shown in its answer.
const SHOWN_MAX: usize = 1_000;

/// What somebody asks for.
pub(super) struct Asked {
    pub(super) actor: Actor,
    pub(super) once: Once,
    pub(super) wanted: Wanted,
}

/// What a checked body asks for.
pub(super) struct Wanted {
    pub(super) token: TokenId,
    pub(super) priority: Priority,
    pub(super) assets: Vec<AssetKey>,
    pub(super) holders: Vec<Holder>,
    pub(super) install: bool,
    pub(super) callback: Option<(Callback, String)>,
    pub(super) if_none_free: IfNoneFree,
    pub(super) notes: Vec<String>,
}

impl Asked {
    pub(super) fn token(&self) -> TokenId {
        self.wanted.token
    }

    /// How many gates it asks for.
    pub(super) fn pairs(&self) -> usize {
        self.wanted.assets.len().saturating_mul(self.wanted.holders.len())
    }
}

/// What becomes of each of those who asked, in their order.
pub(super) type Answers = Vec<Result<Answer, ApiError>>;

/// Writes what is asked for of a token in one transaction. Who asks for what cannot be is told so, and the others are written.
///
/// # Errors
/// When none of it can be written, or as any statement.
pub(super) async fn write(app: &App, token: TokenId, asked: &[Asked]) -> Result<Answers, ApiError> {
    let mut tx = app.store.begin().await?;
    // After waiting for the database: how old a change is decides how long it waits for company.
    let now = time::now();
    let mut answers: Vec<Option<Result<Answer, ApiError>>> = Vec::with_capacity(asked.len());
    for asked in asked {
        answers.push(asked.once.replay(&mut tx, &asked.actor, now).await?.map(Ok));
    }
    let (assets, refused) = admit(&mut tx, token, asked, &answers).await?;
    for (place, error) in refused {
        answers[place] = Some(Err(error));
    }
    let new: Vec<&Asked> =
        asked.iter().zip(&answers).filter(|(_, answer)| answer.is_none()).map(|(asked, _)| asked).collect();
    let mut written = Vec::new().into_iter();
    if !new.is_empty() {
        let (answers, installs) = write_new(&mut tx, token, &new, &assets, now).await?;
        let connectors = match installs {
            true => installs::connectors_with_due(&mut tx, now, None, CONNECTORS_TOGETHER).await?,
            false => Vec::new(),
        };
        tx.commit().await?;
        begin(app, token, &new, connectors).await;
        written = answers.into_iter();
    }
    Ok(answers.into_iter().filter_map(|answer| answer.or_else(|| written.next().map(Ok))).collect())
}

/// Has workers begin with what follows from new gates.
async fn begin(app: &App, token: TokenId, new: &[&Asked], connectors: Vec<ConnectorId>) {
    let priority = new.iter().map(|asked| asked.wanted.priority).max().unwrap_or_default();
    app.push.apply_changes(token, priority).await;
    if new.iter().any(|asked| asked.wanted.callback.is_some()) {
        app.push.open_gates(token).await;
    }
    app.push.send_commands_of(connectors).await;
}

/// Looks up the assets that are asked for by those who have no answer yet; and which of these cannot have what they ask for, and
/// why.
async fn admit(
    tx: &mut Tx,
    token: TokenId,
    asked: &[Asked],
    answers: &[Option<Result<Answer, ApiError>>],
) -> Result<(HashMap<AssetKey, AssetId>, Vec<(usize, ApiError)>), ApiError> {
    let open = || asked.iter().enumerate().zip(answers).filter(|(_, answer)| answer.is_none());
    let sees = |asked: &Asked| asked.actor.sees(token);
    let Some(first) = open().map(|((_, asked), _)| asked).find(|asked| sees(asked)) else {
        let refused = open().map(|((place, _), _)| (place, ApiError::UnknownToken(token))).collect();
        return Ok((HashMap::new(), refused));
    };
    if tokens::find(tx, token).await?.is_some() {
        tokens::lock(tx, token).await?;
    }
    let token = usable(tx, &first.actor, token, |token| token.state.may_write()).await?;
    must_write(tx, token.id).await?;
    let keys: BTreeSet<&AssetKey> = open().flat_map(|((_, asked), _)| &asked.wanted.assets).collect();
    let keys: Vec<AssetKey> = keys.into_iter().cloned().collect();
    let known = assets::by_keys(tx, token.id, &keys).await?;
    let known: HashMap<AssetKey, AssetId> =
        known.into_iter().filter(|(_, row)| !row.gone).map(|(key, row)| (key, row.id)).collect();
    let mut refused = Vec::new();
    for ((place, asked), _) in open() {
        if !sees(asked) {
            refused.push((place, ApiError::UnknownToken(token.id)));
        } else if !asked.wanted.assets.iter().all(|key| known.contains_key(key))
            && let Err(error) = look_up(tx, &token, JobKind::Gate, asked.wanted.assets.iter()).await
        {
            // It says which of them.
            refused.push((place, error));
        }
    }
    Ok((known, refused))
}

/// Writes those that were not answered before. Answers in their order, and tells whether there is something to install at once.
async fn write_new(
    tx: &mut Tx,
    token: TokenId,
    asked: &[&Asked],
    assets: &HashMap<AssetKey, AssetId>,
    now: Timestamp,
) -> Result<(Vec<Answer>, bool), ApiError> {
    let may_wait = policies::read(tx, token).await?.has_waitlist();
    let new: Vec<NewGates> = asked.iter().map(|asked| new_gates(asked, assets, may_wait)).collect();
    let submitted = gates::submit(tx, token, &new, now).await?;
    let entries: Vec<NewEntry> =
        submitted.jobs.iter().zip(asked).map(|(job, asked)| entry(*job, asked)).collect();
    audit::write_many(tx, "job.submit", &entries, now).await?;
    let mut shown = shown(tx, &submitted.jobs).await?;
    let mut answers = Vec::with_capacity(asked.len());
    for (job, asked) in jobs::find_many(tx, &submitted.jobs).await?.into_iter().zip(asked) {
        let id = job.id;
        let apps = shown.remove(&id).unwrap_or_default().into_iter().map(GateView::from).collect();
        let body = GateAnswer { job: job_routes::view(tx, job).await?, apps };
        let answer = Answer::new(StatusCode::ACCEPTED, Some(job_routes::address(id)), &body)?;
        asked.once.keep(tx, &asked.actor, &answer, now).await?;
        answers.push(answer);
    }
    Ok((answers, submitted.installs))
}

fn new_gates(asked: &Asked, assets: &HashMap<AssetKey, AssetId>, may_wait: bool) -> NewGates {
    let wanted = &asked.wanted;
    let waits = wanted.if_none_free == IfNoneFree::Wait && may_wait;
    let gates = wanted
        .assets
        .iter()
        .filter_map(|key| assets.get(key))
        .flat_map(|asset| {
            wanted.holders.iter().map(|holder| NewGate { asset: *asset, holder: holder.clone() })
        })
        .collect();
    let job = NewJob {
        kind: JobKind::Gate,
        token: wanted.token,
        priority: wanted.priority,
        origin: Origin::Api,
        key: Some(asked.actor.key),
        args: args(wanted).to_string(),
        notes: json!(wanted.notes).to_string(),
        line: waits.then_some(0),
    };
    let callback = wanted.callback.as_ref().map(|(callback, _)| callback.clone());
    NewGates { job, order: NewOrder { install: wanted.install, callback }, gates }
}

/// What was asked for, in short.
fn args(wanted: &Wanted) -> Value {
    let callback = wanted.callback.as_ref().map(|(_, shown)| shown);
    json!({
        "apps": wanted.assets.len(), "holders": wanted.holders.len(), "install": wanted.install, "callback": callback,
    })
}

fn entry(job: JobId, asked: &Asked) -> NewEntry {
    let mut detail = args(&asked.wanted);
    detail["kind"] = json!(JobKind::Gate.as_str());
    detail["token"] = json!(asked.wanted.token.0);
    NewEntry { actor: asked.actor.label(), subject: format!("job {job}"), detail: detail.to_string() }
}

/// The first gates of each job.
async fn shown(tx: &mut Tx, jobs: &[JobId]) -> Result<HashMap<JobId, Vec<Gate>>, ApiError> {
    let all = match jobs {
        [job] => gates::list(tx, *job, SHOWN_MAX, None).await?,
        jobs => gates::of_jobs(tx, jobs).await?,
    };
    let mut by_job: HashMap<JobId, Vec<Gate>> = HashMap::new();
    for gate in all {
        let gates = by_job.entry(gate.job).or_default();
        if gates.len() < SHOWN_MAX {
            gates.push(gate);
        }
    }
    Ok(by_job)
}
