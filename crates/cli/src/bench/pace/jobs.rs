//! Submits jobs at an even pace, and waits until Russet has ended them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::DateTime;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};

use super::super::setup::Setup;
use super::town::{APP, Token};
use crate::answers::Job;
use crate::clock::now;
use crate::error::{CliError, failed};
use crate::print;

/// Requests to the API under way at once.
const AT_ONCE: usize = 64;
/// How long Russet may take after the last job was submitted, and how often it is looked.
const END_MAX: Duration = Duration::from_secs(1_800);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After how many looks a person is told that it goes on.
const LOOKS_TOLD: u32 = 60;

/// A job to be submitted.
pub(super) struct Wanted {
    token: Token,
    /// Apart from all other devices of the same token.
    prefix: &'static str,
    devices: u32,
    big: bool,
}

/// A job that was submitted.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) id: i64,
    pub(super) uid: String,
    pub(super) big: bool,
    /// When the API had answered.
    pub(super) at_ms: i64,
    /// When its last change had ended.
    pub(super) ended_ms: i64,
}

/// Small jobs for the small tokens, of as many as there are.
pub(super) fn alone(tokens: &[Token], count: usize, devices: u32) -> Vec<Wanted> {
    let job = |token: &Token| Wanted { token: token.clone(), prefix: "A", devices, big: false };
    tokens.iter().skip(1).take(count).map(job).collect()
}

/// The big job for the first token, and a small one for every other.
pub(super) fn crowd(tokens: &[Token], big: u32, small: u32) -> Vec<Wanted> {
    let job = |(number, token): (usize, &Token)| Wanted {
        token: token.clone(),
        prefix: "C",
        devices: if number == 0 { big } else { small },
        big: number == 0,
    };
    tokens.iter().enumerate().map(job).collect()
}

/// Submits one job after each `gap`, in order.
pub(super) async fn submit(
    setup: &Setup,
    wanted: Vec<Wanted>,
    gap: Duration,
) -> Result<Vec<Submitted>, CliError> {
    let began = tokio::time::Instant::now();
    let all = futures::stream::iter((0u32..).zip(wanted)).map(|(number, wanted)| async move {
        tokio::time::sleep_until(began + gap * number).await;
        submit_one(setup, wanted).await
    });
    all.buffer_unordered(AT_ONCE).try_collect().await
}

async fn submit_one(setup: &Setup, wanted: Wanted) -> Result<Submitted, CliError> {
    // Every location has devices of its own, as in life.
    let (prefix, token) = (wanted.prefix, wanted.token.id);
    let devices: Vec<String> =
        (0..wanted.devices).map(|device| format!("{prefix}{token:04}{device:06}")).collect();
    let body = json!({
        "kind": "assign_license",
        "token": wanted.token.id,
        "assets": [{"adam_id": APP}],
        "devices": devices,
    });
    let answer = setup.client.post("jobs", &body).await?;
    let id = answer.body.get("id").and_then(Value::as_i64);
    Ok(Submitted {
        id: id.ok_or_else(|| CliError::Failed("a job has no id".to_owned()))?,
        uid: wanted.token.uid,
        big: wanted.big,
        at_ms: now().0,
        ended_ms: 0,
    })
}

/// Waits until all have succeeded, and notes when.
pub(super) async fn wait(setup: &mut Setup, submitted: &mut [Submitted]) -> Result<(), CliError> {
    let began = Instant::now();
    let mut looks = 0;
    while is_busy(setup).await? {
        looks += 1;
        if looks % LOOKS_TOLD == 0 {
            print::remark(format!("pace: all jobs submitted {:.0} s ago …", began.elapsed().as_secs_f64()));
        }
        setup.stack.check()?;
        if began.elapsed() > END_MAX {
            let why = format!("the jobs have not ended within {} s", END_MAX.as_secs());
            return Err(CliError::Job(why));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // The newest come first, so those of this phase are the first.
    let listed = setup.client.list("jobs", &[kind()], submitted.len()).await?;
    let mut ended = HashMap::with_capacity(listed.len());
    for job in listed {
        let job: Job = serde_json::from_value(job).map_err(failed)?;
        if !job.has_succeeded() {
            let why = job.error.map_or_else(String::new, |error| format!(": {}", error.detail));
            return Err(CliError::Job(format!("job {} ended {}{why}", job.id, job.state)));
        }
        ended.insert(job.id, moment(job.ended_at.as_deref())?);
    }
    for job in submitted {
        job.ended_ms = ended
            .get(&job.id)
            .copied()
            .ok_or_else(|| CliError::Failed(format!("job {} is missing in the list of jobs", job.id)))?;
    }
    Ok(())
}

fn kind() -> (&'static str, String) {
    ("kind", "assign_license".to_owned())
}

async fn is_busy(setup: &Setup) -> Result<bool, CliError> {
    for state in ["queued", "running"] {
        let query = [kind(), ("state", state.to_owned())];
        if !setup.client.list("jobs", &query, 1).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn moment(text: Option<&str>) -> Result<i64, CliError> {
    let text = text.ok_or_else(|| CliError::Failed("a job that has ended does not say when".to_owned()))?;
    DateTime::parse_from_rfc3339(text).map(|moment| moment.timestamp_millis()).map_err(failed)
}
