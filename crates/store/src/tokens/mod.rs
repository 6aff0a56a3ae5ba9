//! Content tokens: what is known of each location, and its sealed secrets.

mod delete;
mod secrets;
mod states;

pub use delete::delete;
pub use secrets::{
    content, drop_pending, notification_hash, notification_secret, pending_content, promote_pending,
    set_content, set_notification, set_pending,
};
pub use states::{
    Location, SyncEnd, SyncState, lock, set_checked, set_location, set_removing, set_state, sync_ended,
    sync_started,
};

use russet_domain::token::{MdmInfo, TokenState};
use russet_domain::{Secret, Timestamp, TokenId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::codec::{int, maybe_time, time, word_in};
use crate::engine::{Db, Row, Tx, sql};
use crate::error::StoreError;
use crate::seal::Place;

/// A token as it stands, without its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: TokenId,
    /// The administrator's label.
    pub name: String,
    /// The organization, as the token's file says.
    pub org_name: String,
    /// When its year is over.
    pub expires_at: Timestamp,
    /// Apple's id of the location; unknown until Apple was asked.
    pub uid: Option<String>,
    /// Apple's name of the location.
    pub location_name: Option<String>,
    /// The store's country as a person set it.
    pub country: Option<String>,
    /// The store's country as Apple says.
    pub apple_country: Option<String>,
    /// `business` or `education`.
    pub account_type: String,
    /// The platform that Apple says the location buys for.
    pub default_platform: Option<String>,
    /// Whether apps are to be updated without being asked.
    pub auto_update: bool,
    /// Whether the location may be taken from another MDM server.
    pub take_over: bool,
    /// The Managed Apple Account that the token belongs to, as a person said.
    pub apple_id: Option<String>,
    /// When somebody agreed to user and device data being sent to Apple.
    pub consent_at: Timestamp,
    /// Who agreed.
    pub consent_by: String,
    /// What it is good for at the moment.
    pub state: TokenState,
    /// Why it is in that state, where there is more to say than the state does.
    pub state_reason: Option<String>,
    /// The other MDM server that has claimed the location.
    pub other_mdm: Option<MdmInfo>,
    /// Where Apple was told to send notifications.
    pub notification_url: Option<String>,
    /// When Apple last answered about it.
    pub checked_at: Option<Timestamp>,
    /// When the last sync began or ended, whichever was later.
    pub last_sync_at: Option<Timestamp>,
    /// How it went.
    pub last_sync_state: SyncState,
    /// Why it failed.
    pub last_sync_error: Option<String>,
    /// When the licenses were last read whole; never: then nothing is taken for granted about who holds what.
    pub synced_whole_at: Option<Timestamp>,
    /// Apple's version of the assets as last read.
    pub assets_version: Option<String>,
    /// Apple's version of the assignments as last read; later readings can ask for what changed since.
    pub assignments_version: Option<String>,
    /// A newly downloaded token that waits for Apple to confirm that it opens the same location.
    pub pending: Option<Pending>,
    /// Whether it is about to be deleted, once its licenses are back.
    pub removing: bool,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
}

/// What is known of a renewal that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// When the new token's year is over.
    pub expires_at: Timestamp,
    /// The organization, as the new token's file says.
    pub org_name: String,
}

/// A token that was uploaded.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The administrator's label.
    pub name: String,
    /// The organization, as the token's file says.
    pub org_name: String,
    /// The whole file, as Apple wants it back.
    pub content: Secret,
    /// When its year is over.
    pub expires_at: Timestamp,
    /// The store's country.
    pub country: Option<String>,
    /// `business` or `education`.
    pub account_type: String,
    /// Whether apps are to be updated without being asked.
    pub auto_update: bool,
    /// Whether the location may be taken from another MDM server.
    pub take_over: bool,
    /// The Managed Apple Account that the token belongs to.
    pub apple_id: Option<String>,
    /// Who agreed to user and device data being sent to Apple.
    pub consent_by: String,
}

/// What names a token's file without showing it: the SHA-256 of the whole text, in hexadecimal.
#[must_use]
pub fn fingerprint(content: &Secret) -> String {
    hex(&Sha256::digest(content.reveal().as_bytes()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a new token, in state `new`.
///
/// # Errors
/// As any statement. The same file twice is not an error here; see [`by_fingerprint`].
pub async fn insert(tx: &mut Tx, new: &NewToken, now: Timestamp) -> Result<TokenId, StoreError> {
    // The row's number is not known yet, so secrets are bound to a name made here.
    let sealed_for = Uuid::new_v4().to_string();
    let place = Place { table: "tokens", column: "content", row: &sealed_for };
    let content = tx.keys().seal(place, &new.content)?;
    sql(
        "writing a token",
        "INSERT INTO tokens
             (name, org_name, sealed_for, content, fingerprint, expires_at, country, account_type, auto_update,
              take_over, apple_id, consent_at, consent_by, state, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $12, $12)
         RETURNING id",
    )
    .bind(new.name.as_str())
    .bind(new.org_name.as_str())
    .bind(sealed_for)
    .bind(content)
    .bind(fingerprint(&new.content))
    .bind(new.expires_at.0)
    .bind(new.country.as_deref())
    .bind(new.account_type.as_str())
    .bind(new.auto_update)
    .bind(new.take_over)
    .bind(new.apple_id.as_deref())
    .bind(now.0)
    .bind(new.consent_by.as_str())
    .bind(TokenState::New.as_str())
    .one(tx, |row| row.get("id").map(TokenId))
    .await
}

/// The columns of a [`Token`]. Never `*`: the sealed columns stay where they are.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, org_name, expires_at, uid, location_name, country, apple_country, account_type,
                    default_platform, auto_update, take_over, apple_id, consent_at, consent_by, state, state_reason,
                    other_mdm_id, other_mdm_name, other_mdm_metadata, notification_url, checked_at, last_sync_at,
                    last_sync_state, last_sync_error, synced_whole_at, assets_version, assignments_version,
                    pending_expires_at, pending_org_name, removing, created_at, updated_at
             FROM tokens ",
            $rest
        )
    };
}

/// One token.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, id: TokenId) -> Result<Option<Token>, StoreError> {
    sql("reading a token", select!("WHERE id = $1")).bind(id.0).maybe(db, token).await
}

/// What a list of tokens is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<TokenState>,
    /// Only the one of this name.
    pub name: Option<String>,
}

/// Tokens in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    limit: usize,
    after: Option<TokenId>,
) -> Result<Vec<Token>, StoreError> {
    sql(
        "listing tokens",
        select!(
            "WHERE id > $1
               AND ($2 IS NULL OR state = $2)
               AND ($3 IS NULL OR name = $3)
             ORDER BY id
             LIMIT $4"
        ),
    )
    .bind(after.map_or(0, |after| after.0))
    .bind(filter.state.map(TokenState::as_str))
    .bind(filter.name.as_deref())
    .bind(int(limit))
    .all(db, token)
    .await
}

/// The tokens that open a location, oldest first (rule S-11: the older one is synced, the younger is a duplicate).
///
/// # Errors
/// As any statement.
pub async fn by_uid(db: &mut Db, uid: &str) -> Result<Vec<Token>, StoreError> {
    sql("looking for tokens of a location", select!("WHERE uid = $1 ORDER BY id"))
        .bind(uid)
        .all(db, token)
        .await
}

/// The token whose file this is, or is about to be.
///
/// # Errors
/// As any statement.
pub async fn by_fingerprint(db: &mut Db, fingerprint: &str) -> Result<Option<Token>, StoreError> {
    sql(
        "looking for a token's file",
        select!("WHERE fingerprint = $1 OR pending_fingerprint = $1 ORDER BY id LIMIT 1"),
    )
    .bind(fingerprint)
    .maybe(db, token)
    .await
}

/// The tokens whose state allows reading from Apple. At most 3,000 tokens are uploaded (rule S-4).
///
/// # Errors
/// As any statement.
pub async fn ids_that_may_sync(db: &mut Db) -> Result<Vec<TokenId>, StoreError> {
    let all = sql("listing tokens to sync", "SELECT id, state FROM tokens WHERE NOT removing ORDER BY id")
        .all(db, |row| Ok((row.get("id").map(TokenId)?, word_in(row, "state", TokenState::from_text)?)))
        .await?;
    Ok(all.into_iter().filter(|(_, state)| state.may_sync()).map(|(id, _)| id).collect())
}

/// How many tokens there are.
///
/// # Errors
/// As any statement.
pub async fn count(db: &mut Db) -> Result<u64, StoreError> {
    sql("counting tokens", "SELECT count(*) AS found FROM tokens")
        .one(db, |row| row.get("found").map(crate::codec::count))
        .await
}

/// What a person may change of a token. `None` leaves a thing as it is.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    /// The label.
    pub name: Option<String>,
    /// The store's country.
    pub country: Option<String>,
    /// `business` or `education`.
    pub account_type: Option<String>,
    /// Whether apps are to be updated without being asked.
    pub auto_update: Option<bool>,
    /// Whether the location may be taken from another MDM server.
    pub take_over: Option<bool>,
    /// The Managed Apple Account.
    pub apple_id: Option<String>,
}

/// Changes what a person may change. Tells whether there is such a token.
///
/// # Errors
/// As any statement.
pub async fn update(tx: &mut Tx, id: TokenId, patch: &Patch, now: Timestamp) -> Result<bool, StoreError> {
    let flag = |flag: Option<bool>| flag.map(i64::from);
    let changed = sql(
        "changing a token",
        "UPDATE tokens
         SET name = coalesce($2, name),
             country = coalesce($3, country),
             account_type = coalesce($4, account_type),
             auto_update = CASE WHEN $5 IS NULL THEN auto_update ELSE $5 = 1 END,
             take_over = CASE WHEN $6 IS NULL THEN take_over ELSE $6 = 1 END,
             apple_id = coalesce($7, apple_id),
             updated_at = $8
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(patch.name.as_deref())
    .bind(patch.country.as_deref())
    .bind(patch.account_type.as_deref())
    .bind(flag(patch.auto_update))
    .bind(flag(patch.take_over))
    .bind(patch.apple_id.as_deref())
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(changed > 0)
}

fn token(row: &Row) -> Result<Token, StoreError> {
    let other_mdm = match row.get::<Option<String>>("other_mdm_id")? {
        None => None,
        Some(id) => Some(MdmInfo {
            id,
            name: row.get::<Option<String>>("other_mdm_name")?.unwrap_or_default(),
            metadata: row.get::<Option<String>>("other_mdm_metadata")?.unwrap_or_default(),
        }),
    };
    let pending = match maybe_time(row, "pending_expires_at")? {
        None => None,
        Some(expires_at) => Some(Pending {
            expires_at,
            org_name: row.get::<Option<String>>("pending_org_name")?.unwrap_or_default(),
        }),
    };
    Ok(Token {
        id: TokenId(row.get("id")?),
        name: row.get("name")?,
        org_name: row.get("org_name")?,
        expires_at: time(row, "expires_at")?,
        uid: row.get("uid")?,
        location_name: row.get("location_name")?,
        country: row.get("country")?,
        apple_country: row.get("apple_country")?,
        account_type: row.get("account_type")?,
        default_platform: row.get("default_platform")?,
        auto_update: row.get("auto_update")?,
        take_over: row.get("take_over")?,
        apple_id: row.get("apple_id")?,
        consent_at: time(row, "consent_at")?,
        consent_by: row.get("consent_by")?,
        state: word_in(row, "state", TokenState::from_text)?,
        state_reason: row.get("state_reason")?,
        other_mdm,
        notification_url: row.get("notification_url")?,
        checked_at: maybe_time(row, "checked_at")?,
        last_sync_at: maybe_time(row, "last_sync_at")?,
        last_sync_state: word_in(row, "last_sync_state", SyncState::from_text)?,
        last_sync_error: row.get("last_sync_error")?,
        synced_whole_at: maybe_time(row, "synced_whole_at")?,
        assets_version: row.get("assets_version")?,
        assignments_version: row.get("assignments_version")?,
        pending,
        removing: row.get("removing")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
