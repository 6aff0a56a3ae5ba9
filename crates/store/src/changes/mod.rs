//! Changes: one wanted movement of one license each, from the wish to its end.

mod coming;
mod finish;
mod flight;
pub mod held;
mod history;
mod open;
mod refuse;
mod removals;
pub mod waitlist;

pub use coming::{coming_of, coming_to};
pub use finish::{Finished, finish};
pub use flight::{InFlight, Waiting, give_back, in_flight, waiting};
pub use history::{Past, history};
pub use open::{Open, open_of_event, open_of_request, open_without_event};
pub use refuse::{refuse, refuse_all_planned};
pub(crate) use removals::refused_with_apps;
pub use removals::remove_apps;

use russet_domain::change::{Action, State};
use russet_domain::{AssetId, AssetKey, ChangeId, Holder, JobId, RequestId, Timestamp, TokenId};

use crate::codec::{action, asset_key, holder, int, json, word};
use crate::engine::{Db, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::Shift;

/// A change as a job's list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its number.
    pub id: ChangeId,
    /// The asset.
    pub key: AssetKey,
    /// The holder.
    pub holder: Holder,
    /// Which way the license is to move.
    pub action: Action,
    /// Where it has got to, as far as this job is concerned: one that the job has withdrawn is cancelled, though
    /// another job may still follow it.
    pub state: State,
    /// Stable name of why it ended as it did.
    pub error_code: Option<String>,
    /// Apple's number, where it gave one.
    pub error_number: Option<i32>,
    /// The request it went out with last, while Apple works on it and after.
    pub request: Option<RequestId>,
    /// How often it was sent.
    pub attempts: u32,
    /// The earliest moment it is sent, while it is planned.
    pub not_before: Timestamp,
    /// When it was wished for.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A job's changes in the order of their numbers, after a number; those in one state only, if it is given.
///
/// # Errors
/// As any statement.
pub async fn list_of_job(
    db: &mut Db,
    job: JobId,
    state: Option<State>,
    limit: usize,
    after: Option<ChangeId>,
) -> Result<Vec<Change>, StoreError> {
    sql(
        "listing a job's changes",
        "SELECT l.change_id, a.adam_id, a.pricing_param, c.holder_kind, c.holder_id, c.action,
                CASE
                    WHEN l.withdrawn THEN 'cancelled'
                    WHEN c.state = 'sent' THEN r.state
                    ELSE c.state
                END,
                CASE WHEN l.withdrawn THEN 'withdrawn' ELSE c.error_code END,
                c.error_number, c.attempts, c.not_before, c.created_at, c.ended_at, c.request_id
         FROM job_changes l
         JOIN changes c ON c.id = l.change_id
         JOIN assets a ON a.id = c.asset_id
         LEFT JOIN requests r ON r.id = c.request_id
         WHERE l.job_id = $1
           AND l.change_id > $2
           AND ($3 IS NULL OR $3 = CASE
                    WHEN l.withdrawn THEN 'cancelled'
                    WHEN c.state = 'sent' THEN r.state
                    ELSE c.state
                END)
         ORDER BY l.change_id
         LIMIT $4",
    )
    .bind(job.0)
    .bind(after.map_or(0, |after| after.0))
    .bind(state.map(State::as_str))
    .bind(int(limit))
    .all(db, |row| {
        Ok(Change {
            id: ChangeId(row.at(0)?),
            key: asset_key(row.at(1)?, &row.at::<String>(2)?),
            holder: holder(&row.at::<String>(3)?, row.at(4)?)?,
            action: action(&row.at::<String>(5)?)?,
            state: word("a change's state", &row.at::<String>(6)?, State::from_text)?,
            error_code: row.at(7)?,
            error_number: row.at::<Option<i64>>(8)?.and_then(|number| i32::try_from(number).ok()),
            attempts: attempts(row.at(9)?),
            not_before: Timestamp(row.at(10)?),
            created_at: Timestamp(row.at(11)?),
            ended_at: row.at::<Option<i64>>(12)?.map(Timestamp),
            request: row.at::<Option<i64>>(13)?.map(RequestId),
        })
    })
    .await
}

/// A change that can be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sendable {
    /// Its number.
    pub id: ChangeId,
    /// The asset's number.
    pub asset: AssetId,
    /// The asset.
    pub key: AssetKey,
    /// The holder.
    pub holder: Holder,
    /// Which way the license is to move.
    pub action: Action,
    /// The rank of its priority: higher goes first.
    pub priority: i64,
    /// Whether it waits in the line while no license is free.
    pub waits: bool,
    /// How often it was sent before.
    pub attempts: u32,
    /// When it was wished for.
    pub created_at: Timestamp,
}

/// A token's changes that can be sent now, the most urgent and then the oldest first: the order in which licenses are given out.
///
/// # Errors
/// As any statement.
pub async fn sendable(
    db: &mut Db,
    token: TokenId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Sendable>, StoreError> {
    sql(
        "looking for changes to send",
        "SELECT c.id, c.asset_id, a.adam_id, a.pricing_param, c.holder_kind, c.holder_id, c.action, c.priority,
                c.attempts, c.created_at, c.waits
         FROM changes c
         JOIN assets a ON a.id = c.asset_id
         WHERE c.token_id = $1 AND c.state = 'planned' AND c.slot = 0 AND c.not_before <= $2
         ORDER BY c.priority DESC, c.line DESC, c.id
         LIMIT $3",
    )
    .bind(token.0)
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| {
        Ok(Sendable {
            id: ChangeId(row.at(0)?),
            asset: AssetId(row.at(1)?),
            key: asset_key(row.at(2)?, &row.at::<String>(3)?),
            holder: holder(&row.at::<String>(4)?, row.at(5)?)?,
            action: action(&row.at::<String>(6)?)?,
            priority: row.at(7)?,
            attempts: attempts(row.at(8)?),
            created_at: Timestamp(row.at(9)?),
            waits: row.at(10)?,
        })
    })
    .await
}

/// When the next of a token's planned changes is due; it may be in the past.
///
/// # Errors
/// As any statement.
pub async fn next_due(db: &mut Db, token: TokenId) -> Result<Option<Timestamp>, StoreError> {
    sql(
        "looking for the next change to send",
        "SELECT min(not_before) AS due
         FROM changes
         WHERE token_id = $1 AND state = 'planned' AND slot = 0",
    )
    .bind(token.0)
    .one(db, |row| Ok(row.get::<Option<i64>>("due")?.map(Timestamp)))
    .await
}

/// Ends live changes with the state each shift names and one code, and frees their slots. The caller holds the token's
/// lock, and shifts the jobs.
pub(crate) async fn end_all(
    tx: &mut Tx,
    ends: &[Shift],
    code: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    const END: Sql = bulk!(
        "UPDATE changes
         SET state = x.state, slot = NULL, error_code = $2, ended_at = $3
         FROM ",
        (0 id BIGINT, 1 state TEXT),
        " WHERE changes.id = x.id AND changes.slot IS NOT NULL"
    );
    if ends.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = ends.iter().map(|end| (end.change.0, end.to.as_str())).collect();
    sql("ending changes", END).bind(json(&rows)?).bind(code).bind(now.0).run(tx).await?;
    Ok(())
}

fn attempts(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
