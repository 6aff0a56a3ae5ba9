//! Which tokens the schedule thinks of, and when.

use russet_domain::sync_schedule::SyncSchedule;
use russet_domain::token::TokenState;
use russet_domain::{Timestamp, TokenId};

use crate::catalog::store_country;
use crate::codec::{maybe_time, word_in};
use crate::engine::{Db, sql};
use crate::error::StoreError;

/// A token that is synced by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToSync {
    /// Its number.
    pub id: TokenId,
    /// When.
    pub schedule: SyncSchedule,
    /// Since when that schedule holds: no moment before it counts.
    pub since: Option<Timestamp>,
}

/// The tokens whose state allows reading from Apple, one a location, so that no license is read twice (rule S-11), and when
/// each is read. Reads one short row a token.
///
/// # Errors
/// As any statement.
pub async fn to_sync(db: &mut Db) -> Result<Vec<ToSync>, StoreError> {
    let all = sql(
        "listing tokens to sync",
        "SELECT id, state, sync_schedule, sync_schedule_at
         FROM tokens
         WHERE NOT removing
           AND NOT EXISTS (
               SELECT 1
               FROM tokens older
               WHERE older.uid = tokens.uid AND older.id < tokens.id)
         ORDER BY id",
    )
    .all(db, |row| {
        let token = ToSync {
            id: TokenId(row.get("id")?),
            schedule: schedule(row.get("sync_schedule")?),
            since: maybe_time(row, "sync_schedule_at")?,
        };
        Ok((token, word_in(row, "state", TokenState::from_text)?))
    })
    .await?;
    Ok(all.into_iter().filter(|(_, state)| state.may_sync()).map(|(token, _)| token).collect())
}

/// The tokens whose notifications are kept registered: those whose location is ours to write to.
///
/// # Errors
/// As any statement.
pub async fn ids_to_keep_registered(db: &mut Db) -> Result<Vec<TokenId>, StoreError> {
    let all = sql(
        "listing tokens to keep registered",
        "SELECT id, state FROM tokens WHERE NOT removing ORDER BY id",
    )
    .all(db, |row| Ok((TokenId(row.get("id")?), word_in(row, "state", TokenState::from_text)?)))
    .await?;
    let ours = |state: TokenState| state.may_write() && state.may_sync();
    Ok(all.into_iter().filter(|(_, state)| ours(*state)).map(|(id, _)| id).collect())
}

/// The tokens whose apps go out by themselves, of one country if one is given: newer versions where they are switched on, and what
/// assignments give.
///
/// # Errors
/// As any statement.
pub async fn ids_to_push(db: &mut Db, country: Option<&str>) -> Result<Vec<TokenId>, StoreError> {
    sql(
        "listing tokens whose apps go out",
        concat!(
            "SELECT t.id
             FROM tokens t
             WHERE NOT t.removing
               AND (t.auto_update
                 OR EXISTS (SELECT 1 FROM assignments m WHERE m.token_id = t.id AND m.intent <> 'uninstall'))
               AND ($1 IS NULL OR $1 = ",
            store_country!("t"),
            ") ORDER BY t.id"
        ),
    )
    .bind(country)
    .all(db, |row| row.get("id").map(TokenId))
    .await
}

/// What stands in `sync_schedule`.
pub(super) fn column(schedule: &SyncSchedule) -> Option<&str> {
    match schedule {
        SyncSchedule::Default => None,
        SyncSchedule::Never => Some(""),
        SyncSchedule::Own(text) => Some(text),
    }
}

/// What `sync_schedule` says.
pub(super) fn schedule(text: Option<String>) -> SyncSchedule {
    match text {
        None => SyncSchedule::Default,
        Some(text) if text.is_empty() => SyncSchedule::Never,
        Some(text) => SyncSchedule::Own(text),
    }
}
