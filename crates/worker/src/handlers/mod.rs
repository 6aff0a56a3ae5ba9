//! One handler a file, and the table that says which message goes to which.

mod apply_changes;
mod apply_users;
mod check_event;
mod check_users;
pub(crate) mod claim_token;
mod hand_over_token;
mod move_licenses;
mod open_gates;
pub(crate) mod push_updates;
mod read_mdm_messages;
mod read_notifications;
mod reconcile;
mod recount_assets;
mod refresh_catalog;
pub(crate) mod refresh_limits;
mod register_notifications;
mod remove_token;
mod renew_token;
mod send_commands;
mod sweep;
pub(crate) mod sync_token;
mod user_news;

use std::time::Instant;

use russet_domain::TokenId;
use russet_queue::jobs::AnyJob;
use russet_queue::{Claim, Ending, Handler};

use crate::context::Context;
use crate::error::{JobError, chain, ending};
use crate::gates;

/// Carries out messages.
#[derive(Clone)]
pub(crate) struct Handlers {
    pub(crate) ctx: Context,
}

impl Handler for Handlers {
    async fn handle(&self, claim: Claim) -> Ending {
        let began = Instant::now();
        let (name, key) = (claim.job.kind(), claim.job.key());
        let token = whose_licenses(&claim.job);
        let (lost, ctx) = (claim.lost.clone(), self.ctx.for_run(claim.stopping, claim.places));
        // Dropping the handler rolls its open transaction back; what it has written down stands, and whoever has the message
        // now goes on from there.
        let result = tokio::select! {
            result = carry_out(claim.job, &ctx) => result,
            () = lost.cancelled() => {
                tracing::warn!(job.name = name, job.key = key, "the lease was lost; stopping");
                return Ending::Snooze { until: self.ctx.now() };
            }
        };
        if let Some(token) = token {
            gates::wake_or_leave(&ctx, token).await;
        }
        let ending = match result {
            Ok(ending) => ending,
            Err(error) => {
                let ending = ending(&error, self.ctx.now(), self.ctx.unit());
                log(name, &key, &error, &ending);
                ending
            }
        };
        tracing::debug!(job.name = name, job.key = key, duration_ms = began.elapsed().as_millis(), ending = ?ending, "message ended");
        ending
    }
}

async fn carry_out(job: AnyJob, ctx: &Context) -> Result<Ending, JobError> {
    match job {
        AnyJob::ClaimToken(job) => claim_token::claim_token(job, ctx).await,
        AnyJob::SyncToken(job) => sync_token::sync_token(job, ctx).await,
        AnyJob::ApplyChanges(job) => apply_changes::apply_changes(job, ctx).await,
        AnyJob::ApplyUsers(job) => apply_users::apply_users(job, ctx).await,
        AnyJob::CheckEvent(job) => check_event::check_event(job, ctx).await,
        AnyJob::ReadNotifications(job) => read_notifications::read_notifications(job, ctx).await,
        AnyJob::MoveLicenses(job) => move_licenses::move_licenses(job, ctx).await,
        AnyJob::OpenGates(job) => open_gates::open_gates(job, ctx).await,
        AnyJob::PushUpdates(job) => push_updates::push_updates(job, ctx).await,
        AnyJob::ReadMdmMessages(job) => read_mdm_messages::read_mdm_messages(job, ctx).await,
        AnyJob::SendCommands(job) => send_commands::send_commands(job, ctx).await,
        AnyJob::RenewToken(job) => renew_token::renew_token(job, ctx).await,
        AnyJob::HandOverToken(job) => hand_over_token::hand_over_token(job, ctx).await,
        AnyJob::RemoveToken(job) => remove_token::remove_token(job, ctx).await,
        AnyJob::RefreshCatalog(job) => refresh_catalog::refresh_catalog(job, ctx).await,
        AnyJob::RegisterNotifications(job) => register_notifications::register_notifications(job, ctx).await,
        AnyJob::RecountAssets(job) => recount_assets::recount_assets(job, ctx).await,
        AnyJob::Reconcile(_) => reconcile::reconcile(ctx).await,
        AnyJob::RefreshLimits(_) => refresh_limits::refresh_limits(ctx).await,
        AnyJob::Sweep(_) => sweep::sweep(ctx).await,
    }
}

/// The token whose licenses a message may have moved, so that gates may open. Sending changes wakes them itself, since it is
/// mostly done by waiting for company, which moves nothing.
fn whose_licenses(job: &AnyJob) -> Option<TokenId> {
    match job {
        AnyJob::CheckEvent(job) => Some(job.token),
        AnyJob::ReadNotifications(job) => Some(job.token),
        AnyJob::SyncToken(job) => Some(job.token),
        AnyJob::ClaimToken(_)
        | AnyJob::ApplyChanges(_)
        | AnyJob::ApplyUsers(_)
        | AnyJob::MoveLicenses(_)
        | AnyJob::OpenGates(_)
        | AnyJob::PushUpdates(_)
        | AnyJob::ReadMdmMessages(_)
        | AnyJob::SendCommands(_)
        | AnyJob::RemoveToken(_)
        | AnyJob::RenewToken(_)
        | AnyJob::RegisterNotifications(_)
        | AnyJob::RecountAssets(_)
        | AnyJob::HandOverToken(_)
        | AnyJob::Reconcile(_)
        | AnyJob::RefreshLimits(_)
        | AnyJob::RefreshCatalog(_)
        | AnyJob::Sweep(_) => None,
    }
}

/// Waiting is not worth a line above debug; giving up wants a person.
fn log(name: &str, key: &str, error: &JobError, ending: &Ending) {
    match (error, ending) {
        (JobError::NotYet { .. }, _) => {
            tracing::debug!(job.name = name, job.key = key, "waiting for Apple's pace");
        }
        (_, Ending::Fail { .. }) => {
            tracing::error!(
                job.name = name,
                job.key = key,
                error = chain(error),
                "a message failed for good"
            );
        }
        (_, Ending::Done | Ending::Snooze { .. } | Ending::Retry { .. }) => {
            tracing::warn!(
                job.name = name,
                job.key = key,
                error = chain(error),
                "a message did not get done yet"
            );
        }
    }
}
