//! Gates: apps that holders are made ready for, one row each, and what a job's gates have in common.
//!
//! A job counts its gates as others count their changes. The changes that bring the licenses follow the job too, so that they
//! can be listed, but are not counted twice.

mod open;
mod order;
mod persons;
mod steps;
mod submit;

pub use open::{Opened, open};
pub use order::{
    Order, callback, due, next_due, nothing_to_tell, order, set_due, tell_again, tokens_with_due,
    tokens_with_moved, told,
};
pub(crate) use steps::after_installs;
pub use steps::{Waiting, any_waiting, cancel, waiting};
pub use submit::{NewGates, Submitted, submit};

use russet_domain::gate::GateState;
use russet_domain::install::InstallState;
use russet_domain::{AssetId, AssetKey, GateId, Holder, JobId, Timestamp};

use crate::codec::{asset_key, holder, int, json, maybe_time, time, word_in};
use crate::engine::{Db, Row, Sql, bulk, sql};
use crate::error::StoreError;
use crate::sealed::Callback;

/// What a gate's job has in common.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Whether we send the install, or only tell that it can be sent.
    pub install: bool,
    /// Whom to tell.
    pub callback: Option<Callback>,
}

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
    /// With a user: how the install stands on each device of the person; empty before there is one.
    pub devices: Vec<OnDevice>,
    /// When it was wished for.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// How the install of a user's gate stands on one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDevice {
    /// The device.
    pub serial: String,
    /// Where its install has got to.
    pub state: InstallState,
    /// Stable name of why.
    pub code: Option<String>,
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
    let gates = sql(
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
    .await?;
    persons::with_devices(db, gates).await
}

/// All gates of these jobs, in the order of their numbers. The caller bounds them.
///
/// # Errors
/// As any statement.
pub async fn of_jobs(db: &mut Db, jobs: &[JobId]) -> Result<Vec<Gate>, StoreError> {
    const LIST: Sql = bulk!(
        "SELECT g.id, g.job_id, a.adam_id, a.pricing_param, g.holder_kind, g.holder_id, g.state, g.code, g.number,
                g.created_at, g.updated_at, g.ended_at
         FROM ",
        (0 job_id BIGINT),
        " CROSS JOIN gates g
          CROSS JOIN assets a
          WHERE g.job_id = x.job_id AND a.id = g.asset_id
          ORDER BY g.id"
    );
    let rows: Vec<_> = jobs.iter().map(|job| (job.0,)).collect();
    let gates = sql("listing jobs' gates", LIST).bind(json(&rows)?).all(db, gate).await?;
    persons::with_devices(db, gates).await
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
        devices: Vec::new(),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        ended_at: maybe_time(row, "ended_at")?,
    })
}
