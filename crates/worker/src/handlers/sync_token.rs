//! Reads a location's assets and licenses from Apple into the store.

use russet_apple::Consequence;
use russet_domain::job::JobState;
use russet_domain::token::TokenState;
use russet_queue::Ending;
use russet_queue::When;
use russet_queue::jobs::{ApplyChanges, Reconcile, SyncToken};
use russet_store::jobs::{self, Job};
use russet_store::marks;
use russet_store::tokens::{self, SyncEnd, Token};

use crate::context::Context;
use crate::drift;
use crate::error::{JobError, chain};
use crate::walk::{self, Read, Walked};

/// What a sync job reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything; what is not seen is gone.
    Full,
    /// What has changed since the last time. Apple's list of changes shows no removals.
    Changes,
}

impl Mode {
    fn of(job: &Job) -> Self {
        let args: serde_json::Value = serde_json::from_str(&job.args).unwrap_or_default();
        if args.get("mode").and_then(|mode| mode.as_str()) == Some("changes") {
            Self::Changes
        } else {
            Self::Full
        }
    }

    /// The word in a job's arguments and result. Clients hold it; it never changes.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Changes => "changes",
        }
    }
}

pub(crate) async fn sync_token(job: SyncToken, ctx: &Context) -> Result<Ending, JobError> {
    let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
    let mut db = ctx.store.read().await?;
    let jobs = jobs::open_syncs(&mut db, token.id).await?;
    drop(db);
    if jobs.is_empty() {
        return Ok(Ending::Done);
    }
    if token.state.is_undecided() {
        return Ok(Ending::Snooze { until: ctx.now().plus(std::time::Duration::from_secs(2)) });
    }
    if !token.state.may_sync() {
        let code = if token.state == TokenState::Duplicate { "token_duplicate" } else { "token_not_usable" };
        return fail(ctx, &token, &jobs, code, token.state.sentence()).await;
    }
    begin(ctx, &token, &jobs).await?;
    let whole = token.synced_whole_at.is_some() && token.assignments_version.is_some();
    let mode = if whole && jobs.iter().all(|job| Mode::of(job) == Mode::Changes) {
        Mode::Changes
    } else {
        Mode::Full
    };
    let walked = match walk::walk(ctx, &token, &jobs, mode).await {
        // Apple has forgotten the version: only a full walk helps.
        Err(JobError::Apple(error)) if mode == Mode::Changes && error.number() == Some(9721) => {
            walk::walk(ctx, &token, &jobs, Mode::Full).await
        }
        other => other,
    };
    match walked {
        Ok(Walked::ToTheEnd(read)) => end(ctx, &token, &jobs, read, mode).await,
        Ok(Walked::PartOfTheWay) => Ok(Ending::Snooze { until: ctx.now() }),
        Err(error) => give_up_or_wait(ctx, &token, &jobs, error).await,
    }
}

async fn begin(ctx: &Context, token: &Token, jobs: &[Job]) -> Result<(), JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    tokens::sync_started(&mut tx, token.id, now).await?;
    for job in jobs {
        jobs::started(&mut tx, job.id, now).await?;
    }
    Ok(tx.commit().await?)
}

async fn end(ctx: &Context, token: &Token, jobs: &[Job], read: Read, mode: Mode) -> Result<Ending, JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    tokens::sync_ended(&mut tx, token.id, &read.end, now).await?;
    let result = read.summary.to_string();
    for job in jobs {
        jobs::ended(&mut tx, job.id, JobState::Succeeded, None, Some(&result), now).await?;
    }
    // What was wished and did not come to be may be possible now, and what others did is seen.
    let marked = if mode == Mode::Full { marks::mark_token(&mut tx, token.id, now).await? } else { 0 };
    tx.commit().await?;
    if marked > 0 {
        ctx.push(&Reconcile, When::default()).await?;
    }
    if mode == Mode::Full {
        drift::mend(ctx, token.id).await?;
    }
    tracing::info!(token.id = token.id.0, result, "a token is synced");
    // Licenses may have been bought: changes that wait for one are looked at again.
    ctx.push(&ApplyChanges { token: token.id }, When::default()).await?;
    // A sync that was asked for while this one ran has its own message; one that came between the two is found here.
    let mut db = ctx.store.read().await?;
    let more = !jobs::open_syncs(&mut db, token.id).await?.is_empty();
    Ok(if more { Ending::Snooze { until: now } } else { Ending::Done })
}

async fn fail(
    ctx: &Context,
    token: &Token,
    jobs: &[Job],
    code: &str,
    text: &str,
) -> Result<Ending, JobError> {
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    tokens::sync_ended(&mut tx, token.id, &SyncEnd::Failed { why: text.to_owned() }, now).await?;
    for job in jobs {
        jobs::ended(&mut tx, job.id, JobState::Failed, Some((code, text)), None, now).await?;
    }
    tx.commit().await?;
    Ok(Ending::Done)
}

/// What passes is waited for and the jobs stay open; what does not ends them with Apple's reason.
async fn give_up_or_wait(
    ctx: &Context,
    token: &Token,
    jobs: &[Job],
    error: JobError,
) -> Result<Ending, JobError> {
    let (code, text) = match &error {
        JobError::OtherLocation { .. } => ("token_of_other_location", error.to_string()),
        JobError::Apple(apple) => match apple.consequence() {
            Consequence::TokenDead
            | Consequence::Forbidden
            | Consequence::Wrong
            | Consequence::NeedsPerson
            | Consequence::NoLicense
            | Consequence::AlreadySo => {
                let code = apple.number().map_or("apple_error", russet_domain::apple_error::code);
                (code, format!("{} ({})", russet_domain::apple_error::sentence(code), chain(&error)))
            }
            Consequence::TooFast
            | Consequence::Later
            | Consequence::NotSent
            | Consequence::LostReply
            | Consequence::Replan => return Err(error),
        },
        JobError::NotYet { .. } | JobError::Broken(_) | JobError::Store(_) | JobError::Queue(_) => {
            return Err(error);
        }
    };
    fail(ctx, token, jobs, code, &text).await
}
