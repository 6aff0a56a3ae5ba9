//! `POST /api/v1/apps/refresh`: has Apple's stores asked about products again.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::job::{JobKind, JobState, Priority};
use russet_domain::{JobId, Timestamp, TokenId};
use russet_store::Tx;
use russet_store::catalog::{self, Storefront};
use russet_store::jobs::{self, NewJob, Origin};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::audit;
use crate::auth::{Actor, Operator};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::retrying::retrying;
use crate::routes::jobs::{address, view};
use crate::routes::tokens::known;
use crate::state::App;
use crate::time;
use crate::view::JobView;

/// The most products that are named at once.
const IDS_MAX: usize = 10_000;

/// Which products are asked about again; all when nothing is named. Everything that is given has to fit.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = AppsRefresh)]
pub(crate) struct Which {
    /// Those that this token owns, in its country's store. A key that is bound to certain tokens has to name one.
    token: Option<i64>,
    /// Those in the store of this country, ISO 3166-1 alpha-2.
    country: Option<String>,
    /// Those of these numbers.
    adam_ids: Option<Vec<String>>,
}

/// Has stores asked again. The job ends when all of them were, and its `result` says what that brought.
#[utoipa::path(post, operation_id = "refresh_apps", path = "/api/v1/apps/refresh", tag = "licenses", request_body = Which,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 202, description = "The job is written down", body = JobView, headers(("Location" = String)))))]
pub(crate) async fn refresh(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    let once = Once::of(&headers, &body.fingerprint)?;
    let which: Which = if body.bytes.trim_ascii().is_empty() { Which::default() } else { body.json()? };
    let which = checked(which)?;
    let (answer, storefronts) = retrying(|| write(&app, &actor, &once, &which)).await?;
    app.push.refresh_catalog(storefronts).await;
    Ok(answer)
}

fn checked(mut which: Which) -> Result<Which, ApiError> {
    let wrong =
        |field: &str, why: &str| ApiError::InvalidField { field: field.to_owned(), why: why.to_owned() };
    if let Some(country) = &mut which.country {
        *country = country.trim().to_ascii_uppercase();
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong("country", "it should be a country's code of ISO 3166, such as `NL`"));
        }
    }
    if let Some(ids) = &which.adam_ids {
        if ids.is_empty() {
            return Err(ApiError::EmptyList("adam_ids"));
        }
        let is_number =
            |id: &String| !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit());
        if ids.len() > IDS_MAX || !ids.iter().all(is_number) {
            return Err(wrong(
                "adam_ids",
                "it should be at most 10000 numbers of products, as texts of digits",
            ));
        }
    }
    Ok(which)
}

async fn write(
    app: &App,
    actor: &Actor,
    once: &Once,
    which: &Which,
) -> Result<(Answer, Vec<Storefront>), ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, Vec::new()));
    }
    let token = match which.token {
        Some(id) => Some(known(&mut tx, actor, TokenId(id)).await?.id),
        None if actor.bound_to().is_some() => return Err(ApiError::NameAToken),
        None => None,
    };
    let mut storefronts = catalog::storefronts(&mut tx, token).await?;
    storefronts.retain(|store| which.country.as_ref().is_none_or(|country| store.country == *country));
    let country = match (token, storefronts.as_slice()) {
        // A token's products are asked about in its own store only.
        (Some(_), [store]) => Some(store.country.as_str()),
        (_, _) => which.country.as_deref(),
    };
    catalog::mark_due(&mut tx, country, token, which.adam_ids.as_deref()).await?;
    catalog::want(&mut tx, &storefronts, now).await?;
    let id = insert(&mut tx, actor, token, which, &storefronts, now).await?;
    if storefronts.is_empty() {
        jobs::ended(&mut tx, id, JobState::Succeeded, None, None, now).await?;
    }
    let job = jobs::find(&mut tx, id).await?.ok_or_else(|| ApiError::NoSuchJob(id.to_string()))?;
    let answer = Answer::new(StatusCode::ACCEPTED, Some(address(id)), &view(&mut tx, job).await?)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, storefronts))
}

async fn insert(
    tx: &mut Tx,
    actor: &Actor,
    token: Option<TokenId>,
    which: &Which,
    storefronts: &[Storefront],
    now: Timestamp,
) -> Result<JobId, ApiError> {
    let named: Vec<_> = storefronts
        .iter()
        .map(|store| json!({ "country": store.country, "account_type": store.account_type }))
        .collect();
    let args = json!({ "storefronts": named, "apps": which.adam_ids.as_ref().map(Vec::len) });
    let notes = if storefronts.is_empty() {
        json!(["No token has a store there, so nobody is asked."])
    } else {
        json!([])
    };
    let new = NewJob {
        kind: JobKind::RefreshCatalog,
        token: token.unwrap_or(TokenId(0)),
        priority: Priority::Normal,
        origin: Origin::Api,
        key: Some(actor.key),
        args: args.to_string(),
        notes: notes.to_string(),
        line: None,
    };
    let id = match token {
        Some(_) => jobs::insert(tx, &new, now).await?,
        None => jobs::insert_for_all(tx, &new, now).await?,
    };
    audit::note(tx, actor, "catalog.refresh", &format!("job {id}"), &args, now).await?;
    Ok(id)
}
