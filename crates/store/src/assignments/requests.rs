//! What people asked for of the apps that are available to them (rule N-6).

use russet_domain::{AssetId, Holder, Timestamp, TokenId};

use crate::engine::{Db, Tx, sql};
use crate::error::StoreError;

/// Notes that a holder asked for an app. Tells whether that is news; the caller marks the person.
///
/// # Errors
/// As any statement.
pub async fn ask(
    tx: &mut Tx,
    asset: AssetId,
    holder: &Holder,
    by: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let written = sql(
        "noting a request for an app",
        "INSERT INTO app_requests (asset_id, holder_kind, holder_id, asked_by, asked_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (asset_id, holder_kind, holder_id) DO NOTHING",
    )
    .bind_license(asset, holder)
    .bind(by)
    .bind(now.0)
    .run(tx)
    .await?;
    Ok(written > 0)
}

/// Forgets that a holder asked for an app. Tells whether he had; the caller marks the person.
///
/// # Errors
/// As any statement.
pub async fn withdraw(tx: &mut Tx, asset: AssetId, holder: &Holder) -> Result<bool, StoreError> {
    let deleted = sql(
        "withdrawing a request for an app",
        "DELETE FROM app_requests WHERE asset_id = $1 AND holder_kind = $2 AND holder_id = $3",
    )
    .bind_license(asset, holder)
    .run(tx)
    .await?;
    Ok(deleted > 0)
}

/// When a holder asked for an app.
///
/// # Errors
/// As any statement.
pub async fn asked_of(db: &mut Db, asset: AssetId, holder: &Holder) -> Result<Option<Timestamp>, StoreError> {
    sql(
        "reading a request for an app",
        "SELECT asked_at FROM app_requests WHERE asset_id = $1 AND holder_kind = $2 AND holder_id = $3",
    )
    .bind_license(asset, holder)
    .maybe(db, |row| row.at(0).map(Timestamp))
    .await
}

/// The assets of a product that an assignment makes available to a person, with the tokens and whether the license is the
/// device's: at most `limit`.
///
/// # Errors
/// As any statement.
pub async fn reaches(
    db: &mut Db,
    person: &str,
    adam_id: &str,
    limit: usize,
) -> Result<Vec<(AssetId, TokenId, bool)>, StoreError> {
    sql(
        "looking for apps that are available to a person",
        "SELECT DISTINCT a.asset_id, a.token_id, a.license
         FROM people p
         JOIN group_members m ON m.member_kind = 'p' AND m.member_id = p.id
         JOIN assignments a ON a.group_id = m.group_id
         JOIN assets s ON s.id = a.asset_id
         WHERE p.client_user_id = $1
           AND s.adam_id = $2
           AND a.intent = 'available'
           AND NOT EXISTS (
             SELECT 1
             FROM assignment_exclusions e
             JOIN group_members n ON n.group_id = e.group_id
             WHERE e.assignment_id = a.id AND n.member_kind = 'p' AND n.member_id = p.id)
         ORDER BY a.token_id, a.asset_id
         LIMIT $3",
    )
    .bind(person)
    .bind(adam_id)
    .bind(crate::codec::int(limit))
    .all(db, |row| Ok((AssetId(row.at(0)?), TokenId(row.at(1)?), row.at::<String>(2)? == "device")))
    .await
}
