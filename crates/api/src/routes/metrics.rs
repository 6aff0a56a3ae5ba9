//! `GET /metrics`: counters for Prometheus.

use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use russet_domain::job::{JobState, Progress};
use russet_domain::token::TokenState;
use russet_store::jobs;
use russet_store::tokens::{self, Expiry};

use crate::error::ApiError;
use crate::metrics::Text;
use crate::state::App;
use crate::time;

/// The longest that the queue or the database may take; what they hold is left out then.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most open jobs counted.
const JOBS_MAX: usize = 1_000;
/// The most tokens told of, a line each.
const TOKENS_MAX: usize = 10_000;

/// Everything that is counted, in Prometheus' text format.
#[utoipa::path(get, operation_id = "metrics", path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "Counters", body = String, content_type = "text/plain; version=0.0.4")))]
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let mut out = Text::default();
    app.metrics.write(&mut out);
    let (queue, store, tokens) = tokio::join!(
        tokio::time::timeout(PATIENCE, app.queue.depths()),
        tokio::time::timeout(PATIENCE, open_jobs(&app)),
        tokio::time::timeout(PATIENCE, expiries(&app))
    );
    let queue = queue.ok().and_then(Result::ok);
    up(&mut out, "russet_queue_up", "Whether the queue answers.", queue.is_some());
    write_depths(&mut out, &queue.unwrap_or_default());
    let store = store.ok().and_then(Result::ok);
    up(&mut out, "russet_store_up", "Whether the database answers.", store.is_some());
    write_open_jobs(&mut out, &store.unwrap_or_default());
    write_tokens(&mut out, &tokens.ok().and_then(Result::ok).unwrap_or_default());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out.0)
}

fn up(out: &mut Text, name: &str, help: &str, is_up: bool) {
    out.family(name, "gauge", help);
    out.line(name, &[], if is_up { "1" } else { "0" });
}

fn write_depths(out: &mut Text, depths: &[russet_queue::Depth]) {
    out.family("russet_queue_messages", "gauge", "Messages in the queue, by kind and place.");
    for depth in depths {
        let places = [
            ("due", depth.due),
            ("delayed", depth.delayed),
            ("running", depth.running),
            ("dead", depth.dead),
        ];
        for (place, number) in places {
            let labels = [("kind", depth.kind.as_str()), ("place", place)];
            out.line("russet_queue_messages", &labels, &number.to_string());
        }
    }
    out.family("russet_queue_oldest_seconds", "gauge", "How long the oldest due message has been due.");
    for depth in depths {
        let seconds = Duration::from_millis(depth.oldest_age_ms.unwrap_or(0)).as_secs_f64();
        out.line("russet_queue_oldest_seconds", &[("kind", depth.kind.as_str())], &format!("{seconds:.3}"));
    }
    out.family("russet_queue_paused", "gauge", "Whether workers leave the kind alone.");
    for depth in depths {
        let paused = if depth.paused { "1" } else { "0" };
        out.line("russet_queue_paused", &[("kind", depth.kind.as_str())], paused);
    }
}

/// When tokens expire; the soonest, should there be more than are told of.
async fn expiries(app: &App) -> Result<Vec<Expiry>, ApiError> {
    let mut db = app.store.read().await?;
    Ok(tokens::expiries(&mut db, TOKENS_MAX).await?)
}

fn write_tokens(out: &mut Text, expiries: &[Expiry]) {
    out.family("russet_tokens", "gauge", "Tokens by state.");
    for state in TokenState::ALL {
        let number = expiries.iter().filter(|token| token.state == state).count();
        out.line("russet_tokens", &[("state", state.as_str())], &number.to_string());
    }
    out.family(
        "russet_token_expires_seconds",
        "gauge",
        "Seconds until a token expires; below zero when it has.",
    );
    let now = time::now();
    for token in expiries {
        let seconds = (token.expires_at.0 - now.0) / 1_000;
        out.line("russet_token_expires_seconds", &[("token", &token.id.to_string())], &seconds.to_string());
    }
}

/// Open jobs by state, and the sum of their changes. Jobs keep their own counts, so this reads one row a job.
async fn open_jobs(app: &App) -> Result<Vec<(JobState, usize, Progress)>, ApiError> {
    let mut db = app.store.read().await?;
    let mut found = Vec::new();
    for state in [JobState::Queued, JobState::Running] {
        let filter = jobs::Filter { state: Some(state), ..jobs::Filter::default() };
        let jobs = jobs::list(&mut db, &filter, JOBS_MAX, None).await?;
        let mut sum = Progress::default();
        for job in &jobs {
            sum.planned += job.progress.planned;
            sum.sending += job.progress.sending;
            sum.accepted += job.progress.accepted;
            sum.settled += job.progress.settled;
            sum.refused += job.progress.refused;
            sum.waitlisted += job.progress.waitlisted;
            sum.held += job.progress.held;
            sum.cancelled += job.progress.cancelled;
        }
        found.push((state, jobs.len(), sum));
    }
    Ok(found)
}

fn write_open_jobs(out: &mut Text, open: &[(JobState, usize, Progress)]) {
    out.family("russet_jobs_open", "gauge", "Jobs that have not ended, by state, up to 1000 of each.");
    for (state, number, _) in open {
        out.line("russet_jobs_open", &[("state", state.as_str())], &number.to_string());
    }
    out.family("russet_open_job_changes", "gauge", "Changes of jobs that have not ended, by state.");
    let sum = |count: fn(&Progress) -> u64| open.iter().map(|(_, _, progress)| count(progress)).sum::<u64>();
    let by_state = [
        ("planned", sum(|progress| progress.planned)),
        ("sending", sum(|progress| progress.sending)),
        ("accepted", sum(|progress| progress.accepted)),
        ("settled", sum(|progress| progress.settled)),
        ("refused", sum(|progress| progress.refused)),
        ("waitlisted", sum(|progress| progress.waitlisted)),
        ("held", sum(|progress| progress.held)),
        ("cancelled", sum(|progress| progress.cancelled)),
    ];
    for (state, number) in by_state {
        out.line("russet_open_job_changes", &[("state", state)], &number.to_string());
    }
}
