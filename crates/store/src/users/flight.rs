//! Users whose wishes go to Apple: what can be sent, what was sent, and what comes back untouched.

use std::collections::HashSet;

use russet_domain::change::State;
use russet_domain::user_registration::{Deed, End, Learned, Outcome, Registration};
use russet_domain::{JobId, RequestId, Timestamp, TokenId, UserId};

use super::entries::{self, Move};
use super::finish::{Report, finish};
use super::{attempts, registration};
use crate::codec::{count, int, json, word};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::requests::{self, NewRequest, What};
use crate::tokens;

/// Users moved at once.
const BATCH: usize = 50_000;

/// A user whose wish can be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sendable {
    /// The user's number.
    pub id: UserId,
    /// The id that Apple is given.
    pub client_user_id: String,
    /// What is wished for and what Apple has.
    pub registration: Registration,
    /// Which of the wishes for the user this is.
    pub revision: i64,
    /// How often it was sent before.
    pub attempts: u32,
}

/// A token's users whose wishes can be sent now, the most urgent and then the oldest first.
///
/// # Errors
/// As any statement.
pub async fn sendable(
    db: &mut Db,
    token: TokenId,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Sendable>, StoreError> {
    sql(
        "looking for users to send",
        "SELECT id, client_user_id, wish, email, managed_apple_id, status, apple_email, apple_managed_id, attempts,
                revision
         FROM users
         WHERE token_id = $1 AND work = 'planned' AND not_before <= $2
         ORDER BY priority DESC, id
         LIMIT $3",
    )
    .bind(token.0)
    .bind(now.0)
    .bind(int(limit))
    .all(db, |row| {
        Ok(Sendable {
            id: UserId(row.at(0)?),
            client_user_id: row.at(1)?,
            registration: registration(row)?,
            revision: row.get("revision")?,
            attempts: attempts(row.get("attempts")?),
        })
    })
    .await
}

/// Whether Apple is at work on any of a token's users.
///
/// # Errors
/// As any statement.
pub async fn any_in_flight(db: &mut Db, token: TokenId) -> Result<bool, StoreError> {
    sql(
        "looking for users on their way",
        "SELECT count(*) AS found
         FROM requests
         WHERE token_id = $1
           AND state IN ('sending', 'accepted')
           AND action IN ('create_users', 'update_users', 'retire_users')",
    )
    .bind(token.0)
    .one(db, |row| Ok(row.get::<i64>("found")? > 0))
    .await
}

/// How long a token's planned users have been there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// When the first of them was wished for.
    pub oldest: Timestamp,
    /// When the last of them was.
    pub newest: Timestamp,
    /// The highest priority among them, as [`russet_domain::job::Priority::rank`] counts.
    pub priority: i64,
}

/// How long the users that could be sent now have been there; `None` when there are none.
///
/// # Errors
/// As any statement.
pub async fn waiting(db: &mut Db, token: TokenId, now: Timestamp) -> Result<Option<Waiting>, StoreError> {
    sql(
        "looking how long users have waited",
        "SELECT min(wished_at) AS oldest, max(wished_at) AS newest, max(priority) AS priority
         FROM users
         WHERE token_id = $1 AND work = 'planned' AND not_before <= $2",
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

/// When the next of a token's planned users is due; it may be in the past.
///
/// # Errors
/// As any statement.
pub async fn next_due(db: &mut Db, token: TokenId) -> Result<Option<Timestamp>, StoreError> {
    sql(
        "looking for the next user to send",
        "SELECT min(not_before) AS due FROM users WHERE token_id = $1 AND work = 'planned'",
    )
    .bind(token.0)
    .one(db, |row| Ok(row.get::<Option<i64>>("due")?.map(Timestamp)))
    .await
}

/// Writes a request down and makes its users point at it, before any byte leaves.
///
/// # Errors
/// [`StoreError::Stale`] when one of them is no longer planned, or wished otherwise since: drop the transaction, read
/// [`sendable`] again and plan anew.
pub async fn write(
    tx: &mut Tx,
    token: TokenId,
    deed: Deed,
    users: &[Sendable],
    now: Timestamp,
) -> Result<RequestId, StoreError> {
    const SEND: Sql = bulk!(
        "UPDATE users
         SET work = 'sent',
             request_id = $2,
             sent_revision = users.revision,
             sent_email = email,
             sent_managed_id = managed_apple_id,
             attempts = users.attempts + 1
         FROM ",
        (0 id BIGINT, 1 revision BIGINT),
        " WHERE users.id = x.id
            AND users.work || '' = 'planned'
            AND users.revision = x.revision
            AND +users.token_id = $3"
    );
    tokens::lock(tx, token).await?;
    let new = NewRequest {
        what: What::Users(deed),
        assets: Vec::new(),
        devices: Vec::new(),
        users: users.iter().map(|user| user.client_user_id.clone()).collect(),
        changes: Vec::new(),
    };
    let request = requests::insert(tx, token, &new, users.len(), now).await?;
    let rows: Vec<_> = users.iter().map(|user| (user.id.0, user.revision)).collect();
    let sent = sql("sending users", SEND).bind(json(&rows)?).bind(request.0).bind(token.0).run(tx).await?;
    if sent != count(int(rows.len())) {
        return Err(StoreError::Stale { doing: "writing a request for users" });
    }
    let moves: Vec<Move> =
        users.iter().map(|user| Move::new(user.id, State::Planned, State::Sending, None, None)).collect();
    entries::shift(tx, &moves, now).await?;
    Ok(request)
}

/// A user who waits for Apple's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The user's number.
    pub id: UserId,
    /// The request that carries the wish.
    pub request: RequestId,
    /// What was asked for.
    pub deed: Deed,
    /// The id that Apple was given.
    pub client_user_id: String,
    /// What is wished for and what Apple had.
    pub registration: Registration,
    /// How often it was sent, this time included.
    pub attempts: u32,
}

macro_rules! open_columns {
    () => {
        "SELECT u.id, u.request_id, r.action, u.client_user_id, u.wish, u.email, u.managed_apple_id, u.status,
                u.apple_email, u.apple_managed_id, u.attempts "
    };
}

/// The users of a request that still wait for Apple's word.
///
/// # Errors
/// As any statement.
pub async fn open_of_request(db: &mut Db, request: RequestId) -> Result<Vec<Open>, StoreError> {
    sql(
        "looking for a request's open users",
        concat!(
            open_columns!(),
            "FROM users u
             JOIN requests r ON r.id = u.request_id
             WHERE u.request_id = $1 AND u.work = 'sent'
             ORDER BY u.id"
        ),
    )
    .bind(request.0)
    .all(db, open)
    .await
}

/// Those of the users that wait for an event's outcome.
///
/// # Errors
/// As any statement.
pub async fn open_of_event(
    db: &mut Db,
    token: TokenId,
    event_id: &str,
    users: &[&str],
) -> Result<Vec<Open>, StoreError> {
    const OF_EVENT: Sql = bulk!(
        "SELECT u.id, u.request_id, r.action, u.client_user_id, u.wish, u.email, u.managed_apple_id, u.status,
                u.apple_email, u.apple_managed_id, u.attempts
         FROM ",
        (0 client_user_id TEXT),
        " CROSS JOIN users u
          CROSS JOIN requests r
          WHERE +u.token_id = $2
            AND u.client_user_id = x.client_user_id
            AND u.work || '' = 'sent'
            AND r.id = u.request_id
            AND r.event_id = $3"
    );
    let rows: Vec<_> = users.iter().map(|id| (id,)).collect();
    sql("looking for an event's open users", OF_EVENT)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(event_id)
        .all(db, open)
        .await
}

/// Those of the users whose request is still on its way, so that its event is not known here yet: a notification can be
/// quicker than the answer to the request.
///
/// # Errors
/// As any statement.
pub async fn open_without_event(
    db: &mut Db,
    token: TokenId,
    deed: Deed,
    users: &[&str],
) -> Result<Vec<Open>, StoreError> {
    const WITHOUT_EVENT: Sql = bulk!(
        "SELECT u.id, u.request_id, r.action, u.client_user_id, u.wish, u.email, u.managed_apple_id, u.status,
                u.apple_email, u.apple_managed_id, u.attempts
         FROM ",
        (0 client_user_id TEXT),
        " CROSS JOIN users u
          CROSS JOIN requests r
          WHERE +u.token_id = $2
            AND u.client_user_id = x.client_user_id
            AND u.work || '' = 'sent'
            AND r.id = u.request_id
            AND r.state = 'sending'
            AND r.action = $3"
    );
    let rows: Vec<_> = users.iter().map(|id| (id,)).collect();
    sql("looking for open users without an event", WITHOUT_EVENT)
        .bind(json(&rows)?)
        .bind(token.0)
        .bind(deed.as_str())
        .all(db, open)
        .await
}

fn open(row: &Row) -> Result<Open, StoreError> {
    Ok(Open {
        id: UserId(row.get("id")?),
        request: RequestId(row.get("request_id")?),
        deed: word("requests.action", &row.get::<String>("action")?, Deed::from_text)?,
        client_user_id: row.get("client_user_id")?,
        registration: registration(row)?,
        attempts: attempts(row.get("attempts")?),
    })
}

/// Apple took nothing of a request: its users are planned again as if they had never been sent, not before a moment, and
/// the request is closed. The try does not count. Tells how many.
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
        "UPDATE users
         SET attempts = attempts - 1
         WHERE request_id = $1 AND work = 'sent' AND attempts > 0",
    )
    .bind(request.0)
    .run(tx)
    .await?;
    let open = open_of_request(tx, request).await?;
    let reports: Vec<Report> = open
        .iter()
        .map(|open| Report {
            user: open.id,
            outcome: Outcome { end: End::Again { not_before, number: None }, learned: Learned::Nothing },
            record: None,
        })
        .collect();
    finish(tx, token, &reports, now).await?;
    Ok(reports.len())
}

/// Ends planned wishes that have come true without a request. Those not planned (any more) are left as they are. Answers
/// the jobs that ended by it.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn settle_planned(
    tx: &mut Tx,
    token: TokenId,
    users: &[UserId],
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    end_planned(tx, token, users, State::Settled, None, now).await
}

/// Refuses all of a token's wishes for users that are not sent yet, such as when Apple will not take it any more. Answers
/// the jobs that ended by it.
///
/// # Errors
/// As any statement; [`StoreError::Missing`] without such a token.
pub async fn refuse_all_planned(
    tx: &mut Tx,
    token: TokenId,
    code: &str,
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    let mut ended = Vec::new();
    loop {
        let planned = sql(
            "looking for a token's planned users",
            "SELECT id FROM users WHERE token_id = $1 AND work IN ('planned', 'held') ORDER BY id LIMIT $2",
        )
        .bind(token.0)
        .bind(int(BATCH))
        .all(tx, |row| row.at(0).map(UserId))
        .await?;
        if planned.is_empty() {
            return Ok(ended);
        }
        // Each round refuses all that it found, so that there are no more rounds than users.
        ended.extend(end_planned(tx, token, &planned, State::Refused, Some(code), now).await?);
    }
}

async fn end_planned(
    tx: &mut Tx,
    token: TokenId,
    users: &[UserId],
    to: State,
    code: Option<&str>,
    now: Timestamp,
) -> Result<Vec<JobId>, StoreError> {
    const END: Sql = bulk!(
        "UPDATE users
         SET work = $2, error_code = $3, error_number = NULL, updated_at = $4
         FROM ",
        (0 who BIGINT),
        " WHERE users.id = x.who AND users.work || '' IN ('planned', 'held') AND +users.token_id = $5
          RETURNING id"
    );
    if users.is_empty() {
        return Ok(Vec::new());
    }
    tokens::lock(tx, token).await?;
    let rows: Vec<_> = users.iter().map(|id| (id.0,)).collect();
    let ended: HashSet<UserId> = sql("ending what is planned for users", END)
        .bind(json(&rows)?)
        .bind(if to == State::Refused { "refused" } else { "none" })
        .bind(code)
        .bind(now.0)
        .bind(token.0)
        .all(tx, |row| row.get("id").map(UserId))
        .await?
        .into_iter()
        .collect();
    let mut jobs = Vec::new();
    for from in [State::Planned, State::Held] {
        let moves: Vec<Move> = ended.iter().map(|id| Move::new(*id, from, to, code, None)).collect();
        jobs.extend(entries::shift(tx, &moves, now).await?.ended_jobs);
    }
    Ok(jobs)
}
