//! Where what Apple has differs from what should be: counted, listed, and mended.

mod classes;
mod fix;

pub use fix::{By, Fixed, fix};

use std::time::Duration;

use russet_domain::directory::Platform;
use russet_domain::drift::Class;
use russet_domain::policy::{Leaving, Policies};
use russet_domain::reconcile::{Left, keeping};
use russet_domain::{AssetId, AssetKey, Holder, Timestamp, TokenId};

use crate::codec::{asset_key, count, holder, int, kind_of};
use crate::engine::{Db, Row, Snapshot, Statement, sql};
use crate::error::StoreError;
use crate::policies;

/// How long Apple may leave a request without an outcome before it counts as stuck.
const STUCK_AFTER: Duration = Duration::from_hours(1);

/// One license that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drifted {
    /// The asset's number.
    pub asset: AssetId,
    /// The asset's name.
    pub key: AssetKey,
    /// Who has it, or should.
    pub holder: Holder,
    /// What is known of the case: by class the last error's code, why it is wanted no more, the holder's state, the serial number
    /// of the device that has a license too, when the device was last seen (milliseconds) or, after `without_app`, told its apps without this one, or Apple's event.
    pub detail: Option<String>,
    /// How urgent the assignment that wants it is.
    pub line: i64,
    /// Whether a move of the license would mend it: nobody pinned it, nothing wants it, and Apple takes it back.
    pub can_fix: bool,
}

/// How many licenses of a class there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// In all.
    pub all: u64,
    /// Of those, how many a move would mend.
    pub can_fix: u64,
}

/// How many licenses of a token are in a class. Costs a look at everything that the token's assets have holders of.
///
/// # Errors
/// As any statement.
pub async fn tally(
    db: &mut Snapshot,
    token: TokenId,
    class: Class,
    now: Timestamp,
) -> Result<Count, StoreError> {
    db.compare_whole_tables().await?;
    let statement = sql("counting what differs", classes::texts(class).counts);
    asked(statement, (token, class), &policies::read(db, token).await?, now)
        .one(db, |row| Ok(Count { all: count(row.at(0)?), can_fix: count(row.at(1)?) }))
        .await
}

/// Licenses of a class in the order of asset, kind of holder and holder, after one of them. `fixable`: those alone that a move would
/// mend.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    (token, class): (TokenId, Class),
    fixable: bool,
    limit: usize,
    after: Option<&(AssetId, Holder)>,
    now: Timestamp,
) -> Result<Vec<Drifted>, StoreError> {
    let policies = policies::read(db, token).await?;
    let (asset, kind, id) =
        after.map_or((0, "", ""), |(asset, holder)| (asset.0, kind_of(holder), holder.id()));
    asked(sql("listing what differs", classes::texts(class).page), (token, class), &policies, now)
        .bind(asset)
        .bind(kind)
        .bind(id)
        .bind(int(limit))
        .bind(fixable)
        .all(db, drifted)
        .await
}

fn asked(
    statement: Statement,
    (token, class): (TokenId, Class),
    policies: &Policies,
    now: Timestamp,
) -> Statement {
    let late = match class {
        // Without a number of days nothing is as late as the beginning of time.
        Class::Idle => policies.number("idle_days").map(|days| Duration::from_hours(days.saturating_mul(24))),
        _ => Some(STUCK_AFTER),
    };
    let before = late.map_or(Timestamp(0), |late| now.minus(late));
    // Nothing ever lasts longer than the longest time there is.
    let lasts = late.map_or(i64::MAX, |late| i64::try_from(late.as_millis()).unwrap_or(i64::MAX));
    statement.bind(token.0).bind(kept(policies)).bind(before.0).bind(lasts)
}

/// For which reasons the policies keep licenses, by platform, as the statements look for them.
fn kept(policies: &Policies) -> String {
    let mut kept = String::from(" ");
    for left in Left::ALL {
        for platform in Platform::ALL {
            if keeping(left, platform, policies).0 == Leaving::Keep {
                kept.push_str(&format!("{}:{} ", left.as_str(), platform.as_str()));
            }
        }
    }
    kept
}

fn drifted(row: &Row) -> Result<Drifted, StoreError> {
    Ok(Drifted {
        asset: AssetId(row.at(0)?),
        key: asset_key(row.at(1)?, &row.at::<String>(2)?),
        holder: holder(&row.at::<String>(3)?, row.at(4)?)?,
        detail: row.at(5)?,
        line: row.at(6)?,
        can_fix: row.at(7)?,
    })
}
