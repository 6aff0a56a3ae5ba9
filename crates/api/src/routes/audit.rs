//! `GET /api/v1/audit`: who changed what.

use axum::Json;
use axum::extract::State;
use russet_store::audit::{self, Entry};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::auth::Admin;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::Asked;
use crate::routes::directory::unbound;
use crate::state::App;
use crate::time::text;

const LIST: &str = "audit";

/// Which lines.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those about this alone, as `job 7` or `token 1`.
    subject: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditLine)]
pub(crate) struct LineView {
    /// Its number.
    id: i64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who: an API key by number and name, or a part of the program.
    actor: String,
    /// What was done, as `token.renew`.
    action: String,
    /// What it was done to, as `token 7`.
    subject: String,
    /// More about it; never a secret.
    detail: Value,
}

/// Lists who changed what, the newest first. `russet audit verify` tells whether anything of it was altered.
#[utoipa::path(get, operation_id = "list_audit", path = "/api/v1/audit", tag = "audit", params(Query),
    responses((status = 200, description = "Lines of the audit log", body = Page<LineView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Admin(actor): Admin,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<LineView>>, ApiError> {
    unbound(&actor)?;
    let limit = page::limit(&app, query.limit)?;
    let before = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?;
    let mut db = app.store.read().await?;
    let rows = audit::list(&mut db, query.subject.as_deref(), page::one_more(limit), before).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |row| row.id, LineView::from)))
}

impl From<Entry> for LineView {
    fn from(row: Entry) -> Self {
        Self {
            id: row.id,
            at: text(row.at),
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            // What was written by this program is read by it; text that was not is shown as nothing.
            detail: serde_json::from_str(&row.detail).unwrap_or_default(),
        }
    }
}
