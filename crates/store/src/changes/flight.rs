//! Changes that Apple is working on, counted by asset; and changes that come back from it untouched.

use std::collections::HashMap;

use russet_domain::change::{Action, Outcome};
use russet_domain::{AssetId, RequestId, Timestamp, TokenId};

use super::{finish, open_of_request};
use crate::codec::action as read_action;
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;

/// How many licenses of an asset are on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InFlight {
    /// To a holder.
    pub assigns: i64,
    /// Back from one.
    pub revokes: i64,
}

/// How long a token's planned changes have been there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// When the first of them was wished for.
    pub oldest: Timestamp,
    /// When the last of them was.
    pub newest: Timestamp,
    /// The highest priority among them, as [`russet_domain::job::Priority::rank`] counts.
    pub priority: i64,
}

/// How long the changes that could be sent now have been there; `None` when there are none.
///
/// # Errors
/// As any statement.
pub async fn waiting(db: &mut Db, token: TokenId, now: Timestamp) -> Result<Option<Waiting>, StoreError> {
    sql(
        "looking how long changes have waited",
        "SELECT min(created_at) AS oldest, max(created_at) AS newest, max(priority) AS priority
         FROM changes
         WHERE token_id = $1 AND state = 'planned' AND slot = 0 AND not_before <= $2",
    )
    .bind(token.0)
    .bind(now.0)
    .one(db, |row| {
        let (oldest, newest) = (row.get::<Option<i64>>("oldest")?, row.get::<Option<i64>>("newest")?);
        let priority = row.get::<Option<i64>>("priority")?.unwrap_or(0);
        Ok(oldest.zip(newest).map(|(oldest, newest)| Waiting {
            oldest: Timestamp(oldest),
            newest: Timestamp(newest),
            priority,
        }))
    })
    .await
}

/// What is on its way, by asset; assets without anything are left out.
///
/// # Errors
/// As any statement.
pub async fn in_flight(db: &mut Db, token: TokenId) -> Result<HashMap<AssetId, InFlight>, StoreError> {
    let counts = sql(
        "counting licenses on their way",
        "SELECT c.asset_id, c.action, count(*)
         FROM requests r
         JOIN changes c ON c.request_id = r.id
         WHERE r.token_id = $1
           AND r.state IN ('sending', 'accepted')
           AND c.state = 'sent'
         GROUP BY c.asset_id, c.action",
    )
    .bind(token.0)
    .all(db, |row| Ok((AssetId(row.at(0)?), read_action(&row.at::<String>(1)?)?, row.at::<i64>(2)?)))
    .await?;
    let mut flying: HashMap<AssetId, InFlight> = HashMap::new();
    for (asset, action, count) in counts {
        let of_asset = flying.entry(asset).or_default();
        match action {
            Action::Assign => of_asset.assigns += count,
            Action::Revoke => of_asset.revokes += count,
        }
    }
    Ok(flying)
}

/// Apple took nothing of a request: its changes are planned again as if they had never been sent, not before a moment,
/// and the request is closed. The try does not count. Tells how many.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn give_back(
    tx: &mut Tx,
    token: TokenId,
    request: RequestId,
    not_before: Timestamp,
    now: Timestamp,
) -> Result<usize, StoreError> {
    sql(
        "taking back a try",
        "UPDATE changes
         SET attempts = attempts - 1
         WHERE request_id = $1 AND state = 'sent' AND attempts > 0",
    )
    .bind(request.0)
    .run(tx)
    .await?;
    let open = open_of_request(tx, request).await?;
    let outcomes: Vec<_> =
        open.iter().map(|open| (open.id, Outcome::Again { not_before, number: None })).collect();
    finish(tx, token, &outcomes, now).await?;
    Ok(outcomes.len())
}
