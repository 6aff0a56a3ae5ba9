//! A simulator in a process of its own, by default without latency and without a rate limit, and a Russet beside it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::cpu;
use crate::answers::Job;
use crate::client::{Client, plain};
use crate::demo::apple::{Apple, text};
use crate::error::{CliError, failed};
use crate::stack::{Profile, Servers, Stack};

/// The longest that a measurement may take.
const RUN_MAX: Duration = Duration::from_secs(1_800);
/// How often the job is looked at: seldom enough to cost nothing, often enough to be exact to a hundredth.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Everything that a measurement needs, running.
pub(super) struct Setup {
    pub(super) stack: Stack,
    pub(super) client: Client,
    pub(super) apple: Apple,
    process: Child,
}

impl Setup {
    /// Starts everything with an Apple that has no limits.
    pub(super) async fn start(profile: Profile, workers: usize) -> Result<Self, CliError> {
        let rules = json!({"rate_limit": false, "latency_ms": 0, "event_delay_ms": 5, "allow_http": true});
        Self::start_with(profile, workers, &rules, &[]).await
    }

    /// Starts everything with an Apple that behaves like this, and with settings by their names in the environment.
    pub(super) async fn start_with(
        profile: Profile,
        workers: usize,
        rules: &Value,
        settings: &[(&str, &str)],
    ) -> Result<Self, CliError> {
        let (process, simulator) = start_simulator().await?;
        let http = plain(&simulator, Duration::from_secs(300)).map_err(failed)?;
        let apple = Apple::new(http, simulator);
        // Before Russet starts, which reads the limits once and then not again for minutes.
        apple.change("/_sim/settings", rules).await?;
        let settings: Vec<_> = [("RUSSET_LOG", "warn")].iter().chain(settings).copied().collect();
        let stack = Stack::start(profile, &apple.under("/mdm/v2"), workers, Servers::Own, &settings).await?;
        let client = Client::new(&stack.url, &stack.key)?;
        Ok(Self { stack, client, apple, process })
    }

    /// How many requests of a kind the simulator has seen.
    pub(super) async fn requests(&self, endpoint: &str) -> Result<u64, CliError> {
        let ledger = self.apple.ledger().await?;
        Ok(ledger.pointer(&format!("/requests/{endpoint}")).and_then(Value::as_u64).unwrap_or(0))
    }

    /// Makes a location and uploads its token; returns the location's and the token's id.
    pub(super) async fn token(&self) -> Result<(String, i64), CliError> {
        let (uid, content) = self.location("Bench").await?;
        let id = self.upload("Bench", &content).await?;
        Ok((uid, id))
    }

    /// Makes a location; returns its id and the text of its token.
    pub(super) async fn location(&self, name: &str) -> Result<(String, String), CliError> {
        let made = self.apple.post("/_sim/locations", &json!({"name": name, "country": "NL"})).await?;
        Ok((text(&made, "/uid")?, text(&made, "/token/content")?))
    }

    /// Uploads a token; returns its id.
    pub(super) async fn upload(&self, name: &str, content: &str) -> Result<i64, CliError> {
        let body = json!({
            "name": name,
            "content": content,
            "consent": true,
            "account_type": "business",
            "auto_update": false,
            "take_over": false,
        });
        let answer = self.client.post("tokens", &body).await?;
        let id = answer.body.get("id").and_then(Value::as_i64);
        id.ok_or_else(|| CliError::Failed("a token has no id".to_owned()))
    }

    /// How long the simulator has worked, in seconds.
    pub(super) fn simulator_cpu_s(&self) -> f64 {
        self.process.id().map_or(0.0, cpu::seconds)
    }

    /// How long all processes of a role have worked, in seconds.
    pub(super) fn cpu_s(&self, role: &str) -> f64 {
        self.stack.process_ids(role).map(cpu::seconds).sum()
    }

    /// Submits a job and waits for its end; returns it with the seconds from before submitting to its end.
    pub(super) async fn job(&mut self, body: &Value) -> Result<(Job, f64), CliError> {
        let began = Instant::now();
        let answer = self.client.post("jobs", body).await?;
        let id = answer.body.get("id").and_then(Value::as_i64).unwrap_or_default();
        while began.elapsed() < RUN_MAX {
            let value = self.client.get(&format!("jobs/{id}"), &[]).await?;
            let job: Job = serde_json::from_value(value).map_err(failed)?;
            if job.has_ended() {
                return if job.has_succeeded() {
                    Ok((job, began.elapsed().as_secs_f64()))
                } else {
                    Err(CliError::Job(format!("job {id} ended {}", job.state)))
                };
            }
            self.stack.check()?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Err(CliError::Job(format!("job {id} has not ended within {} s", RUN_MAX.as_secs())))
    }
}

/// The simulator's memory is its own, so it runs in its own process.
async fn start_simulator() -> Result<(Child, String), CliError> {
    let program = std::env::current_exe().map_err(failed)?;
    let mut child = Command::new(program)
        .args(["simulator", "--listen", "127.0.0.1:0"])
        .env("RUSSET_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let gone = || CliError::Failed("the simulator ended before it listened".to_owned());
    let mut lines = BufReader::new(child.stdout.take().ok_or_else(gone)?).lines();
    let line = lines.next_line().await.map_err(failed)?.ok_or_else(gone)?;
    let url = line.strip_prefix("listening on ").ok_or_else(gone)?.to_owned();
    // It prints a line more, and must find somebody who reads it.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, url))
}

/// Seconds and rates with three digits behind the point are exact enough.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
