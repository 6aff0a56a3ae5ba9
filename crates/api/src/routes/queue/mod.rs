//! `/api/v1/queue`: what waits for workers, seen and steered.
//!
//! Kinds have addresses below `kinds/`, so that no kind can be called like one of the fixed words beside it.

mod chosen;
pub(crate) mod dead;
pub(crate) mod discard;
pub(crate) mod kind;
pub(crate) mod list;
pub(crate) mod pause;
pub(crate) mod resume;
pub(crate) mod retry;
pub(crate) mod running;
mod steer;
pub(crate) mod why;

use russet_queue::{Depth, SeenWorker};

use crate::auth::Actor;
use crate::error::ApiError;
use crate::query::shown;
use crate::state::App;
use crate::view::KindView;

/// Messages of all tokens share the queue, so a key that is bound to some of them neither sees nor steers it.
///
/// # Errors
/// When the key is bound.
fn sees_all(actor: &Actor) -> Result<(), ApiError> {
    if actor.bound_to().is_none() { Ok(()) } else { Err(ApiError::QueueIsShared) }
}

/// All kinds, and all workers that were heard of lately.
async fn look(app: &App) -> Result<(Vec<Depth>, Vec<SeenWorker>), ApiError> {
    Ok(tokio::try_join!(app.queue.depths(), app.queue.workers())?)
}

/// One kind as it is now.
///
/// # Errors
/// When nobody knows the kind; the error lists those there are.
async fn look_at(app: &App, kind: &str) -> Result<KindView, ApiError> {
    let (depths, workers) = look(app).await?;
    let known = depths.iter().map(|depth| depth.kind.as_str()).collect::<Vec<_>>().join(", ");
    let found = depths.into_iter().find(|depth| depth.kind == kind);
    let depth = found.ok_or_else(|| ApiError::NoSuchKind { kind: shown(kind), known })?;
    Ok(KindView::new(depth, &workers))
}

/// A kind that a query names, if it names one.
///
/// # Errors
/// As [`look_at`].
async fn known(app: &App, kind: Option<&str>) -> Result<(), ApiError> {
    match kind {
        Some(kind) => look_at(app, kind).await.map(drop),
        None => Ok(()),
    }
}
