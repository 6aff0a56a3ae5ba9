//! `POST /api/v1/tokens`: takes a token file in.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::consent::THINGS;
use russet_domain::{Timestamp, TokenId};
use russet_store::tokens::{self, NewToken};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{account_type, apple_id, country, name, schedule, take_over};
use crate::audit;
use crate::auth::{Actor, Admin};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::routes::consent::{ConsentGiven, agreed_to};
use crate::state::App;
use crate::token_file;
use crate::view::TokenView;
use crate::{state, time};

/// A token to be uploaded.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub(crate) struct Upload {
    /// The administrator's label, 1 to 100 characters.
    name: String,
    /// The text of the `.vpptoken` file, as it was downloaded from Apple.
    content: String,
    /// Agreement to what is sent to Apple, with the version of the text; `GET /api/v1/consent` has it. True alone is
    /// agreement to version 1.
    #[serde(default)]
    #[schema(value_type = ConsentGiven)]
    consent: Value,
    /// `business` or `education`.
    account_type: String,
    /// The store's country, ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Whether apps are to be updated without being asked.
    #[serde(default)]
    auto_update: bool,
    /// Orders to take the location from another MDM server, should one have claimed it. It is good for once: a job of
    /// kind `take_over_token` tells what came of it.
    #[serde(default)]
    take_over: bool,
    /// The Managed Apple Account that the token belongs to.
    apple_id: Option<String>,
    /// When it is synced: `default`, `never`, or a cron expression of five fields.
    sync_schedule: Option<String>,
}

/// Uploads a token. Apple is asked about it next; until then its state is `new`.
#[utoipa::path(post, operation_id = "upload_token", path = "/api/v1/tokens", tag = "tokens", request_body = Upload,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses(
        (status = 201, description = "The token is here", body = TokenView, headers(("Location" = String))),
        (status = 409, description = "`token_already_uploaded` or `too_many_tokens`", body = crate::problem::Problem,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn create(
    State(app): State<App>,
    Admin(actor): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    let once = Once::of(&headers, &body.fingerprint)?;
    if actor.bound_to().is_some() {
        return Err(ApiError::KeyIsBound);
    }
    let new = read(&body.json()?, &actor, time::now())?;
    let (answer, token) = retrying(|| write(&app, &actor, &once, &new)).await?;
    if let Some(token) = token {
        app.push.claim_token(token).await;
    }
    Ok(answer)
}

fn read(upload: &Upload, actor: &Actor, now: Timestamp) -> Result<NewToken, ApiError> {
    let name = name(&upload.name)?;
    let account_type = account_type(&upload.account_type)?;
    let country = upload.country.as_deref().map(country).transpose()?;
    let apple_id = upload.apple_id.as_deref().map(apple_id).transpose()?;
    let sync_schedule = upload.sync_schedule.as_deref().map(schedule).transpose()?.unwrap_or_default();
    let file = token_file::read(&upload.content, now)?;
    let consent_version = agreed_to(&upload.consent)?;
    Ok(NewToken {
        name,
        org_name: file.org_name,
        content: file.content,
        expires_at: file.expires_at,
        country,
        account_type,
        auto_update: upload.auto_update,
        take_over: upload.take_over,
        apple_id,
        consent_by: actor.label(),
        consent_version,
        sync_schedule,
    })
}

/// Writes the token; answers its number too when it is new.
async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    new: &NewToken,
) -> Result<(Answer, Option<TokenId>), ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, None));
    }
    let fingerprint = tokens::fingerprint(&new.content);
    if let Some(same) = tokens::by_fingerprint(&mut tx, &fingerprint).await? {
        return Err(ApiError::TokenAlreadyUploaded(same.id));
    }
    let max = app.settings.tokens_max;
    if max > 0 && tokens::count(&mut tx).await? >= state::wide(max) {
        return Err(ApiError::TooManyTokens { max });
    }
    let id = tokens::insert(&mut tx, new, now).await?;
    let detail = json!({
        "name": new.name, "take_over": new.take_over,
        "consent": { "version": new.consent_version, "things": THINGS },
    });
    audit::note(&mut tx, actor, "token.upload", &format!("token {id}"), &detail, now).await?;
    if new.take_over {
        take_over::insert(&mut tx, actor, id, now).await?;
    }
    let token = tokens::find(&mut tx, id).await?.ok_or_else(|| ApiError::NoSuchToken(id.to_string()))?;
    let location = format!("/api/v1/tokens/{id}");
    let answer = Answer::new(StatusCode::CREATED, Some(location), &TokenView::from(token))?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, Some(id)))
}
