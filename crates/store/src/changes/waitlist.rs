//! The line: changes that wait for a license while none is free, the most urgent and then the oldest ahead.

use std::collections::BTreeMap;

use russet_domain::change::State;
use russet_domain::{AssetId, AssignmentId, ChangeId, JobId, Timestamp, TokenId};

use super::{in_flight, refuse};
use crate::codec::{int, json};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{Shift, shift};
use crate::{assets, tokens};

/// Refused at once when a line is dissolved.
const BATCH: usize = 50_000;

/// Lets planned changes wait in the line. Those that are not planned (any more) are left as they are, so this may be repeated.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn join_line(
    tx: &mut Tx,
    token: TokenId,
    ids: &[ChangeId],
    now: Timestamp,
) -> Result<(), StoreError> {
    tokens::lock(tx, token).await?;
    let moved = set_state(tx, token, ids, (State::Planned, State::Waitlisted)).await?;
    shift(tx, &moved, now).await.map(drop)
}

/// Lets those at the head of the line be planned: of each asset as many as it has free that nothing under way takes. Tells how
/// many. Whoever is planned meanwhile and ahead of them takes the license all the same; who then gets none joins the line again,
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
    let waiting = waiting_by_asset(db, token).await?;
    if waiting.is_empty() {
        return Ok(Vec::new());
    }
    let known = assets::get_many(db, &waiting.keys().copied().collect::<Vec<_>>()).await?;
    let flights = in_flight(db, token).await?;
    let mut heads = Vec::new();
    for asset in waiting.into_keys() {
        let going = flights.get(&asset).map_or(0, |flight| flight.assigns);
        let free = known.get(&asset).map_or(0, |row| row.asset.supply.free().saturating_sub(going));
        let most = int(limit - heads.len()).min(free);
        if most > 0 {
            heads.extend(head_of(db, token, asset, most).await?);
        }
    }
    Ok(heads)
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

/// How many wait, by asset.
async fn waiting_by_asset(db: &mut Db, token: TokenId) -> Result<BTreeMap<AssetId, i64>, StoreError> {
    let counts = sql(
        "counting who waits for licenses",
        "SELECT asset_id, count(*) FROM changes WHERE token_id = $1 AND state = 'waitlisted' GROUP BY asset_id",
    );
    let rows = counts.bind(token.0).all(db, |row| Ok((AssetId(row.at(0)?), row.at::<i64>(1)?))).await?;
    Ok(rows.into_iter().collect())
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

/// Some of those who wait for licenses of a token, the oldest first.
async fn waiting_ids(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<ChangeId>, StoreError> {
    sql(
        "looking for who waits for licenses",
        "SELECT id FROM changes WHERE token_id = $1 AND state = 'waitlisted' ORDER BY id LIMIT $2",
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, |row| row.get("id").map(ChangeId))
    .await
}

/// Nobody waits for licenses of a token any more: those in the line are refused, and those who are planned will be when none is
/// free. Answers the jobs that ended by it.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn dissolve_line(tx: &mut Tx, token: TokenId, now: Timestamp) -> Result<Vec<JobId>, StoreError> {
    tokens::lock(tx, token).await?;
    for state in [State::Planned, State::Waitlisted] {
        sql(
            "letting nobody wait",
            "UPDATE changes SET waits = false WHERE token_id = $1 AND state = $2 AND waits",
        )
        .bind(token.0)
        .bind(state.as_str())
        .run(tx)
        .await?;
    }
    let mut ended = Vec::new();
    loop {
        let ids = waiting_ids(tx, token, BATCH).await?;
        if ids.is_empty() {
            return Ok(ended);
        }
        let refused: Vec<_> = ids.into_iter().map(|id| (id, "no_license_available")).collect();
        ended.extend(refuse(tx, token, &refused, now).await?);
    }
}
