//! Compares what assignments want with what is, wherever something is marked as having moved, and plans what follows.

use russet_domain::job::Priority;
use russet_queue::jobs::ApplyChanges;
use russet_queue::{Ending, Push, When};
use russet_store::{Tx, marks, reconcile as store};

use crate::context::Context;
use crate::error::JobError;
use crate::wanting::{Plan, decide};

/// Devices and people looked at in one transaction: enough to share requests, and few enough to be read by place.
const TOGETHER: usize = 2_000;

pub(crate) async fn reconcile(ctx: &Context) -> Result<Ending, JobError> {
    let slice = ctx.slice();
    loop {
        let now = ctx.now();
        let mut tx = ctx.begin().await?;
        let Some(plan) = look(&mut tx).await? else { return Ok(Ending::Done) };
        let tokens = plan.write(&mut tx, now).await?;
        tx.commit().await?;
        let push = |token| Push::of(&ApplyChanges { token }, When::priority(Priority::Normal));
        ctx.queue.push_many(tokens.into_iter().map(push).collect()).await?;
        if slice.is_over() {
            return Ok(Ending::Snooze { until: ctx.now() });
        }
    }
}

/// Takes the next marks away and decides about what they name; nothing when nothing is marked.
async fn look(tx: &mut Tx) -> Result<Option<Plan>, JobError> {
    let marked = marks::take(tx, TOGETHER).await?;
    if marked.is_empty() {
        return Ok(None);
    }
    let picture = match marked.asset {
        Some(asset) => store::of_asset(tx, asset).await?,
        None => {
            let looked = store::holders_of(tx, &marked.devices, &marked.people).await?;
            store::of_holders(tx, &looked).await?
        }
    };
    let plan = decide(tx, picture, marked.again).await?;
    tracing::debug!(
        devices = marked.devices.len(),
        people = marked.people.len(),
        asset = marked.asset.map(|asset| asset.0),
        moves = plan.moves(),
        "assignments were compared with what is"
    );
    Ok(Some(plan))
}
