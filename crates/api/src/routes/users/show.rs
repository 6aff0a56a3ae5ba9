//! `GET /api/v1/users/{user}`: one person, with his registration in every location.

use axum::Json;
use axum::extract::State;
use russet_domain::user::invitation_link;
use russet_store::users::{self, User};
use russet_store::{Db, meta};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::known;
use crate::auth::{Actor, Viewer};
use crate::error::ApiError;
use crate::query::{Asked, UserInPath};
use crate::state::App;
use crate::view::{HeldView, UserView};

/// The most licenses shown of one registration; the list of licenses has all.
const LICENSES_MAX: usize = 1_000;
/// The most users named who share an account.
const SHARING_MAX: usize = 10;
/// The most registrations shown with all that belongs to them.
const SHOWN_MAX: usize = 200;

/// Which of the registrations.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// The one at this token's location.
    token: Option<i64>,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub(crate) struct PersonView {
    /// The id that Apple was given.
    client_user_id: String,
    /// The registrations, one for each location, at most 200; name a `token` to see another.
    registrations: Vec<RegistrationView>,
}

/// A registration with all that belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Registration)]
pub(crate) struct RegistrationView {
    #[serde(flatten)]
    user: UserView,
    /// The link that invites the person, for keys that may write; whoever opens it binds an Apple Account to the user. Null
    /// when there is no invitation, or Apple's address for it was never read.
    invitation_url: Option<String>,
    /// After a refusal because of the Apple Account: others of the location who have or want the same, at most ten.
    shares_account_with: Vec<String>,
    /// What the user holds, at most 1000 licenses.
    licenses: Vec<HeldView>,
}

/// Shows a user in every location.
#[utoipa::path(get, operation_id = "show_user", path = "/api/v1/users/{user}", tag = "users",
    params(("user" = String, Path, description = "The `client_user_id`"), Query),
    responses((status = 200, description = "The user", body = PersonView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    UserInPath(id): UserInPath,
    Asked(query): Asked<Query>,
) -> Result<Json<PersonView>, ApiError> {
    let mut db = app.store.read().await?;
    let found = known(&mut db, &actor, &id, query.token).await?;
    let template =
        if actor.may_write() { meta::get(&mut db, meta::INVITATION_TEMPLATE).await? } else { None };
    let mut registrations = Vec::new();
    for user in found.into_iter().take(SHOWN_MAX) {
        registrations.push(registration(&mut db, &actor, template.as_deref(), user).await?);
    }
    Ok(Json(PersonView { client_user_id: id, registrations }))
}

async fn registration(
    db: &mut Db,
    actor: &Actor,
    template: Option<&str>,
    user: User,
) -> Result<RegistrationView, ApiError> {
    let invitation_url = match template {
        Some(template) if actor.may_write() && user.is_invited => link(db, template, &user).await?,
        Some(_) | None => None,
    };
    let is_refused = user.error_number == Some(ACCOUNT_TAKEN);
    let shares_account_with =
        if is_refused { users::sharing_account(db, &user, SHARING_MAX).await? } else { Vec::new() };
    let licenses = users::licenses_of(db, &user, false, LICENSES_MAX).await?;
    let token = user.token;
    Ok(RegistrationView {
        user: user.into(),
        invitation_url,
        shares_account_with,
        licenses: licenses.into_iter().map(|license| HeldView::new(token, license)).collect(),
    })
}

/// Apple's number for an Apple Account that another user has.
const ACCOUNT_TAKEN: i32 = 9641;

async fn link(db: &mut Db, template: &str, user: &User) -> Result<Option<String>, ApiError> {
    let Some(code) = users::invite_code(db, user).await? else { return Ok(None) };
    // A plain address is taken only of this machine, where a simulator is; Apple's own never are.
    match invitation_link(template, &code, true) {
        Ok(link) => Ok(Some(link.reveal().to_owned())),
        Err(why) => {
            tracing::warn!(user.id = user.id.0, error = %why, "no invitation link can be made");
            Ok(None)
        }
    }
}
