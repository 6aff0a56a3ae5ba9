//! Which dead messages a client wants retried or discarded, and the way through them page by page.

use russet_queue::QueueError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::look_at;
use crate::error::ApiError;
use crate::state::App;

/// The most messages that are named in one request, or done in one round.
const ROUND_MAX: usize = 1_000;
/// The most rounds of one request; the client asks again for the rest.
const ROUNDS_MAX: usize = 20;
/// The most ids that a line of the audit log holds.
const NOTED_MAX: usize = 100;

/// Dead messages: either those in `ids`, or `all`, of one `kind` or of every kind.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chosen {
    /// Their ids, 1 to 1000. Those that are not dead are passed over.
    ids: Option<Vec<String>>,
    /// With `all`: only those of this kind.
    kind: Option<String>,
    /// All that are dead by now.
    #[serde(default)]
    all: bool,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadHandled)]
pub(crate) struct Handled {
    /// How many messages.
    count: u64,
    /// Whether `all` left some for another request.
    more: bool,
}

impl Chosen {
    /// Whether it makes sense, and the queue can be asked for it.
    ///
    /// # Errors
    /// When it does not, or the queue does not answer.
    pub(super) async fn check(&self, app: &App) -> Result<(), ApiError> {
        match (&self.ids, &self.kind, self.all) {
            (Some(ids), None, false) => {
                check_ids(ids)?;
                Ok(app.queue.ping().await?)
            }
            (None, Some(kind), true) => match look_at(app, kind).await {
                Err(ApiError::NoSuchKind { kind, known }) => Err(ApiError::UnknownKind { kind, known }),
                other => other.map(drop),
            },
            (None, None, true) => Ok(app.queue.ping().await?),
            (_, _, _) => Err(ApiError::IdsOrAll),
        }
    }

    /// What the audit log holds of it.
    pub(super) fn detail(&self) -> Value {
        match &self.ids {
            Some(ids) => json!({ "count": ids.len(), "ids": &ids[..ids.len().min(NOTED_MAX)] }),
            None => json!({ "all": true, "kind": self.kind }),
        }
    }

    /// Does it to all of them, a thousand at a time.
    ///
    /// # Errors
    /// When the queue does not answer. Some may have been done then.
    pub(super) async fn each(&self, app: &App, act: Act) -> Result<Handled, ApiError> {
        if let Some(ids) = &self.ids {
            return Ok(Handled { count: act.on(app, ids).await?, more: false });
        }
        let mut handled = Handled { count: 0, more: true };
        // From page to page it goes back in time, so that what dies again meanwhile is not met again.
        let mut cursor = None;
        for _ in 0..ROUNDS_MAX {
            let page = match &self.kind {
                Some(kind) => app.queue.dead_of(kind, ROUND_MAX, cursor.as_deref()).await?,
                None => app.queue.dead(ROUND_MAX, cursor.as_deref()).await?,
            };
            let ids: Vec<String> = page.items.into_iter().map(|dead| dead.id).collect();
            if !ids.is_empty() {
                handled.count += act.on(app, &ids).await?;
            }
            if page.next_cursor.is_none() {
                handled.more = false;
                break;
            }
            cursor = page.next_cursor;
        }
        Ok(handled)
    }
}

/// What is done to dead messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Retry,
    Discard,
}

impl Act {
    async fn on(self, app: &App, ids: &[String]) -> Result<u64, QueueError> {
        match self {
            Self::Retry => app.queue.retry_dead(ids).await,
            Self::Discard => app.queue.discard_dead(ids).await,
        }
    }
}

fn check_ids(ids: &[String]) -> Result<(), ApiError> {
    if ids.is_empty() {
        return Err(ApiError::EmptyList("ids"));
    }
    if ids.len() > ROUND_MAX {
        let why = format!("it holds {} ids and at most {ROUND_MAX} are taken at once", ids.len());
        return Err(ApiError::InvalidField { field: "ids".to_owned(), why });
    }
    Ok(())
}
