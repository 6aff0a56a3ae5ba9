//! How many requests a crowd of devices at the gate costs, and how long each waits for its licenses beyond what Apple takes.

use std::time::Duration;

use chrono::DateTime;
use clap::Args;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::setup::{Setup, rounded};
use crate::error::{CliError, failed};
use crate::print;
use crate::stack::Profile;

/// Gates that are opened at the same moment.
const AT_ONCE: usize = 64;
/// How long Apple takes for an event here, in milliseconds.
const APPLE_MS: i64 = 500;
/// How often it is looked whether a gate is open, and how often at most.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOKS_MAX: usize = 2_400;
/// Holders of one request: what Apple's limits allow here.
const HOLDERS_OF_A_REQUEST: u64 = 1_000;
const ASSETS_OF_A_REQUEST: u64 = 25;

#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    #[arg(long, value_enum, default_value = "single")]
    profile: Profile,
    /// How many devices enroll at once.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    devices: u32,
    /// How many apps each of them wants.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=25))]
    apps: u32,
}

pub(super) async fn run(args: GateArgs) -> Result<(), CliError> {
    let rules = json!({"rate_limit": true, "latency_ms": 20, "event_delay_ms": APPLE_MS, "allow_http": true});
    let mut setup = Setup::start_with(args.profile, 1, &rules, &[]).await?;
    let (uid, token) = setup.token().await?;
    let assets = json!({"generate": {"count": args.apps, "total": args.devices}});
    setup.apple.post(&format!("/_sim/locations/{uid}/assets"), &assets).await?;
    setup.job(&json!({"kind": "sync_token", "token": token, "mode": "full"})).await?;
    let owned = setup.client.list("assets", &[("token", token.to_string())], 25).await?;
    let apps: Vec<Value> = owned.iter().map(|asset| json!({"adam_id": asset["adam_id"]})).collect();
    let jobs: Vec<i64> = stream::iter(0..args.devices)
        .map(|number| open(&setup, token, number, &apps))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let mut waits: Vec<i64> =
        stream::iter(jobs).map(|job| wait_of(&setup, job)).buffer_unordered(AT_ONCE).try_collect().await?;
    waits.sort_unstable();
    let at = |share: usize| waits.get((waits.len() * share / 100).min(waits.len() - 1)).copied().unwrap_or(0);
    let bound = u64::from(args.devices).div_ceil(HOLDERS_OF_A_REQUEST)
        * u64::from(args.apps).div_ceil(ASSETS_OF_A_REQUEST);
    print::json(&json!({
        "bench": "gate",
        "devices": args.devices,
        "apps": args.apps,
        "associate_requests": setup.requests("associate").await?,
        "lower_bound": bound,
        "p50_ms": rounded((at(50) - APPLE_MS) as f64),
        "p99_ms": rounded((at(99) - APPLE_MS) as f64),
    }));
    Ok(())
}

async fn open(setup: &Setup, token: i64, number: u32, apps: &[Value]) -> Result<i64, CliError> {
    let body = json!({"token": token, "serial": format!("G{number:09}"), "apps": apps});
    let answer = setup.client.post("gate", &body).await?;
    answer.body["job"]["id"].as_i64().ok_or_else(|| CliError::Failed("a gate has no job".to_owned()))
}

/// How long a gate took from being asked for to being open, by the server's own clock.
async fn wait_of(setup: &Setup, job: i64) -> Result<i64, CliError> {
    for _ in 0..LOOKS_MAX {
        let shown = setup.client.get(&format!("jobs/{job}"), &[]).await?;
        if let (Some(created), Some(ended)) = (shown["created_at"].as_str(), shown["ended_at"].as_str()) {
            let moment = |text: &str| DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_millis());
            return Ok(moment(ended).map_err(failed)? - moment(created).map_err(failed)?);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(CliError::Job(format!("the gate of job {job} did not open")))
}
