//! People: told of one by one or by the hundred thousand, found, listed and deleted.

use russet_domain::directory::PersonState;
use russet_domain::{PersonId, Timestamp};

use super::{BATCH, Told, lock};
use crate::codec::{count, int, json, time, word_in};
use crate::engine::{Db, Row, Sql, Tx, bulk, sql};
use crate::error::StoreError;
use crate::marks;

/// What is told of a person. What is not told stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPerson {
    /// The id that Apple is given.
    pub client_user_id: String,
    /// The name, for people who look at lists; Apple is not told.
    pub name: Option<String>,
    /// The email address.
    pub email: Option<String>,
    /// A Managed Apple Account.
    pub managed_apple_id: Option<String>,
}

/// A person as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The number.
    pub id: PersonId,
    /// The id that Apple is given.
    pub client_user_id: String,
    /// The name.
    pub name: Option<String>,
    /// The email address.
    pub email: Option<String>,
    /// A Managed Apple Account.
    pub managed_apple_id: Option<String>,
    /// Whether the person belongs to the organization.
    pub state: PersonState,
    /// Since when.
    pub state_at: Timestamp,
    /// When the person was first told of.
    pub created_at: Timestamp,
    /// When anything last changed.
    pub updated_at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, client_user_id, name, email, managed_apple_id, state, state_at, created_at, updated_at
             FROM people ",
            $rest
        )
    };
}

/// Writes what is told of people; of several rows with one id the last stands. Who was deleted is back by being told of.
///
/// # Errors
/// As any statement.
pub async fn tell(tx: &mut Tx, people: &[NewPerson], now: Timestamp) -> Result<Told, StoreError> {
    const BACK: Sql = bulk!(
        "SELECT p.id
         FROM ",
        (0 client_user_id TEXT),
        " CROSS JOIN people p
          WHERE p.client_user_id = x.client_user_id AND p.state <> 'active'"
    );
    const WRITE: Sql = bulk!(
        "INSERT INTO people (client_user_id, name, email, managed_apple_id, state, state_at, created_at, updated_at)
         SELECT x.client_user_id, x.name, x.email, x.managed_apple_id, 'active', $2, $2, $2
         FROM ",
        (0 client_user_id TEXT, 1 name TEXT, 2 email TEXT, 3 managed_apple_id TEXT),
        " WHERE true
          ON CONFLICT (client_user_id) DO UPDATE
          SET name = coalesce(excluded.name, people.name),
              email = coalesce(excluded.email, people.email),
              managed_apple_id = coalesce(excluded.managed_apple_id, people.managed_apple_id),
              state_at = CASE WHEN people.state = 'active' THEN people.state_at ELSE excluded.state_at END,
              state = 'active',
              updated_at = excluded.updated_at"
    );
    lock(tx).await?;
    let before = number(tx).await?;
    for batch in people.chunks(BATCH) {
        let mut seen = std::collections::HashSet::with_capacity(batch.len());
        let rows: Vec<_> = batch
            .iter()
            .rev()
            .filter(|person| seen.insert(person.client_user_id.as_str()))
            .map(|person| (&person.client_user_id, &person.name, &person.email, &person.managed_apple_id))
            .collect();
        let rows = json(&rows)?;
        let back = sql("looking for people who are back", BACK)
            .bind(rows.as_str())
            .all(tx, |row| row.at(0).map(PersonId))
            .await?;
        sql("writing people", WRITE).bind(rows).bind(now.0).run(tx).await?;
        marks::mark_people(tx, &back, now).await?;
    }
    Ok(Told { new: count(number(tx).await? - before), all: count(int(people.len())) })
}

async fn number(tx: &mut Tx) -> Result<i64, StoreError> {
    sql("counting people", "SELECT count(*) AS found FROM people").one(tx, |row| row.get("found")).await
}

/// A person by `client_user_id`, deleted ones too.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, client_user_id: &str) -> Result<Option<Person>, StoreError> {
    sql("reading a person", select!("WHERE client_user_id = $1")).bind(client_user_id).maybe(db, person).await
}

/// People in the order of their numbers, after a number, whose id begins with `prefix`.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    state: Option<PersonState>,
    prefix: Option<&str>,
    limit: usize,
    after: Option<PersonId>,
) -> Result<Vec<Person>, StoreError> {
    sql(
        "listing people",
        select!(
            "WHERE id > $1
               AND ($2 IS NULL OR state = $2)
               AND ($3 IS NULL OR (client_user_id >= $3 AND client_user_id < $4))
             ORDER BY id
             LIMIT $5"
        ),
    )
    .bind(after.map_or(0, |after| after.0))
    .bind(state.map(PersonState::as_str))
    .bind(prefix)
    .bind(prefix.map(|prefix| format!("{prefix}\u{10ffff}")))
    .bind(int(limit))
    .all(db, person)
    .await
}

/// Deletes a person (rule S-45): out of all groups, and the devices are nobody's. Tells whether that is news.
///
/// # Errors
/// As any statement.
pub async fn delete(tx: &mut Tx, person: &Person, now: Timestamp) -> Result<bool, StoreError> {
    lock(tx).await?;
    if person.state == PersonState::Deleted {
        return Ok(false);
    }
    sql(
        "deleting a person",
        "UPDATE people SET state = 'deleted', state_at = $2, updated_at = $2 WHERE id = $1",
    )
    .bind(person.id.0)
    .bind(now.0)
    .run(tx)
    .await?;
    super::members::leave_all(tx, "p", person.id.0).await?;
    let devices = sql(
        "taking a person's devices away",
        "UPDATE devices SET person_id = NULL, updated_at = $2 WHERE person_id = $1 RETURNING id",
    )
    .bind(person.id.0)
    .bind(now.0)
    .all(tx, |row| row.get("id").map(russet_domain::DeviceId))
    .await?;
    marks::mark_people(tx, &[person.id], now).await?;
    marks::mark_devices(tx, &devices, now).await?;
    Ok(true)
}

fn person(row: &Row) -> Result<Person, StoreError> {
    Ok(Person {
        id: PersonId(row.get("id")?),
        client_user_id: row.get("client_user_id")?,
        name: row.get("name")?,
        email: row.get("email")?,
        managed_apple_id: row.get("managed_apple_id")?,
        state: word_in(row, "state", PersonState::from_text)?,
        state_at: time(row, "state_at")?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
