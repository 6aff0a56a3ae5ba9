//! Which command carries an install out.

use std::collections::HashMap;

use russet_domain::directory::Platform;
use russet_domain::install::{Declarable, is_declarable};
use russet_domain::{AssignmentId, ConnectorId, Timestamp};
use russet_mdm::{Act, Connector as Server, DeclaredApp, Install, LicenseOf};
use russet_store::assignments::{self, Configured};
use russet_store::declared::{self, Declaring};
use russet_store::installs::Due;
use russet_store::{Db, Tx};

use crate::error::JobError;

/// The commands of some installs, with what the assignments behind them say.
pub(super) struct Acts {
    configured: HashMap<AssignmentId, Configured>,
    /// Whether the server has declarations.
    can_declare: bool,
}

impl Acts {
    /// Reads what belongs to these installs.
    pub(super) async fn of(db: &mut Db, server: &dyn Server, due: &[Due]) -> Result<Self, JobError> {
        let mut ids: Vec<AssignmentId> = due.iter().filter_map(|due| due.assignment).collect();
        ids.sort_unstable();
        ids.dedup();
        let can_declare = server.declares().is_some();
        Ok(Self { configured: assignments::configured(db, &ids).await?, can_declare })
    }

    /// The command of an install; those with the same can share a call. Nothing when its product has no number, or nobody knows
    /// what devices know it by.
    pub(super) fn act(&self, due: &Due) -> Option<Act> {
        let adam_id = due.install.adam_id.parse().ok();
        if due.install.standing.removes {
            if self.can_declare && due.install.declared {
                return adam_id.map(|adam_id| Act::WithdrawApp { adam_id });
            }
            return due.install.bundle_id.clone().map(|bundle_id| Act::RemoveApp { bundle_id });
        }
        let adam_id = adam_id?;
        let configured = due.assignment.and_then(|id| self.configured.get(&id)).cloned().unwrap_or_default();
        let is_mac = due.platform == Platform::Macos;
        if self.can_declare && is_declarable(&declarable(due, &configured)) {
            return Some(Act::DeclareApp(DeclaredApp {
                adam_id,
                license: if due.of_user { LicenseOf::User } else { LicenseOf::Device },
                version: due.install.standing.target,
                // Where nobody here brings newer versions, the device's own settings hold, unless the assignment wants none.
                updates_itself: !due.auto_update && !due.stays_as_is,
                is_mac,
                settings: configured.settings,
            }));
        }
        Some(Act::InstallApp(Install {
            adam_id,
            user_enrollment: due.user_enrollment,
            is_mac,
            settings: configured.settings,
            configuration: configured.configuration,
        }))
    }
}

fn declarable<'a>(due: &'a Due, configured: &Configured) -> Declarable<'a> {
    Declarable {
        platform: due.platform,
        os_version: due.os_version.as_deref(),
        supervised: due.supervised,
        user_enrollment: due.user_enrollment,
        is_told: configured.configuration.is_some(),
        is_declared: due.install.declared,
    }
}

/// Writes down that apps are declared or withdrawn, in the transaction that writes the command.
pub(super) async fn note(
    tx: &mut Tx,
    connector: ConnectorId,
    act: &Act,
    devices: &[Due],
    now: Timestamp,
) -> Result<(), JobError> {
    match act {
        Act::DeclareApp(_) => {
            let declaring = |due: &Due| Declaring {
                device: due.install.device,
                enrollment_id: due.enrollment_id.clone(),
                adam_id: due.install.adam_id.clone(),
                version: due.install.standing.target,
            };
            let apps: Vec<Declaring> = devices.iter().map(declaring).collect();
            declared::declare(tx, connector, &apps, now).await?;
        }
        Act::WithdrawApp { .. } => {
            let app = |due: &Due| (due.install.device, due.install.adam_id.clone());
            let apps: Vec<_> = devices.iter().map(app).collect();
            declared::withdraw(tx, &apps, now).await?;
        }
        Act::InstallApp(_) | Act::ListApps | Act::RemoveApp { .. } | Act::Describe => {}
    }
    Ok(())
}
