//! Takes in what a client wishes for: a job, and a change for every license that has to move.

mod follow;
mod intake;
mod undo;

pub use follow::follow;
pub(crate) use follow::{Followers, follow_together};
pub use undo::{still_to_move, undoable};

use std::collections::{HashMap, HashSet};

use russet_domain::change::{Action, State};
use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::{AssetId, ChangeId, Holder, JobId, Timestamp, TokenId};

use crate::codec::{holder, int, json, word_in};
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counts, NewJob, Shift};
use crate::{changes, policies, tokens};
use intake::{Order, Taken, take_in};

/// One license that is to move.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// The asset, which must be one of the job's token.
    pub asset: AssetId,
    /// Who is to hold it, or to hold it no more.
    pub holder: Holder,
}

/// What became of a submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// The job that was written.
    pub job: JobId,
    /// Its state: it has ended already when nothing is left to be done.
    pub state: JobState,
    /// What became of the wishes.
    pub counts: IntakeCounts,
}

/// What became of wishes, by number. Without `folded`, they add up to the job's changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntakeCounts {
    /// New changes, to be sent; in place of an opposite one that was not sent yet or not.
    pub planned: u64,
    /// New changes that wait for an approval, since the token's brakes do not allow so many at once.
    pub held: u64,
    /// Follow a change that does the same.
    pub joined: u64,
    /// The license already is where it is wanted.
    pub already: u64,
    /// A rule forbids it.
    pub refused: u64,
    /// Older changes, of any job, that these wishes made void.
    pub replaced: u64,
    /// Wishes that were in the list twice.
    pub folded: u64,
}

/// Writes a job with a change for every wish, by [`russet_domain::intake`]'s rules. Wishes may be any number; a list of
/// 100,000 is some ten statements.
///
/// # Errors
/// [`StoreError::Missing`] when the token or an asset of it is not there, or the job's kind moves no licenses.
pub async fn submit(
    tx: &mut Tx,
    new: &NewJob,
    wishes: Vec<Wish>,
    now: Timestamp,
) -> Result<Submitted, StoreError> {
    let Some(action) = action_of(new.kind) else {
        return Err(StoreError::Missing(format!("license to move in a job of kind {}", new.kind.as_str())));
    };
    tokens::lock(tx, new.token).await?;
    let listed = wishes.len();
    let mut known = HashSet::with_capacity(listed);
    let wishes: Vec<Wish> = wishes.into_iter().filter(|wish| known.insert(wish.clone())).collect();
    drop(known);
    let job = jobs::insert(tx, new, now).await?;
    let order = Order { token: new.token, action, priority: new.priority, line: new.line, brakes: true };
    let before = newest_change(tx).await?;
    let mut taken = take_in(tx, order, &wishes, now).await?;
    tell_held(tx, job, taken.held.as_deref()).await?;
    taken.counts.folded = crate::codec::count(int(listed - wishes.len()));
    link(tx, job, new.token, before, &taken).await?;
    let ended = jobs::add(tx, &HashMap::from([(job, taken.by_state)]), now).await?;
    let state = if wishes.is_empty() {
        // Nothing was added, so nothing moved the state.
        jobs::ended(tx, job, JobState::Succeeded, None, None, now).await?;
        JobState::Succeeded
    } else if ended.contains(&job) || !taken.by_state.is_untouched() {
        jobs::find(tx, job).await?.map_or(JobState::Queued, |job| job.state)
    } else {
        JobState::Queued
    };
    Ok(Submitted { job, state, counts: taken.counts })
}

/// Adds wishes to a job that has not ended, such as the licenses of a token that is being removed.
///
/// # Errors
/// [`StoreError::Missing`] when the job or its token is not there, or the job's kind moves no licenses.
pub async fn add(
    tx: &mut Tx,
    id: JobId,
    wishes: &[Wish],
    now: Timestamp,
) -> Result<IntakeCounts, StoreError> {
    let missing =
        || StoreError::Missing(format!("job {id} that moves licenses of a token that is still here"));
    let job = jobs::find(tx, id).await?.ok_or_else(missing)?;
    let (token, action) = job.token.zip(action_of(job.kind)).ok_or_else(missing)?;
    tokens::lock(tx, token).await?;
    let before = newest_change(tx).await?;
    let order = Order { token, action, priority: job.priority, line: job.line, brakes: true };
    let taken = take_in(tx, order, wishes, now).await?;
    tell_held(tx, id, taken.held.as_deref()).await?;
    link(tx, id, token, before, &taken).await?;
    jobs::add(tx, &HashMap::from([(id, taken.by_state)]), now).await?;
    Ok(taken.counts)
}

/// Wishes again, under the same job, for everything of it that was refused. The new changes take the place of the
/// refused ones in the job's list. Answers what became of them; all zero when nothing was refused.
///
/// # Errors
/// [`StoreError::Missing`] when the job or its token is not there.
pub async fn retry(tx: &mut Tx, id: JobId, now: Timestamp) -> Result<IntakeCounts, StoreError> {
    let missing = || StoreError::Missing(format!("job {id} of a token that is still here"));
    let job = jobs::find(tx, id).await?.ok_or_else(missing)?;
    let token = job.token.ok_or_else(missing)?;
    let Some(action) = action_of(job.kind) else { return Ok(IntakeCounts::default()) };
    tokens::lock(tx, token).await?;
    let wishes = refused_of(tx, id).await?;
    if wishes.is_empty() {
        return Ok(IntakeCounts::default());
    }
    let removed = changes::refused_with_apps(tx, id).await?;
    sql(
        "letting go of a job's refused changes",
        "DELETE FROM job_changes
         WHERE job_id = $1
           AND NOT withdrawn
           AND change_id IN (
               SELECT c.id
               FROM job_changes l
               JOIN changes c ON c.id = l.change_id
               WHERE l.job_id = $1 AND c.state = 'refused')",
    )
    .bind(id.0)
    .run(tx)
    .await?;
    sql(
        "noting that a cancelled job is wanted again",
        "UPDATE jobs SET cancel_asked_at = NULL WHERE id = $1",
    )
    .bind(id.0)
    .run(tx)
    .await?;
    let before = newest_change(tx).await?;
    let order = Order { token, action, priority: job.priority, line: job.line, brakes: true };
    let mut taken = take_in(tx, order, &wishes, now).await?;
    tell_held(tx, id, taken.held.as_deref()).await?;
    link(tx, id, token, before, &taken).await?;
    changes::remove_apps(tx, token, &removed, now).await?;
    taken.by_state.add(State::Refused, -int(wishes.len()));
    jobs::add(tx, &HashMap::from([(id, taken.by_state)]), now).await?;
    Ok(taken.counts)
}

/// Has the job say why it is held, if it is.
pub(crate) async fn tell_held(tx: &mut Tx, job: JobId, why: Option<&str>) -> Result<(), StoreError> {
    let Some(why) = why else { return Ok(()) };
    let note = format!(
        "Held: {why}. Another API key approves it with POST /api/v1/jobs/{job}/approve; cancelling it takes nothing back."
    );
    jobs::add_note(tx, job, note).await
}

/// Which way a kind of job moves licenses.
fn action_of(kind: JobKind) -> Option<Action> {
    match kind {
        JobKind::AssignLicense => Some(Action::Assign),
        JobKind::RevokeLicense | JobKind::RemoveToken => Some(Action::Revoke),
        JobKind::SyncToken
        | JobKind::RenewToken
        | JobKind::MoveLicense
        | JobKind::Gate
        | JobKind::PushUpdate
        | JobKind::RefreshCatalog
        | JobKind::RegisterNotifications
        | JobKind::TakeOverToken
        | JobKind::HandOverToken
        | JobKind::ImportUsers
        | JobKind::RetireUsers => None,
    }
}

/// The job's refused pairs. Two refused changes for one license cannot both be the job's, but a hand in the database
/// could make it so; then one wish is enough.
async fn refused_of(tx: &mut Tx, job: JobId) -> Result<Vec<Wish>, StoreError> {
    sql(
        "looking for a job's refused changes",
        "SELECT DISTINCT c.asset_id, c.holder_kind, c.holder_id
         FROM job_changes l
         JOIN changes c ON c.id = l.change_id
         WHERE l.job_id = $1 AND NOT l.withdrawn AND c.state = 'refused'",
    )
    .bind(job.0)
    .all(tx, |row| {
        Ok(Wish { asset: AssetId(row.at(0)?), holder: holder(&row.at::<String>(1)?, row.at(2)?)? })
    })
    .await
}

/// The number of the newest change: those that this transaction writes for its token come after it.
async fn newest_change(tx: &mut Tx) -> Result<ChangeId, StoreError> {
    sql("reading the newest change", "SELECT coalesce(max(id), 0) AS id FROM changes")
        .one(tx, |row| row.get("id").map(ChangeId))
        .await
}

/// Makes the job follow its changes: those just written, and those joined.
async fn link(
    tx: &mut Tx,
    job: JobId,
    token: TokenId,
    before: ChangeId,
    taken: &Taken,
) -> Result<(), StoreError> {
    const JOIN: Sql = bulk!(
        "INSERT INTO job_changes (job_id, change_id, withdrawn)
         SELECT $2, x.id, false
         FROM ",
        (0 id BIGINT),
        " WHERE true
         ON CONFLICT (job_id, change_id) DO UPDATE SET withdrawn = false"
    );
    if taken.written {
        // Nobody else writes changes of this token while we hold its lock.
        sql(
            "linking a job to its changes",
            "INSERT INTO job_changes (job_id, change_id, withdrawn)
             SELECT $1, id, false
             FROM changes
             WHERE id > $3 AND token_id = $2
             ORDER BY id",
        )
        .bind(job.0)
        .bind(token.0)
        .bind(before.0)
        .run(tx)
        .await?;
    }
    if !taken.joined.is_empty() {
        let ids: Vec<_> = taken.joined.iter().map(|id| (id.0,)).collect();
        sql("linking a job to changes it joins", JOIN).bind(json(&ids)?).bind(job.0).run(tx).await?;
    }
    Ok(())
}
