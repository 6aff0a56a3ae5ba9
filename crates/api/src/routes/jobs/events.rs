//! `GET /api/v1/jobs/{job}/events`: a job as it moves, as server-sent events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use russet_domain::JobId;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::{known, view};
use crate::auth::{Actor, Viewer};
use crate::error::ApiError;
use crate::query::JobInPath;
use crate::state::App;
use crate::view::JobView;

/// How often a comment keeps the connection open while nothing moves.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Looking at a job may take this share of the time between two looks, so that watchers cannot wear the database out.
const LOOK_SHARE: u32 = 10;
/// How many looks in a row may fail before the stream ends.
const FAILURES_MAX: u32 = 20;

/// Watches a job. `progress` carries the job whenever it has moved, `end` its last state; then the stream closes. It
/// also closes after a while without an end: open it again.
#[utoipa::path(get, operation_id = "watch_job", path = "/api/v1/jobs/{job}/events", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number")),
    responses((status = 200, description = "Events `progress` and `end`, each with the job as JSON",
        body = JobView, content_type = "text/event-stream")))]
pub(crate) async fn events(
    State(app): State<App>,
    Viewer(actor): Viewer,
    JobInPath(id): JobInPath,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let max = app.settings.sse_streams_max;
    let permit =
        Arc::clone(&app.streams).try_acquire_owned().map_err(|_| ApiError::TooManyStreams { max })?;
    known(&mut *app.store.read().await?, &actor, id).await?;
    let until = Instant::now() + Duration::from_secs(app.settings.sse_max_s);
    app.metrics.streams.fetch_add(1, Ordering::Relaxed);
    let watch = Watch { app, actor, id, until, shown: None, ended: false, _permit: permit };
    let events =
        futures::stream::unfold(watch, async |mut watch| watch.next().await.map(|event| (Ok(event), watch)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

/// One open stream.
struct Watch {
    app: App,
    actor: Actor,
    id: JobId,
    until: Instant,
    shown: Option<JobView>,
    ended: bool,
    _permit: OwnedSemaphorePermit,
}

impl Watch {
    /// The next event, as soon as there is one; nothing when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        let mut failures = 0;
        let mut pause = if self.shown.is_some() { self.every() } else { Duration::ZERO };
        while !self.ended && Instant::now() < self.until {
            tokio::select! {
                () = self.app.stop.cancelled() => return None,
                () = tokio::time::sleep(pause) => {}
            }
            let began = Instant::now();
            match self.look().await {
                Ok((job, has_ended)) => {
                    failures = 0;
                    if has_ended {
                        self.ended = true;
                        return event("end", &job);
                    }
                    if self.shown.as_ref() != Some(&job) {
                        let event = event("progress", &job);
                        self.shown = Some(job);
                        return event;
                    }
                }
                Err(ApiError::Store(_)) if failures < FAILURES_MAX => failures += 1,
                Err(_) => return None,
            }
            pause = self.every().max(began.elapsed() * LOOK_SHARE);
        }
        None
    }

    async fn look(&self) -> Result<(JobView, bool), ApiError> {
        let mut db = self.app.store.read().await?;
        let job = known(&mut db, &self.actor, self.id).await?;
        let has_ended = job.state.has_ended();
        Ok((view(&mut db, job).await?, has_ended))
    }

    fn every(&self) -> Duration {
        Duration::from_millis(self.app.settings.sse_every_ms)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.app.metrics.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

fn event(name: &str, job: &JobView) -> Option<Event> {
    Event::default().event(name).json_data(job).ok()
}
