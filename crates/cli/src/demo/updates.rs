//! The demo's newer version: it goes out through an MDM server to every device that holds the app, and ends in words where a person
//! declines.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::Token;
use super::apple::{Apple, text};
use super::groups::{DEVICES, adam_id, serial};
use crate::client::Client;
use crate::error::CliError;

const NAME: &str = "demo";
const WEBHOOK_KEY: &str = "the-webhook-key-of-the-demo";
const OLD: u64 = 100;
const NEW: u64 = 990_000_001;
/// Of every so many devices one has a person who declines.
const DECLINES_EVERY: u32 = 40;
const STEP_MAX: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What came of it.
#[derive(Default)]
pub(super) struct Updated {
    pub(super) devices: u64,
    pub(super) updated: u64,
    pub(super) declined: u64,
    /// Calls to the MDM server, questions for what devices have included.
    pub(super) calls: u64,
}

impl Updated {
    /// Whether everybody has the version but those who declined it.
    pub(super) fn ok(&self) -> bool {
        let declining = u64::from(DEVICES.div_ceil(DECLINES_EVERY));
        self.devices == u64::from(DEVICES)
            && self.declined == declining
            && self.updated == self.devices - declining
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "devices": self.devices,
            "updated": self.updated,
            "declined": self.declined,
            "mdm_calls": self.calls,
        })
    }
}

/// Lets the devices enroll, publishes a version of the first app, and pushes it.
pub(super) async fn push(
    client: &Client,
    apple: &Apple,
    url: &str,
    token: &Token,
) -> Result<Updated, CliError> {
    let app = adam_id(token.number, 0);
    enroll(client, apple, url, &app).await?;
    let version = json!({"version": "9.9", "external_id": NEW});
    apple.post(&format!("/_sim/catalog/products/{app}/versions"), &version).await?;
    let refresh = client.post("apps/refresh", &json!({"token": token.id})).await?;
    end_of(client, &refresh.body).await?;
    let before = calls(apple).await?;
    let job = json!({"kind": "push_update", "token": token.id, "apps": [app]});
    let job = end_of(client, &client.post("jobs", &job).await?.body).await?;
    let count = |name: &str| job["progress"][name].as_u64().unwrap_or(0);
    Ok(Updated {
        devices: count("total"),
        updated: count("settled"),
        declined: count("refused"),
        calls: calls(apple).await? - before,
    })
}

/// Connects the server, has every device enroll with an old version, and waits until all of them have told so.
async fn enroll(client: &Client, apple: &Apple, url: &str, app: &str) -> Result<(), CliError> {
    let hook = json!({"url": format!("{url}/api/v1/mdm/{NAME}/webhook"), "key": WEBHOOK_KEY});
    apple.change("/_sim/mdm", &json!({"webhook": hook})).await?;
    let connector = json!({
        "name": NAME, "kind": "nanomdm", "url": apple.under("/nanomdm"), "api_key": "nanomdm",
        "webhook_key": WEBHOOK_KEY,
    });
    client.post("connectors", &connector).await?;
    let product = apple.look(&format!("/_sim/catalog/products/{app}")).await?;
    let mut has = Map::new();
    has.insert(text(&product, "/bundle_id")?, json!({"adam_id": app, "external_id": OLD}));
    let (declining, willing): (Vec<u32>, Vec<u32>) =
        (0..DEVICES).partition(|device| device % DECLINES_EVERY == 0);
    for (devices, refuses) in [(declining, true), (willing, false)] {
        let serials: Vec<String> = devices.into_iter().map(serial).collect();
        let new =
            json!({"serials": serials, "apps": has, "behavior": {"refuses": refuses, "install_ms": 300}});
        apple.post("/_sim/mdm/devices", &new).await?;
    }
    until("the devices to have told their apps", async || {
        let mdm = apple.look("/_sim/mdm").await?;
        let count = |name: &str| mdm["counts"][name].as_u64().unwrap_or(0);
        let told = count("answers") >= u64::from(DEVICES) && mdm["queued"] == 0;
        let arrived = count("webhooks") == count("webhooks_taken") + count("webhooks_lost");
        Ok(told && arrived && all_read(client).await?)
    })
    .await
}

/// Whether everything that the server told so far was read: it is read in the order it came.
async fn all_read(client: &Client) -> Result<bool, CliError> {
    let messages = client.list(&format!("connectors/{NAME}/messages"), &[], 200).await?;
    Ok(messages.iter().all(|message| message["verdict"].is_string()))
}

async fn calls(apple: &Apple) -> Result<u64, CliError> {
    let mdm = apple.look("/_sim/mdm").await?;
    Ok(mdm["counts"]["enqueue_calls"].as_u64().unwrap_or(0))
}

async fn end_of(client: &Client, job: &Value) -> Result<Value, CliError> {
    let path = format!("jobs/{}", job["id"]);
    until("a job to end", async || Ok(client.get(&path, &[]).await?["ended_at"].is_string())).await?;
    client.get(&path, &[]).await
}

async fn until(what: &str, is_so: impl AsyncFn() -> Result<bool, CliError>) -> Result<(), CliError> {
    let began = Instant::now();
    while began.elapsed() < STEP_MAX {
        if is_so().await? {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(CliError::Job(format!("the demo waited in vain for {what}")))
}
