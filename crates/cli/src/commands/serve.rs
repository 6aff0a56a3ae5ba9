//! Runs everything in one process: API, worker and schedule.

use std::path::Path;

use clap::Args;
use russet_config::Settings;

use crate::error::{CliError, failed};
use crate::{first_start, start, stop};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {}

pub(crate) async fn run(_: ServeArgs, config: Option<&Path>) -> Result<(), CliError> {
    let settings = Settings::load(config)?;
    start::begin(&settings)?;
    let stop = stop::on_signals()?;
    let listener = start::listen(&settings).await?;
    first_start::prepare(&settings).await?;
    let store = start::store(&settings, &stop).await?;
    first_start::admin_key(&settings, &store).await?;
    let queue = start::queue(&settings, &stop).await?;
    let worker = start::worker(&settings, store.clone(), queue.clone(), &stop).await?;
    start::announce(&listener)?;

    // Whichever ends first, by the stop or by an error, takes the other with it.
    let ended = stop.child_token();
    let working = tokio::spawn({
        let (stop, ended) = (ended.clone(), ended.clone().drop_guard());
        async move {
            let _ended = ended;
            worker.run(stop).await
        }
    });
    let answered = start::api(&settings, store.clone(), queue, listener, ended.clone()).await;
    ended.cancel();
    let worked = working.await.map_err(failed)?.map_err(failed);
    store.close().await;
    answered.and(worked)
}
