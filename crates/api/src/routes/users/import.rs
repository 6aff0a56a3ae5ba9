//! `POST /api/v1/users/import`: registers many users of one location.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use russet_domain::TokenId;
use russet_domain::job::{JobKind, JobState, Priority};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::rows::{self, Format, Rows};
use super::{Order, usable, wake, write_job};
use crate::auth::{Actor, Operator};
use crate::body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::problem::{FIELD_ERRORS_MAX, FieldError};
use crate::query::Asked;
use crate::retrying::retrying;
use crate::routes::jobs::{PriorityName, address};
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

/// The body, of a limit of its own, as it came.
pub(crate) struct Upload {
    bytes: Bytes,
    format: Format,
    fingerprint: String,
}

impl FromRequest<App> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let media_type = body::media_type(request.headers());
        let format = Format::of(&media_type)
            .ok_or(ApiError::WrongContentType { expected: "text/csv or application/x-ndjson" })?;
        let address = request.uri().to_string();
        let bytes = body::bytes(request, app, app.settings.import_max_bytes).await?;
        let fingerprint = body::fingerprint("POST", &address, &bytes);
        Ok(Self { bytes, format, fingerprint })
    }
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

/// Rows that were left out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RejectedRows)]
pub(crate) struct RejectedView {
    /// How many.
    count: u64,
    /// The first 1000 of them.
    rows: Vec<RejectedRow>,
}

/// A row that was left out.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RejectedRow {
    /// Its line in the body, counted from 1.
    line: u64,
    /// What is wrong with it.
    detail: String,
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
        return Err(bad_rows(&rows));
    }
    let priority: Priority = query.priority.into();
    let token = TokenId(query.token);
    let (answer, job) = retrying(|| write(&app, &actor, &once, token, priority, &rows)).await?;
    wake(&app, job.as_slice(), priority).await;
    Ok(answer)
}

fn bad_rows(rows: &Rows) -> ApiError {
    let errors = rows.bad.iter().take(FIELD_ERRORS_MAX);
    ApiError::BadRows {
        count: rows.bad_count,
        errors: errors
            .map(|(line, why)| FieldError { field: format!("line {line}"), detail: format!("it {why}") })
            .collect(),
    }
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    token: TokenId,
    priority: Priority,
    rows: &Rows,
) -> Result<(Answer, Option<(TokenId, JobState)>), ApiError> {
    let mut tx = app.store.begin().await?;
    let now = time::now();
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, None));
    }
    let token = usable(&mut tx, actor, token).await?;
    let mut notes = Vec::new();
    if rows.address_as_id {
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
    let rejected =
        rows.bad.iter().map(|(line, why)| RejectedRow { line: *line, detail: format!("it {why}") });
    let shown = ImportView {
        job: JobView::new(job, None),
        rejected: RejectedView { count: rows.bad_count, rows: rejected.collect() },
    };
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(id)), &shown)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, Some((token.id, state))))
}
