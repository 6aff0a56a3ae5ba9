//! Refuses changes before they are sent.

use std::collections::HashMap;

use russet_domain::change::State;
use russet_domain::{ChangeId, JobId, Timestamp, TokenId};

use super::end_all;
use crate::codec::{int, json, word};
use crate::engine::{Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{Shift, shift};
use crate::tokens;

/// Changes refused at once.
const BATCH: usize = 50_000;

/// Refuses planned changes of a token, each with a stable code. Those not planned (any more) are left as they are, so
/// this may be repeated. Answers the jobs that ended by it.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn refuse(
    tx: &mut Tx,
    token: TokenId,
    refused: &[(ChangeId, &str)],
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    const PLANNED: Sql = bulk!(
        "SELECT c.id, c.state
         FROM ",
        (0 id BIGINT),
        " CROSS JOIN changes c
          WHERE c.id = x.id AND c.state || '' IN ('planned', 'waitlisted', 'held') AND +c.token_id = $2"
    );
    if refused.is_empty() {
        return Ok(Vec::new());
    }
    tokens::lock(tx, token).await?;
    let codes: HashMap<ChangeId, &str> = refused.iter().copied().collect();
    let ids: Vec<_> = codes.keys().map(|id| (id.0,)).collect();
    let planned = sql("reading changes to be refused", PLANNED)
        .bind(json(&ids)?)
        .bind(token.0)
        .all(tx, to_refused)
        .await?;
    let mut by_code: HashMap<&str, Vec<Shift>> = HashMap::new();
    for one in &planned {
        by_code.entry(codes.get(&one.change).copied().unwrap_or_default()).or_default().push(*one);
    }
    // A handful of codes at most.
    for (code, shifts) in by_code {
        end_all(tx, &shifts, code, now).await?;
    }
    shift(tx, &planned, now).await
}

/// Refuses all of a token's changes that are not sent yet, such as when Apple will not take it any more. Answers the
/// jobs that ended by it.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn refuse_all_planned(
    tx: &mut Tx,
    token: TokenId,
    code: &str,
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    tokens::lock(tx, token).await?;
    let (mut after, mut ended) = (0, Vec::new());
    loop {
        let planned = sql(
            "looking for a token's planned changes",
            "SELECT id, state
             FROM changes
             WHERE token_id = $1 AND state IN ('planned', 'waitlisted', 'held') AND slot IS NOT NULL AND id > $2
             ORDER BY id
             LIMIT $3",
        )
        .bind(token.0)
        .bind(after)
        .bind(int(BATCH))
        .all(tx, to_refused)
        .await?;
        let Some(last) = planned.last() else { return Ok(ended) };
        after = last.change.0;
        end_all(tx, &planned, code, now).await?;
        ended.extend(shift(tx, &planned, now).await?);
    }
}

fn to_refused(row: &Row) -> Result<Shift, StoreError> {
    let from = word("a change's state", &row.at::<String>(1)?, State::from_text)?;
    Ok(Shift { change: ChangeId(row.at(0)?), from, to: State::Refused })
}
