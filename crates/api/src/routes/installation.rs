//! `GET /api/v1/installation`: who this Russet is to others.

use axum::Json;
use axum::extract::State;
use russet_store::{installation, meta};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Viewer;
use crate::error::ApiError;
use crate::state::App;

/// This installation.
#[derive(Serialize, ToSchema)]
#[schema(as = Installation)]
pub(crate) struct InstallationView {
    /// The id under which it claims locations at Apple; null before its first worker has run.
    id: Option<String>,
    /// What its signatures are checked with; null before the first hand-over.
    signing_key: Option<SigningKeyView>,
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
    let id = meta::known_server_id(&mut db).await?;
    let public_key = installation::public_key(&mut db).await?;
    let signing_key = public_key.map(|public_key| SigningKeyView { algorithm: "ed25519", public_key });
    Ok(Json(InstallationView { id, signing_key }))
}
