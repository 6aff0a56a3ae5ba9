//! Runs the simulator of Apple's API as a program of its own.

use std::net::SocketAddr;
use std::path::Path;

use clap::Args;
use russet_config::{LogSettings, Settings};
use russet_simulator::Simulator;

use crate::error::{CliError, failed};
use crate::{logs, print, stop};

#[derive(Debug, Args)]
pub(crate) struct SimulatorArgs {
    /// The address and port to listen on; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// What ids and random choices come from: the same seed gives the same answers.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(args: SimulatorArgs, config: Option<&Path>) -> Result<(), CliError> {
    // Settings of a Russet on the same machine are none of the simulator's business, unless a file is named.
    let log = match config {
        Some(_) => Settings::load(config)?.log,
        None => LogSettings::default(),
    };
    logs::start(&log)?;
    let stop = stop::on_signals()?;
    let settings = russet_simulator::Settings {
        listen: args.listen,
        seed: args.seed,
        ..russet_simulator::Settings::default()
    };
    let simulator = Simulator::start(settings).await.map_err(failed)?;
    print::line(format!("listening on {}", simulator.url()));
    print::line("A server that speaks to it needs these settings:");
    print::line(format!("apple.base_url = {:?}", simulator.apple_url()));
    print::line("apple.allow_http = true");
    print::line(format!("apple.catalog_business_url = {:?}", simulator.catalog_url()));
    print::line(format!("apple.catalog_education_url = {:?}", simulator.catalog_url()));
    tokio::select! {
        () = stop.cancelled() => {}
        () = simulator.stopped() => {}
    }
    simulator.stop().await;
    Ok(())
}
