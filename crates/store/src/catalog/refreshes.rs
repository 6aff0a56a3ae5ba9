//! Which storefronts are to be read, and how far each reading is: so that none is forgotten with a message.

use russet_domain::Timestamp;

use super::{After, Storefront};
use crate::codec::{count, json, maybe_time, time};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// A reading of a storefront: one that is wanted or under way, or the last one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// What is read.
    pub storefront: Storefront,
    /// When it was last asked for.
    pub wanted_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How far it is; all before that is done.
    pub after: After,
    /// How often it could not go on, one after the other.
    pub failures: u64,
    /// When it goes on, after it could not.
    pub not_before: Option<Timestamp>,
    /// What it has brought so far.
    pub progress: Progress,
    /// What a person should know about how it went.
    pub note: Option<String>,
}

/// What a reading has brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Requests sent to Apple's metadata services.
    pub requests: u64,
    /// Products that the store has.
    pub listed: u64,
    /// Products that it has not and another one has.
    pub elsewhere: u64,
    /// Products that no store has.
    pub gone: u64,
    /// Products that could not be asked about.
    pub unjudged: u64,
}

/// Asks for readings. One that is under way is done once more afterwards.
///
/// # Errors
/// As any statement.
pub async fn want(tx: &mut Tx, storefronts: &[Storefront], now: Timestamp) -> Result<(), StoreError> {
    const WANT: Sql = bulk!(
        "INSERT INTO catalog_refreshes (country, account_type, wanted_at)
         SELECT x.country, x.account_type, $2
         FROM ",
        (0 country TEXT, 1 account_type TEXT),
        " WHERE true
         ON CONFLICT (country, account_type) DO UPDATE
         SET wanted_at = CASE WHEN excluded.wanted_at > catalog_refreshes.wanted_at THEN excluded.wanted_at
                              ELSE catalog_refreshes.wanted_at + 1 END,
             started_at = CASE WHEN catalog_refreshes.ended_at IS NULL THEN catalog_refreshes.started_at END,
             ended_at = NULL"
    );
    if storefronts.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> =
        storefronts.iter().map(|storefront| (&storefront.country, &storefront.account_type)).collect();
    sql("asking for a storefront to be read", WANT).bind(json(&rows)?).bind(now.0).run(tx).await?;
    Ok(())
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT country, account_type, wanted_at, started_at, ended_at, after_token, after_id, failures, not_before,
                    requests, listed, elsewhere, gone, unjudged, note
             FROM catalog_refreshes ",
            $rest
        )
    };
}

/// The readings that are wanted or under way, and may go on now.
///
/// # Errors
/// As any statement.
pub async fn open(db: &mut Db, now: Timestamp) -> Result<Vec<Refresh>, StoreError> {
    sql(
        "looking for storefronts to read",
        select!("WHERE ended_at IS NULL AND coalesce(not_before, 0) <= $1 ORDER BY country, account_type"),
    )
    .bind(now.0)
    .all(db, refresh)
    .await
}

/// The last reading of every storefront that ever was read: no more than there are countries, twice.
///
/// # Errors
/// As any statement.
pub async fn all(db: &mut Db) -> Result<Vec<Refresh>, StoreError> {
    sql("listing readings of storefronts", select!("ORDER BY country, account_type")).all(db, refresh).await
}

/// The reading of a storefront.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, storefront: &Storefront) -> Result<Option<Refresh>, StoreError> {
    sql("looking for a reading of a storefront", select!("WHERE country = $1 AND account_type = $2"))
        .bind(storefront.country.as_str())
        .bind(storefront.account_type.as_str())
        .maybe(db, refresh)
        .await
}

/// Notes that a reading begins, from the start. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn began(tx: &mut Tx, storefront: &Storefront, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting that a storefront is being read",
        "UPDATE catalog_refreshes
         SET started_at = $3, after_token = 0, after_id = '', failures = 0, not_before = NULL, requests = 0, listed = 0, elsewhere = 0,
             gone = 0, unjudged = 0, note = NULL
         WHERE country = $1 AND account_type = $2 AND ended_at IS NULL",
    )
    .bind(storefront.country.as_str())
    .bind(storefront.account_type.as_str())
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes how far a reading has got, in the transaction that writes what was read. Counts are added, and what was in its way
/// before is forgotten.
///
/// # Errors
/// As any statement.
pub async fn note_progress(
    tx: &mut Tx,
    storefront: &Storefront,
    after: Option<&After>,
    by: &Progress,
) -> Result<(), StoreError> {
    let int = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    sql(
        "noting how far a storefront is read",
        "UPDATE catalog_refreshes
         SET after_token = coalesce($9, after_token),
             after_id = coalesce($3, after_id),
             note = CASE WHEN failures > 0 THEN NULL ELSE note END,
             failures = 0,
             not_before = NULL,
             requests = requests + $4,
             listed = listed + $5,
             elsewhere = elsewhere + $6,
             gone = gone + $7,
             unjudged = unjudged + $8
         WHERE country = $1 AND account_type = $2",
    )
    .bind(storefront.country.as_str())
    .bind(storefront.account_type.as_str())
    .bind(after.map(|after| after.adam_id.as_str()))
    .bind(int(by.requests))
    .bind(int(by.listed))
    .bind(int(by.elsewhere))
    .bind(int(by.gone))
    .bind(int(by.unjudged))
    .bind(after.map(|after| after.token))
    .run(tx)
    .await?;
    Ok(())
}

/// Notes what a person should know about how a reading goes.
///
/// # Errors
/// As any statement.
pub async fn set_note(tx: &mut Tx, storefront: &Storefront, note: &str) -> Result<(), StoreError> {
    sql(
        "noting how a storefront is read",
        "UPDATE catalog_refreshes SET note = $3 WHERE country = $1 AND account_type = $2",
    )
    .bind(storefront.country.as_str())
    .bind(storefront.account_type.as_str())
    .bind(note)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that a reading could not go on after so many requests, why, and when it goes on.
///
/// # Errors
/// As any statement.
pub async fn failed(
    tx: &mut Tx,
    storefront: &Storefront,
    requests: u64,
    note: &str,
    until: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "noting that a storefront could not be read",
        "UPDATE catalog_refreshes
         SET failures = failures + 1, requests = requests + $3, note = $4, not_before = $5
         WHERE country = $1 AND account_type = $2",
    )
    .bind(storefront.country.as_str())
    .bind(storefront.account_type.as_str())
    .bind(i64::try_from(requests).unwrap_or(i64::MAX))
    .bind(note)
    .bind(until.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Ends a reading. Not when it was asked for again since `wanted_at`: then it begins anew, and this tells so.
///
/// # Errors
/// As any statement.
pub async fn ended(
    tx: &mut Tx,
    storefront: &Storefront,
    wanted_at: Timestamp,
    note: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = sql(
        "noting that a storefront was read",
        "UPDATE catalog_refreshes
         SET ended_at = $4, note = coalesce($5, note)
         WHERE country = $1 AND account_type = $2 AND wanted_at = $3 AND ended_at IS NULL",
    )
    .bind(storefront.country.as_str())
    .bind(storefront.account_type.as_str())
    .bind(wanted_at.0)
    .bind(now.0)
    .bind(note)
    .run(tx)
    .await?;
    Ok(changed > 0)
}

fn refresh(row: &Row) -> Result<Refresh, StoreError> {
    let counted = |column| row.get::<i64>(column).map(count);
    Ok(Refresh {
        storefront: Storefront { country: row.get("country")?, account_type: row.get("account_type")? },
        wanted_at: time(row, "wanted_at")?,
        started_at: maybe_time(row, "started_at")?,
        ended_at: maybe_time(row, "ended_at")?,
        after: After { token: row.get("after_token")?, adam_id: row.get("after_id")? },
        failures: counted("failures")?,
        not_before: maybe_time(row, "not_before")?,
        progress: Progress {
            requests: counted("requests")?,
            listed: counted("listed")?,
            elsewhere: counted("elsewhere")?,
            gone: counted("gone")?,
            unjudged: counted("unjudged")?,
        },
        note: row.get("note")?,
    })
}
