//! Installs as people see them.

use russet_domain::install::InstallState;
use russet_domain::{AssetId, AssetKey, InstallId, JobId, Timestamp, TokenId};

use crate::codec::{asset_key, count, int, json, maybe_time, time, word_in};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// An install with the names of what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub id: InstallId,
    /// The token.
    pub token: TokenId,
    /// The asset.
    pub key: AssetKey,
    /// The device.
    pub serial: String,
    /// Whether the app is to go.
    pub removes: bool,
    /// What devices know the app by.
    pub bundle_id: Option<String>,
    /// The external version that is wanted.
    pub target: Option<i64>,
    /// The external version that the device reports now.
    pub reported: Option<i64>,
    /// The version that people read, as the device reports it.
    pub shown: Option<String>,
    /// Where it has got to.
    pub state: InstallState,
    /// Stable name of why.
    pub code: Option<String>,
    /// The device's error in words.
    pub detail: Option<String>,
    /// How often it was sent.
    pub tries: u64,
    /// When something is to be done about it next.
    pub due_at: Option<Timestamp>,
    /// The part of the day, by the clock of the device, that it keeps to.
    pub window: Option<String>,
    /// When it was wished for.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// What a list of installs is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this token.
    pub token: Option<TokenId>,
    /// Only those of this device.
    pub serial: Option<String>,
    /// Only those of this product.
    pub adam_id: Option<String>,
    /// Only those in this state.
    pub state: Option<InstallState>,
}

macro_rules! select {
    ($from:literal, $rest:literal) => {
        concat!(
            "SELECT i.id, i.token_id, a.adam_id, a.pricing_param, d.serial, i.removes, i.bundle_id, i.target, r.version AS reported,
                    r.shown, i.state, i.code, i.detail, i.tries, i.due_at, i.in_window, i.created_at, i.updated_at,
                    i.ended_at
             FROM ",
            $from,
            " JOIN assets a ON a.id = i.asset_id
              JOIN devices d ON d.id = i.device_id
              LEFT JOIN device_apps r ON r.device_id = i.device_id AND r.bundle_id = i.bundle_id ",
            $rest
        )
    };
}

/// Installs, the newest first, before a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    before: Option<InstallId>,
) -> Result<Vec<Entry>, StoreError> {
    sql(
        "listing installs",
        select!(
            "installs i",
            "WHERE i.id < $1
               AND ($2 IS NULL OR i.token_id = $2)
               AND ($3 IS NULL OR d.serial = $3)
               AND ($4 IS NULL OR a.adam_id = $4)
               AND ($5 IS NULL OR i.state = $5)
             ORDER BY i.id DESC
             LIMIT $6"
        ),
    )
    .bind(before.map_or(i64::MAX, |before| before.0))
    .bind(filter.token.map(|token| token.0))
    .bind(filter.serial.as_deref())
    .bind(filter.adam_id.as_deref())
    .bind(filter.state.map(InstallState::as_str))
    .bind(int(limit))
    .all(db, entry)
    .await
}

/// The installs that a job waits for, in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn of_job(
    db: &mut Db,
    job: JobId,
    limit: usize,
    after: Option<InstallId>,
) -> Result<Vec<Entry>, StoreError> {
    sql(
        "listing a job's installs",
        select!(
            "job_installs l JOIN installs i ON i.id = l.install_id",
            "WHERE l.job_id = $1 AND l.install_id > $2 ORDER BY l.install_id LIMIT $3"
        ),
    )
    .bind(job.0)
    .bind(after.map_or(0, |after| after.0))
    .bind(int(limit))
    .all(db, entry)
    .await
}

/// How many installs of an asset, and of a version of it if one is given, are in each state.
///
/// # Errors
/// As any statement.
pub async fn counts_of_app(
    db: &mut Db,
    asset: AssetId,
    target: Option<i64>,
) -> Result<Vec<(InstallState, u64)>, StoreError> {
    sql(
        "counting installs of an app",
        "SELECT state, count(*) AS found
         FROM installs
         WHERE asset_id = $1 AND ($2 IS NULL OR target = $2)
         GROUP BY state
         ORDER BY state",
    )
    .bind(asset.0)
    .bind(target)
    .all(db, |row| Ok((word_in(row, "state", InstallState::from_text)?, count(row.get("found")?))))
    .await
}

/// Deletes installs that ended well, or were called off, before `before`, at most `limit`; tells how many. Those that rest or failed stay:
/// they are what keeps a version from being tried again without end.
///
/// # Errors
/// As any statement.
pub async fn purge(tx: &mut Tx, before: Timestamp, limit: usize) -> Result<u64, StoreError> {
    const OLD: &str = "
        SELECT id
        FROM installs
        WHERE ended_at < $1 AND state IN ('installed', 'removed', 'cancelled')
        ORDER BY ended_at
        LIMIT $2";
    let old: Vec<(i64,)> = sql("looking for old installs", OLD)
        .bind(before.0)
        .bind(int(limit))
        .all(tx, |row| Ok((row.get("id")?,)))
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    let ids = json(&old)?;
    sql("letting jobs go of old installs", LINKS).bind(ids.as_str()).run(tx).await?;
    sql("letting gates go of old installs", GATES).bind(ids.as_str()).run(tx).await?;
    sql("deleting old installs", OLD_ONES).bind(ids).run(tx).await
}

const LINKS: Sql =
    bulk!("DELETE FROM job_installs WHERE install_id IN (SELECT x.id FROM ", (0 id BIGINT), ")");
const GATES: Sql =
    bulk!("DELETE FROM gate_installs WHERE install_id IN (SELECT x.id FROM ", (0 id BIGINT), ")");
const OLD_ONES: Sql = bulk!("DELETE FROM installs WHERE id IN (SELECT x.id FROM ", (0 id BIGINT), ")");

fn entry(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        id: InstallId(row.get("id")?),
        token: TokenId(row.get("token_id")?),
        key: asset_key(row.get("adam_id")?, &row.get::<String>("pricing_param")?),
        serial: row.get("serial")?,
        removes: row.get("removes")?,
        bundle_id: row.get("bundle_id")?,
        target: row.get("target")?,
        reported: row.get("reported")?,
        shown: row.get("shown")?,
        state: word_in(row, "state", InstallState::from_text)?,
        code: row.get("code")?,
        detail: row.get("detail")?,
        tries: count(row.get("tries")?),
        due_at: maybe_time(row, "due_at")?,
        window: row.get("in_window")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
        ended_at: maybe_time(row, "ended_at")?,
    })
}
