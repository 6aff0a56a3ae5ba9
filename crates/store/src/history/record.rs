//! Writes movements down.

use russet_domain::change::Action;
use russet_domain::{AssetId, Holder, Timestamp, TokenId};

use super::Cause;
use crate::codec::{json, kind_of};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::first_job;
use crate::licenses::Moved;
use crate::walks::WalkId;

/// The columns that every movement has, from `assets a`; after them comes who, which way, by what.
macro_rules! into {
    () => {
        "INSERT INTO movements
             (at, token_id, asset_id, adam_id, pricing_param, holder_kind, holder_id, gained, cause, change_id, job_id, event_id)
         SELECT $2, a.token_id, a.id, a.adam_id, a.pricing_param, "
    };
}

/// Licenses that changed hands, with the changes of ours that moved them, if any did. `event` is Apple's, where it told of it.
///
/// # Errors
/// As any statement.
pub(crate) async fn of_moved(
    tx: &mut Tx,
    moved: &[&Moved],
    (cause, event): (Cause, Option<&str>),
    now: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        concat!(
            into!(),
            "x.holder_kind, x.holder_id, x.gained, $3, x.change_id, ",
            first_job!("x.change_id"),
            ", coalesce(r.event_id, $4)
             FROM "
        ),
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT, 3 gained BOOLEAN, 4 change_id BIGINT),
        " CROSS JOIN assets a
          LEFT JOIN changes c ON c.id = x.change_id
          LEFT JOIN requests r ON r.id = c.request_id
          WHERE a.id = x.asset_id"
    );
    if moved.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = moved
        .iter()
        .map(|one| {
            let gained = one.action == Action::Assign;
            (one.asset.0, kind_of(&one.holder), one.holder.id(), gained, one.change.map(|id| id.0))
        })
        .collect();
    sql("writing down which licenses moved", WRITE)
        .bind(json(&rows)?)
        .bind(now.0)
        .bind(cause.as_str())
        .bind(event)
        .run(tx)
        .await?;
    Ok(())
}

/// Licenses of a page of Apple's list that were not known to be held. Nothing before the first whole reading: what it finds is where
/// history begins.
///
/// # Errors
/// As any statement.
pub(crate) async fn of_page(
    tx: &mut Tx,
    token: TokenId,
    page: &str,
    started_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        concat!(into!(), "x.holder_kind, x.holder_id, true, 'sync', NULL, NULL, NULL FROM "),
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        " CROSS JOIN assets a
          LEFT JOIN licenses l
            ON l.asset_id = x.asset_id AND l.holder_kind = x.holder_kind AND l.holder_id = x.holder_id
          WHERE a.id = x.asset_id AND (l.asset_id IS NULL OR (NOT l.held AND l.moved_at < $3))"
    );
    if !has_begun(tx, token).await? {
        return Ok(());
    }
    sql("writing down which licenses a reading found", WRITE)
        .bind(page.to_owned())
        .bind(now.0)
        .bind(started_at.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Licenses that a whole reading did not see, before they are forgotten.
///
/// # Errors
/// As any statement.
pub(crate) async fn of_unseen(
    tx: &mut Tx,
    token: TokenId,
    walk: WalkId,
    started_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: &str = concat!(
        into!(),
        "l.holder_kind, l.holder_id, false, 'sync', NULL, NULL, NULL
         FROM assets a
         JOIN licenses l ON l.asset_id = a.id
         WHERE a.token_id = $1 AND l.held AND l.walk <> $3 AND l.moved_at < $4"
    );
    if !has_begun(tx, token).await? {
        return Ok(());
    }
    sql("writing down which licenses a reading missed", WRITE)
        .bind(token.0)
        .bind(now.0)
        .bind(walk.0)
        .bind(started_at.0)
        .run(tx)
        .await?;
    Ok(())
}

/// These licenses, before they are forgotten since Apple does not list them any more.
///
/// # Errors
/// As any statement.
pub(crate) async fn of_pairs(
    tx: &mut Tx,
    pairs: &[(AssetId, Holder)],
    started_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        concat!(into!(), "x.holder_kind, x.holder_id, false, 'sync', NULL, NULL, NULL FROM "),
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        " CROSS JOIN assets a
          CROSS JOIN licenses l
          WHERE a.id = x.asset_id
            AND l.asset_id = x.asset_id AND l.holder_kind = x.holder_kind AND l.holder_id = x.holder_id
            AND l.held AND l.moved_at < $3"
    );
    let rows: Vec<_> = pairs.iter().map(|(asset, holder)| (asset.0, kind_of(holder), holder.id())).collect();
    sql("writing down which licenses Apple lists no more", WRITE)
        .bind(json(&rows)?)
        .bind(now.0)
        .bind(started_at.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Whether a token's licenses have been read whole, so that what is new since then has moved.
async fn has_begun(db: &mut Db, token: TokenId) -> Result<bool, StoreError> {
    let begins = super::begins(db, token).await?;
    Ok(begins.is_some())
}
