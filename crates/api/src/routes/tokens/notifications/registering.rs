//! Submits a job that registers a token's notifications at Apple, and waits a while for its end.

use std::time::Duration;

use russet_domain::job::{JobKind, Priority};
use russet_domain::{JobId, TokenId};
use russet_store::jobs::{self, Job, NewJob, Origin};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::audit;
use crate::auth::Actor;
use crate::error::ApiError;
use crate::retrying::retrying;
use crate::routes::tokens::known;
use crate::state::App;
use crate::time;

/// How often the job is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What is wanted beside the registration.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    /// A new secret.
    NewSecret,
    /// A test notification.
    Test,
}

impl Wanted {
    fn args(self) -> Value {
        match self {
            Self::NewSecret => json!({ "rotate": true }),
            Self::Test => json!({ "test": true }),
        }
    }

    fn action(self) -> &'static str {
        match self {
            Self::NewSecret => "token.rotate_notification_secret",
            Self::Test => "token.test_notifications",
        }
    }
}

/// Submits the job and returns it once it has ended, or as it is when the wait is over.
pub(super) async fn register(
    app: &App,
    actor: &Actor,
    token: TokenId,
    wanted: Wanted,
) -> Result<Job, ApiError> {
    let id = retrying(|| submit(app, actor, token, wanted)).await?;
    app.push.register_notifications(token).await;
    let until = Instant::now() + Duration::from_millis(app.settings.renewal_wait_ms);
    loop {
        let found = {
            let mut db = app.store.read().await?;
            jobs::find(&mut db, id).await?
        };
        let job = found.ok_or_else(|| ApiError::NoSuchJob(id.to_string()))?;
        if job.state.has_ended() || Instant::now() >= until || app.stop.is_cancelled() {
            return Ok(job);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn submit(app: &App, actor: &Actor, token: TokenId, wanted: Wanted) -> Result<JobId, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if known(&mut tx, actor, token).await?.removing {
        return Err(ApiError::TokenBeingRemoved);
    }
    let new = NewJob {
        kind: JobKind::RegisterNotifications,
        token,
        priority: Priority::High,
        origin: Origin::Api,
        key: Some(actor.key),
        args: wanted.args().to_string(),
        notes: "[]".to_owned(),
        line: None,
    };
    let job = jobs::insert(&mut tx, &new, now).await?;
    let detail = json!({ "job": job.0 });
    audit::note(&mut tx, actor, wanted.action(), &format!("token {token}"), &detail, now).await?;
    tx.commit().await?;
    Ok(job)
}
