//! How long it takes to find devices with older versions, and how fast the newer ones get onto them.

use std::time::{Duration, Instant};

use chrono::DateTime;
use clap::Args;
use serde_json::{Map, Value, json};

use super::setup::{Setup, rounded};
use crate::error::{CliError, failed};
use crate::print;
use crate::stack::Profile;

const STEP_MAX: Duration = Duration::from_secs(3_600);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Devices that the simulator makes in one call.
const DEVICES_OF_A_CALL: usize = 5_000;
const OLD: u64 = 100;
const NEW: u64 = 990_000_001;

#[derive(Debug, Args)]
pub(crate) struct UpdatesArgs {
    #[arg(long, value_enum, default_value = "single")]
    profile: Profile,
    /// How many devices there are.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(10..=200_000))]
    devices: u32,
    /// How many apps each of them has.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=25))]
    apps: u32,
}

struct Bench {
    setup: Setup,
    token: i64,
    devices: usize,
    apps: Vec<String>,
}

pub(super) async fn run(args: UpdatesArgs) -> Result<(), CliError> {
    let mut bench = Bench::start(&args).await?;
    bench.enroll().await?;
    bench.publish().await?;
    bench.measure(args.profile).await
}

impl Bench {
    async fn start(args: &UpdatesArgs) -> Result<Self, CliError> {
        let settings = [
            ("RUSSET_SCHEDULE__SYNC_TOKEN", ""),
            ("RUSSET_SCHEDULE__PUSH_UPDATES", ""),
            ("RUSSET_MDM__INSTALL_LOOK_S", "2"),
            ("RUSSET_APPLE__CATALOG_RATE_PER_S", "100"),
        ];
        let rules = json!({"rate_limit": false, "latency_ms": 0, "event_delay_ms": 5, "allow_http": true});
        let mut setup = Setup::start_with(args.profile, 1, &rules, &settings).await?;
        let (uid, token) = setup.token().await?;
        let assets = json!({"generate": {"count": args.apps, "total": args.devices}});
        setup.apple.post(&format!("/_sim/locations/{uid}/assets"), &assets).await?;
        setup.job(&json!({"kind": "sync_token", "token": token, "mode": "full"})).await?;
        let owned = setup.client.list("assets", &[("token", token.to_string())], 25).await?;
        let apps: Vec<String> =
            owned.iter().filter_map(|asset| asset["adam_id"].as_str().map(str::to_owned)).collect();
        let devices = args.devices as usize;
        print::remark(format!("updates: {} licenses …", devices * apps.len()));
        let assets: Vec<Value> = apps.iter().map(|app| json!({"adam_id": app})).collect();
        let serials: Vec<String> = (0..devices).map(serial).collect();
        for part in serials.chunks((100_000 / apps.len().max(1)).max(1)) {
            let job = json!({"kind": "assign_license", "token": token, "assets": assets, "devices": part});
            setup.job(&job).await?;
        }
        Ok(Self { setup, token, devices, apps })
    }

    /// Connects the server, and has the devices enroll and tell what they have.
    async fn enroll(&mut self) -> Result<(), CliError> {
        let key = "the-key-of-this-measurement";
        let hook = json!({"url": format!("{}/api/v1/mdm/bench/webhook", self.setup.stack.url), "key": key});
        self.setup.apple.change("/_sim/mdm", &json!({"webhook": hook})).await?;
        let connector = json!({
            "name": "bench", "kind": "nanomdm", "url": self.setup.apple.under("/nanomdm"), "api_key": "nanomdm",
            "webhook_key": key,
        });
        self.setup.client.post("connectors", &connector).await?;
        let mut has = Map::new();
        for app in &self.apps {
            let product = self.setup.apple.look(&format!("/_sim/catalog/products/{app}")).await?;
            let bundle_id = product["bundle_id"].as_str().unwrap_or_default().to_owned();
            has.insert(bundle_id, json!({"adam_id": app, "external_id": OLD}));
        }
        let began = Instant::now();
        let serials: Vec<String> = (0..self.devices).map(serial).collect();
        for part in serials.chunks(DEVICES_OF_A_CALL) {
            self.setup.apple.post("/_sim/mdm/devices", &json!({"serials": part, "apps": has})).await?;
        }
        let last = serial(self.devices - 1);
        self.until("the devices to have told their apps", async |bench| {
            let mdm = bench.setup.apple.look("/_sim/mdm").await?;
            let waits = mdm["queued"].as_u64().unwrap_or(0);
            let device = bench.setup.client.get(&format!("devices/{last}"), &[]).await;
            Ok(waits == 0 && device.is_ok_and(|device| device["apps_told_at"].is_string()))
        })
        .await?;
        print::json(&json!({
            "bench": "enroll",
            "devices": self.devices,
            "seconds": rounded(began.elapsed().as_secs_f64()),
            "webhooks": self.setup.apple.look("/_sim/mdm").await?["counts"]["webhooks_taken"],
            "webhooks_lost": self.setup.apple.look("/_sim/mdm").await?["counts"]["webhooks_lost"],
        }));
        Ok(())
    }

    /// A newer version of every app comes out, and the store is read.
    async fn publish(&mut self) -> Result<(), CliError> {
        for app in &self.apps {
            let version = json!({"version": "9.9", "external_id": NEW});
            self.setup.apple.post(&format!("/_sim/catalog/products/{app}/versions"), &version).await?;
        }
        let answer = self.setup.client.post("apps/refresh", &json!({"token": self.token})).await?;
        let id = answer.body["id"].as_i64().unwrap_or_default();
        self.until("the store to be read", async |bench| {
            Ok(bench.setup.client.get(&format!("jobs/{id}"), &[]).await?["ended_at"].is_string())
        })
        .await
    }

    async fn measure(&mut self, profile: Profile) -> Result<(), CliError> {
        let role = match profile {
            Profile::Single => "serve",
            Profile::Cluster => "worker",
        };
        self.setup.stack.forget_peaks(role);
        let before = self.setup.apple.look("/_sim/mdm").await?["counts"].clone();
        let began = Instant::now();
        let answer =
            self.setup.client.post("jobs", &json!({"kind": "push_update", "token": self.token})).await?;
        let id = answer.body["id"].as_i64().unwrap_or_default();
        self.until("the devices to have the newer versions", async |bench| {
            Ok(bench.setup.client.get(&format!("jobs/{id}"), &[]).await?["ended_at"].is_string())
        })
        .await?;
        let seconds = began.elapsed().as_secs_f64();
        let job = self.setup.client.get(&format!("jobs/{id}"), &[]).await?;
        let moment = |field: &str| {
            let text = job[field].as_str().unwrap_or_default();
            DateTime::parse_from_rfc3339(text).map(|at| at.timestamp_millis()).map_err(failed)
        };
        let detect_ms = moment("started_at")? - moment("created_at")?;
        let after = self.setup.apple.look("/_sim/mdm").await?["counts"].clone();
        let since = |name: &str| after[name].as_u64().unwrap_or(0) - before[name].as_u64().unwrap_or(0);
        let sending_s = seconds - detect_ms as f64 / 1_000.0;
        print::json(&json!({
            "bench": "updates",
            "devices": self.devices,
            "apps": self.apps.len(),
            "detect_s": rounded(detect_ms as f64 / 1_000.0),
            "commands_per_s": rounded(since("installs") as f64 / sending_s.max(0.001)),
            "calls": since("enqueue_calls"),
            "settled": job["progress"]["settled"],
            "webhooks_lost": since("webhooks_lost"),
            "peak_mb": self.setup.stack.peak_mb(role).round(),
        }));
        Ok(())
    }

    async fn until(
        &mut self,
        what: &str,
        is_so: impl AsyncFn(&Self) -> Result<bool, CliError>,
    ) -> Result<(), CliError> {
        let began = Instant::now();
        while began.elapsed() < STEP_MAX {
            if is_so(self).await? {
                return Ok(());
            }
            self.setup.stack.check()?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(CliError::Job(format!("{what} took longer than {} s", STEP_MAX.as_secs())))
    }
}

fn serial(number: usize) -> String {
    format!("U{number:09}")
}
