//! `POST /api/v1/users/import`: registers many users of one location.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::TokenId;
use russet_domain::job::{JobKind, JobState, Priority};
use russet_store::users::UserWish;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::rows::{self, has_address_as_id};
use super::{Order, usable, wake, write_job};
use crate::auth::{Actor, Operator};
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::query::Asked;
use crate::retrying::retrying;
use crate::routes::jobs::{PriorityName, address};
use crate::rows::{RejectedView, Rows, Upload};
use crate::state::App;
use crate::view::JobView;
use crate::{audit, time};

/// Apple's advice, for whoever does otherwise.
pub(super) const ADDRESS_AS_ID: &str = "A client_user_id looks like an email address: Apple advises against that, \
     because ids can never be changed and addresses can.";

/// Where the users go, and what becomes of rows that are wrong.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// The token whose location the users are to be known at.
    token: i64,
    /// `true` takes the good rows and names the others; otherwise one wrong row refuses all.
    #[serde(default)]
    partial: bool,
    /// How urgent it is: `low`, `normal` or `high`.
    #[serde(default)]
    #[param(inline)]
    priority: PriorityName,
}

/// The job of an import, and the rows that it does not have.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserImport)]
pub(crate) struct ImportView {
    #[serde(flatten)]
    job: JobView,
    /// Rows that were left out; none unless `partial` was asked for.
    rejected: RejectedView,
}

/// Registers users from a CSV, whose first line names the columns `client_user_id`, `email` and `managed_apple_id`, or from
/// one JSON object a line with these fields. Users who are registered already are changed where they differ.
#[utoipa::path(post, operation_id = "import_users", path = "/api/v1/users/import", tag = "users",
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"))),
    params(Query,
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses(
        (status = 202, description = "The job is written down", body = ImportView, headers(("Location" = String))),
        (status = 409, description = "`token_not_usable` or `token_being_removed`",
            body = crate::problem::Problem, content_type = "application/problem+json"),
        (status = 422, description = "`bad_rows`: `errors` names the first of them by their lines",
            body = crate::problem::Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn import(
    State(app): State<App>,
    Operator(actor): Operator,
    Asked(query): Asked<Query>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Answer, ApiError> {
    let once = Once::of(&headers, &upload.fingerprint)?;
    let rows = rows::read(upload.format, &upload.bytes, app.settings.import_rows_max)?;
    drop(upload);
    if rows.bad_count > 0 && !query.partial {
        return Err(rows.refusal());
    }
    let priority: Priority = query.priority.into();
    let token = TokenId(query.token);
    let (answer, job) = retrying(|| write(&app, &actor, &once, token, priority, &rows)).await?;
    wake(&app, job.as_slice(), priority).await;
    Ok(answer)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    token: TokenId,
    priority: Priority,
    rows: &Rows<UserWish>,
) -> Result<(Answer, Option<(TokenId, JobState)>), ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, None));
    }
    let token = usable(&mut tx, actor, token).await?;
    let mut notes = Vec::new();
    if has_address_as_id(&rows.good) {
        notes.push(ADDRESS_AS_ID.to_owned());
    }
    if rows.bad_count > 0 {
        notes.push(format!("{} rows were left out because something in them is wrong.", rows.bad_count));
    }
    let args = json!({ "users": rows.good.len(), "rejected": rows.bad_count });
    let order = Order { kind: JobKind::ImportUsers, priority, args: args.clone(), notes };
    let job = write_job(&mut tx, actor, &token, order, rows.good.clone(), now).await?;
    let mut detail = args;
    detail["token"] = json!(token.id.0);
    audit::note(&mut tx, actor, "user.import", &format!("job {}", job.id), &detail, now).await?;
    let (id, state) = (job.id, job.state);
    let shown = ImportView { job: JobView::new(job, None), rejected: rows.rejected() };
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(id)), &shown)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, Some((token.id, state))))
}
