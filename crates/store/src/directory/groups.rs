//! Groups of devices or people.

use russet_domain::directory::GroupKind;
use russet_domain::{GroupId, Timestamp};

use super::lock;
use crate::codec::{count, int, time, word_in};
use crate::engine::{Db, Row, Tx, sql};
use crate::error::StoreError;

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its number.
    pub id: GroupId,
    /// What other systems call it.
    pub name: String,
    /// What its members are.
    pub kind: GroupKind,
    /// What people call it.
    pub title: Option<String>,
    /// How many members it has.
    pub members: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When anything of it, its members included, last changed.
    pub updated_at: Timestamp,
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT id, name, kind, title, members, created_at, updated_at FROM groups ", $rest)
    };
}

/// Makes a group; `None` when there is one of that name.
///
/// # Errors
/// As any statement.
pub async fn create(
    tx: &mut Tx,
    name: &str,
    kind: GroupKind,
    title: Option<&str>,
    now: Timestamp,
) -> Result<Option<Group>, StoreError> {
    lock(tx).await?;
    sql(
        "making a group",
        "INSERT INTO groups (name, kind, title, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (name) DO NOTHING
         RETURNING id, name, kind, title, members, created_at, updated_at",
    )
    .bind(name)
    .bind(kind.as_str())
    .bind(title)
    .bind(now.0)
    .maybe(tx, group)
    .await
}

/// A group by name.
///
/// # Errors
/// As any statement.
pub async fn find(db: &mut Db, name: &str) -> Result<Option<Group>, StoreError> {
    sql("reading a group", select!("WHERE name = $1")).bind(name).maybe(db, group).await
}

/// A group by number.
///
/// # Errors
/// As any statement.
pub async fn get(db: &mut Db, id: GroupId) -> Result<Option<Group>, StoreError> {
    sql("reading a group", select!("WHERE id = $1")).bind(id.0).maybe(db, group).await
}

/// Groups in the order of their numbers, after a number.
///
/// # Errors
/// As any statement.
pub async fn list(
    db: &mut Db,
    kind: Option<GroupKind>,
    limit: usize,
    after: Option<GroupId>,
) -> Result<Vec<Group>, StoreError> {
    sql("listing groups", select!("WHERE id > $1 AND ($2 IS NULL OR kind = $2) ORDER BY id LIMIT $3"))
        .bind(after.map_or(0, |after| after.0))
        .bind(kind.map(GroupKind::as_str))
        .bind(int(limit))
        .all(db, group)
        .await
}

/// How many assignments name a group, excluding ones included.
///
/// # Errors
/// As any statement.
pub async fn assignments_of(db: &mut Db, id: GroupId) -> Result<u64, StoreError> {
    sql(
        "counting a group's assignments",
        "SELECT (SELECT count(*) FROM assignments WHERE group_id = $1)
              + (SELECT count(*) FROM assignment_exclusions WHERE group_id = $1) AS found",
    )
    .bind(id.0)
    .one(db, |row| row.get("found").map(count))
    .await
}

/// Deletes a group that no assignment names. The caller has checked that.
///
/// # Errors
/// As any statement.
pub async fn delete(tx: &mut Tx, id: GroupId) -> Result<(), StoreError> {
    lock(tx).await?;
    for text in ["DELETE FROM group_members WHERE group_id = $1", "DELETE FROM groups WHERE id = $1"] {
        sql("deleting a group", text).bind(id.0).run(tx).await?;
    }
    Ok(())
}

fn group(row: &Row) -> Result<Group, StoreError> {
    Ok(Group {
        id: GroupId(row.get("id")?),
        name: row.get("name")?,
        kind: word_in(row, "kind", GroupKind::from_text)?,
        title: row.get("title")?,
        members: count(row.get("members")?),
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
