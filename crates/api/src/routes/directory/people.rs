//! `/api/v1/people`: who belongs to the organization. A user is a person as registered at one location.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use russet_domain::directory::PersonState;
use russet_domain::{Holder, PersonId, Timestamp};
use russet_store::directory::people::{self, NewPerson, Person};
use russet_store::{Db, Tx};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::devices::Partly;
use super::{Act, Deed, ToldView, once, unbound};
use crate::auth::{Operator, Viewer};
use crate::body::Body;
use crate::error::ApiError;
use crate::once::{Answer, Once};
use crate::page::{self, Page};
use crate::query::{Asked, shown, word};
use crate::routes::users::rows::checked;
use crate::rows::{self, Column, Upload, text};
use crate::state::App;
use crate::time;

const LIST: &str = "people";
const COLUMNS: [Column; 4] = [text("client_user_id"), text("name"), text("email"), text("managed_apple_id")];
/// The longest name, in bytes.
const NAME_MAX: usize = 255;

/// What is told of a person. What is left out stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = NewPerson)]
pub(crate) struct PersonBody {
    /// The id that Apple is given when the person is registered.
    client_user_id: String,
    /// The name, for people who look at lists; Apple is not told.
    name: Option<String>,
    /// The email address.
    email: Option<String>,
    /// A Managed Apple Account.
    managed_apple_id: Option<String>,
}

/// A person as known.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Person)]
pub(crate) struct PersonView {
    /// The id that Apple is given.
    client_user_id: String,
    /// The name.
    name: Option<String>,
    /// The email address.
    email: Option<String>,
    /// A Managed Apple Account.
    managed_apple_id: Option<String>,
    /// `active` or `deleted`.
    state: &'static str,
    /// Since when.
    state_at: String,
    /// When the person was first told of.
    created_at: String,
    /// When anything last changed.
    updated_at: String,
}

impl From<Person> for PersonView {
    fn from(person: Person) -> Self {
        Self {
            client_user_id: person.client_user_id,
            name: person.name,
            email: person.email,
            managed_apple_id: person.managed_apple_id,
            state: person.state.as_str(),
            state_at: time::text(person.state_at),
            created_at: time::text(person.created_at),
            updated_at: time::text(person.updated_at),
        }
    }
}

/// Checks what is told; the error follows “it”.
fn check(body: PersonBody) -> Result<NewPerson, String> {
    let id = body.client_user_id.trim();
    if id.is_empty() {
        return Err("lacks a client_user_id".to_owned());
    }
    let holder = Holder::user(id).map_err(|why| format!("cannot be taken: {why}"))?;
    if body.name.as_ref().is_some_and(|name| name.len() > NAME_MAX || name.chars().any(char::is_control)) {
        return Err(format!("has a name that is longer than {NAME_MAX} bytes or has control characters"));
    }
    Ok(NewPerson {
        client_user_id: holder.id().to_owned(),
        name: body.name,
        email: checked("email", body.email.as_deref())?,
        managed_apple_id: checked("managed_apple_id", body.managed_apple_id.as_deref())?,
    })
}

/// Tells of a person. What is left out stays as it is.
#[utoipa::path(post, operation_id = "tell_person", path = "/api/v1/people", tag = "directory", request_body = PersonBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "The person as known now", body = PersonView)))]
pub(crate) async fn tell(
    State(app): State<App>,
    Operator(actor): Operator,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let person = check(body.json()?)
        .map_err(|why| ApiError::InvalidField { field: "body".to_owned(), why: format!("it {why}") })?;
    let subject = format!("person {}", person.client_user_id);
    let deed = Deed { actor: &actor, once: &key, what: "person.tell", subject: &subject };
    once(&app, deed, Act::TellPerson(&person)).await
}

/// Tells of many people: a CSV whose first line names its columns, or one JSON object a line.
#[utoipa::path(post, operation_id = "import_people", path = "/api/v1/people/import", tag = "directory",
    request_body(content((String = "text/csv"), (String = "application/x-ndjson"))), params(Partly,
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body, nothing happens twice")),
    responses((status = 200, description = "What became of the rows", body = ToldView)))]
pub(crate) async fn import(
    State(app): State<App>,
    Operator(actor): Operator,
    Asked(query): Asked<Partly>,
    headers: HeaderMap,
    upload: Upload,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    let key = Once::of(&headers, &upload.fingerprint)?;
    let mut lines: HashMap<String, u64> = HashMap::new();
    let rows =
        rows::read((upload.format, &upload.bytes), &COLUMNS, app.settings.import_rows_max, |line, body| {
            let person = check(body)?;
            match lines.insert(person.client_user_id.clone(), line) {
                None => Ok(person),
                Some(first) => Err(format!("has the client_user_id of line {first} again")),
            }
        })?;
    drop((upload, lines));
    if rows.bad_count > 0 && !query.partial {
        return Err(rows.refusal());
    }
    let deed = Deed { actor: &actor, once: &key, what: "person.import", subject: "people" };
    once(&app, deed, Act::ImportPeople(&rows)).await
}

/// Which people. Everything that is given has to fit.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// Those that are `active` or `deleted`.
    state: Option<String>,
    /// Those whose id begins so.
    q: Option<String>,
    /// Entries of a page, 1 to 1000; 100 when left out.
    limit: Option<u32>,
    /// Where to go on: `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists people, the oldest first.
#[utoipa::path(get, operation_id = "list_people", path = "/api/v1/people", tag = "directory", params(Query),
    responses((status = 200, description = "People", body = Page<PersonView>)))]
pub(crate) async fn list(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Asked(query): Asked<Query>,
) -> Result<Json<Page<PersonView>>, ApiError> {
    unbound(&actor)?;
    let state = word("state", query.state.as_deref(), &PersonState::ALL, PersonState::as_str)?;
    let limit = page::limit(&app, query.limit)?;
    let after = page::read_cursor::<i64>(LIST, query.cursor.as_deref())?.map(PersonId);
    let prefix = query.q.filter(|prefix| !prefix.is_empty());
    let mut db = app.store.read().await?;
    let rows = people::list(&mut db, state, prefix.as_deref(), page::one_more(limit), after).await?;
    Ok(Json(Page::cut(LIST, rows, limit, |person| person.id.0, PersonView::from)))
}

/// Shows a person.
#[utoipa::path(get, operation_id = "show_person", path = "/api/v1/people/{person}", tag = "directory",
    params(("person" = String, Path, description = "The `client_user_id`")),
    responses((status = 200, description = "The person", body = PersonView)))]
pub(crate) async fn show(
    State(app): State<App>,
    Viewer(actor): Viewer,
    Path(id): Path<String>,
) -> Result<Json<PersonView>, ApiError> {
    unbound(&actor)?;
    let mut db = app.store.read().await?;
    Ok(Json(the(&mut db, &id).await?.into()))
}

/// Deletes a person: out of all groups, the devices are nobody's, and the licenses come back as the tokens' policy `on_delete` says
/// (rules S-45, N-15). The registrations at Apple stay; see `DELETE /api/v1/users/{user}`.
#[utoipa::path(delete, operation_id = "delete_person", path = "/api/v1/people/{person}", tag = "directory",
    params(("person" = String, Path, description = "The `client_user_id`")),
    responses((status = 200, description = "The person as known now", body = PersonView)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Operator(actor): Operator,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Answer, ApiError> {
    unbound(&actor)?;
    body.nothing()?;
    let key = Once::of(&headers, &body.fingerprint)?;
    let subject = format!("person {}", shown(&id));
    let deed = Deed { actor: &actor, once: &key, what: "person.delete", subject: &subject };
    once(&app, deed, Act::DeletePerson(&id)).await
}

/// Writes what is told of one person.
pub(super) async fn tell_one(
    tx: &mut Tx,
    person: &NewPerson,
    now: Timestamp,
) -> Result<PersonView, ApiError> {
    people::tell(tx, std::slice::from_ref(person), now).await?;
    Ok(the(tx, &person.client_user_id).await?.into())
}

/// Deletes a person.
pub(crate) async fn delete_one(tx: &mut Tx, id: &str, now: Timestamp) -> Result<PersonView, ApiError> {
    let person = the(tx, id).await?;
    people::delete(tx, &person, now).await?;
    Ok(the(tx, id).await?.into())
}

/// A person by `client_user_id`.
async fn the(db: &mut Db, id: &str) -> Result<Person, ApiError> {
    let missing = || ApiError::NoSuch { what: "person", name: shown(id), list: "people" };
    people::find(db, id).await?.ok_or_else(missing)
}
