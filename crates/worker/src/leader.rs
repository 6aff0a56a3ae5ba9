//! What only one worker does: fire the schedule, have the limits read and the database swept.

use std::time::Duration;

use russet_domain::cron::Cron;
use russet_domain::job::{JobKind, Priority};
use russet_domain::{Timestamp, TokenId};
use russet_queue::jobs::{PushUpdates, RefreshLimits, RegisterNotifications, SendCommands, Sweep, SyncToken};
use russet_queue::{Job, Push, When};
use russet_store::jobs::{self, Origin};
use russet_store::{catalog, connectors, schedule, tokens};
use tokio_util::sync::CancellationToken;

use crate::catalog::message;
use crate::context::Context;
use crate::due::{Common, OwnCrons, due_syncs};
use crate::error::{JobError, chain};
use crate::probes;

/// What workers agree to call the one who leads; every version uses it.
const ROLE: &str = "leader";

/// Leads whenever nobody else does, until `stop`.
pub(crate) struct Leader {
    pub(crate) ctx: Context,
    pub(crate) name: String,
    pub(crate) sync: Option<Cron>,
    pub(crate) probe: Option<Cron>,
    pub(crate) refresh_catalog: Option<Cron>,
    /// When newer versions are looked for.
    pub(crate) updates: Option<Cron>,
    /// When registrations of notifications are looked at.
    pub(crate) check: Option<Cron>,
    /// The time zone of the expressions.
    pub(crate) zone: String,
    pub(crate) limits_every: Duration,
    /// Whether tokens get places of their own between two ticks.
    pub(crate) spread: bool,
}

/// When each of the leader's duties is due next.
struct Duties {
    sweep: Timestamp,
    limits: Timestamp,
    /// Schedules of tokens' own.
    own: OwnCrons,
}

impl Leader {
    /// Runs until `stop`. An error that passes is logged and waited out.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let lease = Duration::from_millis(self.ctx.settings.leader_lease_ms.max(300));
        let mut duties = Duties { sweep: Timestamp(0), limits: Timestamp(0), own: OwnCrons::default() };
        let mut term = None;
        loop {
            match self.ctx.queue.lead(ROLE, &self.name, lease).await {
                Ok(now_leading) => {
                    if now_leading.is_some() != term.is_some() {
                        tracing::info!(
                            worker = self.name,
                            leading = now_leading.is_some(),
                            "the lead has changed"
                        );
                    }
                    term = now_leading;
                }
                Err(error) => {
                    tracing::warn!(error = %error, "the lead could not be asked for");
                    term = None;
                }
            }
            if term.is_some()
                && let Err(error) = self.do_duties(&mut duties).await
            {
                tracing::warn!(error = chain(&error), "a duty of the leader did not get done yet");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(lease / 10) => {}
            }
        }
        if let Some(term) = term
            && let Err(error) = self.ctx.queue.release(&term).await
        {
            tracing::debug!(error = %error, "the lead was not handed back; it ends by itself");
        }
    }

    async fn do_duties(&self, duties: &mut Duties) -> Result<(), JobError> {
        let now = self.ctx.now();
        if now >= duties.limits {
            self.ctx.push(&RefreshLimits, When::default()).await?;
            duties.limits = now.plus(self.limits_every);
        }
        if now >= duties.sweep {
            self.ctx.push(&Sweep, When::default()).await?;
            duties.sweep = now.plus(Duration::from_millis(self.ctx.settings.sweep_every_ms));
        }
        self.fire_syncs(&mut duties.own, now).await?;
        if let Some(cron) = &self.check {
            self.fire_checks(cron, now).await?;
        }
        if let Some(cron) = &self.probe {
            probes::fire_due(&self.ctx, cron, now, self.spread).await?;
        }
        if let Some(cron) = &self.refresh_catalog {
            self.fire_catalog(cron, now).await?;
        }
        if let Some(cron) = &self.updates {
            self.fire_updates(cron, now).await?;
        }
        Ok(())
    }

    /// Has the stores of all tokens read again when the moment has come: what was looked for before it is due.
    async fn fire_catalog(&self, cron: &Cron, now: Timestamp) -> Result<(), JobError> {
        let kind = JobKind::RefreshCatalog.as_str();
        let mut db = self.ctx.store.read().await?;
        let last = schedule::last_tick(&mut db, kind).await?;
        // A schedule that has never fired fires now: tokens may be there from before there was a catalog.
        if last.is_some_and(|last| !cron.is_due(0, last, now, false)) {
            return Ok(());
        }
        let storefronts = catalog::storefronts(&mut db, None).await?;
        drop(db);
        let mut tx = self.ctx.begin().await?;
        // Of two leaders only one goes on from the last tick.
        let successor = format!("{kind}/after");
        if !schedule::fire(&mut tx, &successor, last.unwrap_or_default(), now).await?
            || !schedule::fire(&mut tx, kind, now, now).await?
        {
            return Ok(());
        }
        catalog::want(&mut tx, &storefronts, now).await?;
        tx.commit().await?;
        let messages: Vec<Push> = storefronts
            .into_iter()
            .map(|storefront| Push::of(&message(storefront), When::priority(Priority::Low)))
            .collect();
        if !messages.is_empty() {
            tracing::info!(job.name = kind, stores = messages.len(), "the schedule fired");
            self.ctx.queue.push_many(messages).await?;
        }
        Ok(())
    }

    /// Starts the syncs whose moment has come since the schedule last fired. The note that it fired and the jobs that it
    /// makes are one transaction, so that a leader that dies has either fired or not, and a second leader finds it done.
    async fn fire_syncs(&self, own: &mut OwnCrons, now: Timestamp) -> Result<(), JobError> {
        let kind = JobKind::SyncToken.as_str();
        let Some(last) = self.last_fired(kind, now).await? else { return Ok(()) };
        let mut db = self.ctx.store.read().await?;
        let tokens = tokens::to_sync(&mut db).await?;
        drop(db);
        let common = Common { cron: self.sync.as_ref(), zone: &self.zone, spread: self.spread };
        let due = due_syncs(&tokens, &common, own, last, now);
        if due.is_empty() {
            return Ok(());
        }
        let messages = self.fire(&due, last, now).await?;
        if !messages.is_empty() {
            tracing::info!(job.name = kind, jobs = messages.len(), "the schedule fired");
            self.ctx.queue.push_many(messages).await?;
        }
        Ok(())
    }

    /// When a kind of work last fired. A schedule that has never fired starts now: what lies before its first start is not
    /// missed.
    async fn last_fired(&self, kind: &str, now: Timestamp) -> Result<Option<Timestamp>, JobError> {
        let mut db = self.ctx.store.read().await?;
        let last = schedule::last_tick(&mut db, kind).await?;
        drop(db);
        if last.is_none() {
            let mut tx = self.ctx.begin().await?;
            schedule::fire(&mut tx, kind, now, now).await?;
            tx.commit().await?;
        }
        Ok(last)
    }

    /// Writes the jobs, unless another leader has gone on from `last` already.
    async fn fire(&self, due: &[TokenId], last: Timestamp, now: Timestamp) -> Result<Vec<Push>, JobError> {
        let kind = JobKind::SyncToken;
        let successor = format!("{}/after", kind.as_str());
        let mut tx = self.ctx.begin().await?;
        if !schedule::fire(&mut tx, &successor, last, now).await?
            || !schedule::fire(&mut tx, kind.as_str(), now, now).await?
        {
            return Ok(Vec::new());
        }
        let (origin, args) = (Origin::Schedule, r#"{"mode":"full"}"#);
        jobs::insert_for_tokens(&mut tx, kind, due, origin, Priority::Low, args, now).await?;
        tx.commit().await?;
        let push = |token| Push::of(&SyncToken { token }, When::priority(Priority::Low));
        Ok(due.iter().copied().map(push).collect())
    }

    /// Has newer versions looked for when the moment has come, and devices asked for their apps that were not for long. Pushed
    /// first and noted afterwards: a look too many finds nothing.
    async fn fire_updates(&self, cron: &Cron, now: Timestamp) -> Result<(), JobError> {
        let kind = PushUpdates::KIND;
        let Some(last) = self.last_fired(kind, now).await? else { return Ok(()) };
        if !cron.is_due(0, last, now, false) {
            return Ok(());
        }
        let mut db = self.ctx.store.read().await?;
        let tokens = tokens::ids_to_push(&mut db, None).await?;
        let connectors = connectors::active(&mut db).await?;
        drop(db);
        let look = |token| Push::of(&PushUpdates { token }, When::priority(Priority::Low));
        let ask = |connector| Push::of(&SendCommands { connector }, When::priority(Priority::Low));
        let messages: Vec<Push> =
            tokens.into_iter().map(look).chain(connectors.into_iter().map(ask)).collect();
        if !messages.is_empty() {
            self.ctx.queue.push_many(messages).await?;
        }
        let mut tx = self.ctx.begin().await?;
        schedule::fire(&mut tx, kind, now, now).await?;
        Ok(tx.commit().await?)
    }

    /// Has the registrations looked at whose moment has come. Pushed first and noted afterwards: a look too many costs a
    /// request, and one that was forgotten a day without notifications.
    async fn fire_checks(&self, cron: &Cron, now: Timestamp) -> Result<(), JobError> {
        let kind = RegisterNotifications::KIND;
        let Some(last) = self.last_fired(kind, now).await? else { return Ok(()) };
        let ticks = cron.ticks(now);
        let mut db = self.ctx.store.read().await?;
        let mut due = tokens::ids_to_keep_registered(&mut db).await?;
        drop(db);
        due.retain(|token| ticks.is_due(token.0, last, self.spread));
        if due.is_empty() {
            return Ok(());
        }
        let push = |token| Push::of(&RegisterNotifications { token }, When::priority(Priority::Low));
        self.ctx.queue.push_many(due.into_iter().map(push).collect()).await?;
        let mut tx = self.ctx.begin().await?;
        schedule::fire(&mut tx, kind, now, now).await?;
        Ok(tx.commit().await?)
    }
}
