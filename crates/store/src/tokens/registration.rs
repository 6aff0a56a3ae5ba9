//! How Apple's calls to us stand: who may call, what Apple was told, and what came of it.

use std::time::Duration;

use russet_domain::{Secret, Timestamp, TokenId};

use super::secrets::{hash, place, sealed_for};
use crate::codec::{from_json, json, maybe_time};
use crate::engine::{Db, Row, Tx, sql};
use crate::error::StoreError;

/// How long a secret is still taken after Apple has confirmed the next one: a notification that Apple tries again may
/// carry the secret of its first attempt.
const OLD_TAKEN: Duration = Duration::from_secs(3600);

/// How the registration of a location's notifications stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// What Apple was told to send.
    pub types: Vec<String>,
    /// When Apple took the secret that is in use.
    pub secret_at: Option<Timestamp>,
    /// When it was last compared with what Apple has.
    pub checked_at: Option<Timestamp>,
    /// Why Apple does not call us though it should, by the stable name of the reason.
    pub error: Option<String>,
    /// When somebody last called with a secret that is not the token's.
    pub refused_at: Option<Timestamp>,
    /// Whether another secret is on its way to Apple.
    pub rotating: bool,
}

pub(super) fn read(row: &Row) -> Result<Registration, StoreError> {
    Ok(Registration {
        types: from_json("tokens.notification_types", &row.get::<String>("notification_types")?)?,
        secret_at: maybe_time(row, "notification_secret_at")?,
        checked_at: maybe_time(row, "notification_checked_at")?,
        error: row.get("notification_error")?,
        refused_at: maybe_time(row, "notification_refused_at")?,
        rotating: row.get("notification_rotating")?,
    })
}

/// What a notification's sender is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callers {
    /// SHA-256 in hexadecimal of the secrets that are taken at the moment.
    pub hashes: Vec<String>,
    /// Apple's id of the token's location, once it is known.
    pub uid: Option<String>,
}

/// Whose notifications are taken for a token at `now`; nothing without such a token. Quicker had than the secrets.
///
/// # Errors
/// As any statement.
pub async fn callers(db: &mut Db, id: TokenId, now: Timestamp) -> Result<Option<Callers>, StoreError> {
    sql(
        "reading notification hashes",
        "SELECT uid, notification_hash, notification_next_hash,
                CASE WHEN notification_old_until > $2 THEN notification_old_hash END AS notification_old_hash
         FROM tokens
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(now.0)
    .maybe(db, |row| {
        let hashes = [
            row.get::<Option<String>>("notification_hash")?,
            row.get("notification_next_hash")?,
            row.get("notification_old_hash")?,
        ];
        Ok(Callers { hashes: hashes.into_iter().flatten().collect(), uid: row.get("uid")? })
    })
    .await
}

/// Keeps a secret that Apple is about to be told, so that its calls are taken from the first one on; the secret in use
/// stays. One that was on its way already is replaced.
///
/// # Errors
/// [`StoreError::Missing`] without such a token.
pub async fn offer_secret(
    tx: &mut Tx,
    id: TokenId,
    secret: &Secret,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sealed_for = sealed_for(tx, id).await?;
    let sealed = tx.keys().seal(place("notification_next_secret", &sealed_for), secret)?;
    sql(
        "keeping a new notification secret",
        "UPDATE tokens
         SET notification_next_secret = $2, notification_next_hash = $3, updated_at = $4
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(sealed)
    .bind(hash(secret))
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// The secret that is on its way to Apple, if one is.
///
/// # Errors
/// As [`notification_secret`](super::notification_secret).
pub async fn next_secret(db: &mut Db, id: TokenId) -> Result<Option<Secret>, StoreError> {
    let found = sql(
        "reading a new notification secret",
        "SELECT sealed_for, notification_next_secret AS sealed
         FROM tokens
         WHERE id = $1 AND notification_next_secret IS NOT NULL",
    )
    .bind(id.0)
    .maybe(db, |row| Ok((row.get::<String>("sealed_for")?, row.get::<Vec<u8>>("sealed")?)))
    .await?;
    found
        .map(|(sealed_for, sealed)| db.keys().open(place("notification_next_secret", &sealed_for), &sealed))
        .transpose()
}

/// Notes that Apple has the secret that was on its way: it takes the place of the one in use, which is taken for a while
/// longer. May be repeated; without a secret on its way nothing changes.
///
/// # Errors
/// As [`offer_secret`].
pub async fn confirm_secret(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    let sealed_for = sealed_for(tx, id).await?;
    let Some(secret) = next_secret(tx, id).await? else { return Ok(()) };
    // A secret is bound to its column, so it is sealed anew.
    let sealed = tx.keys().seal(place("notification_secret", &sealed_for), &secret)?;
    sql(
        "confirming a notification secret",
        "UPDATE tokens
         SET notification_old_hash = notification_hash, notification_old_until = $4,
             notification_secret = $2, notification_hash = $3, notification_secret_at = $5,
             notification_next_secret = NULL, notification_next_hash = NULL, updated_at = $5
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(sealed)
    .bind(hash(&secret))
    .bind(now.plus(OLD_TAKEN).0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that Apple calls this address about these types, as was seen now.
///
/// # Errors
/// As any statement.
pub async fn keep_registration(
    tx: &mut Tx,
    id: TokenId,
    url: &str,
    types: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "noting a registration",
        "UPDATE tokens
         SET notification_url = $2, notification_types = $3, notification_checked_at = $4,
             notification_error = NULL
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(url)
    .bind(json(types)?)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that Apple did not take what it was told, by the stable name of the reason. Whether it still calls us as before
/// is `still_called`. The secret that was on its way is forgotten: Apple refused it.
///
/// # Errors
/// As any statement.
pub async fn refuse_registration(
    tx: &mut Tx,
    id: TokenId,
    code: &str,
    still_called: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    sql(
        "noting that a registration was refused",
        "UPDATE tokens
         SET notification_error = $2, notification_checked_at = $3,
             notification_url = CASE WHEN $4 THEN notification_url END,
             notification_next_secret = NULL, notification_next_hash = NULL
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(code)
    .bind(now.0)
    .bind(still_called)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that Apple is not asked to call us. Who knows the secret is still listened to.
///
/// # Errors
/// As any statement.
pub async fn unregister(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    sql(
        "noting that there is no registration",
        "UPDATE tokens
         SET notification_url = NULL, notification_types = '[]', notification_error = NULL,
             notification_checked_at = $2
         WHERE id = $1",
    )
    .bind(id.0)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(())
}

/// Notes that somebody called with a secret that is not the token's.
///
/// # Errors
/// As any statement.
pub async fn note_refused_caller(tx: &mut Tx, id: TokenId, now: Timestamp) -> Result<(), StoreError> {
    sql("noting a refused caller", "UPDATE tokens SET notification_refused_at = $2 WHERE id = $1")
        .bind(id.0)
        .bind(now.0)
        .run(tx)
        .await?;
    Ok(())
}
