//! Writes jobs with their gates: those of a token that are asked for at the same moment in the same few statements.

use std::collections::{BTreeMap, HashMap, HashSet};

use russet_domain::gate::GateState;
use russet_domain::job::JobState;
use russet_domain::{JobId, Timestamp, TokenId};

use super::open::open_of_jobs;
use super::{NewGate, NewOrder, order};
use crate::codec::{int, json, kind_of};
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{self, Counted, Counts, NewJob};
use crate::submit::{Followers, Wish, follow_together};
use crate::tokens;

/// A job and its gates, to be written.
#[derive(Clone, Debug)]
pub struct NewGates {
    /// The job.
    pub job: NewJob,
    /// What the gates have in common.
    pub order: NewOrder,
    /// The gates, each pair of asset and holder once or more.
    pub gates: Vec<NewGate>,
}

/// What became of a submission.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submitted {
    /// The jobs, in the order given.
    pub jobs: Vec<JobId>,
    /// Whether there is something to install at once.
    pub installs: bool,
}

/// Writes jobs with their gates, each pair of asset and holder of a job once, and wishes for the licenses that are missing. What is
/// held already, and what a rule forbids, is known at once. All of it is some twenty statements, for one job and for a hundred.
///
/// # Errors
/// [`StoreError::Missing`] when the token or an asset is not there.
pub async fn submit(
    tx: &mut Tx,
    token: TokenId,
    new: &[NewGates],
    now: Timestamp,
) -> Result<Submitted, StoreError> {
    tokens::lock(tx, token).await?;
    let rows: Vec<&NewJob> = new.iter().map(|new| &new.job).collect();
    let jobs = jobs::insert_many(tx, token, &rows, now).await?;
    let orders: Vec<(JobId, &NewOrder)> =
        jobs.iter().copied().zip(new.iter().map(|new| &new.order)).collect();
    order::insert_many(tx, token, &orders, now).await?;
    let wishes: Vec<Vec<Wish>> = new.iter().map(|new| wishes_of(&new.gates)).collect();
    write(tx, token, &jobs, &wishes, now).await?;
    // Those that are equally urgent share their changes.
    let mut alike: BTreeMap<_, Followers<'_>> = BTreeMap::new();
    for ((job, new), wishes) in jobs.iter().zip(new).zip(&wishes) {
        let (priority, line) = (new.job.priority, new.job.line);
        let followers = alike.entry((priority.rank(), line)).or_insert_with(|| Followers {
            priority,
            line,
            wishes: Vec::new(),
        });
        followers.wishes.extend(wishes.iter().map(|wish| (*job, wish)));
    }
    for followers in alike.values() {
        follow_together(tx, token, followers, now).await?;
    }
    let opened = open_of_jobs(tx, token, &jobs, now).await?;
    Ok(Submitted { jobs, installs: opened.installs })
}

fn wishes_of(gates: &[NewGate]) -> Vec<Wish> {
    let mut known = HashSet::with_capacity(gates.len());
    let wishes = gates.iter().map(|gate| Wish { asset: gate.asset, holder: gate.holder.clone() });
    wishes.filter(|wish| known.insert(wish.clone())).collect()
}

/// Writes the gates, and has their jobs count them.
async fn write(
    tx: &mut Tx,
    token: TokenId,
    jobs: &[JobId],
    wishes: &[Vec<Wish>],
    now: Timestamp,
) -> Result<(), StoreError> {
    const WRITE: Sql = bulk!(
        "INSERT INTO gates
             (job_id, token_id, asset_id, holder_kind, holder_id, state, created_at, updated_at)
         SELECT x.job_id, $2, x.asset_id, x.holder_kind, x.holder_id, 'licensing', $3, $3
         FROM ",
        (0 place BIGINT, 1 job_id BIGINT, 2 asset_id BIGINT, 3 holder_kind TEXT, 4 holder_id TEXT),
        " WHERE true
          ORDER BY x.place
          ON CONFLICT (job_id, asset_id, holder_kind, holder_id) DO NOTHING"
    );
    let pairs = jobs.iter().zip(wishes).flat_map(|(job, wishes)| wishes.iter().map(move |wish| (job, wish)));
    let rows: Vec<_> = pairs
        .enumerate()
        .map(|(place, (job, wish))| (place, job.0, wish.asset.0, kind_of(&wish.holder), wish.holder.id()))
        .collect();
    sql("writing gates", WRITE).bind(json(&rows)?).bind(token.0).bind(now.0).run(tx).await?;
    let mut counted = HashMap::new();
    for (job, wishes) in jobs.iter().zip(wishes) {
        if wishes.is_empty() {
            // Nothing will ever move its state.
            jobs::ended(tx, *job, JobState::Succeeded, None, None, now).await?;
        }
        let mut counts = Counts::default();
        counts.add(GateState::Licensing.counts_as(), int(wishes.len()));
        counted.insert(*job, counts);
    }
    jobs::add_counted(tx, &counted, Counted::Gates, now).await?;
    Ok(())
}
