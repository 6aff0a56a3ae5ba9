//! Apple's limits as they are kept in the database between two readings.

use russet_domain::limits::Limits;
use serde::{Deserialize, Serialize};

/// Under which name they are kept. Every worker of every version reads it; it never changes.
pub(crate) const META_KEY: &str = "apple_limits";

#[derive(Serialize, Deserialize)]
struct Kept {
    max_assets: usize,
    max_users: usize,
    max_devices: usize,
    max_revoke_users: usize,
    max_revoke_devices: usize,
    max_requests_per_second: u32,
}

/// Reads what [`write`] wrote; anything else is as good as never read.
pub(crate) fn read(text: &str) -> Limits {
    let Ok(kept) = serde_json::from_str::<Kept>(text) else { return Limits::default() };
    Limits {
        max_assets: kept.max_assets,
        max_users: kept.max_users,
        max_devices: kept.max_devices,
        max_revoke_users: kept.max_revoke_users,
        max_revoke_devices: kept.max_revoke_devices,
        max_requests_per_second: kept.max_requests_per_second,
    }
}

/// The text that is kept.
pub(crate) fn write(limits: &Limits) -> String {
    let kept = Kept {
        max_assets: limits.max_assets,
        max_users: limits.max_users,
        max_devices: limits.max_devices,
        max_revoke_users: limits.max_revoke_users,
        max_revoke_devices: limits.max_revoke_devices,
        max_requests_per_second: limits.max_requests_per_second,
    };
    serde_json::to_string(&kept).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_survive_being_kept() {
        let limits = Limits { max_assets: 7, max_requests_per_second: 3, ..Limits::default() };
        assert_eq!(read(&write(&limits)), limits);
        assert_eq!(read("rubbish"), Limits::default());
    }
}
