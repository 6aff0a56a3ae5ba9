//! Takes in what devices are to have, and withdraws it.

use std::collections::HashMap;

use russet_domain::install::{InstallState, Window};
use russet_domain::{AssetId, DeviceId, InstallId, JobId, Timestamp, TokenId};

use crate::codec::{count, int, json, word};
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counted, Counts};

/// What bounds the size of one JSON text.
const BATCH: usize = 50_000;

/// An app that a device is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The asset.
    pub asset: AssetId,
    /// The device.
    pub device: DeviceId,
    /// What devices know the app by.
    pub bundle_id: Option<String>,
    /// The external version that is wanted.
    pub target: Option<i64>,
    /// The external version that the device has.
    pub before: Option<i64>,
    /// When it may be sent first.
    pub due: Timestamp,
    /// The part of the day, by the clock of the device, that it keeps to whenever it is sent.
    pub window: Option<Window>,
}

/// Writes installs; one that is under way for the same device and app is joined, and goes for the newer version if it was not
/// sent yet; where it waits for a window and is now wanted without one, it waits no more. A job, when one is given, counts them. A
/// device without a connector fails at once, in words. Tells how many are new.
///
/// # Errors
/// As any statement.
pub async fn want(
    tx: &mut Tx,
    token: TokenId,
    job: Option<JobId>,
    wanted: &[Wanted],
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut new = 0;
    for batch in wanted.chunks(BATCH) {
        let rows = rows(batch)?;
        super::remove::call_off(tx, &rows, now).await?;
        new += write(tx, token, &rows, now).await?;
        if let Some(job) = job {
            follow(tx, job, &rows, now).await?;
        }
    }
    Ok(new)
}

fn rows(wanted: &[Wanted]) -> Result<String, StoreError> {
    let rows: Vec<_> = wanted
        .iter()
        .map(|wanted| {
            let due = wanted.due.0;
            let window = wanted.window.map(|window| window.to_string());
            (wanted.asset.0, wanted.device.0, &wanted.bundle_id, wanted.target, wanted.before, due, window)
        })
        .collect();
    json(&rows)
}

async fn write(tx: &mut Tx, token: TokenId, rows: &str, now: Timestamp) -> Result<u64, StoreError> {
    const SOONER: Sql = bulk!(
        "UPDATE installs
         SET target = CASE WHEN x.target > coalesce(installs.target, 0) THEN x.target ELSE installs.target END,
             before_version = coalesce(x.before_version, installs.before_version),
             due_at = CASE WHEN installs.in_window IS NOT NULL AND x.in_window IS NULL THEN x.due_at ELSE installs.due_at END,
             in_window = CASE WHEN x.in_window IS NULL THEN NULL ELSE installs.in_window END
         FROM ",
        (0 asset_id BIGINT, 1 device_id BIGINT, 3 target BIGINT, 4 before_version BIGINT, 5 due_at BIGINT, 6 in_window TEXT),
        " WHERE installs.device_id = x.device_id
            AND installs.asset_id = x.asset_id
            AND installs.ended_at IS NULL
            AND installs.state = 'ready'
            AND (x.target > coalesce(installs.target, 0) OR (installs.in_window IS NOT NULL AND x.in_window IS NULL))"
    );
    const WRITE: Sql = bulk!(
        "INSERT INTO installs
             (token_id, asset_id, device_id, connector_id, bundle_id, target, before_version, state, code, due_at, in_window,
              created_at, updated_at, ended_at)
         SELECT $2, x.asset_id, x.device_id, c.id, x.bundle_id, x.target, x.before_version,
                CASE WHEN c.id IS NULL THEN 'failed' ELSE 'ready' END,
                CASE WHEN c.id IS NULL THEN 'no_connector' END,
                CASE WHEN c.id IS NULL THEN NULL ELSE x.due_at END,
                x.in_window,
                $3, $3,
                CASE WHEN c.id IS NULL THEN $4 END
         FROM ",
        (0 asset_id BIGINT, 1 device_id BIGINT, 2 bundle_id TEXT, 3 target BIGINT, 4 before_version BIGINT, 5 due_at BIGINT,
         6 in_window TEXT),
        " JOIN devices d ON d.id = x.device_id
          LEFT JOIN connectors c ON c.name = d.mdm AND d.mdm_enrollment_id IS NOT NULL AND d.state = 'enrolled'
          WHERE true
          ON CONFLICT (device_id, asset_id) WHERE ended_at IS NULL DO NOTHING"
    );
    sql("raising the versions of installs", SOONER).bind(rows).run(tx).await?;
    sql("writing installs", WRITE).bind(rows).bind(token.0).bind(now.0).bind(now.0).run(tx).await
}

/// What carries wishes out: installs that are under way, and those that failed just now.
macro_rules! carried_out {
    ($before:expr, $after:expr) => {
        bulk!(
            $before,
            (0 asset_id BIGINT, 1 device_id BIGINT),
            concat!(
                " CROSS JOIN installs i
                  WHERE i.device_id = x.device_id
                    AND i.asset_id = x.asset_id
                    AND (i.ended_at IS NULL OR (i.code = 'no_connector' AND i.created_at = $2))",
                $after
            )
        )
    };
}

/// The installs that carry wishes out that were just written, by asset and device: new ones, and those that were under way.
///
/// # Errors
/// As any statement.
pub async fn wanted_now(
    tx: &mut Tx,
    wanted: &[Wanted],
    now: Timestamp,
) -> Result<HashMap<(AssetId, DeviceId), InstallId>, StoreError> {
    const FIND: Sql = carried_out!("SELECT i.asset_id, i.device_id, i.id FROM ", " ORDER BY i.id");
    let mut found = HashMap::new();
    for batch in wanted.chunks(BATCH) {
        let some = sql("looking up installs under way", FIND)
            .bind(rows(batch)?)
            .bind(now.0)
            .all(tx, |row| Ok(((AssetId(row.at(0)?), DeviceId(row.at(1)?)), InstallId(row.at(2)?))))
            .await?;
        found.extend(some);
    }
    Ok(found)
}

/// Has a job count installs that it did not count before.
async fn follow(tx: &mut Tx, job: JobId, rows: &str, now: Timestamp) -> Result<(), StoreError> {
    const COUNT: Sql = carried_out!(
        "SELECT i.state, count(*) AS number FROM ",
        " AND NOT EXISTS (SELECT 1 FROM job_installs l WHERE l.job_id = $3 AND l.install_id = i.id)
          GROUP BY i.state"
    );
    const LINK: Sql = carried_out!(
        "INSERT INTO job_installs (job_id, install_id) SELECT $3, i.id FROM ",
        " ON CONFLICT (job_id, install_id) DO NOTHING"
    );
    let states = sql("counting the installs of a job", COUNT)
        .bind(rows)
        .bind(now.0)
        .bind(job.0)
        .all(tx, |row| {
            let state = word("installs.state", &row.at::<String>(0)?, InstallState::from_text)?;
            Ok((state, row.at::<i64>(1)?))
        })
        .await?;
    sql("following installs", LINK).bind(rows).bind(now.0).bind(job.0).run(tx).await?;
    let mut counts = Counts::default();
    for (state, number) in states {
        counts.add(state.counts_as(), number);
    }
    jobs::add_counted(tx, &HashMap::from([(job, counts)]), Counted::Installs, now).await?;
    Ok(())
}

/// Withdraws a job's installs that were not sent and that no other job waits for; what was sent ends as it ends. Tells how many.
///
/// # Errors
/// As any statement.
pub async fn withdraw(tx: &mut Tx, job: JobId, now: Timestamp) -> Result<u64, StoreError> {
    let found = sql(
        "looking for installs that can be withdrawn",
        "SELECT i.id
         FROM job_installs l
         JOIN installs i ON i.id = l.install_id
         WHERE l.job_id = $1
           AND i.state = 'ready'
           AND NOT EXISTS (
               SELECT 1
               FROM job_installs other
               JOIN jobs j ON j.id = other.job_id
               WHERE other.install_id = i.id AND other.job_id <> $1 AND j.ended_at IS NULL)",
    )
    .bind(job.0)
    .all(tx, |row| row.get("id").map(InstallId))
    .await?;
    cancel(tx, found, "withdrawn", now).await
}

/// Withdraws installs that were not sent of devices that are not to have the app any more (rule N-8): neither they nor their
/// persons hold a license for it, or an assignment that gave it has let them go. Tells how many.
///
/// # Errors
/// As any statement.
pub async fn withdraw_left(
    tx: &mut Tx,
    token: TokenId,
    limit: usize,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let found = sql(
        "looking for installs of devices that have left",
        "SELECT i.id
         FROM installs i
         JOIN devices d ON d.id = i.device_id
         LEFT JOIN people p ON p.id = d.person_id
         WHERE i.token_id = $1
           AND i.ended_at IS NULL
           AND i.state = 'ready'
           AND NOT i.removes
           AND (EXISTS (
                   SELECT 1
                   FROM entitlements e
                   WHERE e.asset_id = i.asset_id AND e.holder_kind = 'd' AND e.holder_id = d.serial AND e.state = 'left')
             OR NOT EXISTS (
                   SELECT 1
                   FROM licenses l
                   WHERE l.asset_id = i.asset_id
                     AND l.held
                     AND ((l.holder_kind = 'd' AND l.holder_id = d.serial)
                       OR (l.holder_kind = 'u' AND l.holder_id = p.client_user_id))))
         ORDER BY i.id
         LIMIT $2",
    )
    .bind(token.0)
    .bind(int(limit))
    .all(tx, |row| row.get("id").map(InstallId))
    .await?;
    cancel(tx, found, "left", now).await
}

/// Withdraws installs of a version that were not sent, since too many devices failed with it. Those that a job asked for go on.
///
/// # Errors
/// As any statement.
pub async fn halt(tx: &mut Tx, asset: AssetId, target: i64, now: Timestamp) -> Result<u64, StoreError> {
    let found = sql(
        "looking for installs of a version that is halted",
        "SELECT i.id
         FROM installs i
         WHERE i.asset_id = $1
           AND i.target = $2
           AND i.state = 'ready'
           AND NOT EXISTS (SELECT 1 FROM job_installs l WHERE l.install_id = i.id)
         ORDER BY i.id",
    )
    .bind(asset.0)
    .bind(target)
    .all(tx, |row| row.get("id").map(InstallId))
    .await?;
    cancel(tx, found, "halted", now).await
}

async fn cancel(
    tx: &mut Tx,
    found: Vec<InstallId>,
    code: &'static str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let found = found.into_iter().map(|id| (id, InstallState::Ready)).collect();
    cancel_from(tx, found, code, now).await
}

/// Cancels installs, each seen in a state.
pub(super) async fn cancel_from(
    tx: &mut Tx,
    found: Vec<(InstallId, InstallState)>,
    code: &'static str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let shifts: Vec<super::Shift> = found
        .into_iter()
        .map(|(id, from)| super::Shift {
            id,
            from,
            step: russet_domain::install::Step { to: InstallState::Cancelled, code: Some(code), due: None },
            detail: None,
        })
        .collect();
    let moved = super::shift(tx, &shifts, now).await?;
    Ok(count(int(moved.len())))
}
