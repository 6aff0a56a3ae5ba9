//! What can be planned.

use russet_domain::directory::DeviceState;
use russet_domain::{JobId, Timestamp, TokenId};
use russet_store::directory::members::Change;
use russet_store::{Tx, marks};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::jobs;
use super::outcome::Outcome;
use crate::auth::Actor;
use crate::error::ApiError;
use crate::routes::assignments::create::{AssignmentBody, make};
use crate::routes::assignments::remove::take;
use crate::routes::directory::{devices, members, people};
use crate::routes::jobs::MoveLicensesJob;
use crate::routes::tokens;

/// An act, by its `kind`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schema(as = PlannedAct)]
pub(crate) enum Act {
    /// Assign an app to a group.
    CreateAssignment {
        /// As `POST /api/v1/assignments` takes it.
        assignment: AssignmentBody,
    },
    /// Remove an assignment.
    RemoveAssignment {
        /// Its number.
        assignment: i64,
    },
    /// Make these the members of a group, and nobody else.
    ReplaceMembers {
        /// The group's name.
        group: String,
        /// The members.
        members: Vec<String>,
    },
    /// Change who is in a group.
    ChangeMembers {
        /// The group's name.
        group: String,
        /// Who comes.
        #[serde(default)]
        add: Vec<String>,
        /// Who goes.
        #[serde(default)]
        remove: Vec<String>,
    },
    /// Delete a device.
    DeleteDevice {
        /// Its serial number.
        serial: String,
    },
    /// Note that a device is not managed any more.
    UnenrollDevice {
        /// Its serial number.
        serial: String,
    },
    /// Delete a person.
    DeletePerson {
        /// The `client_user_id`.
        person: String,
    },
    /// Look at all that assignments of a token have to do with.
    Reconcile {
        /// The token.
        token: i64,
    },
    /// Give licenses or take them back.
    #[serde(skip_serializing)]
    SubmitJob {
        /// As `POST /api/v1/jobs` takes it, of kind `assign_license` or `revoke_license`.
        job: MoveLicensesJob,
    },
    /// Remove a token; takes an administrator's key.
    RemoveToken {
        /// The token.
        token: i64,
        /// `keep`, `revoke_first` or `revoke_what_can_be`.
        licenses: String,
    },
    /// Move back what a job moved and is still as it left it.
    UndoJob {
        /// The job.
        job: i64,
    },
}

impl Act {
    /// Does it, but for what follows from assignments: that is marked. What it moves itself is noted.
    pub(super) async fn carry_out(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        now: Timestamp,
        outcome: &mut Outcome,
    ) -> Result<(), ApiError> {
        match self {
            Self::CreateAssignment { assignment } => make(tx, actor, assignment, now).await.map(drop),
            Self::RemoveAssignment { assignment } => {
                take(tx, actor, &assignment.to_string(), now).await.map(drop)
            }
            Self::ReplaceMembers { group, members } => {
                members::change(tx, group, Change::Replace(members), false, now).await.map(drop)
            }
            Self::ChangeMembers { group, add, remove } => {
                members::change(tx, group, Change::Difference { add, remove }, false, now).await.map(drop)
            }
            Self::DeleteDevice { serial } => {
                devices::set_state(tx, serial, DeviceState::Deleted, now).await.map(drop)
            }
            Self::UnenrollDevice { serial } => {
                devices::set_state(tx, serial, DeviceState::Unenrolled, now).await.map(drop)
            }
            Self::DeletePerson { person } => people::delete_one(tx, person, now).await.map(drop),
            Self::Reconcile { token } => {
                tokens::known(tx, actor, TokenId(*token)).await?;
                marks::mark_token(tx, TokenId(*token), now).await?;
                Ok(())
            }
            Self::SubmitJob { job } => jobs::move_licenses(tx, actor, job, now, outcome).await,
            Self::RemoveToken { token, licenses } => {
                jobs::remove_token(tx, actor, TokenId(*token), licenses, now, outcome).await
            }
            Self::UndoJob { job } => jobs::undo(tx, actor, JobId(*job), now, outcome).await,
        }
    }

    /// It as the audit log keeps it; jobs are kept with themselves.
    pub(super) fn brief(&self) -> serde_json::Value {
        match self {
            Self::SubmitJob { job } => {
                serde_json::json!({ "kind": "submit_job", "job": job.kind().as_str() })
            }
            other => serde_json::to_value(other).unwrap_or_default(),
        }
    }
}
