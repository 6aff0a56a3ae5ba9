//! `/api/v1/groups`: groups of devices or people. Groups have no groups as members.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use russet_domain::directory::{GroupKind, check_group_name};
use russet_domain::{GroupId, Timestamp};
use russet_store::directory::groups::{self, Group};
use russet_store::{Db, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Act, Deed, once, unbound};
use crate::auth::{Operator, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::page::{self, Page};
use crate::query::{Asked, shown, word};
use crate::state::App;
use crate::time;

const LIST: &str = "groups";

/// A group to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewGroup)]
pub(crate) struct GroupBody {
    /// What other systems call it, up to 200 bytes without a slash.
    name: String,
    /// `devices` or `people`: what its members are.
    kind: String,
    /// What people call it.
    title: Option<String>,
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Group)]
pub(crate) struct GroupView {
    /// What other systems call it.
    name: String,
    /// `devices` or `people`.
    kind: &'static str,
    /// What people call it.
    title: Option<String>,
    /// How many members it has.
    members: u64,
    /// When it was made.
    created_at: String,
    /// When anything of it, its members included, last changed.
    updated_at: String,
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        Self {
            name: group.name,
            kind: group.kind.as_str(),
            title: group.title,
            members: group.members,
            created_at: time::text(group.created_at),
            updated_at: time::text(group.updated_at),
        }
    }
}

/// Makes a group without members.
#[utoipa::path(post, operation_id = "create_group", path = "/api/v1/groups", tag = "directory", request_body = GroupBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "The group", body = GroupView),
        (status = 409, description = "`group_exists`", body = crate::problem::Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn create(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let new: GroupBody = body.json()?;
    check_group_name(&new.name)
        .map_err(|why| ApiError::InvalidField { field: "name".to_owned(), why: format!("it {why}") })?;
    let kind = GroupKind::from_text(&new.kind).ok_or_else(|| ApiError::InvalidField {
        field: "kind".to_owned(),
        why: "it should be `devices` or `people`".to_owned(),
    })?;
    let subject = format!("group {}", new.name);
    let deed = Deed { actor: &actor, once: &key, what: "group.create", subject: &subject };
    once(&app, deed, Act::CreateGroup(&new, kind)).await
}

/// Makes a group.
pub(super) async fn create_one(
    tx: &mut Tx,
    new: &GroupBody,
    kind: GroupKind,
    now: Timestamp,
) -> Result<GroupView, ApiError> {
    let made = groups::create(tx, &new.name, kind, new.title.as_deref(), now).await?;
    made.map(GroupView::from).ok_or_else(|| ApiError::Conflict {
        code: "group_exists",
        text: format!(
            "There is a group {:?} already; change its members, or take another name.",
            shown(&new.name)
        ),
    })
}

/// Which groups.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those of `devices` or of `people`.
    kind: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists groups, the oldest first.
#[utoipa::path(get, operation_id = "list_groups", path = "/api/v1/groups", tag = "directory", params(Query),
    responses((status = 200, description = "Groups", body = Page<GroupView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<GroupView>>, ApiError> {
    unbound(&actor)?;
    let kind = word("kind", query.kind.as_deref(), &GroupKind::ALL, GroupKind::as_str)?;
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(GroupId);
    let mut db = app.store.read().await?;
    let rows = groups::list(&mut db, kind, page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |group| group.id.0, GroupView::from)))
}

/// Shows a group.
#[utoipa::path(get, operation_id = "show_group", path = "/api/v1/groups/{group}", tag = "directory",
    params(("group" = String, Path, description = "The group's name")),
    responses((status = 200, description = "The group", body = GroupView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Path(name): Path<String>,
) -> Result<Json<GroupView>, ApiError> {
    unbound(&actor)?;
    let mut db = app.store.read().await?;
    Ok(Json(the(&mut db, &name).await?.into()))
}

/// Deletes a group that no assignment names: what becomes of the licenses is decided by removing the assignments first.
#[utoipa::path(delete, operation_id = "delete_group", path = "/api/v1/groups/{group}", tag = "directory",
    params(("group" = String, Path, description = "The group's name")),
    responses((status = 200, description = "The group as it was", body = GroupView),
        (status = 409, description = "`group_assigned`", body = crate::problem::Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn delete(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    body.nothing()?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let subject = format!("group {}", shown(&name));
    let deed = Deed { actor: &actor, once: &key, what: "group.delete", subject: &subject };
    once(&app, deed, Act::DeleteGroup(&name)).await
}

/// Deletes a group that no assignment names.
pub(super) async fn delete_one(tx: &mut Tx, name: &str) -> Result<GroupView, ApiError> {
    let group = the(tx, name).await?;
    let assignments = groups::assignments_of(tx, group.id).await?;
    if assignments > 0 {
        return Err(ApiError::Conflict {
            code: "group_assigned",
            text: format!(
                "{assignments} assignments name the group; remove them first, so that it is decided what becomes of the licenses."
            ),
        });
    }
    groups::delete(tx, group.id).await?;
    Ok(group.into())
}

/// A group by name.
pub(crate) async fn the(db: &mut Db, name: &str) -> Result<Group, ApiError> {
    let missing = || ApiError::NoSuch { what: "group", name: shown(name), list: "groups" };
    groups::find(db, name).await?.ok_or_else(missing)
}
