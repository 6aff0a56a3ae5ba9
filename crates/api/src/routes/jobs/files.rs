//! `GET /api/v1/jobs/{job}/files`: what a hand-over has written down, read from the database as it is sent.

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::Stream;
use russet_domain::JobId;
use russet_store::hand_overs::{self, File, HandOver, page_text};
use serde::Serialize;
use utoipa::ToSchema;

use super::{address, known};
use crate::auth::{Actor, Viewer};
use crate::error::ApiError;
use crate::query::{FileInPath, JobInPath};
use crate::retrying::retrying;
use crate::state::App;

/// Licenses read at once: a million of them never are in memory together.
const PAGE: usize = 5_000;

/// Files that can be fetched.
#[derive(Serialize, ToSchema)]
#[schema(as = Files)]
pub(crate) struct FilesView {
    /// One each.
    items: Vec<FileView>,
}

/// A file that can be fetched.
#[derive(Serialize, ToSchema)]
#[schema(as = File)]
pub(crate) struct FileView {
    /// Its name.
    name: &'static str,
    /// What is in it.
    media_type: &'static str,
    /// Where it is.
    href: String,
}

/// Lists the files that a job has written: those of a hand-over, once they are complete.
#[utoipa::path(get, operation_id = "list_job_files", path = "/api/v1/jobs/{job}/files", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number")),
    responses((status = 200, description = "The files", body = FilesView)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    JobInPath(id): JobInPath,
) -> Result<Json<FilesView>, ApiError> {
    let over = retrying(|| look(&app, &actor, id)).await?;
    let there = over.filter(|over| over.summary.is_some());
    let files = there.iter().flat_map(|over| {
        File::ALL.into_iter().filter(|file| !over.files_gone || is_kept(*file)).map(|file| FileView {
            name: file.name(),
            media_type: file.media_type(),
            href: format!("{}/files/{}", address(id), file.name()),
        })
    });
    Ok(Json(FilesView { items: files.collect() }))
}

/// Fetches a file that a job has written.
#[utoipa::path(get, operation_id = "fetch_job_file", path = "/api/v1/jobs/{job}/files/{name}", tag = "jobs",
    params(("job" = i64, Path, description = "The job's number"),
        ("name" = String, Path, description = "`licenses.csv`, `licenses.ndjson`, `summary.json` or `signature.json`")),
    responses(
        (status = 200, description = "The file", body = String, content_type = "application/octet-stream"),
        (status = 409, description = "`files_not_ready`", body = crate::problem::Problem,
            content_type = "application/problem+json"),
        (status = 410, description = "`files_gone`", body = crate::problem::Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn fetch(
    State(app): State<App>,
    Viewer(actor): Viewer,
    FileInPath { job: id, name }: FileInPath,
) -> Result<Response, ApiError> {
    let file = File::of_name(&name);
    let over = retrying(|| look(&app, &actor, id)).await?;
    let (Some(file), Some(over)) = (file, over) else { return Err(ApiError::NoSuchFile(id)) };
    let (Some(summary), Some(signature)) = (over.summary, over.signature) else {
        return Err(ApiError::FilesNotReady(id));
    };
    let body = match file {
        File::Summary => Body::from(summary),
        File::Signature => Body::from(signature),
        File::Csv | File::Ndjson if over.files_gone => return Err(ApiError::FilesGone(id)),
        File::Csv | File::Ndjson => Body::from_stream(lines(app, id, file)),
    };
    let disposition = format!("attachment; filename=\"{}\"", file.name());
    let headers =
        [(header::CONTENT_TYPE, file.media_type().to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, body).into_response())
}

async fn look(app: &App, actor: &Actor, id: JobId) -> Result<Option<HandOver>, ApiError> {
    let mut db = app.store.read().await?;
    known(&mut db, actor, id).await?;
    Ok(hand_overs::find(&mut db, id).await?)
}

/// Whether a file is there for good.
fn is_kept(file: File) -> bool {
    match file {
        File::Summary | File::Signature => true,
        File::Csv | File::Ndjson => false,
    }
}

/// How far a file was sent.
struct At {
    app: App,
    after: i64,
    first: bool,
}

/// The lines of a file, a page at a time. An error cuts the answer short, so that nobody takes a part for the whole.
fn lines(app: App, job: JobId, file: File) -> impl Stream<Item = Result<Bytes, ApiError>> {
    let start = Some(At { app, after: 0, first: true });
    futures::stream::unfold(start, move |at: Option<At>| async move {
        let mut at = at?;
        match page(&at, job, file).await {
            Ok((text, Some(last))) => {
                (at.after, at.first) = (last, false);
                Some((Ok(text), Some(at)))
            }
            Ok((text, None)) if text.is_empty() => None,
            Ok((text, None)) => Some((Ok(text), None)),
            Err(error) => Some((Err(error), None)),
        }
    })
}

async fn page(at: &At, job: JobId, file: File) -> Result<(Bytes, Option<i64>), ApiError> {
    retrying(async || {
        let mut db = at.app.store.read().await?;
        let licenses = hand_overs::page(&mut db, job, at.after, PAGE).await?;
        let last = licenses.last().map(|license| license.place);
        Ok((Bytes::from(page_text(file, &licenses, at.first)?), last))
    })
    .await
}
