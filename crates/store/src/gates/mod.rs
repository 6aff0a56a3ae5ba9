//! Gates: apps that holders are made ready for, one row each, and what a job's gates have in common.
//!
//! A job counts its gates as others count their changes. The changes that bring the licenses follow the job too, so that they
//! can be listed, but are not counted twice.

mod open;
mod order;
mod steps;

pub use open::{Opened, open};
pub use order::{
    Order, callback, due, next_due, nothing_to_tell, order, set_due, tell_again, tokens_with_due,
    tokens_with_moved, told,
};
pub(crate) use steps::after_installs;
pub use steps::{Waiting, any_waiting, cancel, waiting};

use std::collections::HashMap;

use russet_domain::change::Action;
use russet_domain::gate::GateState;
use russet_domain::job::JobState;
use russet_domain::{AssetId, AssetKey, GateId, Holder, JobId, Timestamp};

use crate::codec::{asset_key, holder, int, json, kind_of, maybe_time, time, word_in};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counted, Counts, NewJob};
use crate::sealed::Callback;
use crate::submit::{self, Wish};
use crate::tokens;

/// What a gate's job has in common.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Whether we send the install, or only tell that it can be sent.
    pub install: bool,
    /// Whom to tell.
    pub callback: Option<Callback>,
}

/// Gates that are looked at when one is written; the worker goes on.
const OPEN_MAX: usize = 20_000;

/// A gate to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGate {
    /// The asset.
    pub asset: AssetId,
    /// Who is to hold it.
    pub holder: Holder,
}

/// A gate as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its number.
    pub id: GateId,
    /// Its job.
    pub job: JobId,
    /// The asset.
    pub key: AssetKey,
    /// Who is to hold it.
    pub holder: Holder,
    /// Where it has got to.
    pub state: GateState,
    /// Stable name of why.
    pub code: Option<String>,
    /// Apple's number, where it gave one.
    pub number: Option<i32>,
    /// When it was wished for.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// Writes a job with its gates, each pair of asset and holder once, and wishes for the licenses that are missing.
///
/// # Errors
/// [`StoreError::Missing`] when the token is not there.
pub async fn submit(
    tx: &mut Tx,
    new: &NewJob,
    order: &NewOrder,
    gates: &[NewGate],
    now: Timestamp,
) -> Result<(JobId, JobState), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO gates
             (job_id, token_id, asset_id, holder_kind, holder_id, state, created_at, updated_at)
         SELECT $2, $3, x.asset_id, x.holder_kind, x.holder_id, 'licensing', $4, $4
         FROM ",
        (0 asset_id BIGINT, 1 holder_kind TEXT, 2 holder_id TEXT),
        " WHERE true
          ON CONFLICT (job_id, asset_id, holder_kind, holder_id) DO NOTHING"
    );
    tokens::lock(tx, new.token).await?;
    let job = jobs::insert(tx, new, now).await?;
    order::insert(tx, job, new.token, order, now).await?;
    let rows: Vec<_> =
        gates.iter().map(|gate| (gate.asset.0, kind_of(&gate.holder), gate.holder.id())).collect();
    let written = sql("writing gates", WRITE)
        .bind(json(&rows)?)
        .bind(job.0)
        .bind(new.token.0)
        .bind(now.0)
        .run(tx)
        .await?;
    let mut counts = Counts::default();
    counts.add(GateState::Licensing.counts_as(), i64::try_from(written).unwrap_or(i64::MAX));
    jobs::add_counted(tx, &HashMap::from([(job, counts)]), Counted::Gates, now).await?;
    if written == 0 {
        jobs::ended(tx, job, JobState::Succeeded, None, None, now).await?;
    }
    let wishes: Vec<Wish> =
        gates.iter().map(|gate| Wish { asset: gate.asset, holder: gate.holder.clone() }).collect();
    submit::follow(tx, job, Action::Assign, &wishes, now).await?;
    // What is held already, and what a rule forbids, is known at once.
    open(tx, new.token, OPEN_MAX, now).await?;
    let state = jobs::find(tx, job).await?.map_or(JobState::Queued, |job| job.state);
    Ok((job, state))
}

/// A job's gates in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    job: JobId,
    limit: usize,
    after: Option<GateId>,
) -> Result<Vec<Gate>, StoreError> {
    sql(
        "listing a job's gates",
        "SELECT g.id, g.job_id, a.adam_id, a.pricing_param, g.holder_kind, g.holder_id, g.state, g.code, g.number,
                g.created_at, g.updated_at, g.ended_at
         FROM gates g
         JOIN assets a ON a.id = g.asset_id
         WHERE g.job_id = $1 AND g.id > $2
         ORDER BY g.id
         LIMIT $3",
    )
    .bind(job.0)
    .bind(after.map_or(0, |after| after.0))
    .bind(int(limit))
    .all(db, gate)
    .await
}

/// A job's gates that its callback has to be told of, in the order of their numbers.
///
/// # Errors
/// As any statement.
pub async fn untold(db: &mut Db, job: JobId, limit: usize) -> Result<Vec<Gate>, StoreError> {
    sql(
        "looking for gates to tell of",
        "SELECT g.id, g.job_id, a.adam_id, a.pricing_param, g.holder_kind, g.holder_id, g.state, g.code, g.number,
                g.created_at, g.updated_at, g.ended_at
         FROM gates g
         JOIN assets a ON a.id = g.asset_id
         WHERE g.job_id = $1
           AND g.state NOT IN ('licensing', 'installing')
           AND (g.told IS NULL OR g.told <> g.state)
         ORDER BY g.id
         LIMIT $2",
    )
    .bind(job.0)
    .bind(int(limit))
    .all(db, gate)
    .await
}

fn gate(row: &Row) -> Result<Gate, StoreError> {
    Ok(Gate {
        id: GateId(row.get("id")?),
        job: JobId(row.get("job_id")?),
        key: asset_key(row.get("adam_id")?, &row.get::<String>("pricing_param")?),
        holder: holder(&row.get::<String>("holder_kind")?, row.get("holder_id")?)?,
        state: word_in(row, "state", GateState::from_text)?,
        code: row.get("code")?,
        number: row.get::<Option<i64>>("number")?.and_then(|number| i32::try_from(number).ok()),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        ended_at: maybe_time(row, "ended_at")?,
    })
}
