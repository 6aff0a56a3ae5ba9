//! Orders to take a location over: each is an open job, good for once, and ends with what came of it.

use russet_domain::JobId;
use russet_domain::job::{JobKind, JobState};
use russet_domain::token::MdmInfo;
use russet_store::jobs::{self, Job};
use russet_store::take_overs::{self, TakeOver};
use russet_store::tokens::{self, Token};
use russet_store::{Tx, audit};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::WORKER;
use crate::context::Context;
use crate::error::JobError;

/// The most orders of one token that are looked at; one waits at a time, unless hands meet.
const ORDERS_MAX: usize = 100;

/// The orders that wait for a token.
pub(crate) struct Orders(Vec<Job>);

/// What an order's arguments hold.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Args {
    ordered_by: String,
}

impl Orders {
    /// Reads them.
    pub(crate) async fn of(ctx: &Context, token: &Token) -> Result<Self, JobError> {
        let mut db = ctx.store.read().await?;
        Ok(Self(jobs::open_of_kind(&mut db, token.id, JobKind::TakeOverToken, ORDERS_MAX).await?))
    }

    /// Whether one waits.
    pub(crate) fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Writes down who has the location, before it is taken from them. Tells whether an order still stands: one may have
    /// been called off since they were read, and from here on it is too late for that.
    pub(crate) async fn about_to_take(
        &self,
        ctx: &Context,
        token: &Token,
        other: &MdmInfo,
    ) -> Result<bool, JobError> {
        let now = ctx.now();
        let mut stands = false;
        let mut tx = ctx.begin().await?;
        for job in &self.0 {
            if !jobs::started(&mut tx, job.id, now).await? {
                continue;
            }
            stands = true;
            let args: Args = serde_json::from_str(&job.args).unwrap_or_default();
            let new = TakeOver {
                job: job.id,
                other: other.clone(),
                ordered_by: args.ordered_by,
                ordered_at: job.created_at,
                taken_at: None,
            };
            take_overs::begin(&mut tx, token.id, &new).await?;
        }
        tx.commit().await?;
        if stands {
            tracing::warn!(token.id = token.id.0, other.mdm = %other.name, "taking the location over from another MDM server");
        }
        Ok(stands)
    }

    /// Ends them, now that the location is ours, in the transaction that says so.
    pub(crate) async fn done(&self, ctx: &Context, tx: &mut Tx, token: &Token) -> Result<(), JobError> {
        let now = ctx.now();
        for job in &self.0 {
            let taken = take_overs::of_job(tx, job.id).await?;
            let result = match &taken {
                Some(taken) => {
                    take_overs::taken(tx, job.id, now).await?;
                    note(ctx, tx, token, job.id, taken).await?;
                    json!({ "taken_from": shown(&taken.other) })
                }
                // Nobody else had it: there was nothing to take, and the order is used up all the same.
                None => json!({ "taken_from": null }),
            };
            jobs::ended(tx, job.id, JobState::Succeeded, None, Some(&result.to_string()), now).await?;
        }
        self.forget(ctx, tx, token).await
    }

    /// Ends them because they cannot be carried out.
    pub(crate) async fn fail(
        &self,
        ctx: &Context,
        token: &Token,
        code: &str,
        text: &str,
    ) -> Result<(), JobError> {
        if !self.any() {
            return Ok(());
        }
        let now = ctx.now();
        let mut tx = ctx.begin().await?;
        for job in &self.0 {
            jobs::ended(&mut tx, job.id, JobState::Failed, Some((code, text)), None, now).await?;
        }
        self.forget(ctx, &mut tx, token).await?;
        Ok(tx.commit().await?)
    }

    /// Notes that no order waits any more, unless another has come meanwhile.
    async fn forget(&self, ctx: &Context, tx: &mut Tx, token: &Token) -> Result<(), JobError> {
        if token.take_over || self.any() {
            let more = jobs::open_of_kind(tx, token.id, JobKind::TakeOverToken, 1).await?;
            tokens::set_take_over(tx, token.id, !more.is_empty(), ctx.now()).await?;
        }
        Ok(())
    }
}

async fn note(
    ctx: &Context,
    tx: &mut Tx,
    token: &Token,
    job: JobId,
    taken: &TakeOver,
) -> Result<(), JobError> {
    let detail = json!({
        "job": job.0, "ordered_by": taken.ordered_by, "taken_from": shown(&taken.other),
    });
    let (subject, detail) = (format!("token {}", token.id), detail.to_string());
    Ok(audit::write(tx, WORKER, "token.taken_over", &subject, &detail, ctx.now()).await?)
}

fn shown(other: &MdmInfo) -> Value {
    json!({ "id": other.id, "name": other.name, "metadata": other.metadata })
}
