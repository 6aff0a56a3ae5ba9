//! Write requests to Apple, written down before they are sent.

use std::collections::HashMap;

use russet_domain::change::Action;
use russet_domain::user_registration::Deed;
use russet_domain::{AssetKey, ChangeId, RequestId, Timestamp, TokenId};

use crate::codec::{asset_key, count, from_json, int, json, maybe_time, time, word};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::jobs::{Shift, shift};
use crate::tokens;

/// Where a request has got to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestState {
    /// It may have left; Apple's answer is not known.
    Sending,
    /// Apple took it and named an event.
    Accepted,
    /// Nothing of it is open any more.
    Closed,
}

impl RequestState {
    /// The word stored. Rows hold it, and those of open requests are the words of their changes' states; it never
    /// changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Accepted => "accepted",
            Self::Closed => "closed",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Sending, Self::Accepted, Self::Closed].into_iter().find(|state| state.as_str() == text)
    }
}

/// What a request asks of Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// To move licenses.
    Licenses(Action),
    /// To do something with users.
    Users(Deed),
}

impl What {
    /// The word stored. Rows hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Licenses(action) => action.as_str(),
            Self::Users(deed) => deed.as_str(),
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Action::from_text(text).map(Self::Licenses).or_else(|| Deed::from_text(text).map(Self::Users))
    }
}

/// A request to be written.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// What it asks for.
    pub what: What,
    /// The assets.
    pub assets: Vec<AssetKey>,
    /// The devices, by serial number.
    pub devices: Vec<String>,
    /// The users, by `client_user_id`.
    pub users: Vec<String>,
    /// The changes that it carries: every asset with every holder.
    pub changes: Vec<ChangeId>,
}

/// A request as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number.
    pub id: RequestId,
    /// Whose it is.
    pub token: TokenId,
    /// What it asks for.
    pub what: What,
    /// Where it has got to.
    pub state: RequestState,
    /// Apple's name of what it does about it.
    pub event_id: Option<String>,
    /// The assets.
    pub assets: Vec<AssetKey>,
    /// The devices, by serial number.
    pub devices: Vec<String>,
    /// The users, by `client_user_id`.
    pub users: Vec<String>,
    /// How many changes or users went out with it.
    pub pairs: u64,
    /// How many of them wait for Apple's word.
    pub open_pairs: u64,
    /// When it was written down, just before it was sent.
    pub created_at: Timestamp,
    /// When Apple's answer came.
    pub accepted_at: Option<Timestamp>,
    /// When the last of it ended.
    pub closed_at: Option<Timestamp>,
    /// When Apple was last asked after it.
    pub checked_at: Option<Timestamp>,
    /// How often Apple was asked after it.
    pub checks: u64,
    /// Stable name of why Apple refused it as a whole.
    pub error_code: Option<String>,
    /// Apple's number for that.
    pub error_number: Option<i32>,
    /// The HTTP status of Apple's answer.
    pub http_status: Option<u16>,
}

/// Writes requests down and makes their changes point at them, before any byte leaves. Answers their numbers in the
/// order given.
///
/// # Errors
/// [`StoreError::Stale`] when a change is no longer planned: a request must not cover it then, so drop the
/// transaction, read [`sendable`](crate::changes::sendable) again and plan anew.
pub async fn write(
    tx: &mut Tx,
    token: TokenId,
    new: &[NewRequest],
    now: Timestamp,
) -> Result<Vec<RequestId>, StoreError> {
    const SEND: Sql = bulk!(
        "UPDATE changes
         SET state = 'sent', request_id = x.request, attempts = changes.attempts + 1
         FROM ",
        (0 id BIGINT, 1 request BIGINT),
        " WHERE changes.id = x.id
            AND changes.state || '' = 'planned'
            AND +changes.slot = 0
            AND +changes.token_id = $2"
    );
    tokens::lock(tx, token).await?;
    let mut ids = Vec::with_capacity(new.len());
    // One row for each call to Apple: the calls are the slow part.
    for request in new {
        ids.push(insert(tx, token, request, request.changes.len(), now).await?);
    }
    let rows: Vec<_> = new
        .iter()
        .zip(&ids)
        .flat_map(|(request, id)| request.changes.iter().map(|change| (change.0, id.0)))
        .collect();
    if rows.is_empty() {
        return Ok(ids);
    }
    let sent = sql("sending changes", SEND).bind(json(&rows)?).bind(token.0).run(tx).await?;
    if sent != count(int(rows.len())) {
        return Err(StoreError::Stale { doing: "writing requests" });
    }
    let shifts: Vec<Shift> = rows
        .iter()
        .map(|(change, _)| Shift {
            change: ChangeId(*change),
            from: russet_domain::change::State::Planned,
            to: russet_domain::change::State::Sending,
        })
        .collect();
    shift(tx, &shifts, now).await?;
    Ok(ids)
}

/// Writes the row alone; `open` counts what points at it. The caller holds the token's lock.
pub(crate) async fn insert(
    tx: &mut Tx,
    token: TokenId,
    new: &NewRequest,
    open: usize,
    now: Timestamp,
) -> Result<RequestId, StoreError> {
    let assets: Vec<_> = new.assets.iter().map(|key| (&key.adam_id, key.pricing.as_str())).collect();
    sql(
        "writing a request",
        "INSERT INTO requests (token_id, action, state, assets, devices, users, pairs, open_pairs, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)
         RETURNING id",
    )
    .bind(token.0)
    .bind(new.what.as_str())
    .bind(RequestState::Sending.as_str())
    .bind(json(&assets)?)
    .bind(json(&new.devices)?)
    .bind(json(&new.users)?)
    .bind(int(open))
    .bind(now.0)
    .one(tx, |row| row.get("id").map(RequestId))
    .await
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, token_id, action, state, event_id, assets, devices, users, pairs, open_pairs, created_at,
                    accepted_at, closed_at, checked_at, checks, error_code, error_number, http_status
             FROM requests ",
            $rest
        )
    };
}

/// One request.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, id: RequestId) -> Result<Option<Request>, StoreError> {
    sql("reading a request", select!("WHERE id = $1")).bind(id.0).maybe(db, request).await
}

/// Notes that Apple took a request and named an event. Tells whether it was still on its way: a notification that
/// came first may have closed it.
///
/// # Errors
/// As any statement.
pub async fn accepted(
    tx: &mut Tx,
    id: RequestId,
    event_id: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let state = sql(
        "noting that a request was accepted",
        "UPDATE requests
         SET event_id = $2,
             accepted_at = $3,
             state = CASE WHEN state = 'sending' THEN 'accepted' ELSE state END
         WHERE id = $1
         RETURNING state",
    )
    .bind(id.0)
    .bind(event_id)
    .bind(now.0)
    .maybe(tx, |row| row.get::<String>("state"))
    .await?;
    Ok(state.as_deref() == Some(RequestState::Accepted.as_str()))
}

/// The request that Apple answered with this event.
///
/// # Errors
/// As any statement.
pub async fn by_event(db: &mut Db, token: TokenId, event_id: &str) -> Result<Option<Request>, StoreError> {
    sql(
        "looking for the request of an event",
        select!("WHERE token_id = $1 AND event_id = $2 ORDER BY id DESC LIMIT 1"),
    )
    .bind(token.0)
    .bind(event_id)
    .maybe(db, request)
    .await
}

/// A token's requests that are not closed, oldest first, at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn open(db: &mut Db, token: TokenId, limit: usize) -> Result<Vec<Request>, StoreError> {
    sql(
        "looking for open requests",
        select!(
            "WHERE token_id = $1 AND state IN ('sending', 'accepted')
             ORDER BY created_at, id
             LIMIT $2"
        ),
    )
    .bind(token.0)
    .bind(int(limit))
    .all(db, request)
    .await
}

/// Requests of all tokens that are not closed and were written before `before`, oldest first: number and token.
///
/// # Errors
/// As any statement.
pub async fn open_older_than(
    db: &mut Db,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<(RequestId, TokenId)>, StoreError> {
    sql(
        "looking for old open requests",
        "SELECT id, token_id
         FROM requests
         WHERE state IN ('sending', 'accepted') AND created_at < $1
         ORDER BY created_at, id
         LIMIT $2",
    )
    .bind(before.0)
    .bind(int(limit))
    .all(db, |row| Ok((RequestId(row.at(0)?), TokenId(row.at(1)?))))
    .await
}

/// Notes that Apple was asked after a request.
///
/// # Errors
/// As any statement.
pub async fn checked(tx: &mut Tx, id: RequestId, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting that a request was asked after",
        "UPDATE requests SET checked_at = $2, checks = checks + 1 WHERE id = $1",
    )
    .bind(id.0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// What stands in a request's error code when Apple's reply was lost. Written and read by every version.
const REPLY_LOST: &str = "reply_lost";

/// Notes that Apple's reply to a request was lost, so that its event will never be known here.
///
/// # Errors
/// As any statement.
pub async fn reply_lost(tx: &mut Tx, id: RequestId) -> Result<(), StoreError> {
    sql(
        "noting that a reply was lost",
        "UPDATE requests SET error_code = $2 WHERE id = $1 AND event_id IS NULL",
    )
    .bind(id.0)
    .bind(REPLY_LOST)
    .run(tx)
    .await?;
    Ok(())
}

/// Whether a reply of Apple's to a request made since a moment was lost: then an event that is not known may be our own.
///
/// # Errors
/// As any statement.
pub async fn any_reply_lost(db: &mut Db, token: TokenId, since: Timestamp) -> Result<bool, StoreError> {
    sql(
        "looking for lost replies",
        "SELECT count(*) AS found
         FROM requests
         WHERE token_id = $1 AND event_id IS NULL AND error_code = $2 AND created_at >= $3",
    )
    .bind(token.0)
    .bind(REPLY_LOST)
    .bind(since.0)
    .one(db, |row| Ok(row.get::<i64>("found")? > 0))
    .await
}

/// Why Apple refused a request as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Stable name of the reason.
    pub code: Option<String>,
    /// Apple's number.
    pub number: Option<i32>,
    /// The HTTP status.
    pub http_status: Option<u16>,
}

/// Notes why Apple refused a request, and closes it if none of its changes is open; otherwise
/// [`finish`](crate::changes::finish) closes it with the last of them. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn close(tx: &mut Tx, id: RequestId, refusal: &Refusal, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "closing a request",
        "UPDATE requests
         SET error_code = coalesce($2, error_code),
             error_number = coalesce($3, error_number),
             http_status = coalesce($4, http_status),
             state = CASE WHEN open_pairs <= 0 THEN 'closed' ELSE state END,
             closed_at = CASE WHEN open_pairs <= 0 THEN coalesce(closed_at, $5) ELSE closed_at END
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(refusal.code.as_deref())
    .bind(refusal.number.map(i64::from))
    .bind(refusal.http_status.map(i64::from))
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Takes what has ended off the requests that carried it, and closes those of which nothing is open any more: these are
/// answered.
pub(crate) async fn count_down(
    tx: &mut Tx,
    ended: &HashMap<RequestId, i64>,
    now: Timestamp,
) -> Result<Vec<RequestId>, StoreError> {
    const CLOSE: Sql = bulk!(
        "UPDATE requests
         SET open_pairs = open_pairs - x.ended,
             state = CASE WHEN open_pairs <= x.ended THEN 'closed' ELSE state END,
             closed_at = CASE WHEN open_pairs <= x.ended THEN $2 ELSE closed_at END
         FROM ",
        (0 request BIGINT, 1 ended BIGINT),
        " WHERE requests.id = x.request
          RETURNING id, state"
    );
    let rows: Vec<_> = ended.iter().map(|(request, number)| (request.0, *number)).collect();
    let touched = sql("closing requests", CLOSE)
        .bind(json(&rows)?)
        .bind(now.0)
        .all(tx, |row| Ok((RequestId(row.get("id")?), row.get::<String>("state")? == "closed")))
        .await?;
    Ok(touched.into_iter().filter(|(_, closed)| *closed).map(|(id, _)| id).collect())
}

fn request(row: &Row) -> Result<Request, StoreError> {
    let list = |what, column| from_json::<Vec<String>>(what, &row.get::<String>(column)?);
    let assets: Vec<(String, String)> = from_json("requests.assets", &row.get::<String>("assets")?)?;
    Ok(Request {
        id: RequestId(row.get("id")?),
        token: TokenId(row.get("token_id")?),
        what: word("requests.action", &row.get::<String>("action")?, What::from_text)?,
        state: word("requests.state", &row.get::<String>("state")?, RequestState::from_text)?,
        event_id: row.get("event_id")?,
        assets: assets.into_iter().map(|(adam_id, pricing)| asset_key(adam_id, &pricing)).collect(),
        devices: list("requests.devices", "devices")?,
        users: list("requests.users", "users")?,
        pairs: count(row.get("pairs")?),
        open_pairs: count(row.get("open_pairs")?),
        created_at: time(row, "created_at")?,
        accepted_at: maybe_time(row, "accepted_at")?,
        closed_at: maybe_time(row, "closed_at")?,
        checked_at: maybe_time(row, "checked_at")?,
        checks: count(row.get("checks")?),
        error_code: row.get("error_code")?,
        error_number: row.get::<Option<i64>>("error_number")?.and_then(|number| i32::try_from(number).ok()),
        http_status: row.get::<Option<i64>>("http_status")?.and_then(|status| u16::try_from(status).ok()),
    })
}
