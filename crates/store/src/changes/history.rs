//! All that was wished for one asset and one holder, the newest first.

use russet_domain::change::{Action, State};
use russet_domain::{AssetId, ChangeId, Holder, JobId, RequestId, Timestamp};

use super::attempts;
use crate::codec::{action, int, kind_of, maybe_time, time, word};
use crate::engine::{Db, Row, sql};
use crate::error::StoreError;
use crate::jobs::first_job;

/// One change with what moved it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Its number.
    pub id: ChangeId,
    /// Which way the license was to move.
    pub action: Action,
    /// Where it has got to.
    pub state: State,
    /// Why it ended as it did.
    pub error_code: Option<String>,
    /// How often it was sent.
    pub attempts: u32,
    /// When it was wished for.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The first job that asked for it.
    pub job: Option<JobId>,
    /// Who wanted that job: `api`, `schedule`, `assignment`, …
    pub origin: Option<String>,
    /// The request it went out with last.
    pub request: Option<RequestId>,
    /// Apple's number of the event that settled it.
    pub event: Option<String>,
    /// When Apple took that request.
    pub accepted_at: Option<Timestamp>,
}

/// The changes of one asset and one holder, at most `limit`. Changes are forgotten with their jobs.
///
/// # Errors
/// As any statement.
pub async fn history(
    db: &mut Db,
    asset: AssetId,
    holder: &Holder,
    limit: usize,
) -> Result<Vec<Past>, StoreError> {
    sql(
        "reading what was wished for a holder",
        concat!(
            "SELECT c.id, c.action, CASE WHEN c.state = 'sent' THEN r.state ELSE c.state END AS state, c.error_code, c.attempts,
                c.created_at, c.ended_at, j.id AS job_id, j.origin, r.id AS request_id, r.event_id, r.accepted_at
         FROM changes c
         LEFT JOIN requests r ON r.id = c.request_id
         LEFT JOIN jobs j ON j.id = ",
            first_job!("c.id"),
            "
         WHERE c.holder_id = $1 AND c.asset_id = $2 AND c.holder_kind || '' = $3
         ORDER BY c.id DESC
         LIMIT $4"
        ),
    )
    .bind(holder.id())
    .bind(asset.0)
    .bind(kind_of(holder))
    .bind(int(limit))
    .all(db, past)
    .await
}

fn past(row: &Row) -> Result<Past, StoreError> {
    Ok(Past {
        id: ChangeId(row.get("id")?),
        action: action(&row.get::<String>("action")?)?,
        state: word("a change's state", &row.get::<String>("state")?, State::from_text)?,
        error_code: row.get("error_code")?,
        attempts: attempts(row.get("attempts")?),
        created_at: time(row, "created_at")?,
        ended_at: maybe_time(row, "ended_at")?,
        job: row.get::<Option<i64>>("job_id")?.map(JobId),
        origin: row.get("origin")?,
        request: row.get::<Option<i64>>("request_id")?.map(RequestId),
        event: row.get("event_id")?,
        accepted_at: maybe_time(row, "accepted_at")?,
    })
}
