//! An assignment as clients see it.

use russet_store::assignments::Assignment;
use serde::Serialize;
use utoipa::ToSchema;

use crate::time;

/// An app for a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Assignment)]
pub(crate) struct AssignmentView {
    /// Its number.
    id: i64,
    /// The token whose licenses it gives.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality: `STDQ` or `PLUS`.
    pricing_param: String,
    /// The group.
    group: String,
    /// `required`, `available` or `uninstall`.
    intent: &'static str,
    /// Whose licenses they are: `device` or `user`.
    license: &'static str,
    /// How urgent it is, from -100 to 100.
    priority: i64,
    /// Whether the app is to be updated; null: as the token says.
    auto_update: Option<bool>,
    /// Whether licenses through it are never taken back.
    pinned: bool,
    /// At most so many holders have a license through it at a time; null is any number.
    quota: Option<i64>,
    /// How many count for the quota: all who have a license that was given through it, also those who left and keep it; null without a
    /// quota.
    quota_used: Option<i64>,
    /// The groups whose members it leaves out.
    exclude: Vec<String>,
    /// How the app is to stand on devices.
    install: SettingsView,
    /// How many holders are to have the app through it.
    wanted: u64,
    /// Of those, how many have the license.
    held: u64,
    /// How many of them wait in line, for a license or for the quota; `GET /api/v1/waitlist` tells which of the two.
    waiting: u64,
    /// Who made it.
    created_by: String,
    /// When it was made.
    created_at: String,
    /// When anything of it last changed.
    updated_at: String,
    /// What should be known about it, such as another assignment that contradicts it.
    notes: Vec<String>,
}

/// How an app is to stand on devices, beyond being there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstallSettings)]
pub(crate) struct SettingsView {
    /// The UUID of the VPN that the app's traffic goes through.
    vpn_uuid: Option<String>,
    /// Whether the person cannot delete the app.
    prevent_removal: bool,
    /// Whether what the app keeps is left out of backups.
    prevent_backup: bool,
    /// Whether the app goes when the device leaves its MDM server.
    remove_with_enrollment: bool,
    /// The names at the top of what the app is told. The rest is not shown.
    configuration_keys: Vec<String>,
}

impl AssignmentView {
    pub(crate) fn new(assignment: Assignment, notes: Vec<String>) -> Self {
        Self {
            id: assignment.id.0,
            token: assignment.token.0,
            adam_id: assignment.key.adam_id,
            pricing_param: assignment.key.pricing.as_str().to_owned(),
            group: assignment.group_name,
            intent: assignment.intent.as_str(),
            license: assignment.license.as_str(),
            priority: assignment.priority,
            auto_update: assignment.auto_update,
            pinned: assignment.pinned,
            quota: assignment.quota,
            quota_used: assignment.quota_used,
            exclude: assignment.excluded,
            install: SettingsView {
                vpn_uuid: assignment.settings.vpn_uuid,
                prevent_removal: assignment.settings.prevent_removal,
                prevent_backup: assignment.settings.prevent_backup,
                remove_with_enrollment: assignment.settings.remove_with_enrollment,
                configuration_keys: assignment.configuration_keys,
            },
            wanted: assignment.wanted,
            held: assignment.held,
            waiting: assignment.waiting,
            created_by: assignment.created_by,
            created_at: time::text(assignment.created_at),
            updated_at: time::text(assignment.updated_at),
            notes,
        }
    }
}

impl AssignmentView {
    /// Where it is found.
    pub(crate) fn address(&self) -> String {
        format!("/api/v1/assignments/{}", self.id)
    }
}

impl From<Assignment> for AssignmentView {
    fn from(assignment: Assignment) -> Self {
        Self::new(assignment, Vec::new())
    }
}
