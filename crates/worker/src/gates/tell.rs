//! Tells those who wait at gates what has become of their apps.

use futures::StreamExt as _;
use russet_domain::gate::GateState;
use russet_domain::{GateId, Holder, JobId, Timestamp, TokenId};
use russet_mdm::{GateApp, GateNews, News, TellError};
use russet_store::gates::{self, Gate};

use crate::context::Context;
use crate::error::{JobError, chain};
use crate::moving::pause;

/// The most apps of one news.
const NEWS_MAX: usize = 500;
/// Calls under way at the same time: one slow receiver keeps few others waiting.
const AT_ONCE: usize = 16;

/// Tells the callers of these jobs. Told twice is possible, after a crash between the answer and our writing it down, and is the
/// same news by its name.
pub(crate) async fn all(ctx: &Context, token: TokenId, jobs: &[(JobId, Timestamp)]) -> Result<(), JobError> {
    let calls: Vec<_> = jobs.iter().map(|(job, seen)| one(ctx, token, *job, *seen)).collect();
    let mut calls = futures::stream::iter(calls).buffer_unordered(AT_ONCE);
    while let Some(told) = calls.next().await {
        told?;
    }
    Ok(())
}

async fn one(ctx: &Context, token: TokenId, job: JobId, seen: Timestamp) -> Result<(), JobError> {
    let mut db = ctx.store.read().await?;
    let untold = gates::untold(&mut db, job, NEWS_MAX).await?;
    let callback = gates::callback(&mut db, job).await?;
    let order = gates::order(&mut db, job).await?;
    drop(db);
    let (Some(callback), Some(order), [first, ..]) = (callback, order, untold.as_slice()) else {
        let mut tx = ctx.begin().await?;
        gates::nothing_to_tell(&mut tx, job, seen).await?;
        return Ok(tx.commit().await?);
    };
    // The same gates in the same states are the same news.
    let delivery = format!("gate-{job}-{}-{}-{}", first.id, untold.len(), digest(&untold));
    let news = GateNews { delivery, job: job.0, token: token.0, apps: untold.iter().map(app).collect() };
    let told = ctx.mdm.tell(callback.url.reveal(), &callback.secret, News::Gate(&news)).await;
    let now = ctx.now();
    let mut tx = ctx.begin().await?;
    match told {
        Ok(_) => {
            let told: Vec<(GateId, &str)> =
                untold.iter().map(|gate| (gate.id, gate.state.as_str())).collect();
            gates::told(&mut tx, job, &told).await?;
            // There may be more by now; the next look finds out.
            gates::set_due(&mut tx, &[job], Some(now)).await?;
        }
        Err(error) if !error.may_pass() || order.tries + 1 >= ctx.mdm_settings.tries_max => {
            tracing::error!(job.id = job.0, error = %error, "who waits at a gate cannot be told, and will not be");
            gates::tell_again(&mut tx, job, None, &chain(&error)).await?;
        }
        Err(error) => {
            let wait = match &error {
                TellError::Later { after: Some(after), .. } => (*after).max(pause(ctx, order.tries + 1)),
                _ => pause(ctx, order.tries + 1),
            };
            tracing::warn!(job.id = job.0, error = %error, "who waits at a gate could not be told yet");
            gates::tell_again(&mut tx, job, Some(now.plus(wait)), &chain(&error)).await?;
        }
    }
    Ok(tx.commit().await?)
}

/// Tells one set of states from another.
fn digest(gates: &[Gate]) -> u64 {
    // The order of states in their life is all that has to count; an app goes through few of them and never back.
    let place =
        |state: GateState| GateState::ALL.iter().position(|other| *other == state).unwrap_or(0) as u64;
    gates.iter().fold(0_u64, |sum, gate| sum.wrapping_mul(31).wrapping_add(place(gate.state)))
}

fn app(gate: &Gate) -> GateApp {
    let (serial, user) = match &gate.holder {
        Holder::Device(serial) => (Some(serial.clone()), None),
        Holder::User(user) => (None, Some(user.clone())),
    };
    GateApp {
        adam_id: gate.key.adam_id.clone(),
        pricing_param: gate.key.pricing.as_str().to_owned(),
        serial,
        user,
        state: gate.state.as_str(),
        code: gate.code.clone(),
        error_number: gate.number,
    }
}
