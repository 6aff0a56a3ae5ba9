//! Writes down what Apple's word made of changes, with everything that follows from it.

use std::collections::{HashMap, HashSet};

use russet_domain::change::{Action, Outcome, State};
use russet_domain::{AssetId, ChangeId, Holder, JobId, RequestId, Timestamp, TokenId};

use super::waitlist::anybody_waits;
use crate::codec::{action, holder, json};
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::history::Cause;
use crate::jobs::{Shift, shift};
use crate::licenses::{Moved, write_moved};
use crate::{installs, requests, tokens};

/// What followed from finishing changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// How many changes it finished or sent back to be planned: those that were still waiting for Apple's word.
    pub changes: u64,
    /// Requests of which nothing is open any more.
    pub closed_requests: Vec<RequestId>,
    /// Jobs of which nothing is open any more.
    pub ended_jobs: Vec<JobId>,
    /// Whether changes are planned now, at once or later, that were not before, or a license is free for who waits.
    pub planned: bool,
}

/// Writes down the outcomes of changes that waited for Apple's word: the changes, the licenses that moved, the assets'
/// counts, the requests, the jobs, and the changes that waited behind. Changes that wait for nothing (any more) are left
/// as they are, so this may be repeated.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn finish(
    tx: &mut Tx,
    token: TokenId,
    outcomes: &[(ChangeId, Outcome)],
    now: Timestamp,
) -> Result<Finished, StoreError> {
    if outcomes.is_empty() {
        return Ok(Finished::default());
    }
    tokens::lock(tx, token).await?;
    let by_id: HashMap<ChangeId, &Outcome> = outcomes.iter().map(|(id, outcome)| (*id, outcome)).collect();
    let open = open_of(tx, token, by_id.keys()).await?;
    let mut ends: Vec<End<'_>> =
        open.iter().filter_map(|change| Some(End::of(change, by_id.get(&change.id)?))).collect();
    withdraw_unwanted(tx, &mut ends).await?;
    write_ends(tx, &ends, now).await?;
    move_up(tx, &ends).await?;
    let moved: Vec<Moved> = ends.iter().filter_map(End::moved).collect();
    write_moved(tx, &moved, (Cause::Change, None), now).await?;
    bring_devices_along(tx, token, &ends, now).await?;
    let closed_requests = close_requests(tx, &ends, now).await?;
    let shifts: Vec<Shift> =
        ends.iter().map(|end| Shift { change: end.change.id, from: State::Sending, to: end.state }).collect();
    let ended_jobs = shift(tx, &shifts, now).await?;
    Ok(Finished {
        changes: crate::codec::count(crate::codec::int(ends.len())),
        closed_requests,
        ended_jobs,
        planned: ends.iter().any(|end| end.state == State::Planned || end.change.behind.is_some())
            || (ends.iter().any(End::frees) && anybody_waits(tx, token).await?),
    })
}

/// Has apps installed where licenses have come, and removed where they are to go with their licenses.
async fn bring_devices_along(
    tx: &mut Tx,
    token: TokenId,
    ends: &[End<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    let settled = |action| {
        ends.iter()
            .filter(move |end| end.state == State::Settled && end.change.action == action)
            .map(|end| end.change)
    };
    let granted: Vec<&Holder> = settled(Action::Assign).map(|change| &change.holder).collect();
    installs::want_for_holders(tx, token, &granted, now).await?;
    let gone: Vec<(AssetId, String)> = settled(Action::Revoke)
        .filter(|change| change.removes_app)
        .map(|change| (change.asset, change.holder.id().to_owned()))
        .collect();
    installs::want_removed(tx, token, &gone, now).await?;
    Ok(())
}

/// A change that waits for Apple's word.
struct Waiting {
    id: ChangeId,
    asset: AssetId,
    holder: Holder,
    action: Action,
    request: RequestId,
    held: bool,
    /// Whether the app goes from the device with the license.
    removes_app: bool,
    /// The opposite change that waits behind it.
    behind: Option<ChangeId>,
}

async fn open_of(
    tx: &mut Tx,
    token: TokenId,
    ids: impl Iterator<Item = &ChangeId>,
) -> Result<Vec<Waiting>, StoreError> {
    const OPEN: Sql = bulk!(
        "SELECT c.id, c.asset_id, c.holder_kind, c.holder_id, c.action, c.request_id, l.held, b.id, c.removes_app
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN changes c
          LEFT JOIN licenses l
            ON l.asset_id = c.asset_id AND l.holder_kind = c.holder_kind AND l.holder_id = c.holder_id
          LEFT JOIN changes b
            ON b.asset_id = c.asset_id AND b.holder_kind = c.holder_kind AND b.holder_id = c.holder_id
               AND b.slot = 1
          WHERE c.id = x.id AND c.state || '' = 'sent' AND +c.token_id = $2"
    );
    let ids: Vec<_> = ids.map(|id| (id.0,)).collect();
    sql("reading changes that wait for Apple's word", OPEN)
        .bind(json(&ids)?)
        .bind(token.0)
        .all(tx, |row| {
            Ok(Waiting {
                id: ChangeId(row.at(0)?),
                asset: AssetId(row.at(1)?),
                holder: holder(&row.at::<String>(2)?, row.at(3)?)?,
                action: action(&row.at::<String>(4)?)?,
                request: RequestId(row.at(5)?),
                held: row.at::<Option<bool>>(6)?.unwrap_or(false),
                behind: row.at::<Option<i64>>(7)?.map(ChangeId),
                removes_app: row.at(8)?,
            })
        })
        .await
}

/// What becomes of one change.
struct End<'a> {
    change: &'a Waiting,
    state: State,
    code: Option<&'a str>,
    number: Option<i32>,
    not_before: i64,
}

impl<'a> End<'a> {
    fn of(change: &'a Waiting, outcome: &'a Outcome) -> Self {
        let end = |state, code, number, not_before| Self { change, state, code, number, not_before };
        match outcome {
            Outcome::Settled => end(State::Settled, None, None, 0),
            Outcome::Refused { code, number } => end(State::Refused, Some(code.as_str()), *number, 0),
            // Sending it again would undo what was wished for since.
            Outcome::Again { number, .. } if change.behind.is_some() => {
                end(State::Cancelled, Some("replaced"), *number, 0)
            }
            Outcome::Again { not_before, number } => end(State::Planned, None, *number, not_before.0),
        }
    }

    /// Whether a license is free by it that was not, or was kept for it.
    fn frees(&self) -> bool {
        let end = match self.change.action {
            Action::Assign => State::Refused,
            Action::Revoke => State::Settled,
        };
        self.state == end
    }

    fn moved(&self) -> Option<Moved> {
        (self.state == State::Settled).then(|| Moved {
            asset: self.change.asset,
            holder: self.change.holder.clone(),
            action: self.change.action,
            was_held: self.change.held,
            change: Some(self.change.id),
        })
    }
}

/// What would be sent again is not, when every job that follows it was cancelled meanwhile.
async fn withdraw_unwanted(tx: &mut Tx, ends: &mut [End<'_>]) -> Result<(), StoreError> {
    const UNWANTED: Sql = bulk!(
        "SELECT x.id
         FROM ",
        (0 id BIGINT),
        " WHERE NOT EXISTS (
             SELECT 1
             FROM job_changes l
             JOIN jobs j ON j.id = l.job_id
             WHERE l.change_id = x.id AND NOT l.withdrawn AND j.cancel_asked_at IS NULL)"
    );
    let again: Vec<_> =
        ends.iter().filter(|end| end.state == State::Planned).map(|end| (end.change.id.0,)).collect();
    if again.is_empty() {
        return Ok(());
    }
    let unwanted: HashSet<ChangeId> = sql("looking for changes that nobody wants any more", UNWANTED)
        .bind(json(&again)?)
        .all(tx, |row| row.at(0).map(ChangeId))
        .await?
        .into_iter()
        .collect();
    for end in ends.iter_mut().filter(|end| unwanted.contains(&end.change.id)) {
        (end.state, end.code) = (State::Cancelled, Some("withdrawn"));
    }
    Ok(())
}

async fn write_ends(tx: &mut Tx, ends: &[End<'_>], now: Timestamp) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "UPDATE changes
         SET state = x.state,
             slot = CASE WHEN x.state = 'planned' THEN 0 END,
             request_id = CASE WHEN x.state = 'planned' THEN NULL ELSE changes.request_id END,
             not_before = x.not_before,
             error_code = x.error_code,
             error_number = x.error_number,
             ended_at = CASE WHEN x.state = 'planned' THEN NULL ELSE $2 END
         FROM ",
        (0 id BIGINT, 1 state TEXT, 2 error_code TEXT, 3 error_number BIGINT, 4 not_before BIGINT),
        " WHERE changes.id = x.id"
    );
    let rows: Vec<_> = ends
        .iter()
        .map(|end| (end.change.id.0, end.state.as_str(), end.code, end.number, end.not_before))
        .collect();
    sql("writing what Apple's word made of changes", WRITE).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}

/// The slots are free: what waited behind is next.
async fn move_up(tx: &mut Tx, ends: &[End<'_>]) -> Result<(), StoreError> {
    const UP: Sql = bulk!(
        "UPDATE changes SET slot = 0 FROM ",
        (0 id BIGINT),
        " WHERE changes.id = x.id AND changes.slot = 1"
    );
    let rows: Vec<_> = ends.iter().filter_map(|end| Some((end.change.behind?.0,))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    sql("moving up changes that waited", UP).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

async fn close_requests(tx: &mut Tx, ends: &[End<'_>], now: Timestamp) -> Result<Vec<RequestId>, StoreError> {
    let mut by_request: HashMap<RequestId, i64> = HashMap::new();
    for end in ends {
        *by_request.entry(end.change.request).or_default() += 1;
    }
    requests::count_down(tx, &by_request, now).await
}
