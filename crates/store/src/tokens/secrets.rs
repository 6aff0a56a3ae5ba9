//! The sealed parts of a token: its file, a renewal that waits, and the secret that Apple's notifications carry.

use russet_domain::{Secret, Timestamp, TokenId};
use sha2::{Digest, Sha256};

use super::{fingerprint, hex};
use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;
use crate::seal::Place;

/// The token's whole file, as Apple wants it in `Authorization`.
///
/// # Errors
/// [`StoreError::Missing`] without such a token, [`StoreError::Keys`] when it does not open.
pub async fn content(db: &mut Db, id: TokenId) -> Result<Secret, StoreError> {
    let statement =
        sql("reading a token's file", "SELECT sealed_for, content AS sealed FROM tokens WHERE id = $1");
    let (sealed_for, sealed) = statement
        .bind(id.0)
        .maybe(db, |row| Ok((row.get::<String>("sealed_for")?, row.get::<Vec<u8>>("sealed")?)))
        .await?
        .ok_or_else(|| missing(id))?;
    db.keys().open(place("content", &sealed_for), &sealed)
}

/// The file of a renewal that waits, if one does.
///
/// # Errors
/// As [`content`].
pub async fn pending_content(db: &mut Db, id: TokenId) -> Result<Option<Secret>, StoreError> {
    let statement = sql(
        "reading a token's renewal",
        "SELECT sealed_for, pending_content AS sealed
         FROM tokens
         WHERE id = $1 AND pending_content IS NOT NULL",
    );
    let found = statement
        .bind(id.0)
        .maybe(db, |row| Ok((row.get::<String>("sealed_for")?, row.get::<Vec<u8>>("sealed")?)))
        .await?;
    // A secret is bound to its column, so promoting it seals it anew.
    found
        .map(|(sealed_for, sealed)| db.keys().open(place("pending_content", &sealed_for), &sealed))
        .transpose()
}

/// Puts another file in place of the token's.
///
/// # Errors
/// [`StoreError::Missing`] without such a token.
pub async fn set_content(
    tx: &mut Tx,
    id: TokenId,
    content: &Secret,
    org_name: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sealed_for = sealed_for(tx, id).await?;
    let sealed = tx.keys().seal(place("content", &sealed_for), content)?;
    sql(
        "replacing a token's file",
        "UPDATE tokens
         SET content = $2, fingerprint = $3, org_name = $4, expires_at = $5, updated_at = $6
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(sealed)
    .bind(fingerprint(content))
    .bind(org_name)
    .bind(expires_at.0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Keeps a newly downloaded file beside the token's own, until Apple has said that it opens the same location.
///
/// # Errors
/// [`StoreError::Missing`] without such a token.
pub async fn set_pending(
    tx: &mut Tx,
    id: TokenId,
    content: &Secret,
    org_name: &str,
    expires_at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sealed_for = sealed_for(tx, id).await?;
    let sealed = tx.keys().seal(place("pending_content", &sealed_for), content)?;
    sql(
        "keeping a token's renewal",
        "UPDATE tokens
         SET pending_content = $2, pending_fingerprint = $3, pending_org_name = $4, pending_expires_at = $5,
             updated_at = $6
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(sealed)
    .bind(fingerprint(content))
    .bind(org_name)
    .bind(expires_at.0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Puts the renewal that waits in place of the token's file. Tells whether one waited.
///
/// # Errors
/// As [`content`].
pub async fn promote_pending(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<bool, StoreError> {
    let Some(content) = pending_content(tx, id).await? else { return Ok(false) };
    let (org_name, expires_at) = sql(
        "reading a token's renewal",
        "SELECT pending_org_name, pending_expires_at FROM tokens WHERE id = $1",
    )
    .bind(id.0)
    .one(tx, |row| {
        let org_name = row.get::<Option<String>>("pending_org_name")?.unwrap_or_default();
        Ok((org_name, row.get::<Option<i64>>("pending_expires_at")?.unwrap_or(0)))
    })
    .await?;
    set_content(tx, id, &content, &org_name, Timestamp(expires_at), now).await?;
    drop_pending(tx, id, now).await?;
    Ok(true)
}

/// Forgets a renewal that waits. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn drop_pending(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "forgetting a token's renewal",
        "UPDATE tokens
         SET pending_content = NULL, pending_fingerprint = NULL, pending_org_name = NULL,
             pending_expires_at = NULL, updated_at = $2
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes where Apple sends this location's notifications and the secret they carry; both `None` when it sends none. A
/// secret that was on its way is forgotten.
///
/// # Errors
/// [`StoreError::Missing`] without such a token.
pub async fn set_notification(
    tx: &mut Tx,
    id: TokenId,
    url: Option<&str>,
    secret: Option<&Secret>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sealed_for = sealed_for(tx, id).await?;
    let keys = tx.keys();
    let sealed =
        secret.map(|secret| keys.seal(place("notification_secret", &sealed_for), secret)).transpose()?;
    let hash = secret.map(hash);
    sql(
        "noting where notifications come in",
        "UPDATE tokens
         SET notification_url = $2, notification_secret = $3, notification_hash = $4,
             notification_secret_at = $5, notification_next_secret = NULL, notification_next_hash = NULL,
             updated_at = $5
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(url)
    .bind(sealed)
    .bind(hash)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// The secret that Apple's notifications for this location carry.
///
/// # Errors
/// As [`content`].
pub async fn notification_secret(db: &mut Db, id: TokenId) -> Result<Option<Secret>, StoreError> {
    let found = sql(
        "reading a notification secret",
        "SELECT sealed_for, notification_secret AS sealed
         FROM tokens
         WHERE id = $1 AND notification_secret IS NOT NULL",
    )
    .bind(id.0)
    .maybe(db, |row| Ok((row.get::<String>("sealed_for")?, row.get::<Vec<u8>>("sealed")?)))
    .await?;
    found
        .map(|(sealed_for, sealed)| db.keys().open(place("notification_secret", &sealed_for), &sealed))
        .transpose()
}

/// The SHA-256 of a secret in hexadecimal: enough to compare with.
pub(super) fn hash(secret: &Secret) -> String {
    hex(&Sha256::digest(secret.reveal().as_bytes()))
}

pub(super) fn place<'a>(column: &'static str, sealed_for: &'a str) -> Place<'a> {
    Place { table: "tokens", column, row: sealed_for }
}

pub(super) async fn sealed_for(tx: &mut Tx, id: TokenId) -> Result<String, StoreError> {
    super::lock(tx, id).await?;
    sql("reading a token", "SELECT sealed_for FROM tokens WHERE id = $1")
        .bind(id.0)
        .maybe(tx, |row| row.get("sealed_for"))
        .await?
        .ok_or_else(|| missing(id))
}

fn missing(id: TokenId) -> StoreError {
    StoreError::Missing(format!("token {id}"))
}
