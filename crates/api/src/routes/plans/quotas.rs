//! Who of those who are given licenses waits because the quota of an assignment is used up.

use std::collections::{BTreeMap, BTreeSet};

use russet_domain::{AssetId, Holder, TokenId};
use russet_store::{Db, quotas};

use crate::error::ApiError;

/// What quotas hold back.
#[derive(Debug, Default)]
pub(super) struct OverQuota {
    /// How many, by asset.
    pub(super) by_asset: BTreeMap<(TokenId, AssetId), u64>,
    /// The same for people.
    pub(super) notes: Vec<String>,
}

/// Counts whom quotas hold back, in the transaction of the act: what is wished before and behind counts too.
pub(super) async fn over_quota(
    db: &mut Db,
    assigns: &BTreeMap<TokenId, BTreeSet<(AssetId, Holder)>>,
) -> Result<OverQuota, ApiError> {
    let mut over = OverQuota::default();
    for (token, pairs) in assigns {
        let pressures = quotas::pressures(db, *token).await?;
        if pressures.is_empty() {
            continue;
        }
        let pairs: Vec<_> = pairs.iter().map(|(asset, holder)| (*asset, holder)).collect();
        let wished = quotas::wished_through(db, &pairs).await?;
        let mut held_back: Vec<_> = pressures
            .iter()
            .filter_map(|(id, pressure)| {
                let room = pressure.quota.room().saturating_add(pressure.returning);
                let more = pressure.wished.saturating_sub(room).min(*wished.get(id)?);
                let more = u64::try_from(more).ok().filter(|more| *more > 0)?;
                Some((pressure.group.as_str(), pressure, more))
            })
            .collect();
        held_back.sort_unstable_by_key(|(group, pressure, _)| (*group, pressure.asset));
        for (group, pressure, more) in held_back {
            *over.by_asset.entry((*token, pressure.asset)).or_default() += more;
            // Without the assignment's number: one that is only planned has another one when it is made.
            over.notes.push(format!(
                "{more} of the group {group:?} get no license yet, since the quota of {} of its assignment is used up before it is their turn; they wait, or fail where the token's policy `waitlist` is off.",
                pressure.quota.most
            ));
        }
    }
    Ok(over)
}
