//! What a job's gates have in common: whether we install, whom to tell, and when.

use russet_domain::{GateId, JobId, Timestamp, TokenId};

use super::NewOrder;
use crate::codec::{int, json};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::sealed::{Callback, GATE_CALLBACKS};

/// An order as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Whether we send the install.
    pub install: bool,
    /// Whether anybody is to be told.
    pub has_callback: bool,
    /// How often in a row they could not be told.
    pub tries: u32,
    /// Why, the last time.
    pub last_error: Option<String>,
}

/// Writes what the gates of jobs have in common: in one statement for all jobs without a callback, of which most have none.
pub(super) async fn insert_many(
    tx: &mut Tx,
    token: TokenId,
    orders: &[(JobId, &NewOrder)],
    now: Timestamp,
) -> Result<(), StoreError> {
    const INSERT: Sql = bulk!(
        "INSERT INTO gate_orders (job_id, token_id, install, sealed_for)
         SELECT x.job_id, $2, x.install, x.sealed_for
         FROM ",
        (0 job_id BIGINT, 1 install BOOLEAN, 2 sealed_for TEXT),
        " WHERE true"
    );
    let (mut quiet, keys) = (Vec::new(), tx.keys());
    for (job, order) in orders {
        if order.callback.is_some() {
            insert(tx, *job, token, order, now).await?;
        } else {
            let (sealed_for, _) = GATE_CALLBACKS.seal_callback(&keys, None)?;
            quiet.push((job.0, order.install, sealed_for));
        }
    }
    if !quiet.is_empty() {
        sql("writing what gates have in common", INSERT).bind(json(&quiet)?).bind(token.0).run(tx).await?;
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    job: JobId,
    token: TokenId,
    new: &NewOrder,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (sealed_for, sealed) = GATE_CALLBACKS.seal_callback(&tx.keys(), new.callback.as_ref())?;
    sql(
        "writing what gates have in common",
        "INSERT INTO gate_orders (job_id, token_id, install, sealed_for, callback, due_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(job.0)
    .bind(token.0)
    .bind(new.install)
    .bind(sealed_for)
    .bind(sealed)
    // What is refused at once is told at once.
    .bind(new.callback.is_some().then_some(now.0))
    .run(tx)
    .await?;
    Ok(())
}

/// The order of a job.
///
/// # Errors
/// As any statement.
pub async fn order(db: &mut Db, job: JobId) -> Result<Option<Order>, StoreError> {
    sql(
        "reading what gates have in common",
        "SELECT install, callback, tries, last_error FROM gate_orders WHERE job_id = $1",
    )
    .bind(job.0)
    .maybe(db, |row| {
        Ok(Order {
            install: row.get("install")?,
            has_callback: row.get::<Option<Vec<u8>>>("callback")?.is_some(),
            tries: u32::try_from(row.get::<i64>("tries")?).unwrap_or(u32::MAX),
            last_error: row.get("last_error")?,
        })
    })
    .await
}

/// Whom to tell of a job's gates.
///
/// # Errors
/// [`StoreError::Keys`] when it does not open.
pub async fn callback(db: &mut Db, job: JobId) -> Result<Option<Callback>, StoreError> {
    GATE_CALLBACKS.callback(db, job).await
}

/// A token's jobs whose callbacks are to be told by now, and since when.
///
/// # Errors
/// As any statement.
pub async fn due(
    db: &mut Db,
    token: TokenId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<(JobId, Timestamp)>, StoreError> {
    sql(
        "looking for gates to tell of",
        "SELECT job_id, due_at
         FROM gate_orders
         WHERE token_id = $1 AND due_at <= $2
         ORDER BY due_at, job_id
         LIMIT $3",
    )
    .bind(token.0)
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| Ok((JobId(row.at(0)?), Timestamp(row.at(1)?))))
    .await
}

/// Tokens of whose gates somebody is to be told by now.
///
/// # Errors
/// As any statement.
pub async fn tokens_with_due(db: &mut Db, now: Timestamp, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens with gates to tell of",
        "SELECT DISTINCT token_id FROM gate_orders WHERE due_at <= $1 ORDER BY token_id LIMIT $2",
    )
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| row.at(0).map(TokenId))
    .await
}

/// Tokens with gates whose licenses have moved: nobody has looked since.
///
/// # Errors
/// As any statement.
pub async fn tokens_with_moved(db: &mut Db, limit: usize) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "looking for tokens with gates to open",
        "SELECT DISTINCT token_id FROM gates WHERE state IN ('licensing', 'waitlisted') ORDER BY token_id LIMIT $1",
    )
    .bind(int(limit))
    .all(db, |row| row.at(0).map(TokenId))
    .await
}

/// Notes that there is nothing to tell of a job, unless somebody has said otherwise since it was `seen` to be due.
///
/// # Errors
/// As any statement.
pub async fn nothing_to_tell(tx: &mut Tx, job: JobId, seen: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting that nobody is to be told",
        "UPDATE gate_orders SET due_at = NULL WHERE job_id = $1 AND due_at = $2",
    )
    .bind(job.0)
    .bind(seen.0)
    .run(tx)
    .await?;
    Ok(())
}

/// When somebody is to be told next of a token's gates.
///
/// # Errors
/// As any statement.
pub async fn next_due(db: &mut Db, token: TokenId) -> Result<Option<Timestamp>, StoreError> {
    sql(
        "looking when somebody is to be told",
        "SELECT min(due_at) AS due FROM gate_orders WHERE token_id = $1 AND due_at IS NOT NULL",
    )
    .bind(token.0)
    .one(db, |row| Ok(row.get::<Option<i64>>("due")?.map(Timestamp)))
    .await
}

/// Notes that there is something to tell of jobs, or nothing.
///
/// # Errors
/// As any statement.
pub async fn set_due(tx: &mut Tx, jobs: &[JobId], due: Option<Timestamp>) -> Result<(), StoreError> {
    const DUE: Sql = bulk!(
        "UPDATE gate_orders SET due_at = $2 FROM ",
        (0 id BIGINT),
        " WHERE gate_orders.job_id = x.id AND gate_orders.callback IS NOT NULL"
    );
    let rows: Vec<_> = jobs.iter().map(|job| (job.0,)).collect();
    sql("noting when somebody is to be told", DUE)
        .bind(json(&rows)?)
        .bind(due.map(|due| due.0))
        .run(tx)
        .await?;
    Ok(())
}

/// Notes what somebody was told: of each gate the state that was told.
///
/// # Errors
/// As any statement.
pub async fn told(tx: &mut Tx, job: JobId, gates: &[(GateId, &str)]) -> Result<(), StoreError> {
    const TOLD: Sql = bulk!(
        "UPDATE gates SET told = x.told FROM ",
        (0 id BIGINT, 1 told TEXT),
        " WHERE gates.id = x.id"
    );
    let rows: Vec<_> = gates.iter().map(|(id, told)| (id.0, told)).collect();
    sql("noting what was told of gates", TOLD).bind(json(&rows)?).run(tx).await?;
    sql("noting that telling works", "UPDATE gate_orders SET tries = 0, last_error = NULL WHERE job_id = $1")
        .bind(job.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Notes that somebody could not be told, and when to try again; never, without a moment.
///
/// # Errors
/// As any statement.
pub async fn tell_again(
    tx: &mut Tx,
    job: JobId,
    due: Option<Timestamp>,
    why: &str,
) -> Result<(), StoreError> {
    sql(
        "noting that somebody could not be told",
        "UPDATE gate_orders SET tries = tries + 1, due_at = $2, last_error = $3 WHERE job_id = $1",
    )
    .bind(job.0)
    .bind(due.map(|due| due.0))
    .bind(why)
    .run(tx)
    .await?;
    Ok(())
}
