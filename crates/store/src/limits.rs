//! Apple's limits as they are kept in the database between two readings.

use russet_domain::limits::Limits;
use serde::{Deserialize, Serialize};

use crate::engine::{Db, Tx};
use crate::error::StoreError;
use crate::meta;

/// Under which name they are kept. Every worker of every version reads it; it never changes.
const META_KEY: &str = "apple_limits";

/// Apple's limits as a worker last read them; nothing before the first reading.
///
/// # Errors
/// As any statement.
pub async fn kept(db: &mut Db) -> Result<Option<Limits>, StoreError> {
    Ok(meta::get(db, META_KEY).await?.map(|text| read(&text)))
}

/// Keeps Apple's limits for all workers. May be repeated.
///
/// # Errors
/// As any statement.
pub async fn keep(tx: &mut Tx, limits: &Limits) -> Result<(), StoreError> {
    meta::set(tx, META_KEY, &write(limits)).await
}

/// The names of the fields are those of the first version; workers of other versions read them.
#[derive(Serialize, Deserialize)]
struct Kept {
    max_assets: usize,
    #[serde(rename = "max_users")]
    max_user_holders: usize,
    max_devices: usize,
    max_revoke_users: usize,
    max_revoke_devices: usize,
    #[serde(rename = "max_users_of_a_request", default = "unread_max_users")]
    max_users: usize,
    max_requests_per_second: u32,
}

/// For limits that were kept before this one was read.
fn unread_max_users() -> usize {
    Limits::default().max_users
}

/// Reads what [`write`] wrote; anything else is as good as never read.
fn read(text: &str) -> Limits {
    let Ok(kept) = serde_json::from_str::<Kept>(text) else { return Limits::default() };
    Limits {
        max_assets: kept.max_assets,
        max_user_holders: kept.max_user_holders,
        max_devices: kept.max_devices,
        max_revoke_users: kept.max_revoke_users,
        max_revoke_devices: kept.max_revoke_devices,
        max_users: kept.max_users,
        max_requests_per_second: kept.max_requests_per_second,
    }
}

/// The text that is kept.
fn write(limits: &Limits) -> String {
    let kept = Kept {
        max_assets: limits.max_assets,
        max_user_holders: limits.max_user_holders,
        max_devices: limits.max_devices,
        max_revoke_users: limits.max_revoke_users,
        max_revoke_devices: limits.max_revoke_devices,
        max_users: limits.max_users,
        max_requests_per_second: limits.max_requests_per_second,
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_survive_being_kept() {
        let limits = Limits { max_assets: 7, max_users: 5, max_requests_per_second: 3, ..Limits::default() };
        assert_eq!(read(&write(&limits)), limits);
        assert_eq!(read("rubbish"), Limits::default());
    }

    #[test]
    fn limits_that_an_older_version_kept_are_read() {
        let old = r#"{"max_assets":7,"max_users":9,"max_devices":1,"max_revoke_users":1,"max_revoke_devices":1,
            "max_requests_per_second":3}"#;
        let limits = read(old);
        assert_eq!((limits.max_assets, limits.max_user_holders), (7, 9));
        assert_eq!(limits.max_users, Limits::default().max_users);
    }
}
