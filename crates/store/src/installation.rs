//! What this installation signs with, made once and sealed.

use russet_domain::{Secret, Timestamp};

use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;
use crate::seal::Place;

/// The name of the key that hand-overs are signed with.
const HAND_OVER: &str = "hand_over";

/// A pair of keys, as texts of whoever made them.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// What is signed with.
    pub private: Secret,
    /// What others check with.
    pub public: String,
}

/// The key that hand-overs are signed with: the one that was made first, or the one that `make` makes now. Whoever asks
/// at the same time gets the same.
///
/// # Errors
/// As any statement; [`StoreError::Keys`] when it does not open.
pub async fn signing_key(
    tx: &mut Tx,
    make: impl FnOnce() -> SigningKey + Send,
    now: Timestamp,
) -> Result<SigningKey, StoreError> {
    if let Some(known) = find(tx).await? {
        return Ok(known);
    }
    let new = make();
    let sealed = tx.keys().seal(place(HAND_OVER), &new.private)?;
    sql(
        "keeping a signing key",
        "INSERT INTO signing_keys (name, sealed, public_key, created_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO NOTHING",
    )
    .bind(HAND_OVER)
    .bind(sealed)
    .bind(new.public.as_str())
    .bind(now.0)
    .run(tx)
    .await?;
    find(tx).await?.ok_or_else(|| StoreError::Missing("signing key".to_owned()))
}

/// What others check this installation's signatures with; nothing before the first.
///
/// # Errors
/// As any statement.
pub async fn public_key(db: &mut Db) -> Result<Option<String>, StoreError> {
    sql("reading a public key", "SELECT public_key FROM signing_keys WHERE name = $1")
        .bind(HAND_OVER)
        .maybe(db, |row| row.get("public_key"))
        .await
}

async fn find(db: &mut Db) -> Result<Option<SigningKey>, StoreError> {
    let found = sql("reading a signing key", "SELECT sealed, public_key FROM signing_keys WHERE name = $1")
        .bind(HAND_OVER)
        .maybe(db, |row| Ok((row.get::<Vec<u8>>("sealed")?, row.get::<String>("public_key")?)))
        .await?;
    let Some((sealed, public)) = found else { return Ok(None) };
    let private = db.keys().open(place(HAND_OVER), &sealed)?;
    Ok(Some(SigningKey { private, public }))
}

/// Seals the keys with the current key; tells how many were sealed anew. There is one row.
pub(crate) async fn seal_anew(tx: &mut Tx) -> Result<u64, StoreError> {
    let keys = tx.keys();
    let rows = sql("reading signing keys", "SELECT name, sealed FROM signing_keys ORDER BY name LIMIT 100")
        .all(tx, |row| Ok((row.get::<String>("name")?, row.get::<Vec<u8>>("sealed")?)))
        .await?;
    let mut moved = 0;
    for (name, sealed) in rows.into_iter().filter(|(_, sealed)| !keys.is_current(sealed)) {
        let place = place(&name);
        let anew = keys.seal(place, &keys.open(place, &sealed)?)?;
        sql("sealing a signing key anew", "UPDATE signing_keys SET sealed = $2 WHERE name = $1")
            .bind(name.as_str())
            .bind(anew)
            .run(tx)
            .await?;
        moved += 1;
    }
    Ok(moved)
}

fn place(name: &str) -> Place<'_> {
    Place { table: "signing_keys", column: "sealed", row: name }
}
