//! Runs a worker alone. Of all workers, one at a time also keeps the schedule.

use std::path::Path;

use clap::Args;
use russet_config::Settings;

use crate::error::{CliError, failed};
use crate::{start, stop};

#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {}

pub(crate) async fn run(_: WorkerArgs, config: Option<&Path>) -> Result<(), CliError> {
    let settings = Settings::load(config)?;
    start::require_shared_queue(&settings, "worker")?;
    start::begin(&settings)?;
    let stop = stop::on_signals()?;
    let store = start::store(&settings, &stop).await?;
    let queue = start::queue(&settings, &stop).await?;
    let worker = start::worker(&settings, store.clone(), queue, &stop).await?;
    tracing::info!("working");
    let worked = worker.run(stop).await.map_err(failed);
    store.close().await;
    worked
}
