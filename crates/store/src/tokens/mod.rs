//! Content tokens: what is known of each location, and its sealed secrets.

mod delete;
mod due;
mod list;
mod registration;
mod secrets;
mod states;
mod watch;

pub use delete::delete;
pub use due::{ToSync, ids_to_keep_registered, ids_to_push, to_sync};
pub use list::{Filter, count, list};
pub use registration::{
    Callers, Registration, callers, confirm_secret, keep_registration, next_secret, note_refused_caller,
    offer_secret, refuse_registration, unregister,
};
pub use secrets::{
    content, drop_pending, notification_secret, pending_content, promote_pending, set_content,
    set_notification, set_pending,
};
pub use states::{
    Location, NewStanding, SyncEnd, SyncState, lock, set_checked, set_handed_over, set_location,
    set_removing, set_standing, set_state, set_take_over, sync_ended, sync_started,
};
pub use watch::{
    Expiry, by_state, expiries, ids, mark_expiring, overdue_to_probe, probe_due, probed, set_probes_due,
};

use russet_domain::sync_schedule::SyncSchedule;
use russet_domain::token::{MdmInfo, TokenState};
use russet_domain::{Secret, Timestamp, TokenId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::codec::{maybe_time, time, word_in};
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
    /// Whether an order waits to take the location from another MDM server.
    pub take_over: bool,
    /// The Managed Apple Account that the token belongs to, as a person said.
    pub apple_id: Option<String>,
    /// When somebody agreed to user and device data being sent to Apple.
    pub consent_at: Timestamp,
    /// Who agreed.
    pub consent_by: String,
    /// To which version of the text.
    pub consent_version: u32,
    /// When it is synced.
    pub sync_schedule: SyncSchedule,
    /// Since when the metadata of its apps may be that of another country, until they are read again (rule S-9).
    pub storefront_changed_at: Option<Timestamp>,
    /// What it is good for at the moment.
    pub state: TokenState,
    /// Stable name of why it is in that state, where an answer of Apple's put it there.
    pub state_code: Option<String>,
    /// Why it is in that state, where there is more to say than the state does.
    pub state_reason: Option<String>,
    /// Since when it is in that state.
    pub state_since: Option<Timestamp>,
    /// When we let go of the location, or began to; until an order takes it back.
    pub handed_over_at: Option<Timestamp>,
    /// The other MDM server that has claimed the location.
    pub other_mdm: Option<MdmInfo>,
    /// Since when it is to be probed; nothing when it was.
    pub probe_due_at: Option<Timestamp>,
    /// Where Apple was told to send notifications.
    pub notification_url: Option<String>,
    /// How that stands.
    pub registration: Registration,
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
    /// Whether an order to take the location from another MDM server comes with it.
    pub take_over: bool,
    /// The Managed Apple Account that the token belongs to.
    pub apple_id: Option<String>,
    /// Who agreed to user and device data being sent to Apple.
    pub consent_by: String,
    /// To which version of the text.
    pub consent_version: u32,
    /// When it is synced.
    pub sync_schedule: SyncSchedule,
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
              take_over, apple_id, consent_at, consent_by, state, created_at, updated_at, consent_version,
              sync_schedule, sync_schedule_at, state_since)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $12, $12, $15, $16, $17, $12)
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
    .bind(i64::from(new.consent_version))
    .bind(due::column(&new.sync_schedule))
    .bind((new.sync_schedule != SyncSchedule::Default).then_some(now.0))
    .one(tx, |row| row.get("id").map(TokenId))
    .await
}

/// The columns of a [`Token`]. Never `*`: the sealed columns stay where they are.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, org_name, expires_at, uid, location_name, country, apple_country, account_type,
                    default_platform, auto_update, take_over, apple_id, consent_at, consent_by, state, state_code,
                    state_reason, state_since, handed_over_at, probe_due_at,
                    other_mdm_id, other_mdm_name, other_mdm_metadata, notification_url, checked_at, last_sync_at,
                    last_sync_state, last_sync_error, synced_whole_at, assets_version, assignments_version,
                    pending_expires_at, pending_org_name, removing, created_at, updated_at, consent_version,
                    sync_schedule, storefront_changed_at, notification_types, notification_secret_at,
                    notification_checked_at, notification_error, notification_refused_at,
                    notification_next_hash IS NOT NULL AS notification_rotating
             FROM tokens ",
            $rest
        )
    };
}
use select;

/// One token.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, id: TokenId) -> Result<Option<Token>, StoreError> {
    sql("reading a token", select!("WHERE id = $1")).bind(id.0).maybe(db, token).await
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
    /// The Managed Apple Account.
    pub apple_id: Option<String>,
    /// When it is synced.
    pub sync_schedule: Option<SyncSchedule>,
}

/// Changes what a person may change. Another country has the metadata of its apps read again at the next sync. Tells
/// whether there is such a token.
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
             apple_id = coalesce($6, apple_id),
             storefront_changed_at = CASE
                 WHEN $3 <> coalesce(country, '') THEN $7
                 ELSE storefront_changed_at
             END,
             sync_schedule = CASE WHEN $8 = 1 THEN $9 ELSE sync_schedule END,
             sync_schedule_at = CASE WHEN $8 = 1 THEN $7 ELSE sync_schedule_at END,
             updated_at = $7
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(patch.name.as_deref())
    .bind(patch.country.as_deref())
    .bind(patch.account_type.as_deref())
    .bind(flag(patch.auto_update))
    .bind(patch.apple_id.as_deref())
    .bind(now.0)
    .bind(i64::from(patch.sync_schedule.is_some()))
    .bind(patch.sync_schedule.as_ref().and_then(due::column))
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
        consent_version: u32::try_from(row.get::<i64>("consent_version")?).unwrap_or(0),
        sync_schedule: due::schedule(row.get("sync_schedule")?),
        storefront_changed_at: maybe_time(row, "storefront_changed_at")?,
        state: word_in(row, "state", TokenState::from_text)?,
        state_code: row.get("state_code")?,
        state_reason: row.get("state_reason")?,
        state_since: maybe_time(row, "state_since")?,
        handed_over_at: maybe_time(row, "handed_over_at")?,
        probe_due_at: maybe_time(row, "probe_due_at")?,
        other_mdm,
        notification_url: row.get("notification_url")?,
        registration: registration::read(row)?,
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
