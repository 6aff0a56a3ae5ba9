//! What the demo does through the API: upload, sync, assign and revoke.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::apple::Location;
use super::groups::{self, DEVICES, Group, USERS, gives_back, serial, user};
use super::show::Show;
use super::{Token, upload_body};
use crate::answers::Job;
use crate::client::Client;
use crate::error::{CliError, failed};
use crate::stack::Stack;

/// The longest that a step may take before the demo says that something is wrong.
const STEP_MAX: Duration = Duration::from_secs(300);
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// Uploads a token; returns its number.
pub(super) async fn upload(client: &Client, number: usize, location: &Location) -> Result<i64, CliError> {
    let answer = client.post("tokens", &upload_body(number, location)).await?;
    answer.body.get("id").and_then(Value::as_i64).ok_or_else(|| CliError::Failed("a token has no id".into()))
}

/// Reads all locations, side by side.
pub(super) async fn sync(client: &Client, tokens: &[Token]) -> Result<(), CliError> {
    let mut jobs = Vec::new();
    for token in tokens {
        jobs.push(submit(client, &json!({"kind": "sync_token", "token": token.id, "mode": "full"})).await?);
    }
    let until = Instant::now() + STEP_MAX;
    loop {
        let now = look(client, &jobs).await?;
        if now.iter().all(Job::has_ended) {
            return all_well(&now);
        }
        in_time(until)?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Submits every group of every token and waits until all licenses are given.
pub(super) async fn assign(
    client: &Client,
    tokens: &[Token],
    show: &Show,
    stack: &mut Stack,
) -> Result<(), CliError> {
    let mut bodies = Vec::new();
    for token in tokens {
        let groups = groups::groups(token.number);
        bodies.extend(groups.iter().map(|group| assignment(token, group)));
    }
    // All at once: jobs that come together share requests to Apple.
    let submitted = futures::future::try_join_all(bodies.iter().map(|body| submit(client, body)));
    let jobs = submitted.await?;
    follow(client, &jobs, "assigning", show, stack).await
}

fn assignment(token: &Token, group: &Group) -> Value {
    let assets: Vec<Value> =
        group.apps.clone().map(|app| json!({"adam_id": groups::adam_id(token.number, app)})).collect();
    json!({
        "kind": "assign_license",
        "token": token.id,
        "assets": assets,
        "devices": group.devices.clone().map(serial).collect::<Vec<_>>(),
        "users": group.users.clone().map(user).collect::<Vec<_>>(),
    })
}

/// Takes back all that every fifth holder has, without naming the apps.
pub(super) async fn revoke(
    client: &Client,
    tokens: &[Token],
    show: &Show,
    stack: &mut Stack,
) -> Result<(), CliError> {
    let devices: Vec<String> = (0..DEVICES).filter(|device| gives_back(*device)).map(serial).collect();
    let users: Vec<String> = (0..USERS).filter(|number| gives_back(DEVICES + number)).map(user).collect();
    let bodies: Vec<Value> = tokens
        .iter()
        .map(|token| json!({"kind": "revoke_license", "token": token.id, "devices": devices, "users": users}))
        .collect();
    let jobs = futures::future::try_join_all(bodies.iter().map(|body| submit(client, body))).await?;
    follow(client, &jobs, "taking back", show, stack).await
}

async fn submit(client: &Client, body: &Value) -> Result<i64, CliError> {
    let answer = client.post("jobs", body).await?;
    answer.body.get("id").and_then(Value::as_i64).ok_or_else(|| CliError::Failed("a job has no id".into()))
}

async fn look(client: &Client, jobs: &[i64]) -> Result<Vec<Job>, CliError> {
    let mut found = Vec::with_capacity(jobs.len());
    for id in jobs {
        let value = client.get(&format!("jobs/{id}"), &[]).await?;
        found.push(serde_json::from_value(value).map_err(failed)?);
    }
    Ok(found)
}

async fn follow(
    client: &Client,
    jobs: &[i64],
    what: &str,
    show: &Show,
    stack: &mut Stack,
) -> Result<(), CliError> {
    let until = Instant::now() + STEP_MAX;
    loop {
        let now = look(client, jobs).await?;
        let sum = |of: fn(&Job) -> u64| now.iter().map(of).sum::<u64>();
        let done = sum(|job| job.progress.settled + job.progress.refused + job.progress.cancelled);
        let under_way = sum(|job| job.progress.sending + job.progress.accepted);
        show.licenses(what, done, sum(|job| job.progress.total), under_way);
        if now.iter().all(Job::has_ended) {
            return all_well(&now);
        }
        stack.check()?;
        in_time(until)?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn all_well(jobs: &[Job]) -> Result<(), CliError> {
    match jobs.iter().find(|job| !job.has_succeeded()) {
        None => Ok(()),
        Some(job) => {
            let why = job.error.as_ref().map_or_else(String::new, |error| format!(": {}", error.detail));
            Err(CliError::Job(format!("job {} ended {}{why}", job.id, job.state)))
        }
    }
}

fn in_time(until: Instant) -> Result<(), CliError> {
    if Instant::now() > until {
        let minutes = STEP_MAX.as_secs() / 60;
        return Err(CliError::Job(format!("the step was not done within {minutes} minutes")));
    }
    Ok(())
}
