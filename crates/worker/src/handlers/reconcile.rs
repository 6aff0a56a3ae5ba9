//! Compares what assignments want with what is, wherever something is marked as having moved, and plans what follows.

use russet_domain::job::Priority;
use russet_queue::jobs::ApplyChanges;
use russet_queue::{Ending, Push, When};
use russet_store::reconcile::look;

use crate::context::Context;
use crate::error::JobError;

pub(crate) async fn reconcile(ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let mut tx = ctx.begin().await?;
        let Some(plan) = look(&mut tx).await? else { return Ok(Ending::Done) };
        let moves = plan.len();
        let tokens = plan.write(&mut tx, ctx.now()).await?;
        tx.commit().await?;
        if moves > 0 {
            tracing::info!(moves, "licenses are to move for assignments");
        }
        let push = |token| Push::of(&ApplyChanges { token }, When::priority(Priority::Normal));
        ctx.queue.push_many(tokens.into_iter().map(push).collect()).await?;
        if slice.is_over() {
            return Ok(Ending::Snooze { until: ctx.now() });
        }
    }
}
