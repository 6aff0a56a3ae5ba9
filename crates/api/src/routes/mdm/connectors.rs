//! `/api/v1/connectors`: the MDM servers that commands are sent to.

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use russet_domain::connector::{ConnectorKind, ConnectorState};
use russet_domain::{Secret, Timestamp};
use russet_store::connectors::{self, Connector, NewConnector, Patch, Secrets};
use russet_store::{Db, Tx, forwarding, mdm_messages};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::bodies::{ConnectorBody, ConnectorPatch, StateName, api_key, name, url, webhook_key, wrong};
use super::declarations;
use super::view::ConnectorView;
use crate::auth::{Actor, Admin, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::page::Page;
use crate::query::shown;
use crate::retrying::retrying;
use crate::state::App;
use crate::{audit, time};

/// The most connectors there can be.
const CONNECTORS_MAX: usize = 1_000;

/// The connector that the path names; whether there is one, the store knows.
pub(crate) struct ConnectorInPath(pub(crate) String);

impl FromRequestParts<App> for ConnectorInPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, app).await.map_err(|_| ApiError::NoSuchRoute)?;
        Ok(Self(text))
    }
}

async fn known(db: &mut Db, named: &str) -> Result<Connector, ApiError> {
    let found = connectors::by_name(db, named).await?;
    found.ok_or_else(|| ApiError::NoSuch { what: "connector", name: shown(named), list: "connectors" })
}

/// Makes a connector to an MDM server. A worker looks at once whether address and key are right; `checked_at` and `reason` say
/// what came of it. Takes an administrator's key that is bound to no token.
#[utoipa::path(post, operation_id = "create_connector", path = "/api/v1/connectors", tag = "mdm", request_body = ConnectorBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 201, description = "It is made", body = ConnectorView),
        (status = 409, description = "`connector_exists`", body = crate::problem::Problem, content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(app): State<App>,
    Admin(actor): Admin,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    actor.must_see_all("MDM servers are")?;
    let once = Once::of(&headers, &body.fingerprint)?;
    let asked: ConnectorBody = body.json()?;
    let new = read(&app, &asked)?;
    let (answer, id) = retrying(|| insert(&app, &actor, &once, &new)).await?;
    if let Some(id) = id {
        app.push.send_commands(id).await;
    }
    Ok(answer)
}

fn read(app: &App, asked: &ConnectorBody) -> Result<NewConnector, ApiError> {
    name(&asked.name)?;
    let kind = ConnectorKind::from(asked.kind);
    if asked.forward_to.is_some() {
        must_send_webhooks(kind)?;
    }
    let forward_to = match &asked.forward_to {
        Some(text) => Some(Secret::new(url("forward_to", text, app.servers)?)),
        None => None,
    };
    let webhook_key = match &asked.webhook_key {
        Some(text) => webhook_key(text)?,
        None if kind.proof().is_none() => Secret::new(""),
        None => {
            return Err(wrong(
                "webhook_key",
                "it is missing: webhooks of this kind of server are proved with it",
            ));
        }
    };
    let (declarations, declarations_key) = declarations::read_new(app, kind, asked)?;
    let api_key = api_key("api_key", &asked.api_key)?;
    Ok(NewConnector {
        name: asked.name.clone(),
        kind,
        url: url("url", &asked.url, app.servers)?,
        declarations,
        secrets: Secrets { api_key, webhook_key, forward_to, declarations_key },
    })
}

/// Only what a server sends can be passed on.
fn must_send_webhooks(kind: ConnectorKind) -> Result<(), ApiError> {
    match kind.proof() {
        Some(_) => Ok(()),
        None => Err(wrong("forward_to", "a server of this kind sends no webhooks that could be passed on")),
    }
}

async fn insert(
    app: &App,
    actor: &Actor,
    once: &Once,
    new: &NewConnector,
) -> Result<(Answer, Option<russet_domain::ConnectorId>), ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replay(&mut tx, actor, now).await? {
        return Ok((answer, None));
    }
    if connectors::list(&mut tx, CONNECTORS_MAX).await?.len() >= CONNECTORS_MAX {
        return Err(ApiError::Conflict {
            code: "too_many_connectors",
            text: format!("There are {CONNECTORS_MAX} connectors already; remove one first."),
        });
    }
    let Some(id) = connectors::insert(&mut tx, new, now).await? else {
        return Err(ApiError::Conflict {
            code: "connector_exists",
            text: format!(
                "There is a connector called {} already; PATCH it, or choose another name.",
                new.name
            ),
        });
    };
    let detail = json!({
        "kind": new.kind.as_str(), "url": new.url, "forwards": new.secrets.forward_to.is_some(),
        "declares": new.declarations.are_there(),
    });
    audit::note(&mut tx, actor, "connector.create", &format!("connector {}", new.name), &detail, now).await?;
    let made = known(&mut tx, &new.name).await?;
    let view = ConnectorView::read(&mut tx, made).await?;
    let answer = Answer::new(StatusCode::CREATED, Some(format!("/api/v1/connectors/{}", new.name)), &view)?;
    once.keep(&mut tx, actor, &answer, now).await?;
    tx.commit().await?;
    Ok((answer, Some(id)))
}

/// Lists the connectors.
#[utoipa::path(get, operation_id = "list_connectors", path = "/api/v1/connectors", tag = "mdm",
    responses((status = 200, description = "Connectors", body = Page<ConnectorView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
) -> Result<Json<Page<ConnectorView>>, ApiError> {
    actor.must_see_all("MDM servers are")?;
    let mut db = app.store.read().await?;
    let mut views = Vec::new();
    for connector in connectors::list(&mut db, CONNECTORS_MAX).await? {
        views.push(ConnectorView::read(&mut db, connector).await?);
    }
    Ok(Json(Page::whole(views)))
}

/// Shows a connector.
#[utoipa::path(get, operation_id = "show_connector", path = "/api/v1/connectors/{connector}", tag = "mdm",
    params(("connector" = String, Path, description = "The connector's name")),
    responses((status = 200, description = "The connector", body = ConnectorView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    ConnectorInPath(named): ConnectorInPath,
) -> Result<Json<ConnectorView>, ApiError> {
    actor.must_see_all("MDM servers are")?;
    let mut db = app.store.read().await?;
    let connector = known(&mut db, &named).await?;
    Ok(Json(ConnectorView::read(&mut db, connector).await?))
}

/// The most messages shown.
const MESSAGES_MAX: usize = 200;

/// A message that an MDM server sent.
#[derive(Serialize, ToSchema)]
#[schema(as = MdmMessage)]
pub(crate) struct MessageView {
    /// Its number.
    id: i64,
    /// When it came.
    received_at: String,
    /// `read`, or why it could not be; null until a worker has read it.
    verdict: Option<String>,
}

/// Lists the newest messages of a connector's server, with what became of each.
#[utoipa::path(get, operation_id = "list_mdm_messages", path = "/api/v1/connectors/{connector}/messages", tag = "mdm",
    params(("connector" = String, Path, description = "The connector's name")),
    responses((status = 200, description = "Messages, the newest first", body = Page<MessageView>)))]
pub(crate) async fn messages(
    State(app): State<App>,
    Viewer(actor): Viewer,
    ConnectorInPath(named): ConnectorInPath,
) -> Result<Json<Page<MessageView>>, ApiError> {
    actor.must_see_all("MDM servers are")?;
    let mut db = app.store.read().await?;
    let connector = known(&mut db, &named).await?;
    let rows = mdm_messages::verdicts(&mut db, connector.id, MESSAGES_MAX).await?;
    let view = |(id, at, verdict): (mdm_messages::MessageId, Timestamp, Option<String>)| MessageView {
        id: id.0,
        received_at: time::text(at),
        verdict,
    };
    Ok(Json(Page::whole(rows.into_iter().map(view).collect())))
}

/// Changes a connector. A new address or key lets a parked one begin again, and is looked at at once.
#[utoipa::path(patch, operation_id = "change_connector", path = "/api/v1/connectors/{connector}", tag = "mdm",
    request_body = ConnectorPatch,
    params(("connector" = String, Path, description = "The connector's name")),
    responses((status = 200, description = "The connector as it is now", body = ConnectorView)))]
pub(crate) async fn change(
    State(app): State<App>,
    Admin(actor): Admin,
    ConnectorInPath(named): ConnectorInPath,
    body: Body,
) -> Result<Json<ConnectorView>, ApiError> {
    actor.must_see_all("MDM servers are")?;
    let asked: ConnectorPatch = body.json()?;
    let patch = read_patch(&app, &asked)?;
    let (id, view) = retrying(|| async {
        let now = time::now();
        let mut tx = app.store.begin().await?;
        let connector = known(&mut tx, &named).await?;
        if matches!(patch.forward_to, Some(Some(_))) {
            must_send_webhooks(connector.kind)?;
        }
        let patch = declarations::read_patch(&app, &mut tx, &connector, &asked, patch.clone()).await?;
        connectors::change(&mut tx, connector.id, &patch, now).await?;
        if matches!(patch.forward_to, Some(None)) {
            forwarding::stop(&mut tx, connector.id).await?;
        }
        note_change(&mut tx, &actor, &named, &asked, now).await?;
        let changed = known(&mut tx, &named).await?;
        let changed = ConnectorView::read(&mut tx, changed).await?;
        tx.commit().await?;
        Ok((connector.id, changed))
    })
    .await?;
    app.push.send_commands(id).await;
    Ok(Json(view))
}

fn read_patch(app: &App, asked: &ConnectorPatch) -> Result<Patch, ApiError> {
    let forward_to = match asked.forward_to.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(text) => Some(Some(Secret::new(url("forward_to", text, app.servers)?))),
    };
    Ok(Patch {
        url: asked.url.as_deref().map(|text| url("url", text, app.servers)).transpose()?,
        api_key: asked.api_key.as_deref().map(|text| api_key("api_key", text)).transpose()?,
        webhook_key: asked.webhook_key.as_deref().map(webhook_key).transpose()?,
        forward_to,
        state: asked.state.map(|state| match state {
            StateName::Active => ConnectorState::Active,
            StateName::Parked => ConnectorState::Parked,
        }),
        ..Patch::default()
    })
}

/// Which fields were changed; keys and where webhooks go stay out of it.
async fn note_change(
    tx: &mut Tx,
    actor: &Actor,
    named: &str,
    asked: &ConnectorPatch,
    now: Timestamp,
) -> Result<(), ApiError> {
    let detail = json!({
        "url": asked.url,
        "api_key": asked.api_key.is_some(),
        "webhook_key": asked.webhook_key.is_some(),
        "forward_to": asked.forward_to.is_some(),
        "declares": asked.declares,
        "declarations_url": asked.declarations_url,
        "declarations_key": asked.declarations_key.is_some(),
        "state": asked.state.map(|state| match state { StateName::Active => "active", StateName::Parked => "parked" }),
    });
    audit::note(tx, actor, "connector.change", &format!("connector {named}"), &detail, now).await
}

/// Removes a connector. Installs that were under way end as `no_connector`; devices keep its name, so that one made again under
/// it finds them.
#[utoipa::path(delete, operation_id = "remove_connector", path = "/api/v1/connectors/{connector}", tag = "mdm",
    params(("connector" = String, Path, description = "The connector's name")),
    responses((status = 204, description = "It is gone")))]
pub(crate) async fn remove(
    State(app): State<App>,
    Admin(actor): Admin,
    ConnectorInPath(named): ConnectorInPath,
    body: Body,
) -> Result<StatusCode, ApiError> {
    body.nothing()?;
    actor.must_see_all("MDM servers are")?;
    retrying(|| async {
        let now = time::now();
        let mut tx = app.store.begin().await?;
        let connector = known(&mut tx, &named).await?;
        connectors::remove(&mut tx, connector.id, now).await?;
        audit::note(&mut tx, &actor, "connector.remove", &format!("connector {named}"), &json!({}), now)
            .await?;
        tx.commit().await?;
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
