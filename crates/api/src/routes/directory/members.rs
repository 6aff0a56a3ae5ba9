//! `/api/v1/groups/{group}/members`: who is in a group, replaced as a whole or changed by a difference.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use russet_domain::directory::GroupKind;
use russet_domain::{Holder, HolderError, Timestamp};
use russet_store::Tx;
use russet_store::directory::devices::{self, NewDevice};
use russet_store::directory::groups::Group;
use russet_store::directory::members::{self, Change};
use russet_store::directory::people::{self, NewPerson};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Act, Deed, groups, once, unbound};
use crate::auth::{Operator, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::page::{self, Page, Paging};
use crate::problem::{FIELD_ERRORS_MAX, FieldError};
use crate::query::{Asked, shown};
use crate::rows::{self, Column, Upload, text};
use crate::state::{App, wide};

const LIST: &str = "members";
const COLUMNS: [Column; 1] = [text("member")];

/// All members of a group: serial numbers, or the `client_user_id` of people.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Members)]
pub(crate) struct MembersBody {
    /// The members, and nobody else.
    members: Vec<String>,
}

/// Who comes and who goes: serial numbers, or the `client_user_id` of people.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MembersDifference)]
pub(crate) struct DifferenceBody {
    /// Who comes.
    #[serde(default)]
    add: Vec<String>,
    /// Who goes. Whoever is in both lists stays.
    #[serde(default)]
    remove: Vec<String>,
}

/// What became of a group.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MembersChanged)]
pub(crate) struct ChangedView {
    /// Members that were none before.
    added: u64,
    /// Members that are none any more.
    removed: u64,
    /// All members now.
    members: u64,
}

/// What is done about those who are not known.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Missing {
    /// `true` makes known, by serial number or id alone, whoever is not known yet; otherwise they refuse the whole change.
    #[serde(default)]
    create_missing: bool,
}

/// Lists a group's members by serial number or `client_user_id`, in that order.
#[utoipa::path(get, operation_id = "list_members", path = "/api/v1/groups/{group}/members", tag = "directory",
    params(("group" = String, Path, description = "The group's name"), Paging),
    responses((status = 200, description = "Members", body = Page<String>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Path(name): Path<String>,
    Asked(query): Asked<Paging>,
) -> Result<Json<Page<String>>, ApiError> {
    unbound(&actor)?;
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<String>(LIST, query.cursor.as_deref())?;
    let mut db = app.store.read().await?;
    let group = groups::the(&mut db, &name).await?;
    let rows = members::list(&mut db, &group, page::one_more(limit), after.as_deref()).await?;
    Ok(Json(Page::cut(LIST, rows, limit, Clone::clone, |name| name)))
}

/// Makes these the members of a group, and nobody else.
#[utoipa::path(put, operation_id = "replace_members", path = "/api/v1/groups/{group}/members", tag = "directory",
    request_body = MembersBody, params(("group" = String, Path, description = "The group's name"), Missing,
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "What came of it", body = ChangedView),
        (status = 422, description = "`unknown_members`: `errors` names the first of them", body = crate::problem::Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn replace(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<Missing>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let MembersBody { members } = body.json()?;
    drop(body);
    let subject = format!("group {}", shown(&name));
    let deed = Deed { actor: &actor, once: &key, what: "group.members", subject: &subject };
    once(&app, deed, Act::ChangeMembers(&name, Change::Replace(&members), query.create_missing)).await
}

/// Changes who is in a group.
#[utoipa::path(patch, operation_id = "change_members", path = "/api/v1/groups/{group}/members", tag = "directory",
    request_body = DifferenceBody, params(("group" = String, Path, description = "The group's name"), Missing,
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "What came of it", body = ChangedView),
        (status = 422, description = "`unknown_members`: `errors` names the first of them", body = crate::problem::Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn difference(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<Missing>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let DifferenceBody { add, remove } = body.json()?;
    drop(body);
    if add.is_empty() && remove.is_empty() {
        return Err(ApiError::NothingNamed("Name who comes in `add`, who goes in `remove`, or both."));
    }
    let subject = format!("group {}", shown(&name));
    let deed = Deed { actor: &actor, once: &key, what: "group.members", subject: &subject };
    let wanted = Change::Difference { add: &add, remove: &remove };
    once(&app, deed, Act::ChangeMembers(&name, wanted, query.create_missing)).await
}

/// Makes the rows of a file the members of a group, and nobody else: a CSV with the column `member`, or one object with that field
/// a line.
#[utoipa::path(put, operation_id = "import_members", path = "/api/v1/groups/{group}/members/import", tag = "directory",
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"))),
    params(("group" = String, Path, description = "The group's name"), Missing,
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "What came of it", body = ChangedView)))]
pub(crate) async fn import(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(name): Path<String>,
    Asked(query): Asked<Missing>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Answer, ApiError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        member: String,
    }
    unbound(&actor)?;
    let key = Once::of(&headers, &upload.fingerprint)?;
    let mut lines: HashMap<String, u64> = HashMap::new();
    let rows = rows::read(
        (upload.format, &upload.bytes),
        &COLUMNS,
        app.settings.import_rows_max,
        |line, row: Row| match lines.insert(row.member.clone(), line) {
            None => Ok(row.member),
            Some(first) => Err(format!("has the member of line {first} again")),
        },
    )?;
    drop((upload, lines));
    if rows.bad_count > 0 {
        return Err(rows.refusal());
    }
    let subject = format!("group {}", shown(&name));
    let deed = Deed { actor: &actor, once: &key, what: "group.members", subject: &subject };
    once(&app, deed, Act::ChangeMembers(&name, Change::Replace(&rows.good), query.create_missing)).await
}

/// Changes who is in a group.
pub(crate) async fn change(
    tx: &mut Tx,
    name: &str,
    wanted: Change<'_>,
    create_missing: bool,
    now: Timestamp,
) -> Result<ChangedView, ApiError> {
    let group = groups::the(tx, name).await?;
    let coming = match wanted {
        Change::Replace(all) => all,
        Change::Difference { add, .. } => add,
    };
    check(&group, coming)?;
    if create_missing {
        meet(tx, &group, coming, now).await?;
    }
    let changed = members::change(tx, &group, wanted, now).await?;
    if !changed.unknown.is_empty() {
        return Err(unknown(&group, &changed.unknown));
    }
    Ok(ChangedView { added: changed.added, removed: changed.removed, members: changed.members })
}

/// Names that cannot be a member's are told by name: a user's id in a group of devices, most likely.
fn check(group: &Group, names: &[String]) -> Result<(), ApiError> {
    let read = |name: &str| -> Result<Holder, HolderError> {
        match group.kind {
            GroupKind::Devices => Holder::device(name),
            GroupKind::People => Holder::user(name),
        }
    };
    let wrong = |name: &String| read(name).err().map(|why| (shown(name), why.to_string()));
    let wrong: Vec<FieldError> = names
        .iter()
        .filter_map(wrong)
        .take(FIELD_ERRORS_MAX)
        .map(|(field, detail)| FieldError { field, detail })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(ApiError::Forbidden {
        code: "member_of_wrong_kind",
        text: format!(
            "The group is of {}, and some of the members cannot be such; name {} there.",
            group.kind.as_str(),
            what(group.kind)
        ),
        errors: wrong,
    })
}

fn what(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Devices => "serial numbers",
        GroupKind::People => "`client_user_id`s",
    }
}

async fn meet(tx: &mut Tx, group: &Group, names: &[String], now: Timestamp) -> Result<(), ApiError> {
    match group.kind {
        GroupKind::Devices => {
            let new = |name: &String| NewDevice { serial: name.clone(), ..NewDevice::default() };
            devices::tell(tx, &names.iter().map(new).collect::<Vec<_>>(), now).await?;
        }
        GroupKind::People => {
            let new = |name: &String| NewPerson { client_user_id: name.clone(), ..NewPerson::default() };
            people::tell(tx, &names.iter().map(new).collect::<Vec<_>>(), now).await?;
        }
    }
    Ok(())
}

fn unknown(group: &Group, names: &[String]) -> ApiError {
    let error = |name: &String| FieldError {
        field: shown(name),
        detail: format!(
            "is not in the directory of {0}, and the members of this group are {0}",
            group.kind.as_str()
        ),
    };
    ApiError::Forbidden {
        code: "unknown_members",
        text: format!(
            "{} of the members are not known, and nothing was changed; tell of them first, or say `create_missing=true`.",
            wide(names.len())
        ),
        errors: names.iter().take(FIELD_ERRORS_MAX).map(error).collect(),
    }
}
