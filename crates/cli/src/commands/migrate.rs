//! Brings the database's tables up to date.

use std::path::Path;

use clap::Args;
use russet_config::Settings;

use crate::error::{CliError, failed};
use crate::{keyring, logs, print, private_file};

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Make the key file too, when it is missing and the database holds no tokens yet.
    #[arg(long)]
    create_key: bool,
}

pub(crate) async fn run(args: MigrateArgs, config: Option<&Path>) -> Result<(), CliError> {
    let settings = Settings::load(config)?;
    logs::start(&settings.log)?;
    if settings.store_is_a_file() {
        private_file::make_directory(&settings.data_dir)?;
    }
    let store = keyring::open_without(&settings).await?;
    store.migrate().await.map_err(failed)?;
    print::line(format!("the tables of the {} database are up to date", store.engine_name()));
    if args.create_key {
        let made = keyring::create_if_missing(&settings, &store).await?;
        print::line(if made { "the key file was made" } else { "the key is there already" });
    }
    store.close().await;
    Ok(())
}
