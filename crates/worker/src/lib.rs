//! Handlers, schedule and leader duties: everything that happens after a job was submitted.
//!
//! A [`Worker`] takes messages from the queue and carries them out against Apple. Any number of them may run, in one process
//! or many; one of them leads and fires the schedule.

mod assets;
mod call;
mod catalog;
mod context;
mod drift;
mod due;
mod error;
mod flight;
mod gates;
mod handlers;
mod leader;
mod mdm;
mod moving;
mod orders;
mod plan;
mod probes;
mod rates;
mod registration;
mod send;
mod send_users;
mod settings;
mod signing;
mod summary;
mod tell;
mod updates;
mod user_walk;
mod walk;

use std::time::Duration;

use russet_apple::Apple;
use russet_domain::event::Patience;
use russet_domain::token::MdmInfo;
use russet_mdm::{Callbacks, Connectors};
use russet_queue::{Queue, QueueError, WorkerName, WorkerSettings};
use russet_store::{Store, StoreError, meta};
use tokio_util::sync::CancellationToken;

pub use catalog::CatalogSource;
pub use russet_domain::cron::{Cron, CronError};
pub use settings::{ScheduleSettings, Settings};

use context::Context;
use handlers::Handlers;
use leader::Leader;

/// Everything a worker is put together from.
pub struct Wiring {
    /// The database.
    pub store: Store,
    /// The queue and the pace.
    pub queue: Queue,
    /// Apple.
    pub apple: Apple,
    /// Where names and versions of products come from.
    pub catalog: CatalogSource,
    /// The MDM side, as jobs name it.
    pub mdm: Callbacks,
    /// MDM servers.
    pub servers: Connectors,
    /// The `[mdm]` section.
    pub mdm_settings: russet_mdm::Settings,
    /// When Apple is asked after a request.
    pub patience: Patience,
    /// How much of Apple's limit is used, between 0 and 1.
    pub rate_share: f64,
    /// How often Apple's limits are read.
    pub limits_every: Duration,
    /// Where Apple can reach the API; empty when it cannot.
    pub public_url: String,
    /// The `[worker]` section.
    pub settings: Settings,
    /// The `[schedule]` section.
    pub schedule: ScheduleSettings,
}

/// Why a worker cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The schedule cannot be read.
    #[error("{key}: {why}")]
    Schedule {
        /// Which setting.
        key: &'static str,
        /// What is wrong with it.
        why: CronError,
    },
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The queue did not answer.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Takes messages and carries them out.
pub struct Worker {
    handlers: Handlers,
    leader: Leader,
    queue: Queue,
    name: WorkerName,
}

impl Worker {
    /// Puts a worker together. Reads from the database under which id this installation claims locations at Apple.
    ///
    /// # Errors
    /// When the schedule cannot be read, or the database does not answer.
    pub async fn new(name: WorkerName, wiring: Wiring) -> Result<Self, WorkerError> {
        let schedule = &wiring.schedule;
        let cron = |key, text: &str| {
            Cron::read(text, &schedule.time_zone).map_err(|why| WorkerError::Schedule { key, why })
        };
        let sync = cron("schedule.sync_token", &schedule.sync_token)?;
        let probe = cron("schedule.probe_token", &schedule.probe_token)?;
        let refresh_catalog = cron("schedule.refresh_catalog", &schedule.refresh_catalog)?;
        let check = cron("schedule.check_notifications", &schedule.check_notifications)?;
        let updates = cron("schedule.push_updates", &schedule.push_updates)?;
        let zone = schedule.time_zone.clone();
        let (queue, limits_every, spread) =
            (wiring.queue.clone(), wiring.limits_every, wiring.schedule.spread);
        let mut tx = wiring.store.begin().await?;
        let id = meta::server_id(&mut tx).await?;
        russet_store::catalog::set_language(&mut tx, wiring.catalog.client.language()).await?;
        tx.commit().await?;
        let ours = MdmInfo { id, name: "Russet".to_owned(), metadata: describe(&wiring.public_url) };
        let ctx = Context::new(wiring, ours);
        let leader = Leader {
            ctx: ctx.clone(),
            name: name.as_str().to_owned(),
            sync,
            probe,
            refresh_catalog,
            updates,
            check,
            zone,
            limits_every,
            spread,
        };
        Ok(Self { handlers: Handlers { ctx }, leader, queue, name })
    }

    /// Works until `stop`, then lets running work end within the grace and hands the rest back.
    ///
    /// # Errors
    /// Only when the worker cannot be started; faults that pass are waited out.
    pub async fn run(self, stop: CancellationToken) -> Result<(), WorkerError> {
        let settings = WorkerSettings {
            concurrency: self.handlers.ctx.settings.concurrency,
            grace_ms: self.handlers.ctx.settings.grace_ms,
        };
        let leading = tokio::spawn(self.leader.run(stop.clone()));
        let result = russet_queue::run(self.queue, self.name, self.handlers, settings, stop).await;
        if leading.await.is_err() {
            tracing::error!("the leader's task has panicked");
        }
        Ok(result?)
    }
}

/// What another MDM server's administrator reads about us: at most 255 characters, in ASCII.
fn describe(public_url: &str) -> String {
    let about = if public_url.is_empty() { "polling only" } else { public_url };
    format!("Russet license server, {about}").chars().filter(char::is_ascii).take(255).collect()
}
