//! Keeps a location's notifications registered at Apple, gives Apple a new secret, and has it send a test.

use std::time::Duration;

use russet_apple::{ClientConfig, Consequence};
use russet_domain::Timestamp;
use russet_domain::apple_error;
use russet_domain::job::{JobKind, JobState};
use russet_domain::registration::Standing;
use russet_domain::token::{Claim, TokenState, judge_claim};
use russet_queue::Ending;
use russet_queue::jobs::RegisterNotifications;
use russet_store::jobs::{self, Job};
use russet_store::notifications::{self, Entry, NotificationId};
use russet_store::tokens::{self, Token};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{JobError, chain};
use crate::registration::{self, Registered, new_secret};

/// The most jobs that are done together.
const JOBS_MAX: usize = 1_000;
/// How long a token that has just been uploaded is waited for.
const UNDECIDED: Duration = Duration::from_secs(2);
/// How long a test notification may take from Apple's answer on, which comes after it, and how often it is looked for.
const TEST_WAIT: Duration = Duration::from_secs(5);
const TEST_LOOK: Duration = Duration::from_millis(50);
/// Apple's word for a test.
const TEST: &str = "TEST_NOTIFICATION";
/// Why nothing can be registered.
const NO_ADDRESS: &str = "no_public_url";
/// Why no test came though Apple was answered.
const ANOTHER: &str = "notification_answered_by_another";

pub(crate) async fn register_notifications(
    job: RegisterNotifications,
    ctx: &Context,
) -> Result<Ending, JobError> {
    let Some(token) = ctx.token(job.token).await? else { return Ok(Ending::Done) };
    let mut db = ctx.store.read().await?;
    let jobs = jobs::open_of_kind(&mut db, token.id, JobKind::RegisterNotifications, JOBS_MAX).await?;
    drop(db);
    if token.state.is_undecided() {
        return Ok(Ending::Snooze { until: ctx.now().plus(UNDECIDED) });
    }
    // A duplicate leaves that to the older token, and where we may not write there is nothing to keep.
    if !(token.state.may_write() && token.state.may_sync()) {
        let code = if token.state == TokenState::Duplicate { "token_duplicate" } else { "token_not_usable" };
        return fail(ctx, &jobs, code, token.state.sentence()).await;
    }
    begin(ctx, &jobs).await?;
    match work(ctx, &token, &jobs).await {
        Err(JobError::Apple(error)) if !passes(error.consequence()) => {
            let code = error.number().map_or("apple_error", apple_error::code);
            let text = format!("{} ({})", apple_error::sentence(code), chain(&error));
            fail(ctx, &jobs, code, &text).await
        }
        other => other,
    }
}

/// What passes is waited for, and the jobs stay open.
fn passes(consequence: Consequence) -> bool {
    match consequence {
        Consequence::TooFast
        | Consequence::Later
        | Consequence::NotSent
        | Consequence::LostReply
        | Consequence::Replan => true,
        Consequence::TokenDead
        | Consequence::Forbidden
        | Consequence::Wrong
        | Consequence::NeedsPerson
        | Consequence::NoLicense
        | Consequence::AlreadySo => false,
    }
}

async fn begin(ctx: &Context, jobs: &[Job]) -> Result<(), JobError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let mut tx = ctx.begin().await?;
    for job in jobs {
        jobs::started(&mut tx, job.id, ctx.now()).await?;
    }
    Ok(tx.commit().await?)
}

async fn work(ctx: &Context, token: &Token, jobs: &[Job]) -> Result<Ending, JobError> {
    let asked = Asked::of(jobs);
    let Some(url) = ctx.notification_url(token.id) else {
        registration::keep(ctx, token, &ClientConfig::default()).await?;
        return fail(ctx, jobs, NO_ADDRESS, apple_error::sentence(NO_ADDRESS)).await;
    };
    let config = registration::read(ctx, token).await?;
    if judge_claim(&ctx.ours.id, config.seen.mdm.as_ref()) == Claim::Foreign {
        let state = TokenState::AssignedToExternalMdm;
        return fail(ctx, jobs, "token_not_usable", state.sentence()).await;
    }
    let standing = registration::standing(ctx, token, &url, &config.value).await?;
    let rotates =
        asked.rotate || is_old(token.registration.secret_at, ctx.settings.rotate_secret_days, ctx.now());
    let mut db = ctx.store.read().await?;
    let (before, current) =
        (notifications::newest(&mut db).await?, tokens::notification_secret(&mut db, token.id).await?);
    drop(db);
    let posted = ctx.now();
    let registered = match (standing.is_good(), rotates, asked.test, current) {
        (true, false, false, _) => {
            registration::note_kept(ctx, token, &url, standing).await?;
            Registered::Yes
        }
        // A test changes nothing: Apple is told what it has already.
        (true, false, true, Some(current)) if standing == Standing::Kept => {
            registration::register(ctx, token, None, current, standing).await?
        }
        (true | false, _, _, _) => {
            let why =
                if rotates && standing.is_good() { "its secret is renewed" } else { standing.because() };
            tracing::info!(token.id = token.id.0, "notifications are registered, because {why}");
            registration::register(ctx, token, None, new_secret(), standing).await?
        }
    };
    let test =
        if asked.test { Some(look_for_test(ctx, token, registered, before, posted).await?) } else { None };
    end(ctx, jobs, registered, test).await
}

/// What open jobs ask for beside the registration itself.
struct Asked {
    rotate: bool,
    test: bool,
}

impl Asked {
    fn of(jobs: &[Job]) -> Self {
        let any = |name: &str| jobs.iter().any(|job| asks(job, name));
        Self { rotate: any("rotate"), test: any("test") }
    }
}

fn asks(job: &Job, name: &str) -> bool {
    let args: Value = serde_json::from_str(&job.args).unwrap_or_default();
    args.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Whether Apple is to get another secret than the one it has had since. One whose age is not known is young.
fn is_old(since: Option<Timestamp>, days_max: u64, now: Timestamp) -> bool {
    days_max > 0 && since.is_some_and(|since| now.since(since) >= Duration::from_secs(days_max * 86_400))
}

/// Whether Apple's test has come, and how long that took; or what to look at.
async fn look_for_test(
    ctx: &Context,
    token: &Token,
    registered: Registered,
    before: NotificationId,
    posted: Timestamp,
) -> Result<Value, JobError> {
    let code = match registered {
        Registered::Yes => {
            if let Some(came) = wait_for_test(ctx, token, before).await? {
                let after_ms = came.received_at.since(posted).as_millis();
                return Ok(
                    json!({ "came": true, "received_at_ms": came.received_at.0, "after_ms": after_ms }),
                );
            }
            ANOTHER
        }
        Registered::Polling => NO_ADDRESS,
        Registered::Refused(code) => code,
    };
    let refused_at = ctx.token(token.id).await?.and_then(|token| token.registration.refused_at);
    // Clocks of two machines are compared, so a little is allowed for.
    let wrong_secret = refused_at.is_some_and(|at| at.plus(Duration::from_secs(2)) >= posted);
    Ok(json!({ "came": false, "code": code, "wrong_secret_seen": wrong_secret }))
}

async fn wait_for_test(
    ctx: &Context,
    token: &Token,
    before: NotificationId,
) -> Result<Option<Entry>, JobError> {
    let until = std::time::Instant::now() + TEST_WAIT;
    loop {
        let mut db = ctx.store.read().await?;
        let found = notifications::first_after(&mut db, token.id, TEST, before).await?;
        drop(db);
        if found.is_some() || std::time::Instant::now() >= until {
            return Ok(found);
        }
        tokio::time::sleep(TEST_LOOK).await;
    }
}

/// A job that only asked for a new secret does not hear of the test that another one asked for.
async fn end(
    ctx: &Context,
    jobs: &[Job],
    registered: Registered,
    test: Option<Value>,
) -> Result<Ending, JobError> {
    let came = test.as_ref().is_none_or(|test| test["came"] == true);
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    for job in jobs {
        let test = test.as_ref().filter(|_| asks(job, "test"));
        let code = match registered {
            Registered::Refused(code) => Some(code),
            Registered::Polling => Some(NO_ADDRESS),
            Registered::Yes if test.is_some() && !came => Some(ANOTHER),
            Registered::Yes => None,
        };
        let state = if code.is_some() { JobState::Failed } else { JobState::Succeeded };
        let error = code.map(|code| (code, apple_error::sentence(code)));
        let result = json!({ "registered": registered == Registered::Yes, "test": test }).to_string();
        jobs::ended(&mut tx, job.id, state, error, Some(&result), now).await?;
    }
    tx.commit().await?;
    Ok(Ending::Done)
}

async fn fail(ctx: &Context, jobs: &[Job], code: &str, text: &str) -> Result<Ending, JobError> {
    if jobs.is_empty() {
        return Ok(Ending::Done);
    }
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    for job in jobs {
        jobs::ended(&mut tx, job.id, JobState::Failed, Some((code, text)), None, now).await?;
    }
    tx.commit().await?;
    Ok(Ending::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_renewed_after_its_days_unless_that_is_switched_off() {
        const DAY: i64 = 86_400_000;
        let since = Some(Timestamp(0));
        assert!(is_old(since, 90, Timestamp(90 * DAY)) && !is_old(since, 90, Timestamp(90 * DAY - 1)));
        assert!(!is_old(since, 0, Timestamp(1_000 * DAY)) && !is_old(None, 90, Timestamp(1_000 * DAY)));
    }
}
