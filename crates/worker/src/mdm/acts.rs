//! Which command carries an install out.

use std::collections::HashMap;

use russet_domain::AssignmentId;
use russet_domain::directory::Platform;
use russet_mdm::{Act, Install};
use russet_store::Db;
use russet_store::assignments::{self, Configured};
use russet_store::installs::Due;

use crate::error::JobError;

/// The commands of some installs, with what the assignments behind them say.
pub(super) struct Acts {
    configured: HashMap<AssignmentId, Configured>,
}

impl Acts {
    /// Reads what belongs to these installs.
    pub(super) async fn of(db: &mut Db, due: &[Due]) -> Result<Self, JobError> {
        let mut ids: Vec<AssignmentId> = due.iter().filter_map(|due| due.assignment).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Self { configured: assignments::configured(db, &ids).await? })
    }

    /// The command of an install; those with the same can share a call. Nothing when its product has no number, or nobody knows
    /// what devices know it by.
    pub(super) fn act(&self, due: &Due) -> Option<Act> {
        if due.install.standing.removes {
            return due.install.bundle_id.clone().map(|bundle_id| Act::RemoveApp { bundle_id });
        }
        let configured = due.assignment.and_then(|id| self.configured.get(&id)).cloned().unwrap_or_default();
        Some(Act::InstallApp(Install {
            adam_id: due.adam_id.parse().ok()?,
            user_enrollment: due.user_enrollment,
            is_mac: due.platform == Platform::Macos,
            settings: configured.settings,
            configuration: configured.configuration,
        }))
    }
}
