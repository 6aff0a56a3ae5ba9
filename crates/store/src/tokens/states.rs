//! What Apple and the syncs make of a token.

use russet_domain::token::{MdmInfo, TokenState};
use russet_domain::{Timestamp, TokenId};

use crate::engine::{Sql, Tx, sql};
use crate::error::StoreError;

/// Not `FOR UPDATE`: that would hold up everybody who writes a row that refers to the token, such as a notification
/// that has milliseconds.
const LOCK: Sql = Sql {
    // A write transaction is the only one.
    sqlite: "SELECT id FROM tokens WHERE id = $1",
    postgres: "SELECT id FROM tokens WHERE id = $1 FOR NO KEY UPDATE",
};

/// Keeps everybody else from moving this token's changes and licenses until the transaction ends. May be repeated.
///
/// # Errors
/// [`StoreError::Missing`] without such a token.
pub async fn lock(tx: &mut Tx, id: TokenId) -> Result<(), StoreError> {
    sql("locking a token", LOCK)
        .bind(id.0)
        .maybe(tx, |row| row.get::<i64>("id"))
        .await?
        .map(drop)
        .ok_or_else(|| StoreError::Missing(format!("token {id}")))
}

/// What a token is good for, as it is written down.
#[derive(Clone, Copy, Debug)]
pub struct NewStanding<'a> {
    /// What it is good for.
    pub state: TokenState,
    /// Stable name of the reason, when it came from an answer of Apple's.
    pub code: Option<&'a str>,
    /// The reason in a sentence, when it says more than the state does.
    pub reason: Option<&'a str>,
    /// The other MDM server that has claimed the location.
    pub other: Option<&'a MdmInfo>,
}

/// Notes what the token is good for, why, and who else has claimed the location.
///
/// # Errors
/// As any statement.
pub async fn set_state(
    tx: &mut Tx,
    id: TokenId,
    state: TokenState,
    reason: Option<&str>,
    other: Option<&MdmInfo>,
    now: Timestamp,
) -> Result<(), StoreError> {
    set_standing(tx, id, NewStanding { state, code: None, reason, other }, now).await
}

/// As [`set_state`], with the stable name of the reason.
///
/// # Errors
/// As any statement.
pub async fn set_standing(
    tx: &mut Tx,
    id: TokenId,
    new: NewStanding<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "noting a token's state",
        "UPDATE tokens
         SET state_since = CASE WHEN state = $2 THEN coalesce(state_since, $8) ELSE $8 END,
             state = $2, state_code = $3, state_reason = $4, other_mdm_id = $5, other_mdm_name = $6,
             other_mdm_metadata = $7, updated_at = $8
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(new.state.as_str())
    .bind(new.code)
    .bind(new.reason)
    .bind(new.other.map(|other| other.id.as_str()))
    .bind(new.other.map(|other| other.name.as_str()))
    .bind(new.other.map(|other| other.metadata.as_str()))
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes whether an order waits to take the location over.
///
/// # Errors
/// As any statement.
pub async fn set_take_over(tx: &mut Tx, id: TokenId, waits: bool, now: Timestamp) -> Result<(), StoreError> {
    sql("noting an order to take over", "UPDATE tokens SET take_over = $2, updated_at = $3 WHERE id = $1")
        .bind(id.0)
        .bind(waits)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Notes when the location was let go of, or that it is ours again.
///
/// # Errors
/// As any statement.
pub async fn set_handed_over(
    tx: &mut Tx,
    id: TokenId,
    at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql("noting a hand-over", "UPDATE tokens SET handed_over_at = $2, updated_at = $3 WHERE id = $1")
        .bind(id.0)
        .bind(at.map(|at| at.0))
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

/// What Apple says about a location. `None` leaves a thing as it is known.
#[derive(Clone, Debug, Default)]
pub struct Location {
    /// Apple's id of the location.
    pub uid: Option<String>,
    /// Its name.
    pub location_name: Option<String>,
    /// Its store's country.
    pub apple_country: Option<String>,
    /// The platform it buys for.
    pub default_platform: Option<String>,
    /// When the token's year is over.
    pub expires_at: Option<Timestamp>,
}

/// Notes what Apple says about the location, and that it answered now.
///
/// # Errors
/// As any statement.
pub async fn set_location(
    tx: &mut Tx,
    id: TokenId,
    location: &Location,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "noting a token's location",
        "UPDATE tokens
         SET uid = coalesce($2, uid),
             location_name = coalesce($3, location_name),
             apple_country = coalesce($4, apple_country),
             default_platform = coalesce($5, default_platform),
             expires_at = coalesce($6, expires_at),
             checked_at = $7,
             updated_at = $7
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(location.uid.as_deref())
    .bind(location.location_name.as_deref())
    .bind(location.apple_country.as_deref())
    .bind(location.default_platform.as_deref())
    .bind(location.expires_at.map(|at| at.0))
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that Apple answered about the token now.
///
/// # Errors
/// As any statement.
pub async fn set_checked(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    sql("noting that a token was checked", "UPDATE tokens SET checked_at = $2 WHERE id = $1")
        .bind(id.0)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

/// Notes that the token is about to be deleted, or that it is not after all.
///
/// # Errors
/// As any statement.
pub async fn set_removing(
    tx: &mut Tx,
    id: TokenId,
    removing: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql("noting a token's removal", "UPDATE tokens SET removing = $2, updated_at = $3 WHERE id = $1")
        .bind(id.0)
        .bind(removing)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

/// How the last reading of a location's assets and licenses went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// There was none yet.
    None,
    /// It is under way.
    InProgress,
    /// It came to its end.
    Completed,
    /// It did not; the token's `last_sync_error` says why.
    Failed,
}

impl SyncState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::None, Self::InProgress, Self::Completed, Self::Failed];

    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Notes that a sync has begun. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn sync_started(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting that a sync began",
        "UPDATE tokens
         SET last_sync_state = $2, last_sync_error = NULL, last_sync_at = $3
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(SyncState::InProgress.as_str())
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// How a sync ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyncEnd {
    /// It read all that it was to read.
    Completed {
        /// Whether that was the whole list of licenses rather than what changed.
        whole: bool,
        /// Apple's version of the assets, when they were read.
        assets_version: Option<String>,
        /// Apple's version of the assignments, when they were read.
        assignments_version: Option<String>,
    },
    /// It did not.
    Failed {
        /// Why, in a sentence for an administrator.
        why: String,
    },
}

/// Notes how a sync ended.
///
/// # Errors
/// As any statement.
pub async fn sync_ended(tx: &mut Tx, id: TokenId, end: &SyncEnd, now: Timestamp) -> Result<(), StoreError> {
    let (state, error, whole_at, assets, assignments) = match end {
        SyncEnd::Completed { whole, assets_version, assignments_version } => {
            let whole_at = whole.then_some(now.0);
            (SyncState::Completed, None, whole_at, assets_version.as_deref(), assignments_version.as_deref())
        }
        SyncEnd::Failed { why } => (SyncState::Failed, Some(why.as_str()), None, None, None),
    };
    sql(
        "noting how a sync ended",
        "UPDATE tokens
         SET last_sync_state = $2,
             last_sync_error = $3,
             last_sync_at = $4,
             synced_whole_at = coalesce($5, synced_whole_at),
             history_since = coalesce(history_since, $5),
             assets_version = coalesce($6, assets_version),
             assignments_version = coalesce($7, assignments_version),
             updated_at = $4
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(state.as_str())
    .bind(error)
    .bind(now.0)
    .bind(whole_at)
    .bind(assets)
    .bind(assignments)
    .run(tx)
    .await?;
    Ok(())
}
