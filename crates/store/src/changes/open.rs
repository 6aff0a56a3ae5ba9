//! Changes that Apple is working on, found by the request or the event they went out with.

use russet_domain::change::Action;
use russet_domain::{AssetId, AssetKey, ChangeId, Holder, RequestId, TokenId};

use super::attempts;
use crate::codec::{action as read_action, asset_key, holder, json, kind_of};
use crate::engine::{Db, Row, Sql, bulk, sql};
use crate::error::StoreError;

/// A change that waits for Apple's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its number.
    pub id: ChangeId,
    /// The request it went out with.
    pub request: RequestId,
    /// The asset's number.
    pub asset: AssetId,
    /// The asset.
    pub key: AssetKey,
    /// The holder.
    pub holder: Holder,
    /// Which way the license is to move.
    pub action: Action,
    /// How often it was sent, this time included.
    pub attempts: u32,
}

macro_rules! select {
    () => {
        "SELECT c.id, c.request_id, c.asset_id, a.adam_id, a.pricing_param, c.holder_kind, c.holder_id, c.action,
                c.attempts
         FROM "
    };
}

/// The changes of a request that still wait for Apple's word.
///
/// # Errors
/// As any statement.
pub async fn open_of_request(db: &mut Db, request: RequestId) -> Result<Vec<Open>, StoreError> {
    sql(
        "looking for a request's open changes",
        concat!(
            select!(),
            "changes c
             JOIN assets a ON a.id = c.asset_id
             WHERE c.request_id = $1 AND c.state = 'sent'
             ORDER BY c.id"
        ),
    )
    .bind(request.0)
    .all(db, open)
    .await
}

/// Those of the pairs that wait for an event's outcome.
///
/// # Errors
/// As any statement.
pub async fn open_of_event(
    db: &mut Db,
    token: TokenId,
    event_id: &str,
    action: Action,
    pairs: &[(AssetKey, Holder)],
) -> Result<Vec<Open>, StoreError> {
    const OF_EVENT: Sql = bulk!(
        select!(),
        (0 adam_id TEXT, 1 pricing_param TEXT, 2 holder_kind TEXT, 3 holder_id TEXT),
        " CROSS JOIN assets a
          CROSS JOIN changes c
          CROSS JOIN requests r
          WHERE a.token_id = $2
            AND a.adam_id = x.adam_id
            AND a.pricing_param = x.pricing_param
            AND c.asset_id = a.id
            AND c.holder_kind = x.holder_kind
            AND c.holder_id = x.holder_id
            AND c.slot = 0
            AND r.id = c.request_id
            AND c.state || '' = 'sent'
            AND c.action = $3 AND r.event_id = $4"
    );
    sql("looking for an event's open changes", OF_EVENT)
        .bind(json_of(pairs)?)
        .bind(token.0)
        .bind(action.as_str())
        .bind(event_id)
        .all(db, open)
        .await
}

/// Those of the pairs whose request is still on its way, so that its event is not known here yet: a notification can
/// be quicker than the answer to the request.
///
/// # Errors
/// As any statement.
pub async fn open_without_event(
    db: &mut Db,
    token: TokenId,
    action: Action,
    pairs: &[(AssetKey, Holder)],
) -> Result<Vec<Open>, StoreError> {
    const WITHOUT_EVENT: Sql = bulk!(
        select!(),
        (0 adam_id TEXT, 1 pricing_param TEXT, 2 holder_kind TEXT, 3 holder_id TEXT),
        " CROSS JOIN assets a
          CROSS JOIN changes c
          CROSS JOIN requests r
          WHERE a.token_id = $2
            AND a.adam_id = x.adam_id
            AND a.pricing_param = x.pricing_param
            AND c.asset_id = a.id
            AND c.holder_kind = x.holder_kind
            AND c.holder_id = x.holder_id
            AND c.slot = 0
            AND r.id = c.request_id
            AND c.state || '' = 'sent'
            AND c.action = $3 AND r.state = 'sending'"
    );
    sql("looking for open changes without an event", WITHOUT_EVENT)
        .bind(json_of(pairs)?)
        .bind(token.0)
        .bind(action.as_str())
        .all(db, open)
        .await
}

fn json_of(pairs: &[(AssetKey, Holder)]) -> Result<String, StoreError> {
    let rows: Vec<_> = pairs
        .iter()
        .map(|(key, holder)| (&key.adam_id, key.pricing.as_str(), kind_of(holder), holder.id()))
        .collect();
    json(&rows)
}

fn open(row: &Row) -> Result<Open, StoreError> {
    Ok(Open {
        id: ChangeId(row.at(0)?),
        request: RequestId(row.at(1)?),
        asset: AssetId(row.at(2)?),
        key: asset_key(row.at(3)?, &row.at::<String>(4)?),
        holder: holder(&row.at::<String>(5)?, row.at(6)?)?,
        action: read_action(&row.at::<String>(7)?)?,
        attempts: attempts(row.at(8)?),
    })
}
