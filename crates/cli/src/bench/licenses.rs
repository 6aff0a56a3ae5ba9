//! How many licenses a second move, from submitting to Apple's last notification.

use clap::Args;
use serde_json::{Value, json};

use super::setup::{Setup, rounded};
use crate::error::CliError;
use crate::print;
use crate::stack::Profile;

/// Apps of the location: as many as one request holds.
const APPS: u32 = 25;

#[derive(Debug, Args)]
pub(crate) struct LicensesArgs {
    #[arg(long, value_enum, default_value = "single")]
    profile: Profile,
    /// How many licenses: 25 apps for as many devices as that takes.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(25..=100_000))]
    pairs: u32,
}

pub(super) async fn run(args: LicensesArgs) -> Result<(), CliError> {
    let devices = args.pairs / APPS;
    let pairs = devices * APPS;
    let mut setup = Setup::start(args.profile, 1).await?;
    let (uid, token) = setup.token().await?;
    let apps: Vec<String> = (0..APPS).map(|app| format!("{}", 500_000_000 + app)).collect();
    let assets: Vec<Value> =
        apps.iter().map(|app| json!({"adam_id": app, "product_type": "App", "total": devices})).collect();
    setup.apple.post(&format!("/_sim/locations/{uid}/assets"), &json!({ "assets": assets })).await?;
    setup.job(&json!({"kind": "sync_token", "token": token, "mode": "full"})).await?;

    let (job, seconds) = setup
        .job(&json!({
            "kind": "assign_license",
            "token": token,
            "assets": apps.iter().map(|app| json!({"adam_id": app})).collect::<Vec<_>>(),
            "devices": (0..devices).map(|device| format!("BENCH{device:07}")).collect::<Vec<_>>(),
            "priority": "high",
        }))
        .await?;
    if job.progress.settled != u64::from(pairs) {
        return Err(CliError::Job(format!("only {} of {pairs} licenses were settled", job.progress.settled)));
    }
    let (api, worker) = match args.profile {
        Profile::Single => ("serve", "serve"),
        Profile::Cluster => ("api", "worker"),
    };
    print::json(&json!({
        "bench": "licenses",
        "profile": args.profile.as_str(),
        "pairs": pairs,
        "seconds": rounded(seconds),
        "licenses_per_s": (f64::from(pairs) / seconds).round(),
        "associate_requests": setup.requests("associate").await?,
        "lower_bound": devices.div_ceil(1000),
        "api_peak_mb": setup.stack.peak_mb(api).round(),
        "worker_peak_mb": setup.stack.peak_mb(worker).round(),
    }));
    Ok(())
}
