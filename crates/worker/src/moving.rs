//! The steps of moves from users to devices, each one transaction under the token's lock. Each tells how many moves took it.

use std::time::Duration;

use russet_domain::change::Action;
use russet_domain::job::Priority;
use russet_domain::moving::{self, Confirm, MoveState, Next, together};
use russet_domain::{Holder, JobId, MoveId, TokenId};
use russet_queue::When;
use russet_queue::jobs::ApplyChanges;
use russet_store::moves::{self, Group, Order, Shift};
use russet_store::submit::{self, Wish};
use russet_store::{Tx, tokens};

use crate::context::Context;
use crate::error::JobError;

/// Moves that take a step together.
const BATCH: usize = 20_000;

/// The job whose moves are taken further.
pub(crate) struct Moving {
    pub(crate) job: JobId,
    pub(crate) token: TokenId,
    /// Apple's id of the location.
    pub(crate) location: Option<String>,
    pub(crate) priority: Priority,
}

impl Moving {
    /// A transaction that holds the token's lock, so that nobody else takes steps of this token's moves.
    async fn begin(&self, ctx: &Context) -> Result<Tx, JobError> {
        let mut tx = ctx.begin().await?;
        tokens::lock(&mut tx, self.token).await?;
        Ok(tx)
    }

    async fn apply(&self, ctx: &Context) -> Result<(), JobError> {
        ctx.push(&ApplyChanges { token: self.token }, When::priority(self.priority)).await
    }
}

/// Wishes for the devices' licenses.
pub(crate) async fn assign(ctx: &Context, this: &Moving) -> Result<u64, JobError> {
    let mut tx = this.begin(ctx).await?;
    let planned = moves::list(&mut tx, this.job, Some(MoveState::Planned), BATCH, None).await?;
    if planned.is_empty() {
        return Ok(0);
    }
    let now = ctx.now();
    let wishes: Vec<Wish> = planned
        .iter()
        .map(|planned| Wish { asset: planned.asset, holder: Holder::Device(planned.serial.clone()) })
        .collect();
    submit::follow(&mut tx, this.job, Action::Assign, &wishes, now).await?;
    let shifts = all_to(planned.iter().map(|planned| planned.id), MoveState::Assigning);
    let steps = moves::shift(&mut tx, this.job, MoveState::Planned, &shifts, now).await?;
    tx.commit().await?;
    this.apply(ctx).await?;
    Ok(steps)
}

/// Sees which devices have got their licenses, and which will not.
pub(crate) async fn after_assigning(ctx: &Context, this: &Moving) -> Result<u64, JobError> {
    after_change(ctx, this, MoveState::Assigning, moving::after_assigning).await
}

/// Sees which users' licenses have gone back.
pub(crate) async fn after_revoking(ctx: &Context, this: &Moving) -> Result<u64, JobError> {
    after_change(ctx, this, MoveState::Revoking, moving::after_revoking).await
}

type After = fn(russet_domain::change::State, Option<&str>) -> Option<(MoveState, Option<String>)>;

async fn after_change(ctx: &Context, this: &Moving, from: MoveState, after: After) -> Result<u64, JobError> {
    let mut db = ctx.store.read().await?;
    let ended = moves::ended(&mut db, this.job, from).await?;
    drop(db);
    let step = |ended: moves::Ended| {
        let (to, code) = after(ended.state, ended.code.as_deref())?;
        Some(Shift { id: ended.id, to, number: ended.number.filter(|_| code.is_some()), code })
    };
    let shifts: Vec<Shift> = ended.into_iter().filter_map(step).collect();
    if shifts.is_empty() {
        return Ok(0);
    }
    let mut tx = this.begin(ctx).await?;
    let mut steps = 0;
    for shifts in shifts.chunks(BATCH) {
        steps += moves::shift(&mut tx, this.job, from, shifts, ctx.now()).await?;
    }
    // What goes back a step wishes anew, and must not see the change that ended.
    for back in [MoveState::Planned, MoveState::Told] {
        if shifts.iter().any(|shift| shift.to == back) {
            moves::unlink(&mut tx, this.job, back).await?;
        }
    }
    tx.commit().await?;
    Ok(steps)
}

/// Where nobody has to be told, devices are ready; else the MDM side, or a person, is waited for.
pub(crate) async fn confirm_or_wait(ctx: &Context, this: &Moving, confirm: Confirm) -> Result<u64, JobError> {
    let mut tx = this.begin(ctx).await?;
    let assigned = moves::list(&mut tx, this.job, Some(MoveState::Assigned), BATCH, None).await?;
    if assigned.is_empty() {
        return Ok(0);
    }
    let now = ctx.now();
    let to = |is_ready: bool| if is_ready { MoveState::Told } else { MoveState::Telling };
    let shifts: Vec<Shift> = assigned
        .iter()
        // What was confirmed before a retry need not be confirmed again.
        .map(|assigned| {
            Shift::new(assigned.id, to(confirm == Confirm::None || assigned.confirmed_at.is_some()))
        })
        .collect();
    let steps = moves::shift(&mut tx, this.job, MoveState::Assigned, &shifts, now).await?;
    if confirm == Confirm::Manual {
        // There is nobody to be told; whoever confirms sees the moves that wait.
        let ids: Vec<MoveId> =
            shifts.iter().filter(|shift| shift.to == MoveState::Telling).map(|shift| shift.id).collect();
        moves::mark_told(&mut tx, this.job, &ids, now).await?;
    }
    tx.commit().await?;
    Ok(steps)
}

/// Refuses what nobody confirmed within the time allowed: the user keeps the license.
pub(crate) async fn give_up_waiting(ctx: &Context, this: &Moving, order: &Order) -> Result<u64, JobError> {
    let mut tx = this.begin(ctx).await?;
    let now = ctx.now();
    let late = moves::unconfirmed(&mut tx, this.job, now.minus(order.within)).await?;
    let shifts: Vec<Shift> = late.into_iter().map(|id| Shift::refuse(id, "not_confirmed")).collect();
    let steps = moves::shift(&mut tx, this.job, MoveState::Telling, &shifts, now).await?;
    tx.commit().await?;
    Ok(steps)
}

/// Takes users' licenses back, of whom all devices are ready.
pub(crate) async fn revoke(ctx: &Context, this: &Moving) -> Result<u64, JobError> {
    let mut tx = this.begin(ctx).await?;
    let groups = moves::groups(&mut tx, this.job, BATCH).await?;
    let mut shifts: Vec<(&Group, MoveState, Option<&str>)> = Vec::new();
    let mut wishes = Vec::new();
    for group in &groups {
        match together(group.together) {
            Next::Wait => {}
            Next::Keep(code) => shifts.push((group, MoveState::Refused, Some(code))),
            Next::Revoke => {
                shifts.push((group, MoveState::Revoking, None));
                wishes.push(Wish { asset: group.asset, holder: Holder::User(group.user.clone()) });
            }
        }
    }
    if shifts.is_empty() {
        return Ok(0);
    }
    let now = ctx.now();
    if !wishes.is_empty() {
        submit::follow(&mut tx, this.job, Action::Revoke, &wishes, now).await?;
    }
    let steps = moves::shift_groups(&mut tx, this.job, &shifts, now).await?;
    tx.commit().await?;
    if !wishes.is_empty() {
        this.apply(ctx).await?;
    }
    Ok(steps)
}

fn all_to(ids: impl Iterator<Item = MoveId>, to: MoveState) -> Vec<Shift> {
    ids.map(|id| Shift::new(id, to)).collect()
}

/// How long a refusal that says nothing of a time puts the next try off.
pub(crate) fn pause(ctx: &Context, tries: u32) -> Duration {
    let backoff = ctx.mdm_settings.backoff();
    // At least half of the ceiling, so that the tries are not used up within a moment.
    backoff.delay(tries, 0.5 + ctx.unit() / 2.0)
}
