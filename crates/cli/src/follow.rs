//! Waits for a job's end, and shows the way there.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use crate::access::AccessArgs;
use crate::answers::Job;
use crate::client::Client;
use crate::error::CliError;
use crate::progress::Progress;
use crate::{print, report};

/// How soon a job is looked at first, and how slowly in the end.
const LOOK_FIRST: Duration = Duration::from_millis(100);
const LOOK_LAST: Duration = Duration::from_secs(2);
/// How long the server may be away, as during its restart, before waiting is given up.
const AWAY_MAX: Duration = Duration::from_secs(60);

/// Whether to wait for a job's end.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct WaitArgs {
    /// Submit and return; `russet job watch` follows it later.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// Stop waiting after so many seconds; the job goes on.
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub(crate) timeout_s: u64,
}

/// Reads a job from an answer.
pub(crate) fn job_of(client: &Client, value: &Value) -> Result<Job, CliError> {
    serde_json::from_value(value.clone()).map_err(|error| {
        client.unreachable(format!("the answer is not a job ({error}); is this the address of a Russet?"))
    })
}

/// Prints a job that was just submitted, and unless told otherwise follows it and says how it ended. Fails when the
/// job or a part of it did.
pub(crate) async fn submitted(
    client: &Client,
    access: &AccessArgs,
    wait: WaitArgs,
    answer: Value,
) -> Result<(), CliError> {
    let job = job_of(client, &answer)?;
    if wait.no_wait {
        if access.json {
            print::json(&answer);
        } else {
            report::notes(&job);
            print::line(format!("job {} was submitted; `russet job watch {}` follows it", job.id, job.id));
        }
        return Ok(());
    }
    let (job, value) = to_the_end(client, job.id, wait, access.json).await?;
    report::end(client, &job, &value, access.json).await
}

/// Waits until the job has ended, or the rest of it waits in line for licenses.
pub(crate) async fn to_the_end(
    client: &Client,
    id: i64,
    wait: WaitArgs,
    json: bool,
) -> Result<(Job, Value), CliError> {
    let mut progress = Progress::new(json);
    let followed = tokio::select! {
        followed = look_until_ended(client, id, wait, &mut progress) => followed,
        _ = tokio::signal::ctrl_c() => Err(still_running(id, "stopped waiting")),
    };
    progress.finish();
    followed
}

async fn look_until_ended(
    client: &Client,
    id: i64,
    wait: WaitArgs,
    progress: &mut Progress,
) -> Result<(Job, Value), CliError> {
    let until = Instant::now() + Duration::from_secs(wait.timeout_s);
    let mut pause = LOOK_FIRST;
    let mut away_since: Option<Instant> = None;
    while Instant::now() < until {
        match client.get(&format!("jobs/{id}"), &[]).await {
            Ok(value) => {
                away_since = None;
                let job = job_of(client, &value)?;
                progress.show(&job);
                if job.has_ended() || job.only_waits() {
                    return Ok((job, value));
                }
            }
            Err(error @ CliError::Unreachable { .. }) => {
                let since = *away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > AWAY_MAX {
                    return Err(error);
                }
                progress.trouble(&format!("{error}; trying again"));
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.3).min(LOOK_LAST);
    }
    Err(still_running(id, &format!("it has not ended within {} s", wait.timeout_s)))
}

fn still_running(id: i64, why: &str) -> CliError {
    CliError::Job(format!("{why}; job {id} goes on: `russet job watch {id}` follows it"))
}
