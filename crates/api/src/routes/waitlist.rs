//! `GET /api/v1/waitlist`: who waits for a license, in which place, and why.

use axum::Json;
use axum::extract::State;
use russet_domain::{AssetId, TokenId};
use russet_store::changes::waitlist::{self, Filter, Waiting};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::page::{self, Page};
use crate::query::{Asked, holder};
use crate::state::App;
use crate::time::text;

const LIST: &str = "waitlist";

/// Which of those who wait. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// For licenses of this token.
    token: Option<i64>,
    /// For this product.
    adam_id: Option<String>,
    /// This device, by serial number.
    serial: Option<String>,
    /// This user, by `client_user_id`.
    user: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// One who waits for a license.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiting)]
pub(crate) struct WaitingView {
    /// The token.
    token: i64,
    /// The product's number in Apple's stores.
    adam_id: String,
    /// The quality.
    pricing_param: String,
    /// The device, by serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    serial: Option<String>,
    /// The user, by `client_user_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// The place in the line; 1 is next.
    place: i64,
    /// How many are in the line.
    waiting: i64,
    /// How many will be served before it: of those who wait for a license, or for the same quota.
    ahead: i64,
    /// The quota of its assignment, when that is used up and what it waits for; null when it waits for a license.
    quota: Option<i64>,
    /// How urgent it is, as its assignment says.
    priority: i64,
    /// Since when.
    #[schema(format = DateTime)]
    since: String,
    /// The assignment that wants it; null when a job does.
    assignment: Option<i64>,
    /// Why it waits and what would help.
    reason: String,
}

/// Lists who waits for licenses, app by app and in the order in which they will get them: by the priority of the job, then of the
/// assignment, then by age. Whom the quota of an assignment keeps waiting does not hold up those behind.
#[utoipa::path(get, operation_id = "list_waitlist", path = "/api/v1/waitlist", tag = "assignments", params(Query),
    responses((status = 200, description = "Who waits", body = Page<WaitingView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<WaitingView>>, ApiError> {
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<(i64, i64)>(LIST, query.cursor.as_deref())?;
    let filter = Filter {
        token: query.token.map(TokenId),
        adam_id: query.adam_id,
        holder: holder(query.serial, query.user)?,
        among: actor.bound_to().map(<[TokenId]>::to_vec),
    };
    let mut db = app.store.snapshot().await?;
    let after = after.map(|(asset, place)| (AssetId(asset), place));
    let rows = waitlist::list(&mut db, &filter, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |row| (row.asset.0, row.place), WaitingView::from)))
}

impl From<Waiting> for WaitingView {
    fn from(row: Waiting) -> Self {
        let reason = reason(&row);
        let (id, is_device) = (row.holder.id().to_owned(), row.holder.is_device());
        Self {
            token: row.token.0,
            adam_id: row.key.adam_id,
            pricing_param: row.key.pricing.as_str().to_owned(),
            serial: is_device.then(|| id.clone()),
            user: (!is_device).then_some(id),
            place: row.place,
            waiting: row.waiting,
            ahead: row.ahead,
            quota: row.quota,
            priority: row.line,
            since: text(row.since),
            assignment: row.assignment.map(|assignment| assignment.0),
            reason,
        }
    }
}

fn reason(row: &Waiting) -> String {
    let ahead = match row.ahead {
        0 => "next in line".to_owned(),
        1 => "1 is ahead".to_owned(),
        ahead => format!("{ahead} are ahead"),
    };
    if let Some(quota) = row.quota {
        let back = match row.ahead {
            0 => "a license of the assignment comes back, or its quota is raised".to_owned(),
            ahead => format!(
                "{} licenses of the assignment come back, or its quota is raised by as many",
                ahead + 1
            ),
        };
        return format!(
            "The quota of {quota} of this assignment is used up; {ahead}. It is given as soon as {back}."
        );
    }
    let owned = match row.total {
        total if row.reserved > 0 => {
            format!("of {total} licenses the last {} are kept from the line", row.reserved)
        }
        0 => "the location owns no license".to_owned(),
        1 => "the only license is in use".to_owned(),
        total => format!("all {total} licenses are in use"),
    };
    let needed = match row.ahead {
        0 => "one is bought or comes back".to_owned(),
        ahead => format!("{} are bought or come back", ahead + 1),
    };
    format!("No license is free: {owned}; {ahead}. It is given as soon as {needed}.")
}
