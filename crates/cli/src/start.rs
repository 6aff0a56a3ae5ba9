//! Puts the parts of a server together: database, queue, Apple, API and worker.

use std::time::Duration;

use russet_api::Api;
use russet_apple::Apple;
use russet_apple::catalog::Catalog;
use russet_config::Settings;
use russet_mdm::{Callbacks, Connectors};
use russet_queue::{Queue, QueueError, WorkerName};
use russet_store::{KeyRing, Store, StoreError};
use russet_worker::{CatalogSource, Wiring, Worker, WorkerError};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::error::{CliError, chain, failed};
use crate::{keyring, logs, print};

/// How often a server that starts tries to reach its database and its queue, and how long between two tries: they
/// may be starting at the same time.
const TRIES_MAX: u32 = 30;
const TRY_EVERY: Duration = Duration::from_secs(2);

/// What every server begins with: its log, and whose time it goes by.
pub(crate) fn begin(settings: &Settings) -> Result<(), CliError> {
    logs::start(&settings.log)?;
    let ahead = settings.rehearsal.ahead();
    if !ahead.is_zero() {
        russet_clock::rehearse(ahead);
        tracing::warn!(ahead_s = ahead.as_secs(), "this is a rehearsal: the clock is ahead of the machine's");
    }
    Ok(())
}

/// The database, with the keys that its secrets are sealed with. Its tables have to be up to date.
pub(crate) async fn store(settings: &Settings, stop: &CancellationToken) -> Result<Store, CliError> {
    let open = async || open_store(settings, keyring::read(settings)?).await.map_err(NotYet::from);
    patiently(stop, open).await
}

async fn open_store(settings: &Settings, keys: KeyRing) -> Result<Store, StoreError> {
    let store = Store::open(&settings.store, keys).await?;
    store.check_schema().await?;
    Ok(store)
}

/// The queue.
pub(crate) async fn queue(settings: &Settings, stop: &CancellationToken) -> Result<Queue, CliError> {
    patiently(stop, async || Queue::open(&settings.queue).await.map_err(NotYet::from)).await
}

/// Why a part of a server is not there.
enum NotYet {
    /// What is missing may come: this says what, and why it is missing.
    MayPass(&'static str, String),
    /// Waiting does not help.
    Failed(CliError),
}

impl From<CliError> for NotYet {
    fn from(error: CliError) -> Self {
        Self::Failed(error)
    }
}

impl From<StoreError> for NotYet {
    fn from(error: StoreError) -> Self {
        if error.passes() {
            return Self::MayPass("the database cannot be used yet", chain(&error));
        }
        Self::Failed(failed(error))
    }
}

impl From<QueueError> for NotYet {
    fn from(error: QueueError) -> Self {
        if error.may_pass() {
            return Self::MayPass("the queue cannot be used yet", error.to_string());
        }
        Self::Failed(failed(error))
    }
}

impl From<WorkerError> for NotYet {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Store(error) => error.into(),
            WorkerError::Queue(error) => error.into(),
            WorkerError::Schedule { .. } => Self::Failed(failed(error)),
        }
    }
}

/// Tries again for a while as long as what is wrong may pass.
async fn patiently<T>(
    stop: &CancellationToken,
    mut attempt: impl AsyncFnMut() -> Result<T, NotYet>,
) -> Result<T, CliError> {
    let mut tries = 1;
    loop {
        match attempt().await {
            Ok(there) => return Ok(there),
            Err(NotYet::MayPass(what, why)) if tries < TRIES_MAX => {
                tracing::warn!(error = why, "{what}");
                pause(stop).await?;
                tries += 1;
            }
            Err(NotYet::MayPass(_, why)) => return Err(CliError::Failed(why)),
            Err(NotYet::Failed(error)) => return Err(error),
        }
    }
}

async fn pause(stop: &CancellationToken) -> Result<(), CliError> {
    tokio::select! {
        () = stop.cancelled() => Err(CliError::Failed("stopped before everything was reached".to_owned())),
        () = tokio::time::sleep(TRY_EVERY) => Ok(()),
    }
}

/// A queue in this process cannot be shared: what one pushes, no other sees.
pub(crate) fn require_shared_queue(settings: &Settings, command: &str) -> Result<(), CliError> {
    if settings.queue_is_in_process() {
        return Err(CliError::Usage(format!(
            "queue.url is memory:, which no two processes share. Use `russet serve`, which is API and worker in one; or \
             set queue.url to a Redis (redis://host:6379) for `russet {command}`"
        )));
    }
    Ok(())
}

/// Takes the address that the API listens on, before anything else starts.
pub(crate) async fn listen(settings: &Settings) -> Result<TcpListener, CliError> {
    let address = &settings.api.listen;
    TcpListener::bind(address).await.map_err(|error| {
        CliError::Failed(format!(
            "api.listen is {address} and cannot be listened on: {error}; choose another port"
        ))
    })
}

/// Says where the API is, for people and for programs that start this one.
pub(crate) fn announce(listener: &TcpListener) -> Result<(), CliError> {
    let address = listener.local_addr().map_err(failed)?;
    print::line(format!("listening on http://{address}"));
    Ok(())
}

/// Answers until the stop.
pub(crate) async fn api(
    settings: &Settings,
    store: Store,
    queue: Queue,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), CliError> {
    let api = Api {
        store,
        queue,
        settings: settings.api.clone(),
        callbacks: settings.mdm.rules(),
        servers: settings.mdm.server_rules(),
    };
    russet_api::serve(listener, api, stop).await.map_err(failed)
}

/// A worker, ready to run.
pub(crate) async fn worker(
    settings: &Settings,
    store: Store,
    queue: Queue,
    stop: &CancellationToken,
) -> Result<Worker, CliError> {
    let name = worker_name()?;
    let apple = Apple::new(&settings.apple).map_err(failed)?;
    let catalog = CatalogSource {
        client: Catalog::new(&settings.apple).map_err(failed)?,
        is_on: settings.apple.catalog,
        rate_per_s: settings.apple.catalog_rate_per_s,
        fallback_countries: settings.apple.catalog_fallback_countries.clone(),
    };
    let mdm = Callbacks::new(&settings.mdm).map_err(failed)?;
    let servers = Connectors::new(&settings.mdm).map_err(failed)?;
    let wiring = || Wiring {
        store: store.clone(),
        queue: queue.clone(),
        apple: apple.clone(),
        catalog: catalog.clone(),
        mdm: mdm.clone(),
        servers: servers.clone(),
        mdm_settings: settings.mdm.clone(),
        patience: settings.apple.patience(),
        rate_share: settings.apple.rate_share,
        limits_every: Duration::from_secs(settings.apple.limits_every_s),
        public_url: settings.api.public_url.clone(),
        settings: settings.worker.clone(),
        schedule: settings.schedule.clone(),
    };
    // The database and the queue were there a moment ago, and may be gone again.
    patiently(stop, async || Worker::new(name.clone(), wiring()).await.map_err(NotYet::from)).await
}

/// A name that no other worker has. Machine and process number are not enough: containers that share a network share a
/// host name too, and each of them is its own process 1.
fn worker_name() -> Result<WorkerName, CliError> {
    let chance: u32 = rand::random();
    WorkerName::new(format!("{}:{chance:08x}", WorkerName::of_this_process())).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_workers_never_have_the_same_name() {
        assert_ne!(worker_name().unwrap(), worker_name().unwrap());
    }
}
