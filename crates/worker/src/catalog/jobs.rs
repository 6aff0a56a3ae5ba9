//! Keeps the jobs that asked for stores to be read in step with the readings.

use russet_domain::job::JobState;
use russet_domain::{JobId, Timestamp};
use russet_store::catalog::{self, Progress, Refresh, Storefront};
use russet_store::jobs::{self, Job};
use russet_store::{Db, Tx};
use serde::Deserialize;
use serde_json::json;

use crate::error::JobError;

/// The most open jobs that are looked at; the next reading looks at the rest.
const JOBS_MAX: usize = 1_000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Args {
    storefronts: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    country: String,
    account_type: String,
}

fn storefronts(job: &Job) -> Vec<Storefront> {
    let args: Args = serde_json::from_str(&job.args).unwrap_or_default();
    let named = args.storefronts.into_iter();
    named.map(|named| Storefront { country: named.country, account_type: named.account_type }).collect()
}

/// Notes on the jobs that asked for a storefront that it is being read.
pub(crate) async fn start_jobs(tx: &mut Tx, storefront: &Storefront, now: Timestamp) -> Result<(), JobError> {
    for job in jobs::open_refreshes(tx, JOBS_MAX).await? {
        if job.started_at.is_none() && storefronts(&job).contains(storefront) {
            jobs::started(tx, job.id, now).await?;
        }
    }
    Ok(())
}

/// Ends the jobs of which all storefronts have been read since they were submitted. Tells which.
pub(crate) async fn close_jobs(tx: &mut Tx, now: Timestamp) -> Result<Vec<JobId>, JobError> {
    let open = jobs::open_refreshes(tx, JOBS_MAX).await?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let readings = catalog::all(tx).await?;
    let mut closed = Vec::new();
    for job in open {
        let wanted = storefronts(&job);
        let of_job = |reading: &&Refresh| wanted.contains(&reading.storefront);
        let mine: Vec<&Refresh> = readings.iter().filter(of_job).collect();
        let is_read = |reading: &&Refresh| reading.ended_at.is_some_and(|ended| ended >= job.created_at);
        if mine.len() == wanted.len() && mine.iter().all(is_read) {
            end(tx, &job, &mine, now).await?;
            closed.push(job.id);
        }
    }
    Ok(closed)
}

async fn end(tx: &mut Tx, job: &Job, readings: &[&Refresh], now: Timestamp) -> Result<(), JobError> {
    let mut sum = Progress::default();
    for Refresh { progress, .. } in readings {
        sum.requests += progress.requests;
        sum.listed += progress.listed;
        sum.elsewhere += progress.elsewhere;
        sum.gone += progress.gone;
        sum.unjudged += progress.unjudged;
    }
    let notes: Vec<String> = readings.iter().filter_map(|reading| reading.note.clone()).collect();
    let looked_at = sum.listed + sum.elsewhere + sum.gone;
    let state = match (looked_at, sum.unjudged, notes.is_empty()) {
        (0, _, false) => JobState::Failed,
        (_, 1.., _) => JobState::PartlyFailed,
        (_, _, _) => JobState::Succeeded,
    };
    let result = json!({
        "requests": sum.requests,
        "listed": sum.listed,
        "not_in_store": sum.elsewhere,
        "gone": sum.gone,
        "not_asked": sum.unjudged,
        "notes": notes,
    });
    let text = notes.join(" ");
    let error = match state {
        JobState::Failed | JobState::PartlyFailed => Some(("catalog_unavailable", text.as_str())),
        JobState::Queued | JobState::Running | JobState::Succeeded | JobState::Cancelled => None,
    };
    jobs::ended(tx, job.id, state, error, Some(&result.to_string()), now).await?;
    Ok(())
}

/// The moment of the schedule before which a product is due: none before the schedule has fired once.
pub(crate) async fn due_before(db: &mut Db) -> Result<Timestamp, JobError> {
    let kind = russet_domain::job::JobKind::RefreshCatalog.as_str();
    Ok(russet_store::schedule::last_tick(db, kind).await?.unwrap_or(Timestamp(0)))
}
