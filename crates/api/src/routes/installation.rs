//! `GET` and `PATCH /api/v1/installation`: who this Russet is to others, and whether it changes anything at all.

use axum::Json;
use axum::extract::State;
use russet_store::{Db, installation, marks, meta};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::auth::{Actor, Admin, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::retrying::retrying;
use crate::state::App;
use crate::{audit, time};

/// This installation.
#[derive(Serialize, ToSchema)]
#[schema(as = Installation)]
pub(crate) struct InstallationView {
    /// The id under which it claims locations at Apple; null before its first worker has run.
    id: Option<String>,
    /// What its signatures are checked with; null before the first hand-over.
    signing_key: Option<SigningKeyView>,
    /// Whether nothing is sent to Apple for any token that gives, takes or registers anything.
    read_only: bool,
}

/// What is to be otherwise.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = InstallationChange)]
pub(crate) struct ChangeBody {
    /// Whether nothing is to be sent to Apple for any token that gives, takes or registers anything.
    read_only: bool,
}

/// What signatures are checked with.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct SigningKeyView {
    /// Always `ed25519`.
    algorithm: &'static str,
    /// The 32 bytes of the key, in base64.
    public_key: String,
}

/// Tells who this installation is to Apple, and what its signatures are checked with.
#[utoipa::path(get, operation_id = "show_installation", path = "/api/v1/installation", tag = "health",
    responses((status = 200, description = "This installation", body = InstallationView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(_actor): Viewer,
) -> Result<Json<InstallationView>, ApiError> {
    let mut db = app.store.read().await?;
    Ok(Json(view(&mut db).await?))
}

async fn view(db: &mut Db) -> Result<InstallationView, ApiError> {
    let id = meta::known_server_id(db).await?;
    let public_key = installation::public_key(db).await?;
    let signing_key = public_key.map(|public_key| SigningKeyView { algorithm: "ed25519", public_key });
    Ok(InstallationView { id, signing_key, read_only: meta::is_read_only(db).await? })
}

/// Puts every token into read-only mode at once, whatever its policy says, or lets each go by its policy again. What is with Apple already
/// ends there; what was planned waits. Takes a key that is bound to no token. May be repeated.
#[utoipa::path(patch, operation_id = "change_installation", path = "/api/v1/installation", tag = "health", request_body = ChangeBody,
    responses((status = 200, description = "The installation as it is now", body = InstallationView)))]
pub(crate) async fn change(
    State(app): State<App>,
    Admin(actor): Admin,
    body: Body,
) -> Result<Json<InstallationView>, ApiError> {
    actor.must_see_all("the installation is")?;
    let wanted: ChangeBody = body.json()?;
    let view = retrying(|| write(&app, &actor, wanted.read_only)).await?;
    if !wanted.read_only {
        app.push.reconcile().await;
        // It finds what waited meanwhile, for every token.
        app.push.sweep().await;
    }
    Ok(Json(view))
}

async fn write(app: &App, actor: &Actor, read_only: bool) -> Result<InstallationView, ApiError> {
    let now = time::now();
    let mut tx = app.store.begin().await?;
    meta::set_read_only(&mut tx, read_only).await?;
    if !read_only {
        // What was wished for meanwhile was not decided.
        marks::mark_every_token(&mut tx, now).await?;
    }
    let detail = json!({ "read_only": read_only });
    audit::note(&mut tx, actor, "installation.change", "installation", &detail, now).await?;
    let view = view(&mut tx).await?;
    tx.commit().await?;
    Ok(view)
}
