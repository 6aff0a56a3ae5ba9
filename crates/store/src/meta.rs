//! Facts about this installation as a whole, by name.

use uuid::Uuid;

use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;

/// Under this key stands the id of this installation. Apple shows it as the `mdmInfo` of every claimed location, so
/// a change of either would make us strangers to our own claims.
const SERVER_ID: &str = "server_id";

/// Under this key stands Apple's template of the links that invite users, as a worker last read it and the API makes links
/// of it. Every version reads it; it never changes.
pub const INVITATION_TEMPLATE: &str = "apple_invitation_template";

/// Under this key stands `on` while nothing may be sent to Apple for any token that changes anything. Every version reads it; it never
/// changes.
const READ_ONLY: &str = "read_only";
/// The value that it then has.
const ON: &str = "on";

/// The value of a key.
///
/// # Errors
/// As any statement.
pub async fn get(db: &mut Db, key: &str) -> Result<Option<String>, StoreError> {
    sql("reading a fact", "SELECT value FROM meta WHERE key = $1")
        .bind(key)
        .maybe(db, |row| row.get("value"))
        .await
}

/// Sets the value of a key. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn set(tx: &mut Tx, key: &str, value: &str) -> Result<(), StoreError> {
    sql(
        "writing a fact",
        "INSERT INTO meta (key, value)
         VALUES ($1, $2)
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .bind(key)
    .bind(value)
    .run(tx)
    .await?;
    Ok(())
}

/// Whether nothing may be sent to Apple for any token that changes anything.
///
/// # Errors
/// As any statement.
pub async fn is_read_only(db: &mut Db) -> Result<bool, StoreError> {
    Ok(get(db, READ_ONLY).await?.is_some_and(|value| value == ON))
}

/// Puts every token into read-only mode, or lets each go by its own policy again. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn set_read_only(tx: &mut Tx, read_only: bool) -> Result<(), StoreError> {
    set(tx, READ_ONLY, if read_only { ON } else { "off" }).await
}

/// The id of this installation, once a worker has made it.
///
/// # Errors
/// As any statement.
pub async fn known_server_id(db: &mut Db) -> Result<Option<String>, StoreError> {
    get(db, SERVER_ID).await
}

/// The id of this installation: a UUID, made by whoever asks first and the same ever after.
///
/// # Errors
/// As any statement.
pub async fn server_id(tx: &mut Tx) -> Result<String, StoreError> {
    sql(
        "making the id of this installation",
        "INSERT INTO meta (key, value)
         VALUES ($1, $2)
         ON CONFLICT (key) DO NOTHING",
    )
    .bind(SERVER_ID)
    .bind(Uuid::new_v4().to_string())
    .run(tx)
    .await?;
    get(tx, SERVER_ID).await?.ok_or_else(|| StoreError::Missing("id of this installation".to_owned()))
}
