//! The line: changes that wait for a license while none is free or the quota of their assignment is used up, the most urgent and then the
//! oldest ahead.

mod list;
mod ranked;

pub use list::{Filter, Waiting, list};
pub(crate) use ranked::{beyond_by_asset, beyond_quotas};

use std::collections::HashSet;

use russet_domain::change::State;
use russet_domain::{AssetId, AssignmentId, ChangeId, Holder, JobId, Timestamp, TokenId};

use ranked::head_within;

use super::{in_flight, refuse};
use crate::codec::{int, json, kind_of};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{Shift, shift};
use crate::{assets, policies, quotas, tokens};

/// Refused at once when a line is dissolved.
const BATCH: usize = 50_000;

/// Lets planned changes wait in the line, if the token's policy lets anybody wait. Those that are not planned (any more) are left as
/// they are, so this may be repeated.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn join(tx: &mut Tx, token: TokenId, ids: &[ChangeId], now: Timestamp) -> Result<(), StoreError> {
    // Under the lock, so that nobody joins a line that is being dissolved.
    tokens::lock(tx, token).await?;
    if !policies::read(tx, token).await?.has_waitlist() {
        return Ok(());
    }
    let moved = set_state(tx, token, ids, (State::Planned, State::Waitlisted)).await?;
    shift(tx, &moved, now).await.map(drop)
}

/// Lets those at the head of the line be planned: of each asset as many as it has free that nothing under way takes, without those whose
/// assignment has used its quota up. Tells how many. Whoever is planned meanwhile and ahead of them takes the license all the same; who then gets none joins the line again,
/// in his old place.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn admit(tx: &mut Tx, token: TokenId, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
    let heads = heads(tx, token, limit).await?;
    if heads.is_empty() {
        return Ok(0);
    }
    tokens::lock(tx, token).await?;
    let moved = set_state(tx, token, &heads, (State::Waitlisted, State::Planned)).await?;
    shift(tx, &moved, now).await?;
    Ok(moved.len())
}

/// Who would be served now.
async fn heads(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<ChangeId>, StoreError> {
    let wanted = wanted_and_free(db, token).await?;
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let known = assets::get_many(db, &wanted).await?;
    let flights = in_flight(db, token).await?;
    let quotas = quotas::of_token(db, Some(token)).await?;
    let mut heads = Vec::new();
    for asset in wanted {
        let going = flights.get(&asset).map_or(0, |flight| flight.assigns);
        let free = known
            .get(&asset)
            .map_or(0, |row| row.asset.supply.free().saturating_sub(row.reserved).saturating_sub(going));
        let most = int(limit - heads.len()).min(free);
        if most > 0 {
            heads.extend(match quotas.is_empty() {
                true => head_of(db, token, asset, most).await?,
                false => head_within(db, (token, asset), &quotas, most).await?,
            });
        }
    }
    Ok(heads)
}

/// Assets with free licenses, as Apple last told, for which somebody waits all the same.
async fn wanted_and_free(db: &mut Db, token: TokenId) -> Result<Vec<AssetId>, StoreError> {
    sql(
        "looking for free licenses that somebody waits for",
        "SELECT a.id
         FROM assets a
         WHERE a.token_id = $1
           AND a.available > a.reserved
           AND EXISTS (
               SELECT 1 FROM changes c WHERE c.token_id = $1 AND c.asset_id = a.id AND c.state = 'waitlisted')
         ORDER BY a.id",
    )
    .bind(token.0)
    .all(db, |row| row.get("id").map(AssetId))
    .await
}

async fn head_of(
    db: &mut Db,
    token: TokenId,
    asset: AssetId,
    most: i64,
) -> Result<Vec<ChangeId>, StoreError> {
    sql(
        "reading the head of a line",
        "SELECT id
         FROM changes
         WHERE token_id = $1 AND asset_id = $2 AND state = 'waitlisted'
         ORDER BY priority DESC, line DESC, id
         LIMIT $3",
    )
    .bind(token.0)
    .bind(asset.0)
    .bind(most)
    .all(db, |row| row.get("id").map(ChangeId))
    .await
}

/// Whether anybody waits for a license of a token.
///
/// # Errors
/// As any statement.
pub async fn anybody_waits(db: &mut Db, token: TokenId) -> Result<bool, StoreError> {
    sql(
        "looking whether anybody waits for licenses",
        "SELECT id FROM changes WHERE token_id = $1 AND state = 'waitlisted' LIMIT 1",
    )
    .bind(token.0)
    .maybe(db, |row| row.get::<i64>("id"))
    .await
    .map(|found| found.is_some())
}

async fn set_state(
    tx: &mut Tx,
    token: TokenId,
    ids: &[ChangeId],
    (from, to): (State, State),
) -> Result<Vec<Shift>, StoreError> {
    const MOVE: Sql = bulk!(
        "UPDATE changes SET state = $4 FROM ",
        (0 id BIGINT),
        " WHERE changes.id = x.id AND changes.slot = 0 AND changes.state || '' = $3 AND +changes.token_id = $2
          RETURNING changes.id"
    );
    let rows: Vec<_> = ids.iter().map(|id| (id.0,)).collect();
    sql("moving changes in the line", MOVE)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(from.as_str())
        .bind(to.as_str())
        .all(tx, |row| Ok(Shift { change: ChangeId(row.at(0)?), from, to }))
        .await
}

/// Gives what an assignment wants, and waits or is planned, another place in the line.
///
/// # Errors
/// As any statement.
pub(crate) async fn move_in_line(tx: &mut Tx, assignment: AssignmentId, line: i64) -> Result<(), StoreError> {
    sql(
        "giving an assignment's wishes another place in the line",
        "UPDATE changes
         SET line = $2
         WHERE id IN (
             SELECT c.id
             FROM entitlements e
             JOIN changes c
               ON c.asset_id = e.asset_id AND c.holder_kind = e.holder_kind AND c.holder_id = e.holder_id
             WHERE e.assignment_id = $1 AND e.state = 'wanted' AND c.slot IS NOT NULL AND c.waits)",
    )
    .bind(assignment.0)
    .bind(line)
    .run(tx)
    .await?;
    Ok(())
}

/// Gives what is on its way, or waits, the place in the line of the assignment that wants it now.
///
/// # Errors
/// As any statement.
pub(crate) async fn follow_assignments(
    tx: &mut Tx,
    decided: impl Iterator<Item = (AssetId, &Holder, AssignmentId)>,
) -> Result<(), StoreError> {
    const FOLLOW: Sql = bulk!(
        "UPDATE changes
         SET line = a.priority
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT, 3 assignment_id BIGINT),
        " CROSS JOIN assignments a
          WHERE a.id = x.assignment_id
            AND changes.asset_id = x.asset_id
            AND changes.holder_kind = x.holder_kind
            AND changes.holder_id = x.holder_id
            AND changes.slot IS NOT NULL
            AND changes.waits"
    );
    let rows: Vec<_> = decided
        .map(|(asset, holder, assignment)| (asset.0, kind_of(holder), holder.id(), assignment.0))
        .collect();
    sql("moving wishes in the line", FOLLOW).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

/// Refuses everybody who waits for licenses of a token. Answers the jobs that ended by it.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn dissolve(tx: &mut Tx, token: TokenId, now: Timestamp) -> Result<Vec<JobId>, StoreError> {
    tokens::lock(tx, token).await?;
    let (mut after, mut ended) = (ChangeId(0), Vec::new());
    let beyond: HashSet<ChangeId> = beyond_quotas(tx, token).await?.into_iter().map(|(id, _)| id).collect();
    let code = |id| if beyond.contains(&id) { "quota_used_up" } else { "no_license_available" };
    loop {
        let ids = waiting_after(tx, token, after).await?;
        let Some(last) = ids.last() else { return Ok(ended) };
        after = *last;
        let refused: Vec<_> = ids.into_iter().map(|id| (id, code(id))).collect();
        ended.extend(refuse(tx, token, &refused, now).await?);
    }
}

async fn waiting_after(db: &mut Db, token: TokenId, after: ChangeId) -> Result<Vec<ChangeId>, StoreError> {
    sql(
        "looking for who waits for licenses",
        "SELECT id FROM changes WHERE token_id = $1 AND state = 'waitlisted' AND +id > $2 ORDER BY id LIMIT $3",
    )
    .bind(token.0)
    .bind(after.0)
    .bind(int(BATCH))
    .all(db, |row| row.get("id").map(ChangeId))
    .await
}
