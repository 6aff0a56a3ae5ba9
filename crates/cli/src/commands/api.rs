//! Runs the HTTP API alone, beside workers that share its database and queue.

use std::path::Path;

use clap::Args;
use russet_config::Settings;

use crate::error::CliError;
use crate::{start, stop};

#[derive(Debug, Args)]
pub(crate) struct ApiArgs {}

pub(crate) async fn run(_: ApiArgs, config: Option<&Path>) -> Result<(), CliError> {
    let settings = Settings::load(config)?;
    start::require_shared_queue(&settings, "api")?;
    start::begin(&settings)?;
    let stop = stop::on_signals()?;
    let listener = start::listen(&settings).await?;
    let store = start::store(&settings, &stop).await?;
    let queue = start::queue(&settings, &stop).await?;
    start::announce(&listener)?;
    let answered = start::api(&settings, store.clone(), queue, listener, stop).await;
    store.close().await;
    answered
}
