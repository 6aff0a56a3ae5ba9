//! Wishes for licenses that jobs wait for without counting them: they count their moves, or their gates.

use std::collections::{HashMap, HashSet};

use russet_domain::change::Action;
use russet_domain::job::Priority;
use russet_domain::{AssetId, ChangeId, Holder, JobId, Timestamp, TokenId};

use super::intake::{Order, take_in};
use super::{IntakeCounts, Wish, link, newest_change};
use crate::codec::{holder, json};
use crate::engine::{Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::{jobs, tokens};

/// Wishes for licenses that a job waits for without counting them. The changes are listed with the job's.
///
/// # Errors
/// [`StoreError::Missing`] when the job or its token is not there.
pub async fn follow(
    tx: &mut Tx,
    id: JobId,
    action: Action,
    wishes: &[Wish],
    now: Timestamp,
) -> Result<IntakeCounts, StoreError> {
    let missing = || StoreError::Missing(format!("job {id} of a token that is still here"));
    let job = jobs::find(tx, id).await?.ok_or_else(missing)?;
    let token = job.token.ok_or_else(missing)?;
    tokens::lock(tx, token).await?;
    let wishes = distinct(wishes);
    let before = newest_change(tx).await?;
    // What a move takes back it has given elsewhere, which no brake is for.
    let order = Order { token, action, priority: job.priority, line: job.line, brakes: false };
    let taken = take_in(tx, order, &wishes, now).await?;
    link(tx, id, token, before, &taken).await?;
    Ok(taken.counts)
}

/// Licenses that several jobs are to have, each wished for by any number of them.
pub(crate) struct Followers<'a> {
    /// How urgent it is.
    pub(crate) priority: Priority,
    /// How urgent the licenses are in the line; nothing when they are refused while none is free.
    pub(crate) line: Option<i64>,
    /// Which job wishes for which license.
    pub(crate) wishes: Vec<(JobId, &'a Wish)>,
}

/// As [`follow`], for new jobs of a token that are submitted at the same moment: the same number of statements for all of them.
/// The caller holds the token's lock.
///
/// # Errors
/// [`StoreError::Missing`] when an asset of theirs is not there.
pub(crate) async fn follow_together(
    tx: &mut Tx,
    token: TokenId,
    followers: &Followers<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    const LINK: Sql = bulk!(
        "INSERT INTO job_changes (job_id, change_id, withdrawn)
         SELECT x.job_id, x.change_id, false
         FROM ",
        (0 job_id BIGINT, 1 change_id BIGINT),
        " WHERE true
          ON CONFLICT (job_id, change_id) DO UPDATE SET withdrawn = false"
    );
    let (action, brakes) = (Action::Assign, false);
    let wishes = distinct(followers.wishes.iter().map(|(_, wish)| *wish));
    let before = newest_change(tx).await?;
    let order = Order { token, action, priority: followers.priority, line: followers.line, brakes };
    let taken = take_in(tx, order, &wishes, now).await?;
    let changes = changes_of(tx, token, before, &taken.joined).await?;
    let rows: Vec<(i64, i64)> = followers
        .wishes
        .iter()
        .filter_map(|(job, wish)| {
            changes.get(&(wish.asset, wish.holder.clone())).map(|change| (job.0, change.0))
        })
        .collect();
    sql("linking jobs to changes", LINK).bind(json(&rows)?).run(tx).await?;
    Ok(())
}

fn distinct<'a>(wishes: impl IntoIterator<Item = &'a Wish>) -> Vec<Wish> {
    let mut known = HashSet::new();
    wishes.into_iter().filter(|wish| known.insert(*wish)).cloned().collect()
}

/// The changes that were just written, and those that were joined, by what they are about.
async fn changes_of(
    tx: &mut Tx,
    token: TokenId,
    before: ChangeId,
    joined: &[ChangeId],
) -> Result<HashMap<(AssetId, Holder), ChangeId>, StoreError> {
    const JOINED: Sql = bulk!(
        "SELECT c.id, c.asset_id, c.holder_kind, c.holder_id FROM ",
        (0 id BIGINT),
        " CROSS JOIN changes c WHERE c.id = x.id"
    );
    fn read(row: &Row) -> Result<((AssetId, Holder), ChangeId), StoreError> {
        Ok(((AssetId(row.at(1)?), holder(&row.at::<String>(2)?, row.at(3)?)?), ChangeId(row.at(0)?)))
    }
    // Nobody else writes changes of this token while we hold its lock.
    let written = sql(
        "reading the changes just written",
        "SELECT id, asset_id, holder_kind, holder_id FROM changes WHERE id > $2 AND token_id = $1",
    )
    .bind(token.0)
    .bind(before.0)
    .all(tx, read)
    .await?;
    let mut changes: HashMap<_, _> = written.into_iter().collect();
    if !joined.is_empty() {
        let ids: Vec<_> = joined.iter().map(|id| (id.0,)).collect();
        changes.extend(sql("reading changes that are joined", JOINED).bind(json(&ids)?).all(tx, read).await?);
    }
    Ok(changes)
}
