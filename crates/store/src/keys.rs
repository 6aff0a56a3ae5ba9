//! API keys: who may ask, and for what. A key itself is never stored, only its hash.

use russet_domain::{KeyId, Timestamp, TokenId};

use crate::codec::{among, from_json, maybe_time, time, word_in};
use crate::engine::{Db, Row, Tx, sql};
use crate::error::StoreError;

/// What a key allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// To look.
    Viewer,
    /// To submit jobs too.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// The word stored and shown. Rows and clients hold it; it never changes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads the stored word.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Operator, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// A key as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its number.
    pub id: KeyId,
    /// The administrator's label.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The tokens that it is bound to; `None` is all of them.
    pub tokens: Option<Vec<TokenId>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was revoked; it opens nothing since.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<Timestamp>,
}

/// Writes a key. `hash` is what [`by_hash`] will be asked for.
///
/// # Errors
/// [`StoreError::Exists`] when that hash is there already.
pub async fn create(
    tx: &mut Tx,
    name: &str,
    role: Role,
    hash: &str,
    tokens: Option<&[TokenId]>,
    now: Timestamp,
) -> Result<KeyId, StoreError> {
    let tokens = among(tokens)?;
    sql(
        "writing an API key",
        "INSERT INTO api_keys (name, role, hash, tokens, created_at)
         VALUES ($1, $2, $3, $4, $5)
         RETURNING id",
    )
    .bind(name)
    .bind(role.as_str())
    .bind(hash)
    .bind(tokens)
    .bind(now.0)
    .one(tx, |row| row.get("id").map(KeyId))
    .await
}

/// The key of this hash, revoked or not.
///
/// # Errors
/// As any statement.
pub async fn by_hash(db: &mut Db, hash: &str) -> Result<Option<ApiKey>, StoreError> {
    sql(
        "looking for an API key",
        "SELECT id, name, role, tokens, created_at, revoked_at, last_used_at
         FROM api_keys
         WHERE hash = $1",
    )
    .bind(hash)
    .maybe(db, key)
    .await
}

/// All keys, revoked ones included, at most 10,000.
///
/// # Errors
/// As any statement.
pub async fn list(db: &mut Db) -> Result<Vec<ApiKey>, StoreError> {
    sql(
        "listing API keys",
        "SELECT id, name, role, tokens, created_at, revoked_at, last_used_at
         FROM api_keys
         ORDER BY id
         LIMIT 10000",
    )
    .all(db, key)
    .await
}

/// Revokes a key. Tells whether there is such a key that was not revoked yet.
///
/// # Errors
/// As any statement.
pub async fn revoke(tx: &mut Tx, id: KeyId, now: Timestamp) -> Result<bool, StoreError> {
    let changed = sql(
        "revoking an API key",
        "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
    )
    .bind(id.0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(changed > 0)
}

/// Notes that a key was used. Callers do so once a minute at most, since this is a write.
///
/// # Errors
/// As any statement.
pub async fn touch(tx: &mut Tx, id: KeyId, now: Timestamp) -> Result<(), StoreError> {
    sql("noting that an API key was used", "UPDATE api_keys SET last_used_at = $2 WHERE id = $1")
        .bind(id.0)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}

fn key(row: &Row) -> Result<ApiKey, StoreError> {
    let tokens = row
        .get::<Option<String>>("tokens")?
        .map(|text| from_json::<Vec<i64>>("api_keys.tokens", &text))
        .transpose()?;
    Ok(ApiKey {
        id: KeyId(row.get("id")?),
        name: row.get("name")?,
        role: word_in(row, "role", Role::from_text)?,
        tokens: tokens.map(|tokens| tokens.into_iter().map(TokenId).collect()),
        created_at: time(row, "created_at")?,
        revoked_at: maybe_time(row, "revoked_at")?,
        last_used_at: maybe_time(row, "last_used_at")?,
    })
}
