//! What is known of wished moves before they are written.

use russet_domain::AssetId;

use crate::codec::json;
use crate::engine::{Db, Sql, bulk, sql};
use crate::error::StoreError;

/// An asset, the user who has it and the device that is to have it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The asset.
    pub asset: AssetId,
    /// The user.
    pub user: String,
    /// The device.
    pub serial: String,
}

/// Who has the license of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fact {
    /// Whether the user has it, or is about to.
    pub user_holds: bool,
    /// Whether the device has it.
    pub device_holds: bool,
}

/// Who has the licenses of these pairs, in their order. What our copy of Apple's list does not have counts as not held;
/// whether the copy is whole the caller knows.
///
/// # Errors
/// As any statement.
pub async fn facts(db: &mut Db, pairs: &[Pair]) -> Result<Vec<Fact>, StoreError> {
    const FACTS: Sql = bulk!(
        "SELECT x.place, u.held, d.held, c.id
         FROM ",
        (0 place BIGINT, 1 asset_id BIGINT, 2 user_id TEXT, 3 serial TEXT),
        " LEFT JOIN licenses u
            ON u.asset_id = x.asset_id AND u.holder_kind = 'u' AND u.holder_id = x.user_id
          LEFT JOIN licenses d
            ON d.asset_id = x.asset_id AND d.holder_kind = 'd' AND d.holder_id = x.serial
          LEFT JOIN changes c
            ON c.asset_id = x.asset_id AND c.holder_kind = 'u' AND c.holder_id = x.user_id
               AND c.slot IS NOT NULL AND c.action = 'assign'
          WHERE u.held IS NOT NULL OR d.held IS NOT NULL OR c.id IS NOT NULL"
    );
    /// What bounds the size of one JSON text.
    const BATCH: usize = 50_000;
    let mut facts = vec![Fact::default(); pairs.len()];
    for (batch, facts) in pairs.chunks(BATCH).zip(facts.chunks_mut(BATCH)) {
        let rows: Vec<_> = batch
            .iter()
            .enumerate()
            .map(|(place, pair)| (place, pair.asset.0, &pair.user, &pair.serial))
            .collect();
        let found = sql("looking up who has the licenses that are to move", FACTS)
            .bind(json(&rows)?)
            .all(db, |row| {
                let place = usize::try_from(row.at::<i64>(0)?).unwrap_or(usize::MAX);
                let held = |place| Ok::<_, StoreError>(row.at::<Option<bool>>(place)?.unwrap_or(false));
                Ok((place, held(1)?, held(2)?, row.at::<Option<i64>>(3)?.is_some()))
            })
            .await?;
        for (place, user, device, coming) in found {
            if let Some(fact) = facts.get_mut(place) {
                fact.user_holds |= user || coming;
                fact.device_holds |= device;
            }
        }
    }
    Ok(facts)
}
