//! What may have moved and is to be looked at: written with whatever moved it, taken away by who has looked.

use russet_domain::{AssetId, DeviceId, PersonId, Timestamp, TokenId};

use crate::codec::{int, json};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// What stands in `kind`. Rows hold the words; they never change.
const DEVICE: &str = "device";
const PERSON: &str = "person";
const ASSET: &str = "asset";
const WHOLE: &str = "whole";

/// What was marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marked {
    /// Devices of which something is to be looked at.
    pub devices: Vec<DeviceId>,
    /// People of whom something is to be looked at.
    pub people: Vec<PersonId>,
    /// An asset of which everything is to be looked at.
    pub asset: Option<AssetId>,
    /// Whether what was tried for that asset before and did not come to be is to be tried again.
    pub again: bool,
}

impl Marked {
    /// Whether there was nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty() && self.people.is_empty() && self.asset.is_none()
    }
}

/// Marks devices: their assignments, person or state may be others. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn mark_devices(tx: &mut Tx, ids: &[DeviceId], now: Timestamp) -> Result<(), StoreError> {
    mark(tx, DEVICE, ids.iter().map(|id| id.0), now).await
}

/// Marks people. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn mark_people(tx: &mut Tx, ids: &[PersonId], now: Timestamp) -> Result<(), StoreError> {
    mark(tx, PERSON, ids.iter().map(|id| id.0), now).await
}

/// Marks assets: one of their assignments is new, another, or gone. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn mark_assets(tx: &mut Tx, ids: &[AssetId], now: Timestamp) -> Result<(), StoreError> {
    mark(tx, ASSET, ids.iter().map(|id| id.0), now).await
}

/// Marks assets for a run that also tries again what did not come to be. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn mark_whole(tx: &mut Tx, ids: &[AssetId], now: Timestamp) -> Result<(), StoreError> {
    mark(tx, WHOLE, ids.iter().map(|id| id.0), now).await
}

/// Marks everything of a token that assignments have to do with, for a run over all of it. Tells how many assets that are. May be
/// repeated.
///
/// # Errors
/// As any statement.
pub async fn mark_token(tx: &mut Tx, token: TokenId, now: Timestamp) -> Result<u64, StoreError> {
    mark_assigned(tx, Some(token), now).await
}

/// The same for every token there is.
///
/// # Errors
/// As any statement.
pub async fn mark_every_token(tx: &mut Tx, now: Timestamp) -> Result<u64, StoreError> {
    mark_assigned(tx, None, now).await
}

async fn mark_assigned(tx: &mut Tx, token: Option<TokenId>, now: Timestamp) -> Result<u64, StoreError> {
    sql(
        "marking all that assignments have to do with",
        "INSERT INTO reconcile_marks (kind, subject, marked_at)
         SELECT $2, s.id, $3
         FROM assets s
         WHERE ($1 IS NULL OR s.token_id = $1)
           AND (EXISTS (SELECT 1 FROM assignments a WHERE a.asset_id = s.id)
             OR EXISTS (SELECT 1 FROM entitlements e WHERE e.asset_id = s.id))
         ON CONFLICT (kind, subject) DO NOTHING",
    )
    .bind(token.map(|token| token.0))
    .bind(WHOLE)
    .bind(now.0)
    .run(tx)
    .await
}

async fn mark(
    tx: &mut Tx,
    kind: &'static str,
    ids: impl Iterator<Item = i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    const MARK: Sql = bulk!(
        "INSERT INTO reconcile_marks (kind, subject, marked_at)
         SELECT $2, x.subject, $3
         FROM ",
        (0 subject BIGINT),
        " WHERE true
          ORDER BY x.subject
          ON CONFLICT (kind, subject) DO NOTHING"
    );
    let mut rows: Vec<_> = ids.map(|id| (id,)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable();
    rows.dedup();
    sql("marking what may have moved", MARK).bind(json(&rows)?).bind(kind).bind(now.0).run(tx).await?;
    Ok(())
}

/// Takes the oldest marks away: at most `limit` devices and people each, and when there are none, one asset. Whoever takes them
/// looks at what they name in the same transaction, so that a mark which is written meanwhile stays for the next look.
///
/// # Errors
/// As any statement.
pub async fn take(tx: &mut Tx, limit: usize) -> Result<Marked, StoreError> {
    let mut marked = Marked {
        devices: take_kind(tx, DEVICE, limit).await?.into_iter().map(DeviceId).collect(),
        people: take_kind(tx, PERSON, limit).await?.into_iter().map(PersonId).collect(),
        ..Marked::default()
    };
    for (kind, again) in [(ASSET, false), (WHOLE, true)] {
        if marked.is_empty() {
            marked.asset = take_kind(tx, kind, 1).await?.pop().map(AssetId);
            marked.again = again;
        }
    }
    Ok(marked)
}

async fn take_kind(tx: &mut Tx, kind: &'static str, limit: usize) -> Result<Vec<i64>, StoreError> {
    /// The oldest are looked up once, and then found by their key.
    macro_rules! oldest {
        ($is:literal, $end:literal) => {
            concat!(
                "DELETE FROM reconcile_marks WHERE kind = $1 AND subject ",
                $is,
                "(SELECT subject FROM reconcile_marks WHERE kind = $1 ORDER BY marked_at, subject LIMIT $2)",
                $end,
                " RETURNING subject"
            )
        };
    }
    const TAKE: Sql = Sql { sqlite: oldest!("IN ", ""), postgres: oldest!("= ANY(ARRAY", ")") };
    let mut taken =
        sql("taking marks away", TAKE).bind(kind).bind(int(limit)).all(tx, |row| row.at::<i64>(0)).await?;
    taken.sort_unstable();
    Ok(taken)
}

/// Takes all marks away for the rest of a transaction that looks at what one act alone would make, at most `limit`; nothing when
/// there are more. What is set aside is put back with [`put_back`], or by the transaction's end without a commit.
///
/// # Errors
/// As any statement.
pub async fn set_aside(tx: &mut Tx, limit: usize) -> Result<Option<SetAside>, StoreError> {
    let there = sql("counting marks", "SELECT count(*) AS found FROM reconcile_marks")
        .one(tx, |row| row.get::<i64>("found"))
        .await?;
    if there > int(limit) {
        return Ok(None);
    }
    let rows = sql("setting marks aside", "DELETE FROM reconcile_marks RETURNING kind, subject, marked_at")
        .all(tx, |row| Ok((row.at(0)?, row.at(1)?, row.at(2)?)))
        .await?;
    Ok(Some(SetAside(rows)))
}

/// Marks that were set aside.
#[derive(Debug)]
pub struct SetAside(Vec<(String, i64, i64)>);

/// Puts marks back that were set aside.
///
/// # Errors
/// As any statement.
pub async fn put_back(tx: &mut Tx, marks: SetAside) -> Result<(), StoreError> {
    const BACK: Sql = bulk!(
        "INSERT INTO reconcile_marks (kind, subject, marked_at)
         SELECT x.kind, x.subject, x.marked_at
         FROM ",
        (0 kind TEXT, 1 subject BIGINT, 2 marked_at BIGINT),
        " WHERE true
          ON CONFLICT (kind, subject) DO NOTHING"
    );
    if marks.0.is_empty() {
        return Ok(());
    }
    sql("putting marks back", BACK).bind(json(&marks.0)?).run(tx).await?;
    Ok(())
}

/// Whether anything is marked.
///
/// # Errors
/// As any statement.
pub async fn any(db: &mut Db) -> Result<bool, StoreError> {
    sql("looking for marks", "SELECT count(*) AS found FROM (SELECT 1 FROM reconcile_marks LIMIT 1) AS one")
        .one(db, |row| Ok(row.get::<i64>("found")? > 0))
        .await
}
