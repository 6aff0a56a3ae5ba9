//! Takes in which apps devices are to have no more.

use russet_domain::install::InstallState;
use russet_domain::{AssetId, InstallId, Timestamp, TokenId};

use super::want::cancel_from;
use crate::catalog::store_country;
use crate::codec::{json, word};
use crate::engine::{Sql, Tx, bulk, sql};
use crate::error::StoreError;

/// What bounds the size of one JSON text.
const BATCH: usize = 50_000;

/// Has apps removed from devices, by asset and serial number. Only from devices that report the app, or have it declared, and whose MDM
/// server is known: what nobody manages, nobody can remove. Installs that are under way for the same end; should one arrive all the same, the removal comes after
/// it. Tells how many are to be removed.
///
/// # Errors
/// As any statement.
pub async fn want_removed(
    tx: &mut Tx,
    token: TokenId,
    pairs: &[(AssetId, String)],
    now: Timestamp,
) -> Result<u64, StoreError> {
    const UNDER_WAY: Sql = bulk!(
        "SELECT i.id, i.state
         FROM ",
        (0 asset_id BIGINT, 1 serial TEXT),
        " CROSS JOIN devices d
          CROSS JOIN installs i
          WHERE d.serial = x.serial
            AND i.device_id = d.id
            AND i.asset_id = x.asset_id
            AND i.ended_at IS NULL
            AND NOT i.removes"
    );
    const WRITE: Sql = bulk!(
        "INSERT INTO installs
             (token_id, asset_id, device_id, connector_id, removes, bundle_id, state, due_at, created_at, updated_at)
         SELECT $2, x.asset_id, d.id, c.id, true, r.bundle_id, 'ready', $3, $3, $3
         FROM ",
        (0 asset_id BIGINT, 1 serial TEXT),
        concat!(
            " JOIN devices d ON d.serial = x.serial
              JOIN connectors c ON c.name = d.mdm
              JOIN assets a ON a.id = x.asset_id
              JOIN tokens t ON t.id = a.token_id
              JOIN device_apps r ON r.device_id = d.id
              WHERE d.state = 'enrolled'
                AND d.mdm_enrollment_id IS NOT NULL
                AND r.bundle_id IN (
                    SELECT p.bundle_id FROM apps p WHERE p.adam_id = a.adam_id AND p.country = ",
            store_country!("t"),
            ")
              ON CONFLICT (device_id, asset_id) WHERE ended_at IS NULL DO NOTHING"
        )
    );
    const WRITE_DECLARED: Sql = bulk!(
        "INSERT INTO installs
             (token_id, asset_id, device_id, connector_id, removes, state, due_at, created_at, updated_at)
         SELECT $2, x.asset_id, d.id, c.id, true, 'ready', $3, $3, $3
         FROM ",
        (0 asset_id BIGINT, 1 serial TEXT),
        " JOIN devices d ON d.serial = x.serial
          JOIN connectors c ON c.name = d.mdm
          JOIN assets a ON a.id = x.asset_id
          JOIN declared_apps y ON y.device_id = d.id AND y.adam_id = a.adam_id AND y.connector_id = c.id
          WHERE d.state = 'enrolled' AND d.mdm_enrollment_id IS NOT NULL AND y.withdrawn_at IS NULL
          ON CONFLICT (device_id, asset_id) WHERE ended_at IS NULL DO NOTHING"
    );
    let mut written = 0;
    for batch in pairs.chunks(BATCH) {
        let rows: Vec<_> = batch.iter().map(|(asset, serial)| (asset.0, serial)).collect();
        let rows = json(&rows)?;
        let under_way = sql("looking for installs of apps that are to go", UNDER_WAY)
            .bind(rows.as_str())
            .all(tx, |row| {
                let state = word("installs.state", &row.at::<String>(1)?, InstallState::from_text)?;
                Ok((InstallId(row.at(0)?), state))
            })
            .await?;
        cancel_from(tx, under_way, "left", now).await?;
        // What is declared would come once the device wakes, although it has told of nothing yet.
        for text in [WRITE, WRITE_DECLARED] {
            let write = sql("having apps removed", text).bind(rows.as_str()).bind(token.0).bind(now.0);
            written += write.run(tx).await?;
        }
    }
    Ok(written)
}

/// Ends the removals of apps that devices are to have again: `rows` begin with asset and device.
pub(super) async fn call_off(tx: &mut Tx, rows: &str, now: Timestamp) -> Result<(), StoreError> {
    const REMOVALS: Sql = bulk!(
        "SELECT i.id, i.state
         FROM ",
        (0 asset_id BIGINT, 1 device_id BIGINT),
        " CROSS JOIN installs i
          WHERE i.device_id = x.device_id AND i.asset_id = x.asset_id AND i.ended_at IS NULL AND i.removes"
    );
    let found = sql("looking for removals of apps that are wanted again", REMOVALS)
        .bind(rows)
        .all(tx, |row| {
            let state = word("installs.state", &row.at::<String>(1)?, InstallState::from_text)?;
            Ok((InstallId(row.at(0)?), state))
        })
        .await?;
    cancel_from(tx, found, "wanted_again", now).await?;
    Ok(())
}
